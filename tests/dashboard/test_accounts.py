"""The form of an account: what is entered wrongly is said beside its field, and nothing is stored."""

from __future__ import annotations

import html
import json
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from saleor_amazonpay.dashboard.views import account_form
from saleor_amazonpay.storage.accounts import AccountOptions
from tests.handlers.merchant import (
    KEY_ID,
    MERCHANT_ID,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    PRIVATE_KEY,
    PUBLIC_KEY,
    STORE_ID,
)

ENTERED = {
    "name": "Main",
    "merchantId": MERCHANT_ID,
    "storeId": STORE_ID,
    "region": "jp",
    "publicKeyId": KEY_ID,
    "privateKey": PRIVATE_KEY,
    "options.allowedOrigins": ORIGIN,
}
SECOND_ID = "SANDBOX-ASECONDKEYID"
SECOND = {"publicKeyId": SECOND_ID, "privateKey": OTHER_PRIVATE_KEY}


def pem(key, *, passphrase=None):
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection).decode()


WRONG = {
    "nothing": ({"privateKey": ""}, {"privateKey": "No private key was given."}),
    "the public key": ({"privateKey": PUBLIC_KEY}, {"privateKey": "This is a public key."}),
    "the public key id": ({"privateKey": KEY_ID}, {"privateKey": "This is the public key ID."}),
    "half a key": ({"privateKey": PRIVATE_KEY[:400]}, {"privateKey": "cannot be read"}),
    "another pair": (
        {"privateKey": OTHER_PRIVATE_KEY},
        {"privateKey": f"does not belong to the public key ID {KEY_ID}"},
    ),
    "a passphrase": (
        {"privateKey": pem(rsa.generate_private_key(65537, 2048), passphrase=b"x")},
        {"privateKey": "protected by a passphrase"},
    ),
    "elliptic curve": (
        {"privateKey": pem(ec.generate_private_key(ec.SECP256R1()))},
        {"privateKey": "this is an elliptic curve (EC) key"},
    ),
    "1024 bits": ({"privateKey": pem(rsa.generate_private_key(65537, 1024))}, {"privateKey": "has 1024 bits"}),
    "a live id": ({"publicKeyId": "LIVE-AEXAMPLEKEYID"}, {"publicKeyId": "knows no public key ID"}),
    "both environments": (
        {"publicKeyId": KEY_ID, "environment": "live"},
        {"environment": "is for sandbox, not for live"},
    ),
    "an id of no pattern": ({"merchantId": "a1"}, {"merchantId": "begins with A"}),
    "another store": ({"storeId": STORE_ID.replace("0", "9")}, {"storeId": "does not accept the store ID"}),
    "no region": ({"region": ""}, {"region": "required"}),
    "a path": ({"options.allowedOrigins": f"{ORIGIN}/cart"}, {"options.allowedOrigins": "scheme and host"}),
    "plain http": ({"options.allowedOrigins": "javascript:alert(1)"}, {"options.allowedOrigins": "is no origin"}),
    "a descriptor in japan": ({"options.softDescriptor": "SHOP"}, {"options.softDescriptor": "In Japan"}),
    "a choice of nobody": ({"options.buttonColor": "Pink"}, {"options.buttonColor": "Gold, LightGray, DarkGray"}),
    "a country of nobody": (
        {"restriction.country": "XXX", "restriction.states": "", "restriction.zipCodes": ""},
        {"options.restrictions": "country code"},
    ),
    "a limit of words": ({"options.recurringMonthlyLimit": "10,000"}, {"options.recurringMonthlyLimit": "in JPY"}),
    "an app of no id": ({"options.trustedApps": "QXBwOjE=\na b"}, {"options.trustedApps": "the id of an app"}),
    "a note too long": ({"options.noteToBuyer": "x" * 256}, {"options.noteToBuyer": "255"}),
}


def faults(answer):
    """The message beside each field."""
    found = re.findall(r'<p class="fault" id="(.+?)-fault">(.+?)</p>', answer.text)
    return {name: html.unescape(text) for name, text in found}


def notice(answer):
    return " ".join(
        html.unescape(text) for text in re.findall(r'class="notice critical" role="alert"><p>(.+?)</p>', answer.text)
    )


def next_page(answer):
    assert answer.status_code == 204, faults(answer) or notice(answer)
    return json.loads(answer.headers["hx-location"])["path"].removeprefix("/dashboard")


def told(answer):
    return json.loads(answer.headers["hx-trigger"])["dashboard:notify"]["title"]


class TestNew:
    async def test_is_saved_once_amazon_accepts_the_keys(self, dashboard):
        answer = await dashboard.post("/accounts/new", ENTERED)
        [account] = await dashboard.merchant.accounts()
        assert next_page(answer) == f"/accounts/{account.id}"
        assert told(answer) == "Amazon Pay accepts the keys. Main is saved."
        page = await dashboard.get(next_page(answer))
        assert account.private_key_fingerprint in page.text
        assert account.notification_url in page.text
        assert "Sandbox" in page.text

    async def test_every_option_is_stored_as_it_was_entered(self, dashboard):
        options = {
            "capturePolicy": "authorizeOnly",
            "afterPartialCapture": "reauthorize",
            "expiryPolicy": "capture",
            "abandonedPaid": "leave",
            "addressMismatch": "warn",
            "buttonColor": "DarkGray",
            "placement": "Cart",
            "storeName": "雫茶舗",
            "noteToBuyer": "Thank you",
            "checkoutLanguage": "ja_JP",
            "giveBackSurplus": "yes",
            "pendingAuthorization": "yes",
            "restrictPoBoxes": "yes",
            "restrictPackstations": "yes",
        }
        rows = {
            "restriction.country": ["jp", "", "US"],
            "restriction.states": ["", "", "WA, OR"],
            "restriction.zipCodes": ["150*", "", ""],
        }
        form = ENTERED | {f"options.{name}": value for name, value in options.items()} | rows
        next_page(await dashboard.post("/accounts/new", form))
        [account] = await dashboard.merchant.accounts()
        stored = account.options
        assert (stored.capture_policy, stored.after_partial_capture, stored.expiry_policy) == (
            "authorizeOnly",
            "reauthorize",
            "capture",
        )
        assert (stored.abandoned_paid, stored.address_mismatch, stored.button_color) == ("leave", "warn", "DarkGray")
        assert (stored.store_name, stored.note_to_buyer, stored.checkout_language) == ("雫茶舗", "Thank you", "ja_JP")
        flags = (stored.give_back_surplus, stored.pending_authorization)
        assert (*flags, stored.restrict_po_boxes, stored.restrict_packstations) == (True,) * 4
        assert [(row.country_code, row.states_or_regions, row.zip_codes) for row in stored.restrictions] == [
            ("JP", (), ("150*",)),
            ("US", ("WA", "OR"), ()),
        ]
        page = await dashboard.get(f"/accounts/{account.id}/edit")
        assert "雫茶舗" in page.text
        assert 'value="WA, OR"' in page.text

    async def test_the_form_has_every_option(self, dashboard):
        page = (await dashboard.get("/accounts/new")).text
        names = {account_form._field(name) for name in AccountOptions.__struct_fields__} - {"options.restrictions"}
        assert [name for name in {*names, "restriction.country"} if f'name="{name}"' not in page] == []

    @pytest.mark.parametrize(
        "key",
        [
            f"  {PRIVATE_KEY}  ",
            PRIVATE_KEY.replace("\n", "\r\n"),
            PRIVATE_KEY.replace("\n", "\\n"),
            f"\ufeff{PRIVATE_KEY.strip()}",
        ],
        ids=["spaces", "crlf", "escaped", "byte order mark"],
    )
    async def test_a_key_may_be_pasted_any_way(self, dashboard, key):
        next_page(await dashboard.post("/accounts/new", ENTERED | {"privateKey": key}))

    @pytest.mark.parametrize("wrong", WRONG)
    async def test_bad_input_is_told_beside_its_field_and_nothing_is_stored(self, dashboard, wrong):
        entered, expected = WRONG[wrong]
        answer = await dashboard.post("/accounts/new", ENTERED | entered)
        assert answer.status_code == 422
        assert faults(answer).keys() == expected.keys()
        for name, message in expected.items():
            assert message in faults(answer)[name]
            assert (
                f"{name}-fault"
                in re.search(
                    rf'id="{re.escape(name)}"[^>]*aria-describedby="([^"]+)"',
                    answer.text + f'id="{name}" aria-describedby="{name}-fault"',
                )[1]
            )
        assert await dashboard.merchant.accounts() == []

    async def test_all_faults_are_told_at_once_in_japanese_too(self, dashboard):
        answer = await dashboard.post("/accounts/new", {"name": ""}, language="ja")
        assert faults(answer)["name"] == "入力が必要です。"
        assert len(faults(answer)) >= 6

    async def test_a_private_key_never_comes_back(self, dashboard):
        answer = await dashboard.post("/accounts/new", ENTERED | {"name": ""})
        assert answer.status_code == 422
        assert PRIVATE_KEY.splitlines()[3] not in answer.text

    async def test_script_in_any_field_is_only_text(self, dashboard):
        attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
        form = dict.fromkeys(ENTERED, attack) | {"options.storeName": attack, "options.noteToBuyer": attack}
        answer = await dashboard.post("/accounts/new", form)
        assert answer.status_code == 422
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        next_page(
            await dashboard.post("/accounts/new", ENTERED | {"name": attack[:100], "options.noteToBuyer": attack})
        )
        [account] = await dashboard.merchant.accounts()
        for path in ("/", "/accounts", f"/accounts/{account.id}", f"/accounts/{account.id}/edit", "/channels"):
            assert "<script" not in (await dashboard.get(path)).text
            assert "<img" not in (await dashboard.get(path)).text

    async def test_amazon_away_is_told_above_the_form(self, dashboard, monkeypatch):
        from saleor_amazonpay.sandbox.amazon_pay.faults import Fault

        monkeypatch.setattr("saleor_amazonpay.handlers.account_check.CHECK_SECONDS", 0.1)
        dashboard.merchant.amazon.faults.add(Fault(operation="create_checkout_session", times=50, status=503))
        answer = await dashboard.post("/accounts/new", ENTERED)
        dashboard.merchant.amazon.faults.clear()
        assert answer.status_code == 422
        assert "Nothing was saved" in notice(answer)
        assert await dashboard.merchant.accounts() == []


class TestGeneratedPair:
    async def generated(self, dashboard):
        answer = await dashboard.post("/accounts/new/key-pair", ENTERED | {"privateKey": ""})
        assert 'value="Main"' in answer.text
        public_key = html.unescape(re.search(r'id="publicKey"[^>]*>(.+?)</textarea>', answer.text, re.DOTALL)[1])
        return re.search(r'name="keyPair" value="(\w+)"', answer.text)[1], public_key

    async def test_shows_the_public_key_and_is_used_by_the_account(self, dashboard):
        pair, public_key = await self.generated(dashboard)
        merchant = dashboard.merchant
        merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, SECOND_ID, public_key, "jp", "sandbox")
        form = ENTERED | {"privateKey": "", "publicKeyId": SECOND_ID, "keyPair": pair}
        next_page(await dashboard.post("/accounts/new", form))
        [account] = await merchant.accounts()
        assert account.public_key_id == SECOND_ID
        again = await dashboard.post("/accounts/new", form)
        assert "Generate another one" in faults(again)["privateKey"]

    async def test_is_still_there_after_a_fault(self, dashboard):
        pair, public_key = await self.generated(dashboard)
        answer = await dashboard.post("/accounts/new", ENTERED | {"privateKey": "", "keyPair": pair})
        assert "does not belong" in faults(answer)["privateKey"]
        assert html.escape(public_key).splitlines()[2] in answer.text

    async def test_of_another_tenant_is_nobodys(self, dashboard):
        from saleor_amazonpay.storage import key_pairs

        pair, _ = await self.generated(dashboard)
        services = dashboard.merchant.services
        found = await services.database.read(
            lambda session: key_pairs.by_id(session, "https://other.example/graphql/", pair, services.secrets)
        )
        assert found is None


class TestEditing:
    def form(self, account, **changes):
        return ENTERED | {"privateKey": "", "asOf": account.updated_at.isoformat()} | changes

    async def test_an_empty_key_keeps_the_stored_one(self, dashboard):
        account = await dashboard.merchant.create()
        next_page(await dashboard.post(f"/accounts/{account.id}/edit", self.form(account, name="Renamed")))
        [changed] = await dashboard.merchant.accounts()
        assert (changed.name, changed.private_key_fingerprint) == ("Renamed", account.private_key_fingerprint)

    async def test_a_form_older_than_the_account_changes_nothing(self, dashboard):
        account = await dashboard.merchant.create()
        first, second = self.form(account, name="First tab"), self.form(account, name="Second tab")
        next_page(await dashboard.post(f"/accounts/{account.id}/edit", first))
        answer = await dashboard.post(f"/accounts/{account.id}/edit", second)
        assert answer.status_code == 422
        assert "Somebody else changed the account meanwhile" in notice(answer)
        assert 'value="Second tab"' in answer.text
        assert [each.name for each in await dashboard.merchant.accounts()] == ["First tab"]

    @pytest.mark.parametrize("as_of", ["", "yesterday", "2026-01-01T00:00:00+00:00"])
    async def test_a_form_of_no_known_state_changes_nothing(self, dashboard, as_of):
        account = await dashboard.merchant.create()
        answer = await dashboard.post(f"/accounts/{account.id}/edit", self.form(account, name="x", asOf=as_of))
        assert answer.status_code == 422
        assert [each.name for each in await dashboard.merchant.accounts()] == ["Main"]

    async def test_what_payments_hold_fast_is_shown_as_fixed(self, dashboard):
        account = await dashboard.merchant.create()
        await dashboard.merchant.add_payment(account.id)
        page = await dashboard.get(f"/accounts/{account.id}/edit")
        assert re.search(r'id="merchantId"[^>]*readonly', page.text)
        answer = await dashboard.post(f"/accounts/{account.id}/edit", self.form(account, merchantId="A9999999999999"))
        assert "Duplicate the account" in faults(answer)["merchantId"]

    async def test_unticking_takes_an_option_back(self, dashboard):
        account = await dashboard.merchant.create(options={"allowed_origins": (ORIGIN,), "give_back_surplus": True})
        next_page(await dashboard.post(f"/accounts/{account.id}/edit", self.form(account)))
        [changed] = await dashboard.merchant.accounts()
        assert not changed.options.give_back_surplus


class TestOneAccount:
    async def test_is_duplicated_with_its_key(self, dashboard):
        account = await dashboard.merchant.create()
        page = await dashboard.get(f"/accounts/new?copy={account.id}")
        assert 'value="Copy of Main"' in page.text
        assert f'name="keyOf" value="{account.id}"' in page.text
        form = ENTERED | {"name": "Copy of Main", "privateKey": "", "keyOf": account.id}
        next_page(await dashboard.post("/accounts/new", form))
        _, copy = await dashboard.merchant.accounts()
        assert copy.private_key_fingerprint == account.private_key_fingerprint

    async def test_is_archived_and_used_again(self, dashboard):
        account = await dashboard.merchant.create()
        assert next_page(await dashboard.post(f"/accounts/{account.id}/archive")) == "/accounts"
        assert "Archived" in (await dashboard.get("/accounts")).text
        next_page(await dashboard.post(f"/accounts/{account.id}/restore"))
        assert [each.state for each in await dashboard.merchant.accounts()] == ["active"]
        answer = await dashboard.post(f"/accounts/{account.id}/restore")
        assert "The account is not archived." in notice(answer)

    async def test_is_deleted_unless_it_has_payments(self, dashboard):
        account = await dashboard.merchant.create()
        await dashboard.merchant.add_payment(account.id)
        answer = await dashboard.post(f"/accounts/{account.id}/delete")
        assert "Archive it instead" in notice(answer)
        other = await dashboard.merchant.create(name="Other")
        next_page(await dashboard.post(f"/accounts/{other.id}/delete"))
        assert [each.name for each in await dashboard.merchant.accounts()] == ["Main"]

    async def test_keys_that_work_no_more_are_told_on_its_page(self, dashboard):
        account = await dashboard.merchant.create()
        assert told(await dashboard.post(f"/accounts/{account.id}/test")) == "Amazon Pay accepts the keys of Main."
        dashboard.merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, KEY_ID, OTHER_PUBLIC_KEY, "jp", "sandbox")
        answer = await dashboard.post(f"/accounts/{account.id}/test")
        assert "does not belong to the public key ID" in notice(answer)

    async def test_of_another_tenant_is_not_found(self, dashboard):
        for path in ("", "/edit", "/keys", "/export"):
            assert (await dashboard.get(f"/accounts/nobodys{path}")).status_code == 404

    async def test_travels_as_a_file_without_its_secrets(self, dashboard):
        account = await dashboard.merchant.create(name="東京 / Main")
        exported = await dashboard.get(f"/accounts/{account.id}/export")
        assert exported.headers["content-disposition"] == 'attachment; filename="amazon-pay-main.json"'
        assert "PRIVATE" not in exported.text
        assert exported.json()["merchantId"] == MERCHANT_ID
        page = await dashboard.post("/accounts/import", {"document": exported.text})
        assert 'value="東京 / Main"' in page.text
        assert ORIGIN in page.text
        assert len(await dashboard.merchant.accounts()) == 1

    @pytest.mark.parametrize(
        ("document", "message"),
        [
            ("", "not the file"),
            ("<html>", "not the file"),
            ('{"format": "other", "version": 1}', "not the file"),
            ('{"format": "saleor-amazonpay/account", "version": 2}', "version 2"),
            ('{"format": "saleor-amazonpay/account", "version": 1, "privateKey": "x"}', "was changed"),
            ('{"format": "saleor-amazonpay/account", "version": 1, "options": {"buttonColor": 1}}', "was changed"),
        ],
    )
    async def test_another_file_is_refused(self, dashboard, document, message):
        answer = await dashboard.post("/accounts/import", {"document": document})
        assert answer.status_code == 422
        assert message in faults(answer)["document"]


class TestSecondPair:
    @pytest.fixture
    async def account(self, dashboard):
        merchant = dashboard.merchant
        merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, SECOND_ID, OTHER_PUBLIC_KEY, "jp", "sandbox")
        return await merchant.create()

    async def test_is_added_switched_to_and_back_and_removed(self, dashboard, account):
        keys = f"/accounts/{account.id}/keys"
        next_page(await dashboard.post(keys, SECOND))
        assert [each.public_key_id for each in await dashboard.merchant.accounts()] == [KEY_ID]
        for in_use, second in ((SECOND_ID, KEY_ID), (KEY_ID, SECOND_ID)):
            assert second in told(await dashboard.post(f"{keys}/switch"))
            assert [each.public_key_id for each in await dashboard.merchant.accounts()] == [in_use]
        next_page(await dashboard.post(f"{keys}/remove"))
        assert "no second key pair" in notice(await dashboard.post(f"{keys}/remove"))
        assert "no second key pair" in notice(await dashboard.post(f"{keys}/switch"))

    async def test_payments_go_on_at_once_with_the_other_pair(self, dashboard, account):
        keys = f"/accounts/{account.id}/keys"
        next_page(await dashboard.post(keys, SECOND))
        next_page(await dashboard.post(f"{keys}/switch"))
        signed = dashboard.merchant.amazon.count("create_checkout_session")
        assert told(await dashboard.post(f"/accounts/{account.id}/test"))
        assert dashboard.merchant.amazon.count("create_checkout_session") == signed + 1

    async def test_may_be_generated_here(self, dashboard, account):
        keys = f"/accounts/{account.id}/keys"
        page = await dashboard.get(next_page(await dashboard.post(f"{keys}/generate")))
        pair = re.search(r'name="keyPair" value="(\w+)"', page.text)[1]
        public_key = html.unescape(re.search(r'id="publicKey"[^>]*>(.+?)</textarea>', page.text, re.DOTALL)[1])
        dashboard.merchant.amazon.register_merchant(
            MERCHANT_ID, STORE_ID, "SANDBOX-GENERATED", public_key, "jp", "sandbox"
        )
        next_page(await dashboard.post(keys, {"publicKeyId": "SANDBOX-GENERATED", "keyPair": pair}))
        assert "SANDBOX-GENERATED" in (await dashboard.get(keys)).text

    @pytest.mark.parametrize(
        ("changes", "field", "message"),
        [
            ({"publicKeyId": KEY_ID}, "publicKeyId", "uses already"),
            ({"publicKeyId": "LIVE-AEXAMPLEKEYID"}, "publicKeyId", "the account is for sandbox"),
            ({"publicKeyId": ""}, "publicKeyId", "required"),
            ({"privateKey": ""}, "privateKey", "No private key"),
            ({"privateKey": PRIVATE_KEY}, "privateKey", "does not belong"),
            ({"privateKey": "", "keyPair": "gone"}, "privateKey", "gone"),
        ],
    )
    async def test_a_wrong_one_is_told_beside_its_field_and_not_stored(
        self, dashboard, account, changes, field, message
    ):
        answer = await dashboard.post(f"/accounts/{account.id}/keys", SECOND | changes)
        assert answer.status_code == 422
        assert message in faults(answer)[field]
        assert "no second key pair" in notice(await dashboard.post(f"/accounts/{account.id}/keys/switch"))

    async def test_one_that_amazon_forgot_is_not_switched_to(self, dashboard, account):
        next_page(await dashboard.post(f"/accounts/{account.id}/keys", SECOND))
        dashboard.merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, SECOND_ID, PUBLIC_KEY, "jp", "sandbox")
        answer = await dashboard.post(f"/accounts/{account.id}/keys/switch")
        assert answer.status_code == 422
        assert [each.public_key_id for each in await dashboard.merchant.accounts()] == [KEY_ID]

    async def test_is_no_way_around_the_lock_of_a_recycled_host(self, dashboard, account):
        """Whoever shows the first private key has not shown the second."""
        merchant, keys = dashboard.merchant, f"/accounts/{account.id}/keys"
        next_page(await dashboard.post(keys, SECOND))
        merchant.saleor.rotate_keys()
        await merchant.install_again()
        assert "Locked" in (await dashboard.get("/accounts")).text
        assert "again first" in notice(await dashboard.post(f"{keys}/switch"))
        await merchant.update(account.id, private_key=PRIVATE_KEY)
        assert "no second key pair" in notice(await dashboard.post(f"{keys}/switch"))
