from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest

from graphql import build_schema, get_introspection_query
from saleor_amazonpay import resources
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.account_fields import camel
from saleor_amazonpay.schema.endpoint import MAX_BYTES, export_schema
from saleor_amazonpay.storage.accounts import AccountOptions
from tests.handlers.merchant import KEY_ID, MERCHANT_ID, ORIGIN, OTHER_PRIVATE_KEY, PRIVATE_KEY, STORE_ID, request

ACCOUNT = """
  id name merchantId storeId region environment publicKeyId privateKeyFingerprint state hasPayments channels
  options { capturePolicy afterPartialCapture pendingAuthorization abandonedPaid expiryPolicy
            giveBackSurplus onOrderCancelled buyerDataRetention allowedOrigins addressMismatch restrictPoBoxes restrictPackstations
            restrictions { countryCode statesOrRegions zipCodes } storeName noteToBuyer softDescriptor
            buttonColor placement checkoutLanguage paymentMethodOnFile recurringMonthlyLimit trustedApps }
  warnings { field code message }
"""
ERRORS = "errors { field code message }"
CREATE = f"mutation($input: AccountCreateInput!) {{ it: accountCreate(input: $input) {{ account {{ {ACCOUNT} }} {ERRORS} }} }}"
UPDATE = f"""mutation($id: ID!, $input: AccountUpdateInput!) {{
  it: accountUpdate(id: $id, input: $input) {{ account {{ {ACCOUNT} }} {ERRORS} }}
}}"""
INPUT = {
    "name": "Main",
    "merchantId": MERCHANT_ID,
    "storeId": STORE_ID,
    "region": "JP",
    "publicKeyId": KEY_ID,
    "privateKey": PRIVATE_KEY,
    "options": {"allowedOrigins": [ORIGIN], "buttonColor": "LIGHT_GRAY"},
}


async def change(merchant, query, **variables):
    return (await merchant.graphql(query, **variables))["it"]


async def create(merchant, **changes):
    made = await change(merchant, CREATE, input={**INPUT, **changes})
    assert made["errors"] == []
    return made["account"]


async def by_id(merchant, mutation, account_id):
    query = f"mutation($id: ID!) {{ it: {mutation}(id: $id) {{ account {{ id state }} {ERRORS} }} }}"
    return await change(merchant, query, id=account_id)


class TestAccounts:
    async def test_an_account_is_made_and_read_back(self, merchant):
        made = await create(merchant)
        assert made["options"] == {
            "capturePolicy": "FOLLOW_SALEOR",
            "afterPartialCapture": "KEEP",
            "pendingAuthorization": False,
            "abandonedPaid": "AUTO",
            "expiryPolicy": "WARN",
            "giveBackSurplus": False,
            "onOrderCancelled": "NOTHING",
            "buyerDataRetention": "OPERATOR",
            "allowedOrigins": [ORIGIN],
            "addressMismatch": "REFUSE",
            "restrictPoBoxes": False,
            "restrictPackstations": False,
            "restrictions": [],
            "storeName": None,
            "noteToBuyer": None,
            "softDescriptor": None,
            "buttonColor": "LIGHT_GRAY",
            "placement": "CHECKOUT",
            "checkoutLanguage": None,
            "paymentMethodOnFile": False,
            "recurringMonthlyLimit": None,
            "trustedApps": [],
        }
        assert (made["region"], made["environment"], made["state"]) == ("JP", "SANDBOX", "ACTIVE")
        query = f"query($id: ID!) {{ accounts {{ {ACCOUNT} }} account(id: $id) {{ {ACCOUNT} }} }}"
        assert await merchant.graphql(query, id=made["id"]) == {"accounts": [made], "account": made}

    async def test_faults_come_back_field_by_field(self, merchant):
        refused = await change(merchant, CREATE, input={**INPUT, "merchantId": "x", "privateKey": KEY_ID})
        assert refused["account"] is None
        assert [(error["field"], error["code"]) for error in refused["errors"]] == [
            ("merchantId", "INVALID"),
            ("privateKey", "KEY_UNUSABLE"),
        ]

    async def test_keys_that_amazon_refuses_are_told_precisely(self, merchant):
        refused = await change(merchant, CREATE, input={**INPUT, "privateKey": OTHER_PRIVATE_KEY})
        [error] = refused["errors"]
        assert (error["field"], error["code"]) == ("privateKey", "CHECK_FAILED")
        assert await merchant.graphql("{ accounts { id } }") == {"accounts": []}

    async def test_an_account_is_changed(self, merchant):
        made = await create(merchant)
        given = {"name": "Renamed", "privateKey": "", "options": {"afterPartialCapture": "REAUTHORIZE"}}
        changed = (await change(merchant, UPDATE, id=made["id"], input=given))["account"]
        options = {**made["options"], "afterPartialCapture": "REAUTHORIZE"}
        assert changed == {**made, "name": "Renamed", "options": options}

    async def test_an_account_is_tried_archived_and_deleted(self, merchant):
        account_id = (await create(merchant))["id"]
        for mutation, state in (
            ("accountTest", "ACTIVE"),
            ("accountArchive", "ARCHIVED"),
            ("accountDelete", "ARCHIVED"),
        ):
            done = await by_id(merchant, mutation, account_id)
            assert done == {"account": {"id": account_id, "state": state}, "errors": []}
            [error] = (await by_id(merchant, mutation, "nobody"))["errors"]
            assert (error["field"], error["code"]) == ("id", "NOT_FOUND")
        assert await merchant.graphql("{ accounts { id } }") == {"accounts": []}

    async def test_an_unknown_one_is_null(self, merchant):
        assert await merchant.graphql('{ account(id: "nobody") { id } }') == {"account": None}

    async def test_another_tenants_account_is_unknown(self, merchant):
        account = await merchant.create()
        foreign = await rules.accounts(merchant.services, "https://other.example/graphql/")
        assert foreign == []
        assert (await merchant.graphql("{ accounts { id } }"))["accounts"] == [{"id": account.id}]


class TestChannels:
    CHANNELS = "{ channels { slug currencyCode isActive accountId accountName blockers { field code } } }"

    async def test_channels_are_assigned_and_freed(self, merchant):
        account_id = (await create(merchant))["id"]
        assign = f"""mutation($slug: String!, $id: ID!) {{
          it: channelAssign(channelSlug: $slug, accountId: $id) {{ channel {{ slug accountName }} {ERRORS} }}
        }}"""
        done = await change(merchant, assign, slug="default-jp", id=account_id)
        assert done == {"channel": {"slug": "default-jp", "accountName": "Main"}, "errors": []}
        [error] = (await change(merchant, assign, slug="us", id=account_id))["errors"]
        assert (error["field"], error["code"]) == ("accountId", "CURRENCY_NOT_TAKEN")

        first, second, _ = (await merchant.graphql(self.CHANNELS))["channels"]
        assert first == {
            "slug": "default-jp",
            "currencyCode": "JPY",
            "isActive": True,
            "accountId": account_id,
            "accountName": "Main",
            "blockers": [],
        }
        assert second["blockers"] == [{"field": "account", "code": "REQUIRED"}]

        unassign = f'mutation {{ it: channelUnassign(channelSlug: "default-jp") {{ {ERRORS} }} }}'
        assert (await change(merchant, unassign))["errors"] == []
        assert [error["code"] for error in (await change(merchant, unassign))["errors"]] == ["NOT_FOUND"]

    async def test_saleor_away_is_an_error_with_a_code(self, merchant):
        with merchant.saleor.faults.during("unavailable", "channels"):
            answer = (await merchant.post({"query": self.CHANNELS})).json()
        assert answer["data"] is None
        [error] = answer["errors"]
        assert error["extensions"]["code"] == "SALEOR_UNAVAILABLE"


class TestInstallation:
    async def test_says_where_and_since_when(self, merchant):
        query = "{ installation { saleorApiUrl appId saleorVersion appVersion installedAt } }"
        found = (await merchant.graphql(query))["installation"]
        assert (found["saleorApiUrl"], found["appId"]) == (merchant.tenant, merchant.app.id)
        assert found["saleorVersion"] == "3.23"


class TestSecrets:
    async def test_no_answer_holds_the_key_or_the_token(self, merchant):
        made = await create(merchant)
        query = f"query($id: ID!) {{ account(id: $id) {{ {ACCOUNT} }} installation {{ appId }} }}"
        text = json.dumps([made, await merchant.graphql(query, id=made["id"])])
        assert PRIVATE_KEY.splitlines()[1] not in text
        assert merchant.app.token not in text

    def test_no_type_has_a_field_for_one(self):
        outputs = [part for part in export_schema().split("\n\n") if not part.lstrip().startswith("input")]
        assert not any("privateKey:" in part or "token" in part.lower() for part in outputs if "type " in part)

    async def test_a_fault_is_logged_without_the_query_and_shown_without_its_text(self, merchant, monkeypatch, capfd):
        async def broken(*_args, **_named):
            raise RuntimeError("inner workings")

        monkeypatch.setattr(rules, "create", broken)
        literal = json.dumps(PRIVATE_KEY)
        query = f"""mutation {{ accountCreate(input: {{name: "Main", merchantId: "x", storeId: "x", region: JP,
                    publicKeyId: "x", privateKey: {literal}}}) {{ account {{ id }} }} }}"""
        answer = (await merchant.post({"query": query})).json()
        assert answer["data"] is None
        [error] = answer["errors"]
        assert error["extensions"]["code"] == "INTERNAL_ERROR"
        assert "inner workings" not in json.dumps(answer)
        written = "".join(capfd.readouterr())
        assert "graphql_fault" in written
        assert PRIVATE_KEY.splitlines()[1] not in written


class TestLimits:
    async def code(self, merchant, query):
        [error] = (await merchant.post({"query": query})).json()["errors"]
        return error["extensions"]["code"]

    async def test_too_deep(self, merchant, monkeypatch):
        deep = "{ channels { blockers { field } } }"
        assert "channels" in await merchant.graphql(deep)
        monkeypatch.setattr("saleor_amazonpay.schema.schema.MAX_DEPTH", 1)
        assert await self.code(merchant, deep) == "GRAPHQL_ERROR"

    async def test_too_many_aliases(self, merchant):
        aliases = " ".join(f"a{number}: installation {{ appId }}" for number in range(16))
        assert await self.code(merchant, f"{{ {aliases} }}") == "GRAPHQL_ERROR"

    async def test_too_many_tokens(self, merchant):
        fields = "appId " * 2100
        assert await self.code(merchant, f"{{ installation {{ {fields} }} }}") == "GRAPHQL_ERROR"

    async def test_too_large(self, merchant):
        response = await merchant.post({"query": "{" + " " * MAX_BYTES + "}"})
        assert response.status_code == 413
        assert response.json()["errors"][0]["extensions"]["code"] == "BODY_TOO_LARGE"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[]",
            b'{"query": 1}',
            b'{"query": ""}',
            b"\xff",
            b"[" * 50_000,
            b'[{"query": "{ accounts { id } }"}]',
        ],
    )
    async def test_a_body_that_is_no_operation(self, merchant, body):
        response = await merchant.post(body)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("query A { installation { appId } }", "B"),
            ("fragment F on Query { installation { appId } }", None),
        ],
    )
    async def test_an_operation_that_is_not_there(self, merchant, query, name):
        response = await merchant.post({"query": query, "operationName": name})
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"

    @pytest.mark.parametrize(
        "query",
        [
            "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
            "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
            "{ installation " * 400 + "{ appId }" + "}" * 400,
        ],
        ids=["a cycle", "the schema, too deep", "nesting"],
    )
    async def test_what_would_never_end(self, merchant, query):
        answer = (await merchant.post({"query": query})).json()
        assert answer.get("data") is None
        assert {error["extensions"]["code"] for error in answer["errors"]} <= {"GRAPHQL_ERROR", "BAD_REQUEST"}

    @pytest.mark.parametrize(
        "query",
        [
            "{",
            "{ nothing }",
            "{ accounts }",
            "mutation { accounts { id } }",
        ],
    )
    async def test_a_query_that_is_none(self, merchant, query):
        assert await self.code(merchant, query) == "GRAPHQL_ERROR"

    async def test_there_is_no_page_to_try_it_with(self, merchant):
        response = await request("GET", f"{merchant.url}/graphql", headers={"Accept": "text/html"})
        assert response.status_code == 405

    async def test_a_user_may_ask_for_the_schema(self, merchant):
        found = await merchant.graphql(get_introspection_query())
        assert found["__schema"]["queryType"]["name"] == "Query"


class TestSchema:
    @pytest.mark.parametrize("name", ["AccountOptions", "AccountOptionsInput"])
    def test_every_option_of_an_account_can_be_seen_and_set(self, name):
        stored = {camel(each.name) for each in msgspec.structs.fields(AccountOptions)}
        assert set(build_schema(export_schema()).type_map[name].fields) == stored

    def test_the_committed_schema_is_the_codes(self):
        assert resources.text("graphql/app/schema.graphql") == export_schema()

    def test_webhooks_do_not_wait_for_it_at_the_start(self):
        code = "import saleor_amazonpay.app, sys; print('strawberry' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "False\n"
