"""Key pairs over GraphQL: made here, used for an account, kept as a second one, switched to."""

from __future__ import annotations

import pytest

from tests.handlers.merchant import KEY_ID, MERCHANT_ID, ORIGIN, OTHER_PRIVATE_KEY, OTHER_PUBLIC_KEY, STORE_ID

ERRORS = "errors { field code message }"
SECOND_ID = "SANDBOX-ASECONDKEYID"
ADD = f"""mutation($id: ID!, $keyId: String!, $key: String!) {{
  it: secondKeyPairAdd(accountId: $id, publicKeyId: $keyId, privateKey: $key) {{ secondKeyPair {{ publicKeyId fingerprint }} {ERRORS} }}
}}"""


async def change(merchant, query, **variables):
    return (await merchant.graphql(query, **variables))["it"]


async def by_id(merchant, mutation, account_id, fields=""):
    return await change(
        merchant, f"mutation($id: ID!) {{ it: {mutation}(accountId: $id) {{ {fields} {ERRORS} }} }}", id=account_id
    )


async def test_an_account_is_made_with_a_pair_made_here(merchant):
    made = await change(
        merchant, f"mutation {{ it: keyPairGenerate {{ keyPair {{ id publicKey fingerprint }} {ERRORS} }} }}"
    )
    pair = made["keyPair"]
    assert pair["publicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, SECOND_ID, pair["publicKey"], "jp", "sandbox")
    entered = {
        "name": "Main",
        "merchantId": MERCHANT_ID,
        "storeId": STORE_ID,
        "region": "JP",
        "publicKeyId": SECOND_ID,
        "keyPairId": pair["id"],
        "options": {"allowedOrigins": [ORIGIN]},
    }
    create = f"mutation($input: AccountCreateInput!) {{ it: accountCreate(input: $input) {{ account {{ privateKeyFingerprint }} {ERRORS} }} }}"
    created = await change(merchant, create, input=entered)
    assert created == {"account": {"privateKeyFingerprint": pair["fingerprint"]}, "errors": []}
    [error] = (await change(merchant, create, input=entered))["errors"]
    assert (error["field"], error["code"]) == ("privateKey", "NOT_FOUND")


@pytest.fixture
async def account(merchant):
    merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, SECOND_ID, OTHER_PUBLIC_KEY, "jp", "sandbox")
    return await merchant.create()


async def test_keys_are_changed_by_a_second_pair(merchant, account):
    query = "query($id: ID!) { secondKeyPair(accountId: $id) { publicKeyId } }"
    assert await merchant.graphql(query, id=account.id) == {"secondKeyPair": None}
    added = await change(merchant, ADD, id=account.id, keyId=SECOND_ID, key=OTHER_PRIVATE_KEY)
    assert (added["secondKeyPair"]["publicKeyId"], added["errors"]) == (SECOND_ID, [])
    assert await merchant.graphql(query, id=account.id) == {"secondKeyPair": {"publicKeyId": SECOND_ID}}
    switched = await by_id(
        merchant, "keyPairSwitch", account.id, "account { publicKeyId } secondKeyPair { publicKeyId }"
    )
    assert switched == {"account": {"publicKeyId": SECOND_ID}, "secondKeyPair": {"publicKeyId": KEY_ID}, "errors": []}
    assert await by_id(merchant, "secondKeyPairRemove", account.id) == {"errors": []}
    for mutation in ("secondKeyPairRemove", "keyPairSwitch"):
        assert [each["code"] for each in (await by_id(merchant, mutation, account.id))["errors"]] == ["NOT_FOUND"]


async def test_a_pair_that_amazon_refuses_is_told_at_its_field(merchant, account):
    refused = await change(merchant, ADD, id=account.id, keyId="SANDBOX-UNKNOWNKEY", key=OTHER_PRIVATE_KEY)
    assert [(each["field"], each["code"]) for each in refused["errors"]] == [("publicKeyId", "CHECK_FAILED")]


async def test_an_archived_account_is_used_again(merchant, account):
    restore = f"mutation($id: ID!) {{ it: accountRestore(id: $id) {{ account {{ state }} {ERRORS} }} }}"
    assert [each["code"] for each in (await change(merchant, restore, id=account.id))["errors"]] == ["CONFLICT"]
    await change(merchant, "mutation($id: ID!) { it: accountArchive(id: $id) { account { state } } }", id=account.id)
    assert await change(merchant, restore, id=account.id) == {"account": {"state": "ACTIVE"}, "errors": []}
