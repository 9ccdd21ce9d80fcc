"""Every operation of the app's own GraphQL with arguments made from its schema: no fault shows, nobody else's is told."""

from __future__ import annotations

import httpx2
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from saleor_amazonpay import resources
from tests.fuzz.conftest import bounded
from tests.fuzz.hostile import encoded, values

SHORT, LONG = 12, 400
schemathesis.graphql.scalar("Decimal", st.one_of(st.decimals(), st.text(max_size=20)).map(str).map(nodes.String))
SDL = schemathesis.graphql.from_path(str(resources.root() / "graphql" / "app" / "schema.graphql"))
OPERATIONS = [operation.ok() for operation in SDL.get_all_operations()]


@pytest.fixture
def headers(target):
    token = target.shop.saleor.make_dashboard_token(target.shop.saleor.superuser, target.shop.app)
    return {"Authorization": f"Bearer {token}", "Saleor-Api-Url": target.shop.saleor.api_url}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_generated_operations(target, no_faults, headers, operation, examples):
    @bounded(examples)
    @given(operation.as_strategy())
    def check(case):
        answered = case.call(base_url=f"{target.shop.app_url}/graphql", headers=headers)
        assert answered.status_code in {200, 400, 413}, answered.text
        assert answered.status_code != 200 or {"data", "errors"} & set(answered.json()), answered.text
        assert "Traceback" not in answered.text
        assert "INTERNAL_ERROR" not in answered.text, answered.text
        no_faults(case.body)

    check()


@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_anything_in_place_of_an_operation(target, no_faults, headers, examples):
    with httpx2.Client(trust_env=False, headers=headers) as client:

        @bounded(examples)
        @given(values, values)
        def check(query, variables):
            answered = client.post(
                f"{target.shop.app_url}/graphql", content=encoded({"query": query, "variables": variables})
            )
            assert answered.status_code in {200, 400, 413}, answered.text
            no_faults(query)

        check()
