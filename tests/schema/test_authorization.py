"""Every field of the schema refuses whoever is not a staff user of that very tenant with the field's permissions."""

from __future__ import annotations

import time

import pytest
from graphql.utilities import build_schema

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)
from saleor_amazonpay import resources
from saleor_amazonpay.dashboard.views.payments import STAFF
from saleor_amazonpay.handlers.dashboard_users import NEEDED_PERMISSIONS, PAYMENT_STAFF
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.saleor.tokens import SigningKey
from saleor_amazonpay.sandbox.serving import listening
from saleor_amazonpay.schema.endpoint import export_schema
from saleor_amazonpay.schema.schema import FOR_PAYMENT_STAFF

SCHEMA = build_schema(resources.text("graphql/app/schema.graphql"))
ROOTS = {"query": SCHEMA.query_type, "mutation": SCHEMA.mutation_type}
EXAMPLES = {
    "String": '"x"',
    "ID": '"x"',
    "Boolean": "true",
    "Decimal": '"1"',
    "Region": "JP",
    "ScheduleUnit": "MONTH",
}


def example(kind):
    """A literal of an input type, with its required fields."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLEnumType):
        return EXAMPLES.get(named.name) or next(iter(named.values))
    if not isinstance(named, GraphQLInputObjectType):
        return EXAMPLES[named.name]
    return f"{{{required(named.fields)}}}"


def required(arguments):
    return ", ".join(
        f"{name}: {example(each.type)}"
        for name, each in arguments.items()
        if (is_required_argument(each) if isinstance(each, GraphQLArgument) else is_required_input_field(each))
    )


def operations():
    for kind, root in ROOTS.items():
        for name, field in root.fields.items():
            arguments = required(field.args)
            yield f"{kind} {{ {name}{f'({arguments})' if arguments else ''} {{ __typename }} }}"


OPERATIONS = {text.split()[2].partition("(")[0]: text for text in operations()}

# What the Dashboard of the right tenant would not give: a change of its token's claims, and the answer's status.
WRONG_CLAIMS = {
    "expired": ({"exp": int(time.time()) - 31}, 401),
    "never expires": ({"exp": None}, 401),
    "another audience": ({"aud": "another.app"}, 401),
    "no audience": ({"aud": None}, 401),
    "another app": ({"app": "QXBwOjk5"}, 401),
    "another issuer": ({"iss": "https://other.example/graphql/"}, 401),
    "a token for Saleor itself": ({"type": "access"}, 401),
    "a customer": ({"is_staff": False}, 401),
    "may not handle payments": ({"user_permissions": ["MANAGE_APPS"]}, 403),
    "no permissions": ({"user_permissions": None}, 403),
}
CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}


def refusal(response, status):
    """The only error of an answer without data."""
    assert response.status_code == status
    assert response.headers["cache-control"] == "no-store"
    [error] = response.json()["errors"]
    assert "data" not in response.json()
    assert error["extensions"]["code"] == CODES[status]
    return error["message"]


class TestEveryField:
    def test_the_table_has_all_of_them(self, record_property):
        for kind, root in ROOTS.items():
            for name in root.fields:
                needed = PAYMENT_STAFF if name in FOR_PAYMENT_STAFF else NEEDED_PERMISSIONS
                title = "GraphQL fields: token, tenant and these permissions are checked"
                record_property("table", (title, kind, name, ", ".join(needed)))
        assert set(OPERATIONS) == {*SCHEMA.query_type.fields, *SCHEMA.mutation_type.fields}

    @pytest.mark.parametrize("field", OPERATIONS)
    async def test_answers_the_right_user(self, merchant, field):
        answer = (await merchant.post({"query": OPERATIONS[field]})).json()
        assert "errors" not in answer
        assert field in answer["data"]

    async def test_refuses_without_a_token(self, merchant):
        for query in OPERATIONS.values():
            refusal(await merchant.post({"query": query}, token=""), 401)

    @pytest.mark.parametrize("wrong", WRONG_CLAIMS)
    async def test_refuses_a_token_with_a_wrong_claim(self, merchant, wrong):
        claims, status = WRONG_CLAIMS[wrong]
        token = merchant.token(**claims)
        for query in OPERATIONS.values():
            refusal(await merchant.post({"query": query}, token=token), status)

    def test_whoever_handles_payments_may_what_the_page_lets_them(self):
        """The pages of payments, disputes and agreements ask for the same: one right, wherever it is used."""
        assert STAFF == PAYMENT_STAFF == ("HANDLE_PAYMENTS",)
        assert OPERATIONS.keys() >= FOR_PAYMENT_STAFF
        others = OPERATIONS.keys() - FOR_PAYMENT_STAFF
        assert sorted(name for name in others if name.startswith(("payment", "dispute", "drift", "agreement"))) == []

    @pytest.mark.parametrize("field", OPERATIONS)
    async def test_of_accounts_and_keys_refuses_whoever_may_not_manage_apps(self, merchant, field):
        token = merchant.token(user_permissions=["HANDLE_PAYMENTS", "MANAGE_ORDERS"])
        answer = (await merchant.post({"query": OPERATIONS[field]}, token)).json()
        if field in FOR_PAYMENT_STAFF:
            assert "errors" not in answer
            return
        [error] = answer["errors"]
        assert (error["extensions"]["code"], error["path"]) == ("PERMISSION_DENIED", [field])
        assert "MANAGE_APPS" in error["message"]
        assert not (answer["data"] or {}).get(field)

    async def test_refuses_the_token_of_another_tenant(self, merchant):
        other = SaleorStandIn(merchant.clock)
        async with listening(other.app) as other.public_url:
            other_app = await other.install_app(f"{merchant.url}/api/manifest")
            foreign = other.make_dashboard_token(other.superuser, other_app)
            own_data = await merchant.post({"query": "{ installation { saleorApiUrl } }"}, foreign, other.api_url)
            assert own_data.json()["data"]["installation"]["saleorApiUrl"] == other.api_url
            for query in OPERATIONS.values():
                refusal(await merchant.post({"query": query}, token=foreign), 401)
                refusal(await merchant.post({"query": query}, token=merchant.token(), api_url=other.api_url), 401)
            await other.close()

    async def test_refuses_for_a_saleor_that_never_installed_the_app(self, merchant):
        for query in OPERATIONS.values():
            refusal(await merchant.post({"query": query}, api_url="https://other.example/graphql/"), 401)

    async def test_refuses_a_token_signed_by_anybody_else(self, merchant):
        key = SigningKey()
        claims = merchant.saleor.key.decode(merchant.token())
        key.kid = merchant.saleor.key.kid
        for query in OPERATIONS.values():
            refusal(await merchant.post({"query": query}, token=key.encode(claims)), 401)


class TestRefusals:
    async def test_an_expired_session_says_what_to_do(self, merchant):
        response = await merchant.post({"query": "{ accounts { id } }"}, merchant.token(exp=1))
        assert "Open the app from the Saleor Dashboard again" in refusal(response, 401)

    async def test_missing_permissions_are_named(self, merchant):
        response = await merchant.post({"query": "{ accounts { id } }"}, merchant.token(user_permissions=[]))
        assert "HANDLE_PAYMENTS" in refusal(response, 403)

    async def test_the_schema_is_not_shown_to_strangers(self, merchant):
        refusal(await merchant.post({"query": "{ __schema { types { name } } }"}, token=""), 401)


class TestRotation:
    async def test_a_token_of_saleors_new_key_works_before_any_webhook_came(self, merchant):
        merchant.saleor.rotate_keys()
        assert await merchant.graphql("{ accounts { id } }") == {"accounts": []}

    async def test_a_stranger_on_a_recycled_host_finds_the_accounts_locked(self, merchant):
        """DESIGN §6 case 17: shown at the installation are the old keys, which everybody can read; then others come."""
        await merchant.create()
        await merchant.install_again()
        merchant.saleor.rotate_keys()
        assert await merchant.graphql("{ accounts { state } }") == {"accounts": [{"state": "LOCKED"}]}

    async def test_a_key_that_nobody_has_is_looked_for_once(self, merchant):
        claims = merchant.saleor.key.decode(merchant.token())
        looks = []
        fetch = merchant.running.key_source._fetch

        async def counted(api_url):
            looks.append(api_url)
            return await fetch(api_url)

        merchant.running.key_source._fetch = counted
        for _ in range(5):
            refusal(await merchant.post({"query": "{ accounts { id } }"}, SigningKey().encode(claims)), 401)
        assert looks == [merchant.tenant]

    @pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.x", "W10.e30.x"])
    async def test_nonsense_makes_nobody_look(self, merchant, token):
        async def never(api_url):
            raise AssertionError

        merchant.running.key_source._fetch = never
        refusal(await merchant.post({"query": "{ accounts { id } }"}, token), 401)


def test_the_table_is_made_from_the_schema_of_the_code():
    assert resources.text("graphql/app/schema.graphql") == export_schema()
