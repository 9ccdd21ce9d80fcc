from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.amazonpay import models
from saleor_amazonpay.amazonpay.models import Price, parse_timestamp
from saleor_amazonpay.amazonpay.payloads import to_json
from saleor_amazonpay.amazonpay.requests import OPERATIONS
from saleor_amazonpay.amazonpay.states import ChargeState, ReasonCode, known
from saleor_amazonpay.domain.money import Currency, Money, MoneyError

# The templates of amazon-pay-cv2.md §16.
SESSION = """
{"checkoutSessionId":"8d5c1f3e-0b1a-4c55-9d0e-2f6f1f0a7b11",
 "webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.example.jp/review","checkoutResultReturnUrl":null,"amazonPayRedirectUrl":null,"checkoutCancelUrl":null,"checkoutMode":null},
 "productType":null,
 "paymentDetails":{"paymentIntent":null,"canHandlePendingAuthorization":false,"chargeAmount":null,"totalOrderAmount":null,"softDescriptor":null,"presentmentCurrency":null,"allowOvercharge":null,"extendExpiration":null},
 "chargePermissionType":"OneTime","orderType":null,
 "recurringMetadata":null,"paymentMethodOnFileMetadata":null,"merchantDetails":null,
 "merchantMetadata":{"merchantReferenceId":null,"merchantStoreName":null,"noteToBuyer":null,"customInformation":null},
 "supplementaryData":null,"buyer":null,"billingAddress":null,"paymentPreferences":[null],
 "statusDetails":{"state":"Open","reasonCode":null,"reasonDescription":null,"lastUpdatedTimestamp":"20261123T010203Z"},
 "shippingAddress":null,"platformId":null,"chargePermissionId":null,"chargeId":null,
 "constraints":[{"constraintId":"BuyerNotAssociated","description":"..."},{"constraintId":"ChargeAmountNotSet","description":"chargeAmount is not set."},null],
 "creationTimestamp":"20261123T010203Z","expirationTimestamp":"20261124T010203Z",
 "storeId":"amzn1.application-oa2-client.1","providerMetadata":{"providerReferenceId":null},
 "releaseEnvironment":"Sandbox","checkoutButtonText":null,"deliverySpecifications":null,"tokens":null}
"""
PERMISSION = """
{"chargePermissionId":"S03-1234567-1234567","chargePermissionReferenceId":null,"chargePermissionType":"OneTime","platformId":null,
 "buyer":{"buyerId":"amzn1.account.A","name":"鈴木太郎","email":"buyer@example.com","phoneNumber":"0312345678","primeMembershipTypes":null},
 "shippingAddress":{"name":"鈴木太郎","addressLine1":"下目黒1-8-1","addressLine2":"アルコタワー","addressLine3":null,"city":null,"county":null,"district":null,"stateOrRegion":"東京都","postalCode":"153-0064","countryCode":"JP","phoneNumber":"08012345678"},
 "billingAddress":null,"paymentPreferences":[{"paymentDescriptor":"Your selected method"}],
 "statusDetails":{"state":"Chargeable","reasons":null,"lastUpdatedTimestamp":"20261123T010500Z"},
 "creationTimestamp":"20261123T010500Z","expirationTimestamp":"20270522T010500Z",
 "merchantMetadata":{"merchantReferenceId":"ORDER-0001","merchantStoreName":null,"noteToBuyer":null,"customInformation":null},
 "releaseEnvironment":"Sandbox",
 "limits":{"amountLimit":{"amount":"1200","currencyCode":"JPY"},"amountBalance":{"amount":"1200","currencyCode":"JPY"}},
 "recurringMetadata":null,"presentmentCurrency":"JPY"}
"""
CHARGE = """
{"chargeId":"S03-1234567-1234567-C000001","chargePermissionId":"S03-1234567-1234567",
 "chargeAmount":{"amount":"1200","currencyCode":"JPY"},"captureAmount":null,"refundedAmount":null,
 "convertedAmount":null,"conversionRate":null,"softDescriptor":null,
 "providerMetadata":{"providerReferenceId":null},"merchantMetadata":{"merchantReferenceId":null,"merchantStoreName":null,"noteToBuyer":null,"customInformation":null},
 "channel":"Web","chargeInitiator":null,
 "statusDetails":{"state":"Authorized","reasonCode":null,"reasonDescription":null,"lastUpdatedTimestamp":"20261123T010500Z"},
 "creationTimestamp":"20261123T010500Z","expirationTimestamp":"20261125T010500Z",
 "releaseEnvironment":"Sandbox","platformId":null,"webCheckoutDetails":null}
"""
REFUND = """
{"refundId":"S03-1234567-1234567-R000001","chargeId":"S03-1234567-1234567-C000001",
 "creationTimestamp":"20261123T020000Z","refundAmount":{"amount":"1200","currencyCode":"JPY"},
 "statusDetails":{"state":"RefundInitiated","reasonCode":null,"reasonDescription":null,"lastUpdatedTimestamp":"20261123T020000Z"},
 "softDescriptor":null,"releaseEnvironment":"Sandbox"}
"""
TEMPLATES = [
    (models.CheckoutSession, SESSION),
    (models.ChargePermission, PERMISSION),
    (models.Charge, CHARGE),
    (models.Refund, REFUND),
]
MODELS = sorted({operation.model for operation in OPERATIONS.values()}, key=lambda model: model.__name__)


def read(model, text):
    return msgspec.json.decode(text, type=model, strict=False)


def nulled(value, path=()):
    """Every variant of a document in which one value, at any depth, is null."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        copy = value.copy()
        copy[key] = None
        yield copy
        for variant in nulled(item):
            deep = value.copy()
            deep[key] = variant
            yield deep


class TestTemplates:
    def test_a_fresh_checkout_session(self):
        session = read(models.CheckoutSession, SESSION)
        assert session.state == "Open"
        assert session.reason_code == ""
        assert session.constraint_ids == ("BuyerNotAssociated", "ChargeAmountNotSet")
        assert session.amazon_pay_redirect_url is None
        assert session.payment_descriptor is None
        assert session.expires == datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
        assert session.payment_details.can_handle_pending_authorization is False

    def test_a_charge_permission(self):
        permission = read(models.ChargePermission, PERMISSION)
        assert permission.limits.amount_balance.money() == Money.parse("1200", "JPY")
        assert permission.shipping_address.state_or_region == "東京都"
        assert permission.payment_descriptor == "Your selected method"
        assert permission.reason_codes == ()

    def test_a_charge(self):
        charge = read(models.Charge, CHARGE)
        assert charge.state == ChargeState.AUTHORIZED
        assert charge.capture_amount is None
        assert charge.created < charge.expires
        assert charge.last_updated == charge.created

    def test_a_refund(self):
        assert read(models.Refund, REFUND).refund_amount.money() == Money.parse("1200", "JPY")


class TestLeniency:
    @pytest.mark.parametrize("model", MODELS)
    def test_an_empty_object_reads_as_nothing(self, model):
        value = read(model, "{}")
        assert all(getattr(value, name) is None for name in value.__struct_fields__)

    @pytest.mark.parametrize("model", MODELS)
    def test_nulls_everywhere_read_as_nothing(self, model):
        keys = {field.encode_name: None for field in msgspec.structs.fields(model)}
        assert read(model, json.dumps(keys)) == read(model, "{}")

    @pytest.mark.parametrize(("model", "text"), TEMPLATES)
    def test_any_single_value_may_be_null(self, model, text):
        for variant in nulled(json.loads(text)):
            value = read(model, json.dumps(variant))
            for name in ("state", "reason_codes", "created", "expires", "last_updated"):
                getattr(value, name)

    @pytest.mark.parametrize(("model", "text"), TEMPLATES)
    def test_unknown_keys_are_ignored(self, model, text):
        document = json.loads(text) | {"newKey": {"deep": [1, None]}}
        document["statusDetails"]["newKey"] = 1
        assert read(model, json.dumps(document)) == read(model, text)

    @pytest.mark.parametrize(("model", "text"), TEMPLATES)
    def test_an_unknown_state_or_reason_is_kept_as_text(self, model, text):
        document = json.loads(text)
        document["statusDetails"] |= {"state": "Paused", "reasonCode": "MoonPhase"}
        value = read(model, json.dumps(document))
        assert (value.state, value.reason_code) == ("Paused", "MoonPhase")
        assert known(ChargeState, value.state) is None
        assert known(ReasonCode, None) is None

    def test_a_known_word_becomes_its_member(self):
        assert known(ChargeState, "Captured") is ChargeState.CAPTURED

    def test_reasons_of_a_permission_are_a_list(self):
        text = (
            '{"statusDetails":{"state":"Closed","reasons":[null,{"reasonCode":"MerchantClosed"},{"reasonCode":null}]}}'
        )
        assert read(models.ChargePermission, text).reason_codes == ("MerchantClosed",)

    def test_an_unreadable_time_is_no_time(self):
        assert read(models.Charge, '{"creationTimestamp":"yesterday"}').created is None

    def test_addresses_sent_as_json_inside_strings(self):
        text = json.dumps({"shippingAddressList": ['{"addressId":"1","city":"東京"}', None]})
        assert [address.city for address in read(models.CheckoutSession, text).shipping_addresses] == ["東京"]

    @pytest.mark.parametrize("deadline", [1_770_000_000_000, "1770000000000", "20260202T024000Z"])
    def test_the_deadline_of_a_dispute_in_each_form(self, deadline):
        text = json.dumps({"merchantResponseDeadline": deadline, "statusDetails": {"resolution": "BuyerWon"}})
        dispute = read(models.Dispute, text)
        assert dispute.respond_by == datetime(2026, 2, 2, 2, 40, tzinfo=UTC)
        assert dispute.resolution == "BuyerWon"

    def test_a_token_is_not_in_the_repr(self):
        token = read(models.AuthorizationToken, '{"authorizationToken":"ey.secret"}')
        assert "secret" not in repr(token)

    @pytest.mark.parametrize("operation", ["create_charge", "get_checkout_session", "create_refund", "get_buyer"])
    def test_an_object_without_its_id_is_no_answer(self, operation):
        with pytest.raises(msgspec.ValidationError, match="has no"):
            OPERATIONS[operation].decode(b"{}")


class TestPrice:
    @pytest.mark.parametrize(
        ("text", "money"),
        [
            ('{"amount":"12.00","currencyCode":"USD"}', Money(1200, Currency.USD)),
            ('{"amount":12,"currencyCode":"USD"}', Money(1200, Currency.USD)),
            ('{"amount":1200.00,"currencyCode":"JPY"}', Money(1200, Currency.JPY)),
            ('{"amount":"1200.00","currencyCode":"JPY"}', Money(1200, Currency.JPY)),
            ('{"amount":0.1,"currencyCode":"EUR"}', Money(10, Currency.EUR)),
            ('{"amount":1234567890123.45,"currencyCode":"EUR"}', Money(123456789012345, Currency.EUR)),
        ],
    )
    def test_text_and_number_are_the_same_exact_amount(self, text, money):
        assert read(Price, text).money() == money

    def test_a_number_never_passes_through_a_float(self):
        assert read(Price, '{"amount":12345678901234567.891}').amount == Decimal("12345678901234567.891")

    @pytest.mark.parametrize("text", ["{}", '{"amount":"1"}', '{"currencyCode":"JPY"}'])
    def test_half_a_price_holds_no_amount(self, text):
        with pytest.raises(MoneyError, match="holds no amount"):
            read(Price, text).money()

    @pytest.mark.parametrize(("amount", "currency"), [("1.5", "JPY"), ("NaN", "JPY"), ("1", "XXX")])
    def test_what_is_no_amount_of_its_currency_is_an_error(self, amount, currency):
        with pytest.raises(MoneyError):
            read(Price, json.dumps({"amount": amount, "currencyCode": currency})).money()

    @given(st.integers(-(10**15), 10**15), st.sampled_from(Currency))
    def test_what_we_send_is_what_we_read(self, minor, currency):
        money = Money(minor, currency)
        assert read(Price, to_json(money)).money() == money


class TestParseTimestamp:
    @pytest.mark.parametrize(
        "text",
        [
            "20190714T155300Z",
            "2019-07-14T15:53:00Z",
            "2019-07-14T15:53:00.000Z",
            "2019-07-14T15-53-00Z",
        ],
    )
    def test_reads_every_form_seen_as_utc(self, text):
        assert parse_timestamp(text) == datetime(2019, 7, 14, 15, 53, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["", "2019", "20190714T155300", "20191314T155300Z"])
    def test_refuses_anything_else(self, text):
        with pytest.raises(ValueError, match="not a timestamp"):
            parse_timestamp(text)
