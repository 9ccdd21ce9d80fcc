from __future__ import annotations

import sqlite3
from dataclasses import fields as fields_of
from dataclasses import replace

import pytest

from saleor_amazonpay.amazonpay import Environment, Region, fingerprint
from saleor_amazonpay.errors import SaleorError
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.account_fields import AccountErrorCode, AccountErrors, AccountFields, validated
from saleor_amazonpay.handlers.accounts import AccountView
from saleor_amazonpay.sandbox.amazon_pay import Fault
from tests.handlers.merchant import (
    BY,
    KEY_ID,
    MERCHANT_ID,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    PRIVATE_KEY,
    PUBLIC_KEY,
    STORE_ID,
    errors_of,
    fields,
    open_merchant,
)

OTHER_KEY_ID = "SANDBOX-AOTHERKEYID"


def faults(base=None, *, allow_local_network=False, **changes):
    """Field → code of everything at fault in a form filled in well but for ``changes``."""
    given = fields(**changes) if base is None else AccountFields(**changes)
    try:
        validated(given, base, allow_local_network=allow_local_network)
    except AccountErrors as refused:
        return {error.field: str(error.code) for error in refused.errors}
    return {}


def entered(*, allow_local_network=False, **changes):
    return validated(fields(**changes), None, allow_local_network=allow_local_network)


class TestFields:
    def test_a_form_filled_in_well_is_taken(self):
        identity = entered(merchant_id=f" {MERCHANT_ID}\n", region="JP")
        assert (identity.merchant_id, identity.region) == (MERCHANT_ID, Region.JP)

    def test_every_fault_is_told_at_once(self):
        assert faults(
            name="",
            merchant_id="",
            store_id="",
            region="",
            public_key_id="",
            private_key="",
            options={"placement": "x"},
        ) == {
            **dict.fromkeys(("name", "merchantId", "storeId", "region", "publicKeyId"), "REQUIRED"),
            **dict.fromkeys(("environment", "privateKey"), "REQUIRED"),
            "options.placement": "INVALID",
        }

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", "x" * 101),
            ("name", "two\nlines"),
            ("merchantId", "a1b2c3d4e5f6g7"),
            ("merchantId", STORE_ID),
            ("storeId", MERCHANT_ID),
            ("storeId", "amzn1.application-oa2-client."),
            ("region", "us"),
            ("publicKeyId", "SANDBOX AEXAMPLE"),
            ("publicKeyId", PUBLIC_KEY),
        ],
    )
    def test_a_value_of_the_wrong_shape(self, name, value):
        attribute = {"merchantId": "merchant_id", "storeId": "store_id", "publicKeyId": "public_key_id"}.get(name, name)
        assert faults(**{attribute: value})[name] == "INVALID"

    @pytest.mark.parametrize(
        ("pasted", "told"),
        [
            (PUBLIC_KEY, "public key"),
            (KEY_ID, "public key ID"),
            ("nonsense", "whole file"),
            ("x" * 20_000, "too long"),
        ],
    )
    def test_what_is_no_private_key_is_called_what_it_is(self, pasted, told):
        with pytest.raises(AccountErrors, match=told) as refused:
            entered(private_key=pasted)
        assert [error.field for error in refused.value.errors] == ["privateKey"]

    def test_a_key_pasted_on_one_line_works(self):
        assert faults(private_key=PRIVATE_KEY.replace("\n", "\\n")) == {}

    def test_nothing_shows_the_private_key(self):
        assert "PRIVATE" not in repr(fields()) + repr(entered())


class TestEnvironment:
    @pytest.mark.parametrize(
        ("key_id", "chosen", "environment"),
        [
            ("SANDBOX-AEXAMPLEKEYID", None, Environment.SANDBOX),
            ("LIVE-AEXAMPLEKEYID", None, Environment.LIVE),
            ("LIVE-AEXAMPLEKEYID", "live", Environment.LIVE),
            ("AEXAMPLEKEYID", "LIVE", Environment.LIVE),
            ("AEXAMPLEKEYID", "sandbox", Environment.SANDBOX),
        ],
    )
    def test_the_public_key_id_tells(self, key_id, chosen, environment):
        assert entered(public_key_id=key_id, environment=chosen).environment is environment

    @pytest.mark.parametrize(
        ("key_id", "chosen", "code"),
        [
            ("AEXAMPLEKEYID", None, "REQUIRED"),
            ("AEXAMPLEKEYID", "production", "INVALID"),
            ("LIVE-AEXAMPLEKEYID", "sandbox", "ENVIRONMENT_MISMATCH"),
            ("SANDBOX-AEXAMPLEKEYID", "live", "ENVIRONMENT_MISMATCH"),
        ],
    )
    def test_what_does_not_fit_is_told(self, key_id, chosen, code):
        assert faults(public_key_id=key_id, environment=chosen) == {"environment": code}


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "region", "fault"),
        [
            ({"soft_descriptor": "TEA SHOP"}, "jp", "options.softDescriptor"),
            ({"soft_descriptor": "x" * 17}, "eu", "options.softDescriptor"),
            ({"checkout_language": "en_US"}, "jp", "options.checkoutLanguage"),
            ({"checkout_language": "ja_JP"}, "eu", "options.checkoutLanguage"),
            ({"capture_policy": "always"}, "jp", "options.capturePolicy"),
            ({"after_partial_capture": ""}, "jp", "options.afterPartialCapture"),
            ({"button_color": "Red"}, "jp", "options.buttonColor"),
            ({"note_to_buyer": "x" * 256}, "jp", "options.noteToBuyer"),
            ({"store_name": "x" * 201}, "jp", "options.storeName"),
        ],
    )
    def test_what_amazon_would_refuse_is_refused_here(self, options, region, fault):
        assert faults(options=options, region=region) == {fault: "INVALID"}

    @pytest.mark.parametrize(
        ("options", "region"),
        [
            ({"soft_descriptor": "x" * 16}, "eu"),
            ({"soft_descriptor": ""}, "jp"),
            ({"checkout_language": "de_DE"}, "eu"),
            ({"pending_authorization": True, "placement": "Cart", "button_color": "DarkGray"}, "jp"),
        ],
    )
    def test_what_amazon_takes_is_taken(self, options, region):
        assert faults(options=options, region=region) == {}


class TestOrigins:
    @pytest.mark.parametrize(
        ("typed", "stored"),
        [
            ("https://shop.example", "https://shop.example"),
            (" https://SHOP.example:443/ ", "https://shop.example"),
            ("https://shop.example:8443", "https://shop.example:8443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ],
    )
    def test_are_stored_as_a_browser_writes_them(self, typed, stored):
        assert entered(options={"allowed_origins": (typed,)}).options.allowed_origins == (stored,)

    def test_the_same_one_is_stored_once(self):
        both = ("https://shop.example", "https://shop.example/")
        assert entered(options={"allowed_origins": both}).options.allowed_origins == (ORIGIN,)

    @pytest.mark.parametrize(
        "typed",
        [
            *("", "shop.example", "https://", "https://shop.example/checkout", "https://shop.example?x", "*"),
            *("https://*.shop.example", "https://user@shop.example", "ftp://shop.example", "https://shop.example:x"),
            *("http://shop.example", "https://店.example", "javascript:alert(1)", f"https://{'a' * 260}.example"),
            "https://shop.example\\@evil.example",
        ],
    )
    def test_anything_else_is_refused(self, typed):
        assert faults(options={"allowed_origins": (typed,)}) == {"options.allowedOrigins": "INVALID"}

    def test_too_many_are_refused(self):
        many = tuple(f"https://shop{number}.example" for number in range(51))
        assert faults(options={"allowed_origins": many}) == {"options.allowedOrigins": "INVALID"}

    def test_plain_http_on_this_machine_is_for_the_sandbox(self):
        options = {"allowed_origins": ("http://localhost:3000",)}
        live = "LIVE-AEXAMPLEKEYID"
        assert faults(options=options, public_key_id=live) == {"options.allowedOrigins": "INVALID"}
        assert faults(options=options, public_key_id=live, allow_local_network=True) == {}

    def test_plain_http_elsewhere_needs_the_local_network(self):
        options = {"allowed_origins": ("http://storefront:3000",)}
        assert faults(options=options) == {"options.allowedOrigins": "INVALID"}
        assert faults(options=options, allow_local_network=True) == {}


class TestCreating:
    async def test_the_keys_are_tried_with_a_checkout_session(self, merchant):
        view = await merchant.create()
        [call] = merchant.amazon.calls
        assert (call.operation, call.status) == ("create_checkout_session", 201)
        assert call.body == {
            "webCheckoutDetails": {"checkoutReviewReturnUrl": f"{ORIGIN}/"},
            "storeId": STORE_ID,
        }
        assert (view.state, view.environment, view.region) == ("active", "sandbox", "jp")
        assert view.private_key_fingerprint == fingerprint(PUBLIC_KEY)
        assert view.notification_url == f"{merchant.url}/api/webhooks/amazon-pay/{view.id}"
        assert await merchant.accounts() == [view]

    async def test_without_an_origin_the_apps_own_address_is_the_return_url(self, merchant_on_sqlite):
        view = await merchant_on_sqlite.create(options={})
        [call] = merchant_on_sqlite.amazon.calls
        assert call.body["webCheckoutDetails"] == {"checkoutReviewReturnUrl": f"{merchant_on_sqlite.url}/"}
        assert [warning.field for warning in view.warnings] == ["options.allowedOrigins"]

    async def test_a_name_that_amazon_cuts_is_a_warning_that_shows_the_cut(self, merchant_on_sqlite):
        options = {"allowed_origins": (ORIGIN,), "store_name": "しずく茶園オンラインストア本店通販部"}
        [warning] = (await merchant_on_sqlite.create(options=options)).warnings
        assert (warning.field, warning.code) == ("options.storeName", AccountErrorCode.WARNING)
        assert "しずく茶園オンラインストア本店通" in warning.message

    async def test_a_form_at_fault_is_not_sent_to_amazon(self, merchant_on_sqlite):
        assert "merchantId" in await errors_of(merchant_on_sqlite.create(merchant_id="x"))
        assert merchant_on_sqlite.amazon.calls == []

    async def test_setting_up_without_a_network_skips_the_check(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        await rules.create(it.services, it.tenant, fields(), skip_check=True, by=BY)
        assert it.amazon.calls == []
        assert len(await it.accounts()) == 1

    async def test_the_private_key_is_not_readable_in_the_database(self, sqlite_url, tmp_path):
        async with open_merchant(sqlite_url) as merchant:
            await merchant.create()
        with sqlite3.connect(tmp_path / "app.db") as connection:
            rows = connection.execute("SELECT * FROM accounts").fetchall()
        connection.close()
        assert MERCHANT_ID in repr(rows)
        assert PRIVATE_KEY.splitlines()[1] not in repr(rows)

    def test_what_leaves_has_no_place_for_a_key(self):
        names = {each.name for each in fields_of(AccountView)}
        assert "private_key" not in names


class TestTheLiveCheck:
    @pytest.fixture
    async def refused(self, merchant_on_sqlite):
        """Create an account with ``changes``, be refused, find nothing stored; gives field → message."""

        async def attempt(**changes):
            errors = await errors_of(merchant_on_sqlite.create(**changes))
            assert await merchant_on_sqlite.accounts() == []
            return errors

        return attempt

    async def test_a_private_key_of_another_pair(self, refused):
        errors = await refused(private_key=OTHER_PRIVATE_KEY)
        assert KEY_ID in errors["privateKey"]
        assert "InvalidRequestSignature" in errors["privateKey"]

    async def test_a_clock_that_is_wrong_is_thought_of(self, refused, merchant_on_sqlite):
        merchant_on_sqlite.amazon_clock.move(hours=1)
        assert "clock" in (await refused())["privateKey"]

    async def test_an_unknown_public_key_id(self, refused):
        errors = await refused(public_key_id="SANDBOX-AUNKNOWNKEYID")
        assert "SANDBOX-AUNKNOWNKEYID" in errors["publicKeyId"]

    async def test_the_wrong_region(self, refused):
        assert "region EU" in (await refused(region="eu"))["publicKeyId"]

    async def test_a_store_of_somebody_else(self, refused):
        store_id = STORE_ID.replace("0", "f")
        assert store_id in (await refused(store_id=store_id))["storeId"]

    async def test_an_account_that_amazon_has_not_opened(self, refused, merchant_on_sqlite):
        merchant_on_sqlite.amazon.set_account_status(MERCHANT_ID, "Suspended")
        assert "https://sellercentral.amazon.co.jp" in (await refused())["merchantId"]

    async def test_amazon_away(self, refused, merchant_on_sqlite, monkeypatch):
        monkeypatch.setattr(rules.account_check, "CHECK_SECONDS", 0.5)
        merchant_on_sqlite.amazon.faults.add(Fault(operation="*", times=50, status=503))
        assert "Nothing was saved" in (await refused())[None]

    @pytest.mark.parametrize("reason", ["AmazonRejected", "MissingHeader"])
    async def test_a_refusal_nobody_expects_is_shown_with_its_code(self, refused, merchant_on_sqlite, reason):
        merchant_on_sqlite.amazon.faults.add(Fault(operation="*", reason_code=reason))
        assert reason in (await refused())[None]

    async def test_stored_keys_can_be_tried_again(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        account = await it.create()
        assert (await rules.test(it.services, it.tenant, account.id)) == account
        it.amazon.remove_key(KEY_ID)
        assert "publicKeyId" in await errors_of(rules.test(it.services, it.tenant, account.id))


class TestUpdating:
    async def test_an_empty_private_key_keeps_the_stored_one(self, merchant):
        account = await merchant.create()
        changed = await merchant.update(account.id, name="Renamed", private_key="")
        assert changed.name == "Renamed"
        assert changed.private_key_fingerprint == account.private_key_fingerprint
        assert changed.created_at == account.created_at

    async def test_what_is_not_given_stays(self, merchant):
        account = await merchant.create(options={"allowed_origins": (ORIGIN,), "note_to_buyer": "Thanks"})
        changed = await merchant.update(account.id, options={"placement": "Cart"})
        assert (changed.options.placement, changed.options.note_to_buyer) == ("Cart", "Thanks")
        assert changed.options.allowed_origins == (ORIGIN,)
        taken_back = await merchant.update(account.id, options={"note_to_buyer": ""})
        assert taken_back.options.note_to_buyer is None

    async def test_a_new_name_is_no_reason_to_try_the_keys(self, merchant_on_sqlite):
        account = await merchant_on_sqlite.create()
        await merchant_on_sqlite.update(account.id, name="Renamed", options={"placement": "Cart"})
        assert merchant_on_sqlite.amazon.count("create_checkout_session") == 1

    async def test_new_keys_are_tried_before_they_replace_the_old(self, merchant):
        account = await merchant.create()
        new = {"public_key_id": OTHER_KEY_ID, "private_key": OTHER_PRIVATE_KEY}
        assert "publicKeyId" in await errors_of(merchant.update(account.id, **new))
        assert [each.public_key_id for each in await merchant.accounts()] == [KEY_ID]
        merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, OTHER_KEY_ID, OTHER_PUBLIC_KEY)
        changed = await merchant.update(account.id, **new)
        assert changed.private_key_fingerprint == fingerprint(OTHER_PUBLIC_KEY)

    async def test_a_change_is_seen_by_webhooks_at_once(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        account = await it.create()
        await it.assign("default-jp", account.id)
        await it.services.directory.account_for_channel(it.tenant, "default-jp")
        await it.update(account.id, options={"button_color": "DarkGray"})
        seen = await it.services.directory.account_for_channel(it.tenant, "default-jp")
        assert seen.options.button_color == "DarkGray"

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"merchant_id": "A9Z8Y7X6W5V4U3"}, "merchantId"),
            ({"region": "eu"}, "region"),
            ({"public_key_id": "LIVE-AEXAMPLEKEYID"}, "environment"),
        ],
    )
    async def test_whose_payments_it_holds_never_changes(self, merchant, given, field):
        account = await merchant.create()
        await merchant.add_payment(account.id)
        errors = await errors_of(merchant.update(account.id, **given))
        assert set(errors) == {field}
        assert "Duplicate the account" in errors[field]
        assert merchant.amazon.count("create_checkout_session") == 1

    async def test_without_payments_everything_may_change(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        account = await it.create()
        it.amazon.register_merchant("A9Z8Y7X6W5V4U3", STORE_ID, "LIVE-AEXAMPLEKEYID", PUBLIC_KEY, "eu", "live")
        changed = await it.update(
            account.id, merchant_id="A9Z8Y7X6W5V4U3", region="eu", public_key_id="LIVE-AEXAMPLEKEYID"
        )
        assert (changed.environment, changed.region) == ("live", "eu")

    async def test_of_two_people_the_second_is_told(self, merchant):
        account = await merchant.create()
        database = merchant.services.database

        class Interrupted:
            """Somebody else saves between the look and the write."""

            def __getattr__(self, name):
                return getattr(database, name)

            async def run(self, work):
                await merchant.update(account.id, name="First")
                return await database.run(work)

        slow = replace(merchant.services, database=Interrupted())
        second = rules.update(slow, merchant.tenant, account.id, AccountFields(name="Second"), by=BY)
        assert "Somebody else" in (await errors_of(second))[None]
        assert [each.name for each in await merchant.accounts()] == ["First"]


class TestRemoving:
    async def test_an_account_without_payments_is_deleted_with_its_channels(self, merchant):
        account = await merchant.create()
        await merchant.assign("default-jp", account.id)
        assert (await rules.delete(merchant.services, merchant.tenant, account.id, by=BY)).id == account.id
        assert await merchant.accounts() == []
        assert all(view.account_id is None for view in await rules.channels(merchant.services, merchant.tenant))

    async def test_one_with_payments_is_not_deleted_but_archived(self, merchant):
        account = await merchant.create()
        await merchant.assign("default-jp", account.id)
        await merchant.add_payment(account.id)
        errors = await errors_of(rules.delete(merchant.services, merchant.tenant, account.id, by=BY))
        assert "Archive it" in errors["id"]
        archived = await rules.archive(merchant.services, merchant.tenant, account.id, by=BY)
        assert (archived.state, archived.channels) == ("archived", ())
        assert await merchant.accounts() == [archived]

    async def test_a_locked_account_is_not_unlocked_by_archiving_it(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        account = await it.create()
        it.saleor.rotate_keys()
        await it.install_again()
        assert "locked" in (await errors_of(rules.archive(it.services, it.tenant, account.id, by=BY)))["id"]


class TestTenants:
    """DESIGN §4 rule 8."""

    async def test_one_never_sees_or_changes_anothers(self, merchant):
        account = await merchant.create()
        services, foreign = merchant.services, "https://other.example/graphql/"
        assert await rules.accounts(services, foreign) == []
        for attempt in (
            rules.account(services, foreign, account.id),
            rules.update(services, foreign, account.id, AccountFields(name="Mine"), by=BY),
            rules.test(services, foreign, account.id),
            rules.delete(services, foreign, account.id, by=BY),
            rules.archive(services, foreign, account.id, by=BY),
        ):
            assert set(await errors_of(attempt)) == {"id"}
        assert await merchant.accounts() == [account]


class TestChannels:
    async def test_each_says_what_keeps_it_from_taking_payments(self, merchant):
        account = await merchant.create(options={})
        merchant.saleor.channel("us").is_active = False
        await merchant.assign("default-jp", account.id)
        seen = {view.slug: view for view in await rules.channels(merchant.services, merchant.tenant)}
        blockers = {slug: [blocker.code for blocker in view.blockers] for slug, view in seen.items()}
        assert blockers == {"default-jp": ["WARNING"], "us": ["INACTIVE", "REQUIRED"], "eu": ["REQUIRED"]}
        assert seen["default-jp"].account_name == "Main"
        await merchant.update(account.id, options={"allowed_origins": (ORIGIN,)})
        [first, *_] = await rules.channels(merchant.services, merchant.tenant)
        assert first.blockers == ()

    async def test_a_currency_the_region_does_not_take_is_refused(self, merchant_on_sqlite):
        account = await merchant_on_sqlite.create()
        errors = await errors_of(merchant_on_sqlite.assign("us", account.id))
        assert errors == {"accountId": "The channel sells in USD; the account takes JPY."}

    async def test_a_european_account_takes_the_currencies_of_others(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        it.amazon.register_merchant("A9Z8Y7X6W5V4U3", STORE_ID, OTHER_KEY_ID, PUBLIC_KEY, "eu")
        account = await it.create(merchant_id="A9Z8Y7X6W5V4U3", public_key_id=OTHER_KEY_ID, region="eu")
        assert [(await it.assign(slug, account.id)).blockers for slug in ("us", "eu", "default-jp")] == [(), (), ()]

    async def test_unknown_channels_and_accounts_are_refused(self, merchant_on_sqlite):
        account = await merchant_on_sqlite.create()
        assert "channelSlug" in await errors_of(merchant_on_sqlite.assign("nowhere", account.id))
        assert "accountId" in await errors_of(merchant_on_sqlite.assign("default-jp", "nobody"))

    async def test_an_archived_account_is_refused(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        account = await it.create()
        await rules.archive(it.services, it.tenant, account.id, by=BY)
        assert "archived" in (await errors_of(it.assign("default-jp", account.id)))["accountId"]

    async def test_a_channel_moves_to_another_account(self, merchant):
        first, second = await merchant.create(), await merchant.create(name="Second")
        await merchant.assign("default-jp", first.id)
        assert (await merchant.assign("default-jp", second.id)).account_id == second.id
        assert [view.channels for view in await merchant.accounts()] == [(), ("default-jp",)]

    async def test_a_channel_that_saleor_has_no_more_can_still_be_seen_and_freed(self, merchant):
        account = await merchant.create()
        await merchant.assign("default-jp", account.id)
        merchant.saleor.channel("default-jp").slug = "japan"
        *_, gone = await rules.channels(merchant.services, merchant.tenant)
        assert (gone.slug, gone.channel, gone.account_id) == ("default-jp", None, account.id)
        await rules.unassign(merchant.services, merchant.tenant, "default-jp", by=BY)
        assert [view.slug for view in await rules.channels(merchant.services, merchant.tenant)] == ["japan", "us", "eu"]

    async def test_what_is_not_assigned_cannot_be_taken_away(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        assert "channelSlug" in await errors_of(rules.unassign(it.services, it.tenant, "default-jp", by=BY))

    async def test_without_saleor_nothing_is_assigned(self, merchant_on_sqlite):
        it = merchant_on_sqlite
        account = await it.create()
        with it.saleor.faults.during("unavailable", "channels"):
            assert await errors_of(it.assign("default-jp", account.id)) == {None: "Saleor answered 503."}
            with pytest.raises(SaleorError):
                await rules.channels(it.services, it.tenant)
        assert [view.channels for view in await it.accounts()] == [()]
