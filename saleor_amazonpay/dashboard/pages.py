"""What a page is made of: where it is, who may see it, what it is asked and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl

from saleor_amazonpay.dashboard.translations import Language
from saleor_amazonpay.errors import RequestRejected
from saleor_amazonpay.handlers.dashboard_users import NEEDED_PERMISSIONS, Viewer
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message

PREFIX: Final = "/dashboard"
MAX_FIELDS: Final = 2_000

Frame = Literal["page", "widget"]


class FormUnreadable(RequestRejected):
    code = "FORM_UNREADABLE"


class PageNotFound(RequestRejected):
    status = 404
    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(Message("There is no such page, or what it showed is gone."))


@dataclass(frozen=True, slots=True)
class Form:
    """What was entered or asked, name by name; a name may come several times."""

    fields: Sequence[tuple[str, str]] = field(default=(), repr=False)

    @classmethod
    def parse(cls, encoded: str) -> Form:
        """Raises FormUnreadable: far more fields than any page has."""
        try:
            return cls(tuple(parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS)))
        except ValueError as error:
            raise FormUnreadable(Message("The form cannot be read.")) from error

    def text(self, name: str, default: str = "") -> str:
        """The last value of that name."""
        return next((value for key, value in reversed(self.fields) if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def has(self, name: str) -> bool:
        """A ticked box, a pressed button."""
        return any(key == name for key, _ in self.fields)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was chosen in a form with ``enctype="multipart/form-data"``."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page: who asks, in which language, for what."""

    services: Services
    viewer: Viewer
    language: Language
    path: Mapping[str, str]
    query: Form
    form: Form
    files: Mapping[str, Upload] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return self.viewer.tenant

    @property
    def by(self) -> str:
        """Who did it, for the log."""
        return self.viewer.user.user_id

    def say(self, sentence: Message | str) -> str:
        return self.language.say(sentence)


@dataclass(frozen=True, slots=True)
class Screen:
    """A page to be shown; ``context`` is what its template is given. 422 shows a form again, with its faults."""

    template: str
    title: Message
    context: Mapping[str, Any]
    status: int = 200

    def __init__(self, template: str, *, title: Message, status: int = 200, **context: Any) -> None:
        for name, value in (("template", template), ("title", title), ("status", status), ("context", context)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Go:
    """Something was done: show the page at ``path`` next, and have the Dashboard say so.

    ``refresh`` has the Dashboard load the order or customer anew that it shows around a widget.
    """

    path: str
    done: Message | None = None
    kind: Literal["success", "info", "warning"] = "success"
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Download:
    """A file the browser saves."""

    name: str
    body: bytes | AsyncIterator[bytes]
    media_type: str = "application/json"


Answer: TypeAlias = Screen | Go | Download
View: TypeAlias = Callable[[Visit], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A place in the navigation; small ``order`` comes first (overview 10, problems 90)."""

    label: str
    order: int
    icon: str


@dataclass(frozen=True, slots=True)
class Page:
    method: Literal["GET", "POST"]
    path: str
    view: View
    permissions: tuple[str, ...]
    menu: MenuEntry | None
    frame: Frame


class Pages:
    """The pages of one module."""

    def __init__(self) -> None:
        self.all: list[Page] = []

    def get(
        self,
        path: str,
        *,
        permissions: tuple[str, ...] = NEEDED_PERMISSIONS,
        menu: MenuEntry | None = None,
        frame: Frame = "page",
    ) -> Callable[[View], View]:
        return self._add("GET", path, permissions, menu, frame)

    def post(
        self, path: str, *, permissions: tuple[str, ...] = NEEDED_PERMISSIONS, frame: Frame = "page"
    ) -> Callable[[View], View]:
        return self._add("POST", path, permissions, None, frame)

    def _add(
        self,
        method: Literal["GET", "POST"],
        path: str,
        permissions: tuple[str, ...],
        menu: MenuEntry | None,
        frame: Frame,
    ) -> Callable[[View], View]:
        def add(view: View) -> View:
            self.all.append(Page(method, path, view, permissions, menu, frame))
            return view

        return add
