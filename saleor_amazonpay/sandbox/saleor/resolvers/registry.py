"""How an operation says its name, its permissions and its errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from graphql import GraphQLResolveInfo
from saleor_amazonpay.sandbox.saleor.nodes import Node
from saleor_amazonpay.sandbox.saleor.schema import RESOLVERS, Context

Operation = Callable[..., Any]
QUERIES: dict[str, Operation] = {}
MUTATIONS: dict[str, Operation] = {}

N = TypeVar("N", bound=Node)


class MutationError(Exception):
    """One entry of the payload's ``errors``."""

    def __init__(self, field: str | None, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.shown = {"field": field, "code": code, "message": message, **more}


def query(name: str, *needed: str) -> Callable[[Operation], Operation]:
    def register(function: Operation) -> Operation:
        @wraps(function)
        def resolve(_root: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            _require(info.context, needed)
            return function(info.context, **arguments)

        QUERIES[name] = resolve
        return function

    return register


def mutation(name: str, *needed: str, **on_error: Any) -> Callable[[Operation], Operation]:
    """``on_error`` is what the payload holds beside ``errors`` when the mutation is refused."""

    def register(function: Operation) -> Operation:
        @wraps(function)
        async def resolve(_root: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> dict[str, Any]:
            _require(info.context, needed)
            try:
                payload = function(info.context, **arguments)
                payload = await payload if inspect.isawaitable(payload) else payload
            except MutationError as error:
                return {**on_error, "errors": [error.shown]}
            return {"errors": [], **payload}

        MUTATIONS[name] = resolve
        return function

    return register


def _require(context: Context, needed: Sequence[str]) -> None:
    if needed:
        context.require(*needed)


def field(type_name: str, field_name: str) -> Callable[[Operation], Operation]:
    def register(function: Operation) -> Operation:
        RESOLVERS[type_name, field_name] = function
        return function

    return register


def found(node: N | None, name: str, global_id: object) -> N:
    """The node, or the error Saleor gives for an id it does not know."""
    if node is None:
        raise MutationError(name, "NOT_FOUND", f"Couldn't resolve to a node: {global_id}")
    return node


def connection(nodes: Sequence[Any], first: int | None, after: str | None) -> dict[str, Any]:
    """A page of a list; cursors are positions."""
    start = int(after) + 1 if after and after.isdigit() else 0
    size = min(100 if first is None else first, 100)
    page = list(nodes[start : start + size])
    edges = [{"node": node, "cursor": str(start + at)} for at, node in enumerate(page)]
    info = {
        "has_next_page": start + size < len(nodes),
        "has_previous_page": start > 0,
        "start_cursor": edges[0]["cursor"] if edges else None,
        "end_cursor": edges[-1]["cursor"] if edges else None,
    }
    return {"edges": edges, "page_info": info, "total_count": len(nodes)}


def metadata_of(given: Sequence[dict[str, str]] | None) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in given or ()}
