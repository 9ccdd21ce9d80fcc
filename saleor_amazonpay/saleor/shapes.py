"""Shapes of JSON that a storefront sends: checks that name every wrong field at once.

Each check is the twin of a JSON Schema under ``webhooks/``; tests hold the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from saleor_amazonpay.errors import AppError

MAX_URL_LENGTH = 2048


@dataclass(frozen=True, slots=True)
class DataError:
    """``field`` is the path from the mutation's argument, e.g. ``data.recurring.frequency.unit``."""

    field: str
    code: Literal["REQUIRED", "INVALID", "UNKNOWN_FIELD"]
    message: str

    def as_json(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message": self.message}


class DataErrors(AppError):
    """The storefront's ``data`` is refused; ``errors`` names every wrong field.

    It is answered as a business failure, HTTP 200.
    """

    status = 400
    code = "INVALID_DATA"

    def __init__(self, errors: Sequence[DataError]) -> None:
        super().__init__(" ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = tuple(errors)

    def as_json(self) -> list[dict[str, str]]:
        return [error.as_json() for error in self.errors]


class Check(Protocol):
    def errors(self, value: Any, path: str) -> Iterator[DataError]: ...


@dataclass(frozen=True, slots=True)
class Text:
    pattern: re.Pattern[str]
    message: str
    max_length: int | None = None

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        fits = isinstance(value, str) and (self.max_length is None or len(value) <= self.max_length)
        if not fits or not self.pattern.fullmatch(value):
            yield DataError(path, "INVALID", self.message)


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[str, ...]

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if value not in self.values:
            yield DataError(path, "INVALID", f"Must be one of {', '.join(self.values)}.")


@dataclass(frozen=True, slots=True)
class Object:
    """``exactly_one`` names fields of which one must be there, and not two."""

    fields: Mapping[str, Check]
    required: Sequence[str] = ()
    exactly_one: Sequence[str] = ()

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if not isinstance(value, dict):
            yield DataError(path, "INVALID", "Must be an object.")
            return
        for name in self.required:
            if name not in value:
                yield DataError(f"{path}.{name}", "REQUIRED", "Must be given.")
        yield from self._one_missing_or_two_given(value, path)
        for name, given in value.items():
            check = self.fields.get(name)
            if check is None:
                yield DataError(f"{path}.{name}", "UNKNOWN_FIELD", "Is not known here.")
            else:
                yield from check.errors(given, f"{path}.{name}")

    def _one_missing_or_two_given(self, value: Mapping[str, Any], path: str) -> Iterator[DataError]:
        given = [name for name in self.exactly_one if name in value]
        if self.exactly_one and not given:
            yield DataError(f"{path}.{self.exactly_one[0]}", "REQUIRED", f"Give {' or '.join(self.exactly_one)}.")
        if len(given) > 1:
            yield DataError(f"{path}.{given[1]}", "INVALID", f"Give either {' or '.join(given)}.")


@dataclass(frozen=True, slots=True)
class ByTag:
    """The shape depends on one field's value."""

    tag: str
    shapes: Mapping[str, Object] = field(default_factory=dict)

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if not isinstance(value, dict):
            yield DataError(path, "INVALID", "Must be an object.")
            return
        if self.tag not in value:
            yield DataError(f"{path}.{self.tag}", "REQUIRED", f"Must be one of {', '.join(self.shapes)}.")
            return
        chosen = value[self.tag]
        shape = self.shapes.get(chosen) if isinstance(chosen, str) else None
        if shape is None:
            yield DataError(f"{path}.{self.tag}", "INVALID", f"Must be one of {', '.join(self.shapes)}.")
            return
        yield from shape.errors(value, path)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of at most ``most`` items of one shape."""

    item: Check
    most: int

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if not isinstance(value, list) or len(value) > self.most:
            yield DataError(path, "INVALID", f"Must be a list of at most {self.most}.")
            return
        for index, each in enumerate(value):
            yield from self.item.errors(each, f"{path}[{index}]")


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if not isinstance(value, bool):
            yield DataError(path, "INVALID", "Must be true or false.")


URL = Text(
    re.compile(
        r"https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?"
        r"([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
    ),
    f"Must be an absolute http or https URL in ASCII, at most {MAX_URL_LENGTH} characters, without user name.",
    MAX_URL_LENGTH,
)


def checked(check: Check, data: bytes | msgspec.Raw, null: Any, path: str = "data") -> Any:
    """The decoded value, ``null`` in place of null.

    Raises:
        DataErrors: not JSON, or not of that shape; one entry per wrong field.
    """
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataErrors([DataError(path, "INVALID", "Must be JSON.")]) from error
    if value is None:
        value = null
    errors = list(check.errors(value, path))
    if errors:
        raise DataErrors(errors)
    return value
