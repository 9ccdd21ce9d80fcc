from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.amazonpay.payloads import (
    AddressDetails,
    CheckoutSessionPayload,
    DeliveryDetail,
    Frequency,
    MerchantEvidence,
    MerchantMetadata,
    PaymentDetails,
    PaymentMethodOnFileMetadata,
    RecurringMetadata,
    SignInPayload,
    WebCheckoutDetails,
    fit_store_name,
    to_json,
)
from saleor_amazonpay.amazonpay.requests import OPERATIONS, ApiRequest
from saleor_amazonpay.domain.money import Money

SESSION = "bd504926-f659-4ad7-a1a9-9a747aaf5275"
PERMISSION = "S03-1234567-1234567"
CHARGE = f"{PERMISSION}-C000001"
REFUND = f"{PERMISSION}-R000001"
DISPUTE = f"{PERMISSION}-B000001"
YEN = Money.parse("1200", "JPY")
PRICE = {"amount": "1200", "currencyCode": "JPY"}
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHOP = WebCheckoutDetails(checkout_review_return_url="https://shop.example.jp/review")

# (request, method, path and query below /v2, body), one row per endpoint of amazon-pay-cv2.md §3.1
ENDPOINTS = [
    (requests.get_buyer("a/b+c="), "GET", "/buyers/a%2Fb%2Bc%3D", None),
    (
        requests.create_checkout_session(
            CheckoutSessionPayload(web_checkout_details=SHOP, store_id="amzn1.x"), idempotency_key="k"
        ),
        "POST",
        "/checkoutSessions",
        {
            "webCheckoutDetails": {"checkoutReviewReturnUrl": "https://shop.example.jp/review"},
            "storeId": "amzn1.x",
        },
    ),
    (requests.get_checkout_session(SESSION), "GET", f"/checkoutSessions/{SESSION}", None),
    (
        requests.update_checkout_session(
            SESSION,
            web_checkout_details=WebCheckoutDetails(checkout_result_return_url="https://shop.example.jp/r"),
            payment_details=PaymentDetails(payment_intent="Authorize", charge_amount=YEN),
            merchant_metadata=MerchantMetadata(merchant_reference_id="ORDER-1"),
        ),
        "PATCH",
        f"/checkoutSessions/{SESSION}",
        {
            "webCheckoutDetails": {"checkoutResultReturnUrl": "https://shop.example.jp/r"},
            "paymentDetails": {"paymentIntent": "Authorize", "chargeAmount": PRICE},
            "merchantMetadata": {"merchantReferenceId": "ORDER-1"},
        },
    ),
    (
        requests.complete_checkout_session(SESSION, YEN, total_order_amount=YEN),
        "POST",
        f"/checkoutSessions/{SESSION}/complete",
        {"chargeAmount": PRICE, "totalOrderAmount": PRICE},
    ),
    (
        requests.finalize_checkout_session(
            SESSION, charge_amount=YEN, payment_intent="Confirm", shipping_address={"name": "鈴木", "city": None}
        ),
        "POST",
        f"/checkoutSessions/{SESSION}/finalize",
        {"shippingAddress": {"name": "鈴木"}, "chargeAmount": PRICE, "paymentIntent": "Confirm"},
    ),
    (requests.get_charge_permission(PERMISSION), "GET", f"/chargePermissions/{PERMISSION}", None),
    (
        requests.update_charge_permission(
            PERMISSION, recurring_metadata=RecurringMetadata(frequency=Frequency(unit="Variable", value="0"))
        ),
        "PATCH",
        f"/chargePermissions/{PERMISSION}",
        {"recurringMetadata": {"frequency": {"unit": "Variable", "value": "0"}}},
    ),
    (
        requests.close_charge_permission(PERMISSION, "No more", cancel_pending_charges=False),
        "DELETE",
        f"/chargePermissions/{PERMISSION}/close",
        {"closureReason": "No more", "cancelPendingCharges": False},
    ),
    (
        requests.create_charge(
            PERMISSION,
            YEN,
            idempotency_key="k",
            capture_now=True,
            charge_initiator="MITR",
            channel="Web",
            checkout_result_return_url="https://shop.example.jp/r",
        ),
        "POST",
        "/charges",
        {
            "chargePermissionId": PERMISSION,
            "chargeAmount": PRICE,
            "captureNow": True,
            "chargeInitiator": "MITR",
            "channel": "Web",
            "webCheckoutDetails": {"checkoutResultReturnUrl": "https://shop.example.jp/r"},
        },
    ),
    (requests.get_charge(CHARGE), "GET", f"/charges/{CHARGE}", None),
    (
        requests.capture_charge(CHARGE, YEN, idempotency_key="k"),
        "POST",
        f"/charges/{CHARGE}/capture",
        {"captureAmount": PRICE},
    ),
    (
        requests.cancel_charge(CHARGE, "Sold out"),
        "DELETE",
        f"/charges/{CHARGE}/cancel",
        {"cancellationReason": "Sold out"},
    ),
    (
        requests.create_refund(CHARGE, YEN, idempotency_key="k"),
        "POST",
        "/refunds",
        {"chargeId": CHARGE, "refundAmount": PRICE},
    ),
    (requests.get_refund(REFUND), "GET", f"/refunds/{REFUND}", None),
    (
        requests.delivery_trackers(
            [DeliveryDetail(tracking_number="1", carrier_code="UPS")], charge_permission_id=PERMISSION
        ),
        "POST",
        "/deliveryTrackers",
        {
            "chargePermissionId": PERMISSION,
            "deliveryDetails": [{"trackingNumber": "1", "carrierCode": "UPS"}],
        },
    ),
    (
        requests.get_authorization_token("amzn.mws.1", "ABC"),
        "GET",
        "/authorizationTokens/amzn.mws.1?merchantId=ABC",
        None,
    ),
    (
        requests.get_reports(report_types=["B", "A"], created_since=NOON, page_size=10),
        "GET",
        "/reports?createdSince=20261101T120000Z&pageSize=10&reportTypes=B%2CA",
        None,
    ),
    (
        requests.create_report("T", NOON, NOON + timedelta(days=1), idempotency_key="k"),
        "POST",
        "/reports",
        {"reportType": "T", "startTime": "20261101T120000Z", "endTime": "20261102T120000Z"},
    ),
    (requests.get_report_by_id("r1"), "GET", "/reports/r1", None),
    (requests.get_report_document("d1"), "GET", "/report-documents/d1", None),
    (requests.get_report_schedules(report_types=["A"]), "GET", "/report-schedules?reportTypes=A", None),
    (
        requests.create_report_schedule("T", "P1D", NOON, idempotency_key="k", delete_existing_schedule=True),
        "POST",
        "/report-schedules",
        {
            "reportType": "T",
            "scheduleFrequency": "P1D",
            "nextReportCreationTime": "20261101T120000Z",
            "deleteExistingSchedule": True,
        },
    ),
    (requests.get_report_schedule_by_id("s1"), "GET", "/report-schedules/s1", None),
    (requests.cancel_report_schedule("s1"), "DELETE", "/report-schedules/s1", None),
    (
        requests.get_disbursements(start_time=NOON, page_size=5),
        "GET",
        "/disbursements?pageSize=5&startTime=20261101T120000Z",
        None,
    ),
    (requests.get_dispute(DISPUTE), "GET", f"/disputes/{DISPUTE}", None),
    (
        requests.contest_dispute(DISPUTE, [MerchantEvidence(evidence_type="Receipt", file_id="f1")]),
        "POST",
        f"/disputes/{DISPUTE}/contest",
        {"merchantEvidences": [{"evidenceType": "Receipt", "fileId": "f1"}]},
    ),
    (requests.upload_file("pdf"), "POST", "/files", {"type": "pdf", "purpose": "disputeEvidence"}),
]


class TestEndpoints:
    @pytest.mark.parametrize(
        ("request_", "method", "target", "body"), ENDPOINTS, ids=[row[0].operation for row in ENDPOINTS]
    )
    def test_method_path_and_body_are_the_documented_ones(self, request_, method, target, body):
        sent = f"{request_.resource}?{request_.query}" if request_.query else request_.resource
        assert (request_.method, sent) == (method, target)
        assert request_.body == (
            b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        )
        assert not request_.is_replay

    def test_every_operation_has_a_row_here(self):
        assert {row[0].operation for row in ENDPOINTS} == set(OPERATIONS)

    def test_what_moves_money_is_never_a_get(self):
        moving = {name for name, operation in OPERATIONS.items() if operation.moves_money}
        assert moving == {
            "complete_checkout_session",
            "finalize_checkout_session",
            "close_charge_permission",
            "create_charge",
            "capture_charge",
            "cancel_charge",
            "create_refund",
            "contest_dispute",
        }


class TestBodies:
    def test_a_set_up_only_is_completed_with_an_empty_object(self):
        assert requests.complete_checkout_session(SESSION, None).body == b"{}"

    def test_text_is_raw_utf_8_without_needless_escapes(self):
        metadata = MerchantMetadata(note_to_buyer='ご注文 "A/B" \\ 🎉')
        body = requests.update_charge_permission(PERMISSION, merchant_metadata=metadata).body
        assert body.decode() == '{"merchantMetadata":{"noteToBuyer":"ご注文 \\"A/B\\" \\\\ 🎉"}}'

    def test_an_additional_payment_button_payload(self):
        payload = CheckoutSessionPayload(
            web_checkout_details=WebCheckoutDetails(
                checkout_result_return_url="https://shop.example.jp/result", checkout_mode="ProcessOrder"
            ),
            store_id="amzn1.x",
            scopes=("name", "email"),
            payment_details=PaymentDetails(payment_intent="AuthorizeWithCapture", charge_amount=YEN),
            payment_method_on_file_metadata=PaymentMethodOnFileMetadata(setup_only=False),
            address_details=AddressDetails(
                name="鈴木太郎",
                address_line1="下目黒1-8-1",
                postal_code="153-0064",
                country_code="JP",
                phone_number="0312345678",
                state_or_region="東京都",
            ),
        )
        assert json.loads(to_json(payload)) == {
            "webCheckoutDetails": {
                "checkoutResultReturnUrl": "https://shop.example.jp/result",
                "checkoutMode": "ProcessOrder",
            },
            "storeId": "amzn1.x",
            "scopes": ["name", "email"],
            "paymentMethodOnFileMetadata": {"setupOnly": False},
            "paymentDetails": {"paymentIntent": "AuthorizeWithCapture", "chargeAmount": PRICE},
            "addressDetails": {
                "name": "鈴木太郎",
                "addressLine1": "下目黒1-8-1",
                "postalCode": "153-0064",
                "countryCode": "JP",
                "phoneNumber": "0312345678",
                "stateOrRegion": "東京都",
            },
        }

    def test_a_sign_in_payload(self):
        payload = SignInPayload(sign_in_return_url="https://x.example", store_id="s", sign_in_scopes=("postalCode",))
        assert to_json(payload) == (
            b'{"signInReturnUrl":"https://x.example","storeId":"s","signInScopes":["postalCode"]}'
        )

    def test_times_are_sent_in_utc(self):
        tokyo = datetime(2026, 11, 1, 21, tzinfo=timezone(timedelta(hours=9)))
        assert requests.get_disbursements(start_time=tokyo).query == "startTime=20261101T120000Z"


class TestLimits:
    @pytest.mark.parametrize("key", ["", "x" * 33, "with space", "ü", "a.b", "a\n"])
    def test_an_idempotency_key_of_another_form_is_refused(self, key):
        with pytest.raises(ValueError, match="idempotency key"):
            requests.create_refund(CHARGE, YEN, idempotency_key=key)

    def test_an_idempotency_key_may_use_every_allowed_character(self):
        key = "ABCxyz019-_" + "0" * 21
        assert requests.create_refund(CHARGE, YEN, idempotency_key=key).idempotency_key == key

    @pytest.mark.parametrize(
        ("make", "field"),
        [
            (lambda: MerchantMetadata(merchant_store_name="店" * 17), "merchantStoreName"),
            (lambda: PaymentDetails(soft_descriptor="x" * 17), "softDescriptor"),
            (
                lambda: PaymentDetails(payment_intent="AuthorizeWithCapture", can_handle_pending_authorization=True),
                "canHandlePendingAuthorization",
            ),
            (lambda: requests.create_charge("p", YEN, idempotency_key="k", soft_descriptor="x" * 17), "soft"),
            (lambda: requests.capture_charge(CHARGE, YEN, idempotency_key="k", soft_descriptor="x" * 17), "soft"),
            (lambda: requests.create_refund(CHARGE, YEN, idempotency_key="k", soft_descriptor="x" * 17), "soft"),
            (lambda: requests.close_charge_permission(PERMISSION, "x" * 256), "closureReason"),
            (lambda: requests.cancel_charge(CHARGE, "x" * 256), "cancellationReason"),
            (lambda: requests.get_buyer("ü" * 501), "buyerToken"),
            (lambda: requests.get_charge(""), "not an identifier"),
            (lambda: requests.get_charge(".."), "not an identifier"),
            (lambda: requests.delivery_trackers([]), "one of them"),
            (lambda: requests.get_disbursements(start_time=datetime(2026, 1, 1)), "time zone"),  # noqa: DTZ001
            (
                lambda: AddressDetails(
                    name="x" * 51, address_line1="a", postal_code="p", country_code="JP", phone_number="0"
                ),
                "name is longer than 50",
            ),
            (
                lambda: AddressDetails(
                    name="n",
                    address_line1="a",
                    address_line2="x" * 61,
                    postal_code="p",
                    country_code="JP",
                    phone_number="0",
                ),
                "addressLine2",
            ),
        ],
    )
    def test_what_breaks_a_documented_limit_is_refused_before_sending(self, make, field):
        with pytest.raises(ValueError, match=field):
            make()

    @given(st.text(max_size=80))
    def test_fit_store_name_always_fits_and_cuts_no_character(self, name):
        fitted = fit_store_name(name.encode(errors="ignore").decode())
        assert len(fitted.encode()) <= 50
        assert name.startswith(fitted)
        MerchantMetadata(merchant_store_name=fitted)

    def test_fit_store_name_leaves_a_short_name_alone(self):
        assert fit_store_name("目黒商店") == "目黒商店"
        assert fit_store_name("店" * 20) == "店" * 16


class TestRestore:
    @pytest.mark.parametrize("row", ENDPOINTS, ids=[row[0].operation for row in ENDPOINTS])
    def test_gives_the_same_request_byte_for_byte(self, row):
        made = row[0]
        restored = ApiRequest.restore(
            made.operation,
            made.method,
            made.resource,
            made.body,
            made.idempotency_key,
            query=made.query,
            is_replay=False,
        )
        assert restored == made

    def test_keeps_bytes_that_we_would_write_differently(self):
        body = b'{ "captureAmount" : {"amount":"1200.00","currencyCode":"JPY"} }'
        restored = ApiRequest.restore("capture_charge", "POST", f"/charges/{CHARGE}/capture", body, "k")
        assert restored.body == body
        assert restored.is_replay

    @pytest.mark.parametrize(("operation", "method"), [("capture_charge", "DELETE"), ("steal", "POST")])
    def test_refuses_what_is_no_operation(self, operation, method):
        with pytest.raises(ValueError, match="no operation"):
            ApiRequest.restore(operation, method, "/charges", b"", None)
