"""The schema, and how a field finds its value: by name on the object, after its permissions were checked."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from graphql.language import ConstValueNode, FloatValueNode, IntValueNode, OperationDefinitionNode, OperationType

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    parse,
    validate,
    value_from_ast_untyped,
)
from saleor_amazonpay.sandbox.saleor.apps import App
from saleor_amazonpay.sandbox.saleor.catalogue import User

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn


class PermissionDenied(Exception):
    """Becomes a GraphQL error with that code and makes the field null."""

    def __init__(self, *needed: str) -> None:
        super().__init__(f"To access this path, you need one of the following permissions: {', '.join(needed)}")


@dataclass
class Context:
    """Who asks, and where. In a webhook payload the app is who asks; ``principal`` is who caused the event."""

    shop: SaleorStandIn
    app: App | None = None
    user: User | None = None
    permissions: frozenset[str] = frozenset()
    client_ip: str = "127.0.0.1"
    event: Mapping[str, Any] | None = None

    @property
    def requestor(self) -> App | User | None:
        return self.app or self.user

    @property
    def is_staff(self) -> bool:
        return self.app is None and self.user is not None and self.user.is_staff

    def holds(self, *needed: str) -> bool:
        """One of the permissions, or one of the two Saleor derives from the kind of token."""
        derived = {
            "AUTHENTICATED_APP": self.app is not None,
            "AUTHENTICATED_STAFF_USER": self.is_staff,
            "AUTHENTICATED_USER": self.user is not None,
        }
        return any(derived.get(each, each in self.permissions) for each in needed)

    def require(self, *needed: str) -> None:
        if not self.holds(*needed):
            raise PermissionDenied(*needed)

    def owns(self, source: object) -> bool:
        """The user of the object, the user itself, or the app itself."""
        if self.app is not None:
            return source is self.app
        return self.user is not None and self.user in (source, getattr(source, "user", None))


STAFF_OR_APP = ("AUTHENTICATED_APP", "AUTHENTICATED_STAFF_USER")
OWNER = "OWNER"
_ORDERS = ("MANAGE_ORDERS",)

PERMISSIONS: dict[tuple[str, str], tuple[str, ...]] = {
    # (type, field): one of these (contract §9); OWNER is the object's own user or app
    ("App", "tokens"): ("MANAGE_APPS", OWNER),
    ("App", "webhooks"): ("MANAGE_APPS", OWNER),
    ("App", "problems"): ("MANAGE_APPS", "AUTHENTICATED_APP"),
    ("App", "metadata"): ("MANAGE_APPS", OWNER),
    ("App", "privateMetadata"): ("MANAGE_APPS", OWNER),
    ("Address", "metadata"): ("MANAGE_USERS",),
    ("Address", "privateMetadata"): ("MANAGE_USERS",),
    ("Channel", "name"): STAFF_OR_APP,
    ("Channel", "isActive"): STAFF_OR_APP,
    ("Channel", "currencyCode"): STAFF_OR_APP,
    ("Channel", "defaultCountry"): STAFF_OR_APP,
    ("Channel", "warehouses"): STAFF_OR_APP,
    ("Channel", "orderSettings"): ("MANAGE_CHANNELS", "MANAGE_ORDERS"),
    ("Channel", "checkoutSettings"): ("MANAGE_CHANNELS", "MANAGE_CHECKOUTS"),
    ("Channel", "paymentSettings"): ("MANAGE_CHANNELS", "HANDLE_PAYMENTS"),
    ("Channel", "privateMetadata"): ("MANAGE_CHANNELS",),
    ("Checkout", "user"): ("MANAGE_USERS", "HANDLE_PAYMENTS", OWNER),
    ("Checkout", "transactions"): ("MANAGE_CHECKOUTS", "HANDLE_PAYMENTS"),
    ("Checkout", "privateMetadata"): ("MANAGE_CHECKOUTS",),
    ("Fulfillment", "privateMetadata"): _ORDERS,
    ("Order", "user"): ("MANAGE_USERS", "MANAGE_ORDERS", "HANDLE_PAYMENTS", OWNER),
    ("Order", "transactions"): ("MANAGE_ORDERS", "HANDLE_PAYMENTS"),
    ("Order", "grantedRefunds"): _ORDERS,
    ("Order", "totalGrantedRefund"): _ORDERS,
    ("Order", "totalRefundPending"): _ORDERS,
    ("Order", "totalAuthorizePending"): _ORDERS,
    ("Order", "totalChargePending"): _ORDERS,
    ("Order", "totalCancelPending"): _ORDERS,
    ("Order", "totalRemainingGrant"): _ORDERS,
    ("Order", "privateMetadata"): _ORDERS,
    ("Shop", "version"): STAFF_OR_APP,
    ("Shop", "channelCurrencies"): STAFF_OR_APP,
    ("TransactionItem", "metadata"): ("HANDLE_PAYMENTS",),
    ("TransactionItem", "privateMetadata"): ("HANDLE_PAYMENTS",),
    ("User", "metadata"): ("MANAGE_USERS", "MANAGE_STAFF", OWNER),
    ("User", "privateMetadata"): ("MANAGE_USERS", "MANAGE_STAFF"),
}
_METADATA_FIELDS = {
    # field: the permission key it shares, the attribute it reads
    "metadata": ("metadata", "metadata"),
    "metafield": ("metadata", "metadata"),
    "metafields": ("metadata", "metadata"),
    "privateMetadata": ("privateMetadata", "private_metadata"),
    "privateMetafield": ("privateMetadata", "private_metadata"),
    "privateMetafields": ("privateMetadata", "private_metadata"),
}

Resolver = Callable[..., Any]
RESOLVERS: dict[tuple[str, str], Resolver] = {}
"""The few fields of types that need more than an attribute; ``resolvers/`` fills it."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])")


@cache
def snake_case(name: str) -> str:
    return _HUMP.sub("_", name).lower()


def resolve_field(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """Permission, then a registered resolver, then metadata, then the attribute or key of that name."""
    type_name, field_name = info.parent_type.name, info.field_name
    _check_permission(source, info.context, type_name, field_name)
    resolver = RESOLVERS.get((type_name, field_name))
    if resolver is not None:
        return resolver(source, info, **arguments)
    if field_name in _METADATA_FIELDS:
        return _metadata(source, field_name, **arguments)
    if isinstance(source, Mapping):
        return source.get(snake_case(field_name))
    return getattr(source, snake_case(field_name), None)


def _check_permission(source: Any, context: Context, type_name: str, field_name: str) -> None:
    shared = _METADATA_FIELDS.get(field_name, (field_name, ""))[0]
    needed = PERMISSIONS.get((type_name, shared))
    if not needed or context.holds(*needed):
        return
    if OWNER in needed and context.owns(source):
        return
    raise PermissionDenied(*needed)


def _metadata(source: Any, field_name: str, key: str = "", keys: list[str] | None = None) -> Any:
    held: dict[str, str] = getattr(source, _METADATA_FIELDS[field_name][1])
    if field_name.endswith("etafield"):
        return held.get(key)
    if field_name.endswith("etafields"):
        return held if keys is None else {each: held[each] for each in keys if each in held}
    return [{"key": each, "value": value} for each, value in sorted(held.items())]


def resolve_type(value: Any, _info: GraphQLResolveInfo[Any], _abstract: object) -> str:
    if isinstance(value, Mapping):
        return str(value["graphql_type"])
    return str(getattr(value, "graphql_type", type(value).__name__))


def plain(value: Any) -> Any:
    """JSON with its decimals as floats again: money in ``data`` is Saleor's to blur, not ours to keep exact."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def _parse_decimal(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise GraphQLError(f"Value is not a number: {value!r}") from None
    if isinstance(value, bool) or not number.is_finite():
        raise GraphQLError(f"Value is not a number: {value!r}")
    return number


def _parse_positive(value: Any) -> Decimal:
    number = _parse_decimal(value)
    if number < 0:
        raise GraphQLError("Value cannot be lower than 0.")
    return number


def _literal(parse_value: Callable[[Any], Any]) -> Callable[[ConstValueNode], Any]:
    """A value written in the document: numbers keep their digits, the rest is as from JSON."""

    def parse_literal(node: ConstValueNode) -> Any:
        if isinstance(node, IntValueNode | FloatValueNode):
            return parse_value(Decimal(node.value))
        return parse_value(value_from_ast_untyped(node))

    return parse_literal


def _parse_json(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise GraphQLError("JSON must be an object or a list.")
    return plain(value)


def _parse_datetime(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f'DateTime cannot represent value: "{value}"') from None
    if moment.tzinfo is None:
        raise GraphQLError(f'DateTime cannot represent value without a zone: "{value}"')
    return moment


def _parse_uuid(value: Any) -> str:
    try:
        return str(uuid.UUID(value))
    except (AttributeError, TypeError, ValueError):
        raise GraphQLError(f"Invalid UUID: {value!r}") from None


def _parse_whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value or value < 0:
        raise GraphQLError(f"Value is not a positive whole number: {value!r}")
    return int(value)


_SCALARS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    # name: (to JSON, from JSON)
    "DateTime": (lambda moment: moment.isoformat(), _parse_datetime),
    "Decimal": (float, _parse_decimal),
    "PositiveDecimal": (float, _parse_positive),
    "JSON": (lambda value: value, _parse_json),
    "JSONString": (json.dumps, json.loads),
    "Metadata": (lambda value: value, _parse_json),
    "UUID": (str, _parse_uuid),
    "Hour": (int, _parse_whole),
    "Minute": (int, _parse_whole),
    "PositiveInt": (int, _parse_whole),
}


@cache
def schema() -> GraphQLSchema:
    """Built once: the SDL beside this module, scalars and snake-case names of arguments put in."""
    built = build_schema(files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8"))
    for name, (serialize, parse_value) in _SCALARS.items():
        scalar = built.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)  # noqa: S101 - narrows for the type checker
        scalar.coerce_output_value = serialize
        scalar.coerce_input_value = parse_value
        scalar.coerce_input_literal = _literal(parse_value)
    for kind in built.type_map.values():
        _name_arguments(kind)
    return built


def _name_arguments(kind: object) -> None:
    if isinstance(kind, GraphQLInputObjectType):
        for name, each in kind.fields.items():
            each.out_name = snake_case(name)
    if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
        for output in kind.fields.values():
            for name, argument in output.args.items():
                argument.out_name = snake_case(name)


class InvalidSubscription(Exception):
    """``str`` of it is what Saleor writes after "Subscription query is not valid: "."""


@lru_cache(maxsize=256)
def parse_subscription(text: str) -> DocumentNode:
    """A subscription document, checked as Saleor checks it when a webhook is made (contract §1).

    Raises:
        InvalidSubscription: syntax, a field this schema does not have, or not one subscription.
    """
    try:
        document = parse(text)
    except GraphQLError as error:
        raise InvalidSubscription(error.message) from error
    errors = validate(schema(), document)
    if errors:
        raise InvalidSubscription(";".join(dict.fromkeys(error.message for error in errors)))
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if [each.operation for each in operations] != [OperationType.SUBSCRIPTION]:
        raise InvalidSubscription("A subscription is required.")
    return document


def events_of(document: DocumentNode) -> list[str]:
    """The events a document names by type conditions below ``event``: used when a manifest lists none."""
    names = re.findall(r"\bon\s+([A-Za-z]+)", document.loc.source.body if document.loc else "")
    known = schema().type_map
    return [snake_case(name).upper() for name in names if _is_event(known.get(name))]


def _is_event(kind: object) -> bool:
    return isinstance(kind, GraphQLObjectType) and any(each.name == "Event" for each in kind.interfaces)


_NULL = "Cannot return null for non-nullable field"
"""graphql-core raises it as a ``TypeError``; Saleor shows it as it is."""


def format_error(error: GraphQLError) -> dict[str, Any]:
    """As Saleor shows it: what nobody foresaw is masked as "Internal Server Error"."""
    original = None if error.message.startswith(_NULL) else error.original_error
    foreseen = original is None or isinstance(original, GraphQLError | PermissionDenied)
    code = "GraphQLError" if original is None else type(original).__name__
    shown: dict[str, Any] = {"message": error.message if foreseen else "Internal Server Error"}
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path:
        shown["path"] = error.path
    shown["extensions"] = {"exception": {"code": code}}
    return shown
