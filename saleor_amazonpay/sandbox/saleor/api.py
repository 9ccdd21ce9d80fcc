"""``POST /graphql/`` and ``GET /.well-known/jwks.json``."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Sequence
from decimal import Decimal
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
    validate,
)
from saleor_amazonpay.sandbox.saleor import dashboard, schema
from saleor_amazonpay.sandbox.saleor.resolvers import MUTATIONS, QUERIES
from saleor_amazonpay.sandbox.saleor.schema import Context
from saleor_amazonpay.sandbox.saleor.store import find

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn

_PROXY_PAGE = "<html><body><h1>Bad Gateway</h1></body></html>"


def create_api(shop: SaleorStandIn) -> Starlette:
    async def graphql(request: Request) -> Response:
        return await _graphql(shop, request)

    async def jwks(_request: Request) -> Response:
        return JSONResponse(shop.key.jwks(), headers={"Date": format_datetime(shop.clock.now(), usegmt=True)})

    return Starlette(
        routes=[
            Route("/graphql/", graphql, methods=["POST"]),
            Route("/.well-known/jwks.json", jwks, methods=["GET"]),
            *dashboard.routes(shop),
        ]
    )


async def _graphql(shop: SaleorStandIn, request: Request) -> Response:
    """Faults strike only calls with an app's token: they are for the app, not for its tests."""
    try:
        sent = json.loads(await request.body(), parse_float=Decimal)
        document = str(sent["query"])
    except (ValueError, TypeError, KeyError):
        return _refusal("Unable to parse query.")
    context, invalid = _authenticate(shop, request)
    if invalid:
        return _refusal(invalid, status=200, code="InvalidTokenError")
    is_the_apps = context.user is None or document.startswith("query Me ")  # who a customer's token stands for
    fault = shop.faults.take_api(document) if _token_of(request) and is_the_apps else None
    if fault is None:
        return await _run(context, sent)
    return await _spoilt(context, sent, *fault)


async def _spoilt(context: Context, sent: dict[str, Any], kind: str, seconds: float) -> Response:
    if kind == "unavailable":
        return Response(status_code=503)
    if kind == "graphql-error":
        return _refusal("Internal Server Error", status=200, code="OperationalError")
    if kind == "not-json":
        return HTMLResponse(_PROXY_PAGE)
    if kind == "slow":
        await asyncio.sleep(seconds)
    response = await _run(context, sent)
    return HTMLResponse(_PROXY_PAGE, status_code=502) if kind == "lost-answer" else response


async def _run(context: Context, sent: dict[str, Any]) -> Response:
    try:
        document, faults = _checked(sent["query"])
    except GraphQLError as error:
        return _answer(None, [error], 400)
    if faults:
        return _answer(None, faults, 400)
    result = execute(
        schema.schema(),
        document,
        root_value=_Root(),
        context_value=context,
        variable_values=sent.get("variables") or {},
        operation_name=sent.get("operationName"),
        field_resolver=_resolve,
        type_resolver=schema.resolve_type,
    )
    if inspect.isawaitable(result):
        result = await result
    if not isinstance(result, ExecutionResult):
        raise TypeError("Deferred results are not part of this schema.")
    return _answer(result.data, result.errors or [], 200)


@lru_cache(maxsize=512)
def _checked(text: str) -> tuple[DocumentNode, Sequence[GraphQLError]]:
    """The document and what is wrong with it, once for each: to look at one takes longer than to carry it out.

    Raises:
        GraphQLError: it cannot be read.
    """
    document = parse(text)
    return document, [*validate(schema.schema(), document), *_too_many(document)]


def _too_many(document: DocumentNode) -> list[GraphQLError]:
    """Saleor counts what is written, included or not (GRAPHQL_MUTATION_COUNT_LIMIT; seen on 3.23)."""
    mutations = [
        field
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode) and operation.operation is OperationType.MUTATION
        for field in operation.selection_set.selections
    ]
    message = f"Number of mutations exceed the limit of {MOST_MUTATIONS}"
    return [GraphQLError(message)] if len(mutations) > MOST_MUTATIONS else []


class _Root:
    """Operations are found by name; this only marks the top of the tree."""


MOST_MUTATIONS = 4

_ROOTS = {"Query": QUERIES, "Mutation": MUTATIONS}


def _resolve(source: Any, info: Any, **arguments: Any) -> Any:
    operations = _ROOTS.get(info.parent_type.name) if isinstance(source, _Root) else None
    if operations is None:
        return schema.resolve_field(source, info, **arguments)
    return operations[info.field_name](source, info, **arguments)


def _answer(data: Any, errors: Sequence[GraphQLError], status: int) -> Response:
    body: dict[str, Any] = {"errors": [schema.format_error(error) for error in errors]} if errors else {}
    if data is not None or status == 200:
        body["data"] = data
    return JSONResponse(body, status_code=status)


def _refusal(message: str, *, status: int = 400, code: str = "GraphQLError") -> Response:
    return JSONResponse({"errors": [{"message": message, "extensions": {"exception": {"code": code}}}]}, status)


def _token_of(request: Request) -> str:
    given = request.headers.get("authorization-bearer") or request.headers.get("authorization") or ""
    scheme, _, token = given.rpartition(" ")
    return token if scheme.lower() in {"", "bearer", "jwt"} else ""


def _authenticate(shop: SaleorStandIn, request: Request) -> tuple[Context, str | None]:
    """Who asks. An unknown token is nobody, an expired one an error (contract §2, §3)."""
    context = Context(shop=shop, client_ip=_client_ip(request))
    token = _token_of(request)
    app = shop.store.app_by_token(token) if token else None
    if app is not None:
        context.app, context.permissions = app, app.granted
        return context, None
    claims = shop.key.decode(token) if token.count(".") == 2 else None
    if claims is None:
        return context, None
    if claims.get("exp", 0) < shop.clock.now().timestamp():
        return context, "Signature has expired"
    _log_in(context, claims)
    return context, None


def _log_in(context: Context, claims: dict[str, Any]) -> None:
    """A token made for an app has only the permissions both have."""
    user = find(context.shop.store.users, claims.get("user_id"))
    if user is None or not user.is_active:
        return
    context.user = user
    narrowed = claims.get("type") == "thirdparty"
    context.permissions = frozenset(claims.get("permissions", ())) if narrowed else user.permissions


def _client_ip(request: Request) -> str:
    forwarded = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    return forwarded or (request.client.host if request.client else "127.0.0.1")
