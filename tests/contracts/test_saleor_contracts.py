"""The contracts under ``webhooks/saleor`` and ``graphql/saleor`` against Saleor's own schemas, and against our code."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from graphql import OperationDefinitionNode, build_schema, parse, print_ast, validate
from saleor_amazonpay import resources
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import TransactionAction, TransactionEventType
from saleor_amazonpay.saleor.answers import ActionAnswer, GatewayAnswer, SessionAnswer
from saleor_amazonpay.saleor.documents import document
from saleor_amazonpay.saleor.events import EVENTS
from saleor_amazonpay.saleor.manifest import subscription

VERSIONS = ("3.21", "3.22", "3.23")
SHARED = Path(__file__).parents[3] / "shared" / "saleor"
WEBHOOKS = resources.root() / "webhooks" / "saleor"
DOCUMENTS = sorted(
    f"{path.parent.name}/{path.stem}"
    for kind in ("queries", "mutations")
    for path in (resources.root() / "graphql" / "saleor" / kind).glob("*.graphql")
)
SESSIONS = ("transaction_initialize_session", "transaction_process_session")
ACTIONS = {
    "transaction_charge_requested": "CHARGE",
    "transaction_refund_requested": "REFUND",
    "transaction_cancelation_requested": "CANCEL",
}
ASYNCHRONOUS = {name for name, event in EVENTS.items() if event.is_asynchronous}
# Under the gateway's name Saleor publishes the schema of the two method events, and none of the gateway's own.
TOKENIZATION = "payment_gateway_initialize_tokenization_session"
PUBLISHED_AS = dict.fromkeys(
    ("payment_method_initialize_tokenization_session", "payment_method_process_tokenization_session"), TOKENIZATION
)
WITH_DATA = (
    set(EVENTS)
    - set(ACTIONS)
    - ASYNCHRONOUS
    - {"list_stored_payment_methods", "stored_payment_method_delete_requested"}
)


@pytest.fixture(scope="module", params=VERSIONS)
def version(request):
    if not SHARED.is_dir():
        pytest.skip("Saleor's schemas are not beside this checkout (../shared/saleor).")
    return request.param


@pytest.fixture(scope="module")
def schema(version):
    return build_schema((SHARED / f"schema-{version}.graphql").read_text(), assume_valid=True)


def saleors_schema(event):
    if not SHARED.is_dir():
        pytest.skip("Saleor's schemas are not beside this checkout (../shared/saleor).")
    name = "".join(word.capitalize() for word in PUBLISHED_AS.get(event, event).split("_"))
    return json.loads((SHARED / "json_schemas" / f"{name}.json").read_text())


def our_schema(event, kind):
    return json.loads((WEBHOOKS / event / f"{kind}.schema.json").read_text())


class TestDocuments:
    @pytest.mark.parametrize("event", EVENTS)
    def test_each_subscription_is_valid_in_each_saleor(self, schema, version, event):
        assert validate(schema, parse(subscription(event, version))) == []

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_each_operation_is_valid_in_each_saleor_that_has_it(self, schema, version, name):
        since = re.match(r"# since (\d+\.\d+)\n", document(name))
        errors = validate(schema, parse(document(name)))
        if since and version < since[1]:
            assert errors, f"{name} works in {version}: its header is wrong"
        else:
            assert errors == []

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_each_operation_holds_one_operation(self, name):
        operations = [node for node in parse(document(name)).definitions if isinstance(node, OperationDefinitionNode)]
        assert len(operations) == 1

    @pytest.mark.parametrize("event", EVENTS)
    def test_each_subscription_selects_the_envelope_under_its_own_type(self, event):
        query = print_ast(parse(subscription(event)))
        typename = "".join(word.capitalize() for word in event.split("_"))
        assert f"... on {typename} {{" in query
        for field in ("__typename", "issuedAt", "version", "recipient {"):
            assert f"\n      {field}" in query

    def test_no_python_lives_in_the_contract_folders(self):
        root = resources.root()
        assert [path for name in ("webhooks", "graphql") for path in (root / name).rglob("*.py")] == []


def _described(schema, path=""):
    """Every property of a schema that has no description."""
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            target = inner if "description" in inner or "$ref" not in inner else {"description": "by reference"}
            if not target.get("description"):
                yield f"{path}.{name}"
        for key, inner in schema.items():
            yield from _described(inner, f"{path}.{key}")
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from _described(inner, f"{path}[{number}]")


def _objects(schema):
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from _objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _objects(inner)


SCHEMAS = sorted((path.parent.name, path.name.split(".")[0]) for path in WEBHOOKS.glob("*/*.schema.json"))


class TestSchemas:
    def test_each_event_has_an_answer_and_each_session_its_data(self):
        assert {event for event, kind in SCHEMAS if kind == "answer"} == set(EVENTS)
        assert {event for event, kind in SCHEMAS if kind == "data"} == WITH_DATA

    @pytest.mark.parametrize(("event", "kind"), SCHEMAS)
    def test_each_is_a_schema_with_every_field_described(self, event, kind):
        schema = our_schema(event, kind)
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["title"]
        assert schema["description"]
        assert list(_described(schema)) == []

    @pytest.mark.parametrize("event", sorted(WITH_DATA))
    def test_data_refuses_unknown_keys_everywhere(self, event):
        objects = list(_objects(our_schema(event, "data")))
        assert objects
        assert all(one.get("additionalProperties") is False for one in objects)

    @pytest.mark.parametrize(
        "example", sorted(WEBHOOKS.glob("*/examples/*.json")), ids=lambda path: f"{path.parts[-3]}/{path.name}"
    )
    def test_each_example_fits_its_schema_and_answers_fit_saleors_too(self, example):
        event, kind, value = example.parts[-3], example.name.split(".")[0], json.loads(example.read_text())
        jsonschema.Draft202012Validator(our_schema(event, kind)).validate(value)
        if kind == "answer" and SHARED.is_dir() and event not in ASYNCHRONOUS | {TOKENIZATION}:
            jsonschema.Draft202012Validator(saleors_schema(event)).validate(value)

    @pytest.mark.parametrize("event", EVENTS)
    def test_each_event_has_an_example_of_its_answer(self, event):
        assert list((WEBHOOKS / event / "examples").glob("answer.*.json"))


def _branches(schema):
    """(results, properties, required) of each alternative; no result counts as None."""
    for branch in schema.get("anyOf") or schema["oneOf"]:
        result = branch["properties"].get("result", {})
        results = frozenset(result.get("enum") or [result.get("const")])
        yield results, set(branch["properties"]), set(branch["required"])


class TestAnswerSchemasAgainstSaleors:
    @pytest.mark.parametrize("event", [*SESSIONS, *ACTIONS])
    def test_ours_knows_no_result_and_no_field_that_saleors_does_not(self, event):
        theirs = list(_branches(saleors_schema(event)))
        for results, properties, required in _branches(our_schema(event, "answer")):
            (their_branch,) = [branch for branch in theirs if results <= branch[0]]
            assert properties <= their_branch[1]
            assert required >= their_branch[2]

    @pytest.mark.parametrize("event", [*SESSIONS, *ACTIONS])
    def test_ours_leaves_no_result_of_saleors_out(self, event):
        ours = {result for results, _, _ in _branches(our_schema(event, "answer")) for result in results}
        assert ours == {result for results, _, _ in _branches(saleors_schema(event)) for result in results}


SESSION_RESULTS = [
    result for result in TransactionEventType if result.startswith(("AUTHORIZATION", "CHARGE"))
]  # ADJUSTMENT and BACK among them answer nothing

_MONEY = st.builds(Money, st.integers(0, 10**15), st.sampled_from(Currency))
_COMMON = {
    "psp_reference": st.none() | st.text(max_size=520),
    "amount": st.none() | _MONEY,
    "message": st.text(max_size=600),
    "external_url": st.none() | st.sampled_from(["", "https://a.example/p", "x", "https://a.example/" + "x" * 200]),
    "time": st.none() | st.datetimes(min_value=datetime(2020, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    "actions": st.none() | st.lists(st.sampled_from(TransactionAction)),
}
_DATA = st.none() | st.dictionaries(st.sampled_from(["amazonPayRedirectUrl", "amazonCheckoutSessionId"]), st.text())


def _constructed(answer_type, fields):
    try:
        return answer_type(**fields)
    except ValueError:
        return None


def _check_against_both(event, body):
    value = json.loads(body, parse_float=Decimal)
    jsonschema.Draft202012Validator(our_schema(event, "answer")).validate(value)
    jsonschema.Draft202012Validator(saleors_schema(event)).validate(json.loads(body))
    return value


class TestEveryConstructibleAnswer:
    @pytest.mark.parametrize("event", SESSIONS)
    @given(
        result=st.sampled_from(SESSION_RESULTS),
        fields=st.fixed_dictionaries({**_COMMON, "data": _DATA, "payment_method_name": st.none() | st.text()}),
    )
    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])
    def test_session_answers_fit(self, event, result, fields):
        answer = _constructed(SessionAnswer, {**fields, "result": result})
        assume(answer is not None)
        value = _check_against_both(event, answer.render())
        if answer.amount is not None:
            assert Decimal(value["amount"]) == answer.amount.decimal

    @pytest.mark.parametrize("event", ACTIONS)
    @given(outcome=st.sampled_from(["SUCCESS", "FAILURE", None]), fields=st.fixed_dictionaries(_COMMON))
    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])
    def test_action_answers_fit(self, event, outcome, fields):
        result = outcome and TransactionEventType(f"{ACTIONS[event]}_{outcome}")
        later = {"amount": None, "message": "", "external_url": None, "time": None}
        answer = _constructed(ActionAnswer, {**fields, **({} if outcome else later), "result": result})
        assume(answer is not None)
        _check_against_both(event, answer.render())

    def test_gateway_answers_fit(self):
        error = {"field": "data.flow", "code": "INVALID", "message": "m"}
        for answer in (GatewayAnswer(amazon_pay={}, checkout_session={}), GatewayAnswer(errors=[error])):
            _check_against_both("payment_gateway_initialize_session", answer.render())
