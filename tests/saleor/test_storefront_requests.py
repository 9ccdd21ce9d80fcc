"""The parsers and ``request.schema.json`` must be the same judge of what a shop's pages ask."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_amazonpay import resources
from saleor_amazonpay.saleor import storefront_requests as requests
from saleor_amazonpay.saleor.shapes import DataErrors
from tests.saleor.test_data import Validator

FOLDER = resources.root() / "webhooks" / "storefront"
PARSERS = {
    "sign_in": requests.parse_sign_in,
    "sign_in_exchange": requests.parse_exchange,
    "sign_in_unlink": requests.parse_unlink,
}
SCHEMAS = {
    path.name: {
        kind: Validator(json.loads((path / f"{kind}.schema.json").read_text())) for kind in ("request", "answer")
    }
    for path in sorted(FOLDER.iterdir())
}
EXAMPLES = [
    (path.parent.parent.name, path.stem.partition(".")[0], json.loads(path.read_text()))
    for path in sorted(FOLDER.glob("*/examples/*.json"))
]


def errors_of(endpoint, value):
    try:
        if endpoint == "button":
            requests.parse_button(value)
        else:
            PARSERS[endpoint](json.dumps(value).encode())
    except DataErrors as refused:
        return refused.errors
    return ()


class TestExamples:
    def test_each_endpoint_has_some(self):
        assert {(endpoint, kind) for endpoint, kind, _ in EXAMPLES} == {
            (endpoint, kind) for endpoint in SCHEMAS for kind in ("request", "answer")
        }

    @pytest.mark.parametrize(("endpoint", "kind", "example"), EXAMPLES)
    def test_each_fits_its_schema_and_its_parser(self, endpoint, kind, example):
        SCHEMAS[endpoint][kind].validate(example)
        if kind == "request":
            assert errors_of(endpoint, example) == ()


_WRONG = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.lists(st.text(max_size=3), max_size=2),
    st.sampled_from(["javascript:alert(1)", "https://user@shop.example/", "x" * 3000, "<script>", "\x00", "é", {}, [[]]]),
)  # fmt: skip


@st.composite
def changed_requests(draw):
    """An example with one field of any value, one taken away, or one that is not known."""
    endpoint, _, example = draw(
        st.sampled_from([each for each in EXAMPLES if each[0] in PARSERS and each[1] == "request"])
    )
    changed = copy.deepcopy(example)
    field = draw(st.sampled_from([*changed, "unknown", "scopes", "link"]))
    if draw(st.booleans()):
        changed.pop(field, None)
    else:
        changed[field] = draw(_WRONG)
    return endpoint, changed


class TestBothJudges:
    @given(changed_requests())
    @settings(max_examples=300, deadline=None)
    def test_say_the_same(self, case):
        endpoint, value = case
        assert (errors_of(endpoint, value) == ()) == SCHEMAS[endpoint]["request"].is_valid(value)

    @given(changed_requests())
    @settings(max_examples=200, deadline=None)
    def test_faults_name_their_field(self, case):
        endpoint, value = case
        for error in errors_of(endpoint, value):
            assert error.field.startswith("request.")
            assert error.message
            assert len(error.message) < 300
