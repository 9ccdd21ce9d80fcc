"""``POST /graphql``: for the app's own page and scripts of the merchant, with the token of the Dashboard.

The schema is imported at the first request: strawberry would double the cold start of an app that mostly takes
webhooks.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saleor_amazonpay import bodies
from saleor_amazonpay.errors import AppError, RequestRejected
from saleor_amazonpay.handlers.agreements.app_tokens import is_opaque
from saleor_amazonpay.handlers.dashboard_users import PAYMENT_STAFF, Viewer, authenticate, authenticate_app
from saleor_amazonpay.handlers.services import Services

if TYPE_CHECKING:
    from graphql import GraphQLError
    from saleor_amazonpay.schema.schema import AppSchema

MAX_BYTES = 131_072
_INTERNAL = "This did not work because of an internal fault; the app's operator finds it in the log."
_NO_STORE = {"Cache-Control": "no-store"}


class InvalidOperation(RequestRejected):
    code = "BAD_REQUEST"


class _Operation(msgspec.Struct, rename="camel"):
    """GraphQL over HTTP's request."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


async def graphql(request: Request) -> Response:
    """401 and 403 before anything is parsed, 400 for what is no operation; else 200 with ``data`` or ``errors``.

    What every field needs is asked here, what some need besides by the schema.
    """
    services: Services = request.app.state.services
    try:
        viewer = await _viewer(request, services)
        answer = await _executed(services, viewer, await _operation(request))
    except AppError as refusal:
        error = {"message": refusal.public_message, "extensions": {"code": refusal.code}}
        return JSONResponse({"errors": [error]}, refusal.status, headers=_NO_STORE)
    return JSONResponse(answer, headers=_NO_STORE)


routes = [Route("/graphql", graphql, methods=["POST"])]


def export_schema() -> str:
    """The SDL of graphql/app/schema.graphql."""
    return f"{_schema().as_str()}\n"


async def _viewer(request: Request, services: Services) -> Viewer:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    token = given.strip() if kind.lower() == "bearer" else ""
    application, api_url = request.app.state.application, request.headers.get("saleor-api-url", "")
    if is_opaque(token):
        return await authenticate_app(services, application.app_tokens, api_url=api_url, token=token)
    return await authenticate(services, application.key_source, api_url=api_url, token=token, permissions=PAYMENT_STAFF)


async def _operation(request: Request) -> _Operation:
    body = await bodies.read(request, MAX_BYTES)
    try:
        return msgspec.json.decode(body, type=_Operation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidOperation("The body must be JSON with a query, and perhaps variables.") from error


async def _executed(services: Services, viewer: Viewer, operation: _Operation) -> dict[str, Any]:
    schema = await asyncio.to_thread(_schema)  # the first time it takes a while, in which webhooks go on
    from strawberry.exceptions import MissingQueryError
    from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

    from saleor_amazonpay.schema.resolvers import Context

    try:
        result = await schema.execute(
            operation.query,
            variable_values=operation.variables,
            operation_name=operation.operation_name,
            context_value=Context(services, viewer),
        )
    except (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError, RecursionError) as error:
        raise InvalidOperation("The query holds no such operation.") from error
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_shown(error) for error in result.errors]
    return answer


@cache
def _schema() -> AppSchema:
    from saleor_amazonpay.schema.schema import schema

    return schema


def _shown(error: GraphQLError) -> dict[str, Any]:
    """GraphQL's own complaints as they are, ours with their code, faults without their text."""
    fault = error.original_error
    if isinstance(fault, AppError):
        return {"message": fault.public_message, "path": error.path, "extensions": {"code": fault.code}}
    if fault is not None:
        return {"message": _INTERNAL, "path": error.path, "extensions": {"code": "INTERNAL_ERROR"}}
    locations = [{"line": each.line, "column": each.column} for each in error.locations or ()]
    return {"message": error.message, "locations": locations, "extensions": {"code": "GRAPHQL_ERROR"}}
