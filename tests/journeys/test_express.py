"""Buttons before the address is known: what the shop can deliver, what it may show, and what is never sent to Amazon."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx2
import pytest

from saleor_amazonpay.sandbox.amazon_pay.buyers import address
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.storage.accounts import DeliveryRestriction
from tests.journeys.shop import GATEWAY, RESULT_URL, REVIEW_URL, SHOP
from tests.saleor.test_storefront_requests import SCHEMAS

TOKYO, OSAKA = 0, 1


async def gateway(shop, source_id, **data):
    [config] = await shop.saleor.storefront.payment_gateway_initialize(
        source_id, GATEWAY, {"flow": "review", "checkoutReviewReturnUrl": REVIEW_URL, **data}
    )
    return config.data


async def specifications(shop, channel="default-jp", lines=(("CUP-1", 1),)):
    checkout = shop.saleor.create_checkout(channel, lines, ready=False)
    config = (await gateway(shop, checkout.id))["amazonPay"]["createCheckoutSessionConfig"]
    return json.loads(config["payloadJSON"]).get("deliverySpecifications")


async def ask(shop, *, origin=SHOP, **query):
    asked = {"saleorApiUrl": shop.saleor.api_url, "channel": "default-jp", **query}
    async with httpx2.AsyncClient(trust_env=False) as client:
        headers = {"Origin": origin} if origin else {}
        return await client.get(f"{shop.app_url}/storefront/button", params=asked, headers=headers)


class TestWhereTheShopDelivers:
    async def test_is_what_the_channels_shipping_zones_say(self, shop):
        assert await specifications(shop) == {"addressRestrictions": {"type": "Allowed", "restrictions": {"JP": {}}}}
        shop.saleor.channel("default-jp").ships_to = ["US", "JP", "DE"]
        restrictions = (await specifications(shop))["addressRestrictions"]["restrictions"]
        assert list(restrictions) == ["DE", "JP", "US"]

    async def test_is_narrowed_by_the_account(self, shop):
        shop.saleor.channel("default-jp").ships_to = ["JP", "DE", "US"]
        await shop.update_options(
            restrictions=(
                DeliveryRestriction("JP", ("東京都",), ("060*",)),
                DeliveryRestriction("US", (), ("9501?",)),
                DeliveryRestriction("FR"),
            ),
            restrict_po_boxes=True,
            restrict_packstations=True,
        )
        assert await specifications(shop) == {
            "specialRestrictions": ["RestrictPOBoxes", "RestrictPackstations"],
            "addressRestrictions": {
                "type": "Allowed",
                "restrictions": {
                    "JP": {"statesOrRegions": ["東京都"], "zipCodes": ["060*"]},
                    "US": {"zipCodes": ["9501?"]},
                },
            },
        }

    async def test_is_no_matter_where_nothing_ships(self, shop):
        assert await specifications(shop, lines=(("PDF-1", 1),)) is None

    async def test_without_a_zone_only_the_account_restricts(self, shop):
        shop.saleor.channel("default-jp").ships_to = []
        assert await specifications(shop) is None
        await shop.update_options(restrictions=(DeliveryRestriction("JP"),))
        assert (await specifications(shop))["addressRestrictions"]["restrictions"] == {"JP": {}}

    async def test_nowhere_shows_no_button_and_tells_the_merchant(self, shop):
        await shop.update_options(restrictions=(DeliveryRestriction("FR"),))
        checkout = shop.saleor.create_checkout(ready=False)
        answer = await gateway(shop, checkout.id)
        assert answer["amazonPay"] is None
        assert [error["code"] for error in answer["errors"]] == ["NOTHING_DELIVERABLE"]
        await shop.work()
        [problem] = shop.saleor.find_app(shop.app.id).problems
        assert "FR" in problem.message

    async def test_the_buyer_can_choose_no_other_address(self, shop):
        await shop.update_options(restrictions=(DeliveryRestriction("JP", ("東京都",)),))
        checkout = shop.saleor.create_checkout(ready=False)
        button = (await gateway(shop, checkout.id))["amazonPay"]
        session_id = shop.amazon.create_session_by_button(button["createCheckoutSessionConfig"])
        with pytest.raises(ApiProblem, match="does not deliver"):
            shop.amazon.sign_in(session_id, address=OSAKA)
        shop.amazon.sign_in(session_id, address=TOKYO)

    @pytest.mark.parametrize(
        ("options", "wrong", "right"),
        [
            ({"restrict_packstations": True}, "Packstation 145", "Domagkstr. 28"),
            ({"restrict_po_boxes": True}, "Postfach 12 34", "Domagkstr. 28"),
        ],
    )
    async def test_nor_a_kind_of_address_the_courier_does_not_serve(self, shop, options, wrong, right):
        shop.saleor.channel("default-jp").ships_to = ["DE"]
        await shop.update_options(**options)
        checkout = shop.saleor.create_checkout(ready=False)
        button = (await gateway(shop, checkout.id))["amazonPay"]
        session_id = shop.amazon.create_session_by_button(button["createCheckoutSessionConfig"])
        there = {"name": "Erika", "postalCode": "80807", "city": "München", "countryCode": "DE"}
        with pytest.raises(ApiProblem, match="does not deliver"):
            shop.amazon.sign_in(session_id, address=address(addressLine1=wrong, **there))
        shop.amazon.sign_in(session_id, address=address(addressLine1=right, **there))

    async def test_postal_codes_have_wildcards(self, shop):
        await shop.update_options("us", restrictions=(DeliveryRestriction("US", (), ("9505?", "1*")),))
        checkout = shop.saleor.create_checkout("us", ready=False)
        button = (await gateway(shop, checkout.id))["amazonPay"]
        session_id = shop.amazon.create_session_by_button(button["createCheckoutSessionConfig"])
        there = {"name": "S", "addressLine1": "1 St", "city": "C", "stateOrRegion": "CA", "countryCode": "US"}
        for code in ("95050", "95051", "10001-1234"):
            shop.amazon.sign_in(session_id, address=address(postalCode=code, **there))
        for code in ("95150", "9505"):
            with pytest.raises(ApiProblem, match="does not deliver"):
                shop.amazon.sign_in(session_id, address=address(postalCode=code, **there))


class TestAButtonWithoutACheckout:
    async def test_is_as_saleor_would_have_it_made_but_unsigned(self, shop):
        answer = await ask(shop, amount="3000", currency="JPY", placement="Product", languageCode="ja")
        SCHEMAS["button"]["answer"].validate(answer.json())
        shown = answer.json()["amazonPay"]
        checkout = shop.saleor.create_checkout(lines=(("CUP-1", 1),), ready=False)
        signed = (await gateway(shop, checkout.id, placement="Product"))["amazonPay"]
        assert shown == {**signed, "createCheckoutSessionConfig": None}
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert shop.amazon.calls == []

    async def test_of_a_download_asks_for_no_address(self, shop):
        answer = await ask(shop, isShippingRequired="false")
        assert answer.json()["amazonPay"]["productType"] == "PayOnly"
        assert answer.json()["amazonPay"]["estimatedOrderAmount"] is None

    UNPAYABLE = (
        ({"amount": "0", "currency": "JPY"}, "request.amount", "zero"),
        ({"amount": "10.00", "currency": "USD"}, "request.amount", "JPY, not USD"),
        ({"amount": "10.5", "currency": "JPY"}, "request.amount", "decimals"),
        ({"amount": "99999999999", "currency": "JPY"}, "request.amount", "at most"),
        ({"amount": "1", "currency": "XXX"}, "request.amount", "XXX"),
        ({"amount": "1"}, "request.currency", "both"),
        ({"currency": "JPY"}, "request.amount", "both"),
        ({"amount": "-1", "currency": "JPY"}, "request.amount", "amount"),
        ({"isShippingRequired": "perhaps"}, "request.isShippingRequired", "true or false"),
        ({"placement": "Cellar"}, "request.placement", "one of"),
        ({"languageCode": "<script>"}, "request.languageCode", "language"),
        ({"saleorApiUrl": "ftp://shop"}, "request.saleorApiUrl", "API URL"),
        ({"channel": "x" * 300}, "request.channel", "slug"),
        ({"unknown": "1"}, "request.unknown", "not known"),
    )

    async def test_that_could_not_be_paid_does_not_show(self, shop):
        for query, field, words in self.UNPAYABLE:
            answer = await ask(shop, **query)
            assert answer.status_code == 400, query
            assert "amazonPay" not in answer.json()
            [error] = answer.json()["errors"]
            assert (error["field"], words in error["message"]) == (field, True), query

    async def test_is_for_the_shops_own_pages(self, shop):
        refused = await ask(shop, origin="https://evil.example")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "ORIGIN_NOT_ALLOWED")


class TestBeforeAButtonShows:
    async def test_nothing_to_pay_is_refused(self, shop):
        checkout = shop.saleor.create_checkout()
        [config] = await shop.saleor.storefront.payment_gateway_initialize(checkout.id, GATEWAY, {}, amount=Decimal(0))
        assert config.data["amazonPay"] is None
        assert config.data["errors"][0]["code"] == "AMOUNT_NOT_PAYABLE"

    async def test_a_currency_the_account_does_not_take_is_refused(self, shop):
        services, api_url = shop.running.services, shop.saleor.api_url
        from saleor_amazonpay.storage import accounts as account_rows

        now = services.clock.now()
        await services.database.run(lambda s: account_rows.assign(s, api_url, "us", shop.accounts["default-jp"], now))
        services.directory.forget(api_url)
        checkout = shop.saleor.create_checkout("us")
        answer = await gateway(shop, checkout.id)
        assert answer["amazonPay"] is None
        assert "takes JPY, not USD" in answer["errors"][0]["message"]


RECURRING = {"frequency": {"unit": "Month", "value": "1"}, "amount": {"amount": "2480", "currencyCode": "JPY"}}


@pytest.fixture
def customers_checkout(shop):
    checkout = shop.saleor.create_checkout()
    source = next(each for each in shop.saleor.store.checkouts if each.id == checkout.id)
    source.user = shop.saleor.store.user_by_email("customer@example.com")
    return checkout


class TestRecurring:
    async def test_the_buttons_payload_says_so(self, shop, customers_checkout):
        config = (await gateway(shop, customers_checkout.id, recurring=RECURRING))["amazonPay"]
        payload = json.loads(config["createCheckoutSessionConfig"]["payloadJSON"])
        assert (payload["chargePermissionType"], payload["recurringMetadata"]) == ("Recurring", RECURRING)

    async def test_the_one_click_payload_says_so(self, shop, customers_checkout):
        begun = await shop.saleor.storefront.transaction_initialize(
            customers_checkout.id,
            GATEWAY,
            {"flow": "apb", "checkoutResultReturnUrl": RESULT_URL, "recurring": RECURRING},
        )
        payload = json.loads(begun.data["amazonPay"]["createCheckoutSessionConfig"]["payloadJSON"])
        assert (payload["chargePermissionType"], payload["recurringMetadata"]) == ("Recurring", RECURRING)
        assert shop.amazon.calls == []

    async def test_a_session_for_once_becomes_one_for_ever_when_the_buyer_changes_the_mind(
        self, shop, customers_checkout
    ):
        session_id = await shop.open_session(customers_checkout.id)
        assert shop.amazon.session(session_id)["chargePermissionType"] == "OneTime"
        begun = await shop.saleor.storefront.transaction_initialize(
            customers_checkout.id,
            GATEWAY,
            {
                "flow": "review",
                "amazonCheckoutSessionId": session_id,
                "checkoutResultReturnUrl": RESULT_URL,
                "recurring": RECURRING,
            },
        )
        assert begun.data["amazonPayRedirectUrl"]
        session = shop.amazon.session(session_id)
        assert session["chargePermissionType"] == "Recurring"
        assert session["recurringMetadata"]["frequency"] == RECURRING["frequency"]

    @pytest.mark.parametrize(
        ("amount", "field"),
        [
            ({"amount": "24.80", "currencyCode": "JPY"}, "data.recurring.amount.amount"),
            ({"amount": "24.80", "currencyCode": "USD"}, "data.recurring.amount.currencyCode"),
        ],
    )
    async def test_an_amount_that_is_none_is_a_field_error_everywhere(self, shop, customers_checkout, amount, field):
        recurring = RECURRING | {"amount": amount}
        answer = await gateway(shop, customers_checkout.id, recurring=recurring)
        assert [error["field"] for error in answer["errors"]] == [field]
        for flow in ({"flow": "apb"}, {"flow": "review", "amazonCheckoutSessionId": "a"}):
            begun = await shop.saleor.storefront.transaction_initialize(
                customers_checkout.id, GATEWAY, {**flow, "checkoutResultReturnUrl": RESULT_URL, "recurring": recurring}
            )
            assert begun.result == "CHARGE_FAILURE"
            assert [error["field"] for error in begun.data["errors"]] == [field]

    async def test_a_guest_is_told_to_log_in(self, shop):
        checkout = shop.saleor.create_checkout()
        answer = await gateway(shop, checkout.id, recurring=RECURRING)
        assert [error["field"] for error in answer["errors"]] == ["data.recurring"]
        assert "logged in" in answer["errors"][0]["message"]
