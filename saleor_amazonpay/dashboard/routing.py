"""``/dashboard…``: the shell for the iframe, pages for whoever has a valid token, assets for all.

No page can be reached but through ``_visited``, which verifies the Dashboard's token against the tenant and the page's
permissions before any code of the page runs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import structlog
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from saleor_amazonpay.dashboard import assets, headers, shell
from saleor_amazonpay.dashboard.pages import (
    PREFIX,
    Answer,
    Download,
    Form,
    FormUnreadable,
    Go,
    MenuEntry,
    Page,
    PageNotFound,
    Screen,
    Upload,
    Visit,
)
from saleor_amazonpay.dashboard.rendering import render
from saleor_amazonpay.dashboard.translations import Language, choose
from saleor_amazonpay.dashboard.views import MODULES
from saleor_amazonpay.domain.disputes import MAX_FILE_BYTES
from saleor_amazonpay.errors import AppError, RequestRejected
from saleor_amazonpay.handlers.dashboard_users import (
    NEEDED_PERMISSIONS,
    PermissionDenied,
    Unauthenticated,
    Viewer,
    authenticate,
    require,
)
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import problems as problem_rows

MAX_BYTES: Final = 262_144
MAX_FILE_FORM_BYTES: Final = MAX_FILE_BYTES + 1_048_576  # what is a little too large gets an answer of its own
PAGES: Final[tuple[Page, ...]] = tuple(page for module in MODULES for page in module.pages.all)
"""Every page there is; tests make their tables from it."""

_MENU: Final = sorted((page for page in PAGES if page.menu), key=lambda page: page.menu.order if page.menu else 0)
_FAULT_TITLES: Final = {
    401: Message("Your session has ended"),
    403: Message("You may not see this"),
    404: Message("Not found"),
}
_FAULT_TITLE: Final = Message("This did not work")
_PASSING: Final = (401, 500)  # what may be over the next time

log = structlog.get_logger(__name__)


class FormTooLarge(RequestRejected):
    status = 413
    code = "BODY_TOO_LARGE"


class ForeignRequest(RequestRejected):
    """A page of another site sent it; browsers say so."""

    status = 403
    code = "CROSS_SITE"


class InternalFault(AppError):
    """``reference`` is in the log beside the cause."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            Message(
                "This did not work because of an internal fault. The app's operator finds it in the log by the "
                "reference {reference}.",
                reference=reference,
            )
        )


def routes() -> list[Route]:
    """In the order they are tried: those without parameters first, what nothing else takes last."""
    paths: dict[str, dict[str, Page]] = {}
    for page in sorted(PAGES, key=lambda each: each.path.count("{")):
        paths.setdefault(page.path, {})[page.method] = page
    found = [Route(PREFIX + "/static/{version}/{name:path}", assets.serve)]
    found += [_route(path, pages) for path, pages in paths.items()]
    return [*found, _route("/{rest:path}", {"GET": _NOTHING_HERE})]


def _route(path: str, given: Mapping[str, Page]) -> Route:
    pages = {"GET": _NOTHING_HERE, **given}

    async def answer(request: Request) -> Response:
        if request.method == "POST" or request.headers.get("hx-request") == "true":
            return await _answered(request, pages["POST" if request.method == "POST" else "GET"])
        return await shell.shell(request)

    return Route(PREFIX + ("" if path == "/" else path), answer, methods=list(pages))


async def _nothing_here(_visit: Visit) -> Answer:
    raise PageNotFound


_NOTHING_HERE: Final = Page("GET", "/{rest:path}", _nothing_here, NEEDED_PERMISSIONS, None, "page")


async def _answered(request: Request, page: Page) -> Response:
    """What the page answers, or a page that says why not."""
    services: Services = request.app.state.services
    spoken = choose(request.headers.get("accept-language", ""))
    viewer: Viewer | None = None
    try:
        viewer = await _viewer(request, services)
        require(viewer, page.permissions)
        answer = await _visited(request, services, viewer, page, spoken)
        if isinstance(answer, Screen):
            return await _shown(request, services, viewer, page, spoken, answer)
        return _gone(services, spoken, answer) if isinstance(answer, Go) else _saved(answer)
    except AppError as refusal:
        return await _refused(request, services, viewer, page, spoken, refusal)
    except Exception:
        reference = uuid4().hex[:12]
        log.exception("dashboard_fault", path=page.path, reference=reference)
        return await _refused(request, services, viewer, page, spoken, InternalFault(reference))


async def _viewer(request: Request, services: Services) -> Viewer:
    """Who asks, whatever they may see; known first, so that a refusal can show what else there is for them.

    No cookie exists that a foreign page could make a browser send; what browsers tell is looked at all the same.
    """
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise ForeignRequest(Message("The request came from another site."))
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return await authenticate(
        services,
        request.app.state.application.key_source,
        api_url=request.headers.get("saleor-api-url", ""),
        token=token.strip() if kind.lower() == "bearer" else "",
        permissions=(),
    )


async def _visited(request: Request, services: Services, viewer: Viewer, page: Page, spoken: Language) -> Answer:
    form, files = await _entered(request) if page.method == "POST" else (Form(), {})
    query = Form(tuple(request.query_params.multi_items()))
    return await page.view(Visit(services, viewer, spoken, dict(request.path_params), query, form, files))


async def _entered(request: Request) -> tuple[Form, Mapping[str, Upload]]:
    """The fields of a form, and the files where it has some; nothing is written to a disk."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return Form.parse((await _body(request, MAX_BYTES)).decode("utf-8", "replace")), {}
    body = await _body(request, MAX_FILE_FORM_BYTES)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=50, max_part_size=MAX_BYTES)
    parser.spool_max_size = MAX_FILE_FORM_BYTES
    try:
        parsed = await parser.parse()
    except MultiPartException as error:
        raise FormUnreadable(Message("The form cannot be read.")) from error
    fields, files = [], {}
    for name, value in parsed.multi_items():
        if isinstance(value, str):
            fields.append((name, value))
        else:
            files[name] = Upload(value.filename or "", await value.read())
    await parsed.close()
    return Form(tuple(fields)), files


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise FormTooLarge(Message("That is too much at once."))
    return bytes(body)


async def _shown(
    request: Request, services: Services, viewer: Viewer, page: Page, spoken: Language, screen: Screen
) -> Response:
    problems = await services.database.read(lambda session: problem_rows.of_tenant(session, viewer.tenant))
    context = {
        "title": screen.title,
        "frame": page.frame,
        "menu": _menu(viewer, request.url.path),
        "problem_count": len(problems),
        "viewer": viewer,
        **screen.context,
    }
    return _html(services, spoken, screen.template, screen.status, context)


def _menu(viewer: Viewer, path: str) -> list[tuple[MenuEntry, str, bool]]:
    """Each entry this user may open, its path, and whether the page shown belongs to it."""
    at = path.removeprefix(PREFIX) or "/"
    return [
        (page.menu, page.path, _belongs(at, page.path))
        for page in _MENU
        if page.menu and not set(page.permissions) - viewer.user.user_permissions
    ]


def _belongs(at: str, entry: str) -> bool:
    return at == entry or (entry != "/" and at.startswith(f"{entry}/"))


async def _refused(
    request: Request, services: Services, viewer: Viewer | None, page: Page, spoken: Language, refusal: AppError
) -> Response:
    status = refusal.status if refusal.status in _FAULT_TITLES or refusal.status < 500 else 500  # noqa: PLR2004
    screen = Screen(
        "fault.html",
        title=_FAULT_TITLES.get(status, _FAULT_TITLE),
        status=status,
        sentence=refusal.sentence,
        missing=refusal.missing if isinstance(refusal, PermissionDenied) else (),
        again=_address(request, services) if page.method == "GET" and status in _PASSING else None,
    )
    if viewer is not None and not isinstance(refusal, Unauthenticated | InternalFault):
        return await _shown(request, services, viewer, page, spoken, screen)
    context = {"title": screen.title, "frame": page.frame, "menu": [], "problem_count": 0, **screen.context}
    return _html(services, spoken, screen.template, screen.status, context)


def _address(request: Request, services: Services) -> str:
    """The page that was asked for, as the browser asks for it."""
    path = shell.base_path(services.settings) + request.url.path.removeprefix(PREFIX)
    return f"{path}?{request.url.query}" if request.url.query else path


def _html(services: Services, spoken: Language, template: str, status: int, context: Mapping[str, Any]) -> Response:
    base = shell.base_path(services.settings)

    def url(path: str, /, **query: str) -> str:
        return base + ("" if path == "/" else path) + (f"?{urlencode(query)}" if query else "")

    html = render(template, spoken, url=url, **context)
    return HTMLResponse(html, status, headers=headers.policy() | {"Content-Language": spoken.code})


def _gone(services: Services, spoken: Language, answer: Go) -> Response:
    """The browser asks for the next page; the Dashboard shows the notification (app.js)."""
    target = {"path": shell.base_path(services.settings) + answer.path.removesuffix("/"), "target": "#app"}
    events: dict[str, Any] = {"dashboard:refresh": True} if answer.refresh else {}
    if answer.done is not None:
        events["dashboard:notify"] = {"status": answer.kind, "title": spoken.say(answer.done)}
    told = {"HX-Location": json.dumps(target), "HX-Trigger": json.dumps(events)}
    return Response(status_code=204, headers=headers.policy() | told)


def _saved(answer: Download) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{answer.name}"'}
    if isinstance(answer.body, bytes):
        return Response(answer.body, media_type=answer.media_type, headers=headers.policy() | disposition)
    return StreamingResponse(answer.body, media_type=answer.media_type, headers=headers.policy() | disposition)
