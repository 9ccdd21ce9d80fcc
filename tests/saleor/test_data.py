"""The parsers and ``data.schema.json`` must be the same judge, so each is tried on what the other was made for."""

from __future__ import annotations

import copy
import json
import re

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_amazonpay import resources
from saleor_amazonpay.saleor.data import (
    ApbData,
    ReviewData,
    StoredData,
    parse_gateway_initialize,
    parse_transaction_initialize,
    parse_transaction_process,
)
from saleor_amazonpay.saleor.shapes import DataErrors

PARSERS = {
    "payment_gateway_initialize_session": parse_gateway_initialize,
    "transaction_initialize_session": parse_transaction_initialize,
    "transaction_process_session": parse_transaction_process,
}
SESSION = "4dd7cf1b-3b5d-4b38-9d3c-8f3f1b6f0a52"
REVIEW = {"flow": "review", "amazonCheckoutSessionId": SESSION, "checkoutResultReturnUrl": "https://shop.example/r"}


def _pattern(validator, pattern, instance, schema):
    """JSON Schema's patterns are ECMA-262: ``$`` is the end of the text, not also before a final line break."""
    if isinstance(instance, str) and not re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": _pattern})
VALIDATORS = {
    event: Validator(json.loads(resources.text(f"webhooks/saleor/{event}/data.schema.json"))) for event in PARSERS
}


def _examples(event):
    folder = resources.root() / "webhooks" / "saleor" / event / "examples"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("data.*.json"))]


EXAMPLES = [(event, example) for event in PARSERS for example in _examples(event)]


def errors_of(event, value):
    try:
        PARSERS[event](json.dumps(value).encode())
    except DataErrors as refused:
        return refused.errors
    return ()


class TestExamples:
    @pytest.mark.parametrize(("event", "example"), EXAMPLES)
    def test_each_is_accepted_by_both(self, event, example):
        VALIDATORS[event].validate(example)
        assert errors_of(event, example) == ()


_KEYS = [
    "flow",
    "amazonCheckoutSessionId",
    "checkoutResultReturnUrl",
    "checkoutReviewReturnUrl",
    "checkoutCancelUrl",
    "returnUrl",
    "recurring",
    "frequency",
    "unit",
    "value",
    "amount",
    "currencyCode",
    "paymentMethodId",
    "placement",
    "extra",
]
_VALUES = st.one_of(
    st.sampled_from(
        [
            *(
                "review",
                "apb",
                "stored",
                "Month",
                "Variable",
                "0",
                "1",
                "01",
                "999",
                "1000",
                "12.00",
                "12.001",
                "JPY",
                "jpy",
            ),
            *("", "\n", f"{SESSION}\n", "https://shop.example", "http://localhost:3000/x?y#z", "https://a@b.example/"),
            *(
                "ftp://a.example",
                "https://",
                "https://a.example/ ",
                "//a.example",
                "https://a.example/\n",
                "https://é.example",
            ),
            *("https://[::1]:1/", "https://a.example\\@b", "javascript:alert(1)", "https://a.example/" + "x" * 2031),
            "https://a.example/" + "x" * 2030,
            *(None, True, False, 0, 1, 1.5, [], {}, ["review"], {"unit": "Day", "value": "2"}, {"frequency": {}}),
        ]
    ),
    st.text(max_size=20),
)


def _paths(value, here=()):
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*here, key))


@st.composite
def _changed(draw):
    """One of the examples with up to three places set, added or removed."""
    event, example = draw(st.sampled_from(EXAMPLES))
    root = {"root": copy.deepcopy(example)}
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(_paths(root))[1:]))
        holder = root
        for key in path[:-1]:
            holder = holder[key]
        inner = holder[path[-1]]
        match draw(st.sampled_from(["set", "add", "remove"])):
            case "set":
                holder[path[-1]] = copy.deepcopy(draw(_VALUES))
            case "add" if isinstance(inner, dict):
                inner[draw(st.sampled_from(_KEYS))] = copy.deepcopy(draw(_VALUES))
            case "remove" if len(path) > 1:
                del holder[path[-1]]
    return event, root["root"]


class TestAgreement:
    @given(_changed())
    @settings(max_examples=600, deadline=None, derandomize=True)
    def test_the_parser_accepts_exactly_what_the_schema_accepts(self, case):
        event, value = case
        assert (errors_of(event, value) == ()) == VALIDATORS[event].is_valid(value)


class TestTypes:
    def parse(self, value):
        return parse_transaction_initialize(json.dumps(value).encode())

    def test_review(self):
        data = self.parse({**REVIEW, "recurring": {"frequency": {"unit": "Month", "value": "1"}}})
        assert isinstance(data, ReviewData)
        assert (data.amazon_checkout_session_id, data.checkout_result_return_url) == (SESSION, "https://shop.example/r")
        assert (data.recurring.frequency.unit, data.recurring.frequency.value, data.recurring.amount) == (
            "Month",
            "1",
            None,
        )

    def test_apb(self):
        data = self.parse({"flow": "apb", "returnUrl": "https://shop.example/t"})
        assert isinstance(data, ApbData)
        assert (data.return_url, data.checkout_result_return_url) == ("https://shop.example/t", None)

    def test_stored(self):
        data = self.parse({"flow": "stored", "paymentMethodId": "app:x:1"})
        assert isinstance(data, StoredData)
        assert data.payment_method_id == "app:x:1"

    def test_nothing_sent_means_the_review_flows_button(self):
        assert parse_gateway_initialize(b"null").flow == "review"

    def test_nothing_sent_to_process_means_the_bound_session(self):
        assert parse_transaction_process(b"null").amazon_checkout_session_id is None


class TestErrors:
    def test_every_wrong_field_is_named_at_once(self):
        value = {
            "flow": "review",
            "amazonCheckoutSessionId": "../charges",
            "returnUrl": "https://user:pw@shop.example/",
            "recurring": {"frequency": {"unit": "Variable", "value": "1"}, "amount": {"amount": 500}},
            "amount": 1,
        }
        errors = {error.field: error.code for error in errors_of("transaction_initialize_session", value)}
        assert errors == {
            "data.amazonCheckoutSessionId": "INVALID",
            "data.returnUrl": "INVALID",
            "data.recurring.frequency.value": "INVALID",
            "data.recurring.amount.amount": "INVALID",
            "data.recurring.amount.currencyCode": "REQUIRED",
            "data.amount": "UNKNOWN_FIELD",
        }

    def test_one_way_back_is_needed_and_not_two(self):
        none = {name: value for name, value in REVIEW.items() if name != "checkoutResultReturnUrl"}
        both = {**REVIEW, "returnUrl": "https://shop.example/t"}
        (missing,) = errors_of("transaction_initialize_session", none)
        (doubled,) = errors_of("transaction_initialize_session", both)
        assert (missing.field, missing.code) == ("data.checkoutResultReturnUrl", "REQUIRED")
        assert (doubled.field, doubled.code) == ("data.returnUrl", "INVALID")

    @pytest.mark.parametrize("value", [None, [], "review", {}, {"flow": "other"}, {"flow": ["review"]}])
    def test_without_a_known_flow_nothing_else_is_judged(self, value):
        assert len(errors_of("transaction_initialize_session", value)) == 1

    def test_what_is_not_json_is_said_so(self):
        with pytest.raises(DataErrors, match="data: Must be JSON"):
            parse_transaction_process(b"{")

    def test_what_is_nested_beyond_all_measure_too(self):
        with pytest.raises(DataErrors):
            parse_transaction_process(b"[" * 50_000 + b"]" * 50_000)

    def test_errors_are_ready_for_an_answer(self):
        with pytest.raises(DataErrors) as refused:
            parse_transaction_process(b'{"x": 1}')
        assert refused.value.as_json() == [
            {"field": "data.x", "code": "UNKNOWN_FIELD", "message": "Is not known here."}
        ]
