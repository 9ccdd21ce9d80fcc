"""The subset says of Saleor's API only what Saleor says."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    print_ast,
    validate_schema,
)
from saleor_amazonpay.sandbox.saleor.resolvers import MUTATIONS, QUERIES
from saleor_amazonpay.sandbox.saleor.schema import (
    PERMISSIONS,
    RESOLVERS,
    InvalidSubscription,
    events_of,
    parse_subscription,
    schema,
    snake_case,
)

SALEOR = Path(__file__).parents[4] / "shared/saleor/schema-3.23.graphql"


@pytest.fixture(scope="module")
def saleor() -> GraphQLSchema:
    if not SALEOR.is_file():
        pytest.skip("Saleor's schema is not beside this repository.")
    return build_schema(SALEOR.read_text(encoding="utf-8"), assume_valid=True)


class TestSubset:
    def test_it_is_a_valid_schema(self) -> None:
        assert validate_schema(schema()) == []

    def test_every_type_field_and_argument_exists_in_saleor_with_the_same_type(self, saleor: GraphQLSchema) -> None:
        wrong = [text for name, kind in schema().type_map.items() for text in _differences(name, kind, saleor)]
        assert wrong == []

    def test_it_leaves_out_no_argument_saleor_requires(self, saleor: GraphQLSchema) -> None:
        missing = [
            f"{name}.{field}({argument})"
            for name, kind in schema().type_map.items()
            if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
            for field, each in kind.fields.items()
            for argument, theirs in saleor.type_map[name].fields[field].args.items()  # type: ignore[union-attr]
            if str(theirs.type).endswith("!") and argument not in each.args
        ]
        assert missing == []

    def test_every_operation_has_a_resolver(self) -> None:
        assert set(schema().query_type.fields) == set(QUERIES)  # type: ignore[union-attr]
        assert set(schema().mutation_type.fields) == set(MUTATIONS)  # type: ignore[union-attr]

    def test_permissions_and_resolvers_name_fields_that_exist(self) -> None:
        for type_name, field_name in [*PERMISSIONS, *RESOLVERS]:
            assert field_name in schema().type_map[type_name].fields  # type: ignore[union-attr]


def _differences(name: str, ours: object, saleor: GraphQLSchema) -> list[str]:
    theirs = saleor.type_map.get(name)
    if theirs is None:
        return [f"{name} is unknown"]
    if isinstance(ours, GraphQLEnumType):
        return [f"{name}.{value}" for value in ours.values if value not in theirs.values]  # type: ignore[union-attr]
    if isinstance(ours, GraphQLUnionType):
        known = {each.name for each in theirs.types}  # type: ignore[union-attr]
        return [f"{name}: {each.name}" for each in ours.types if each.name not in known]
    if isinstance(ours, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return [
            text
            for field, each in ours.fields.items()
            for text in _field(f"{name}.{field}", each, theirs.fields.get(field))  # type: ignore[union-attr]
        ]
    return []


def _field(path: str, ours: object, theirs: object) -> list[str]:
    if theirs is None:
        return [f"{path} is unknown"]
    wrong = [] if _written(ours) == _written(theirs) else [f"{path}: {_written(ours)} is {_written(theirs)}"]
    known = getattr(theirs, "args", {})
    for argument, each in getattr(ours, "args", {}).items():
        if argument not in known or _written(each) != _written(known[argument]):
            wrong.append(f"{path}({argument}: {_written(each)})")
    return wrong


def _written(item: object) -> str:
    """Type and default value."""
    default = getattr(item.ast_node, "default_value", None)  # type: ignore[attr-defined]
    return f"{item.type} = {print_ast(default)}" if default else str(item.type)  # type: ignore[attr-defined]


class TestSubscriptions:
    def test_conflicting_fields_of_checkout_and_order_need_aliases(self) -> None:
        conflict = (
            "subscription{event{...on TransactionInitializeSession{sourceObject{"
            "...on Checkout{authorizeStatus} ...on Order{authorizeStatus}}}}}"
        )
        with pytest.raises(InvalidSubscription, match="conflict"):
            parse_subscription(conflict)

    def test_an_unknown_field_is_refused_with_its_name(self) -> None:
        with pytest.raises(InvalidSubscription, match="idempotencyKey"):
            parse_subscription("subscription{event{...on TransactionChargeRequested{idempotencyKey}}}")

    @pytest.mark.parametrize("text", ["subscription{", "query{shop{name}}", "fragment A on App{id}"])
    def test_what_is_no_subscription_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidSubscription):
            parse_subscription(text)

    def test_events_are_read_from_the_type_conditions(self) -> None:
        document = parse_subscription("subscription{event{...on OrderCreated{order{id}} ...on AppDeleted{app{id}}}}")
        assert events_of(document) == ["ORDER_CREATED", "APP_DELETED"]


@pytest.mark.parametrize(
    ("name", "attribute"),
    [("streetAddress1", "street_address_1"), ("pspReference", "psp_reference"), ("id", "id")],
)
def test_names_become_attributes(name: str, attribute: str) -> None:
    assert snake_case(name) == attribute
