"""One function per endpoint, giving a request as a value: it can be stored, sent, and sent again byte for byte.

Names are those of Amazon's Node SDK in snake_case (amazon-pay-cv2.md §3.1). Amounts are ``Money``; ``None`` leaves a
field out. What breaks a documented limit raises ``ValueError`` before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

from saleor_amazonpay.amazonpay import models
from saleor_amazonpay.amazonpay.payloads import (
    SOFT_DESCRIPTOR_LENGTH,
    Channel,
    ChargeInitiator,
    ChargePermissionType,
    CheckoutSessionPayload,
    DeliveryDetail,
    MerchantEvidence,
    MerchantMetadata,
    PaymentDetails,
    PaymentIntent,
    RecurringMetadata,
    WebCheckoutDetails,
    check_length,
    to_json,
)
from saleor_amazonpay.amazonpay.signing import canonical_query
from saleor_amazonpay.domain.money import Money

T = TypeVar("T")
Method = Literal["GET", "POST", "PATCH", "DELETE"]

_IDEMPOTENCY_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_REASON_LENGTH: Final = 255
_BUYER_TOKEN_BYTES: Final = 1000


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """An endpoint: its method, the statuses that mean success, the model of its answer.

    ``moves_money``: charges, holds, releases, refunds or decides about money; when its answer is lost, the outcome
    is unresolved. The others can simply be sent again.
    """

    method: Method
    success: frozenset[int]
    model: type[T]
    moves_money: bool = False

    def decode(self, body: bytes) -> T:
        """The answer as its model.

        Raises:
            msgspec.DecodeError: the body is not that, or the object in it has no id.
        """
        identity = _IDENTITY.get(self.model)
        if not body and identity is None and self.method != "GET":
            body = b"{}"  # done, and nothing to tell about it
        value = msgspec.json.decode(body, type=self.model, strict=False)
        if identity is not None and getattr(value, identity) is None:
            raise msgspec.ValidationError(f"The answer has no {identity}.")
        return value


_IDENTITY: Final[Mapping[type, str]] = {
    models.CheckoutSession: "checkout_session_id",
    models.ChargePermission: "charge_permission_id",
    models.Charge: "charge_id",
    models.Refund: "refund_id",
    models.Buyer: "buyer_id",
}
_OK: Final = frozenset({200})
_MADE: Final = frozenset({200, 201, 202})  # sources differ on which one a call answers (§3.1)

OPERATIONS: Final[Mapping[str, Operation[Any]]] = {
    "get_buyer": Operation("GET", _OK, models.Buyer),
    "create_checkout_session": Operation("POST", _MADE, models.CheckoutSession),
    "get_checkout_session": Operation("GET", _OK, models.CheckoutSession),
    "update_checkout_session": Operation("PATCH", _OK, models.CheckoutSession),
    "complete_checkout_session": Operation("POST", _MADE, models.CheckoutSession, moves_money=True),
    "finalize_checkout_session": Operation("POST", _MADE, models.CheckoutSession, moves_money=True),
    "get_charge_permission": Operation("GET", _OK, models.ChargePermission),
    "update_charge_permission": Operation("PATCH", _OK, models.ChargePermission),
    "close_charge_permission": Operation("DELETE", _OK, models.ChargePermission, moves_money=True),
    "create_charge": Operation("POST", _MADE, models.Charge, moves_money=True),
    "get_charge": Operation("GET", _OK, models.Charge),
    "capture_charge": Operation("POST", _MADE, models.Charge, moves_money=True),
    "cancel_charge": Operation("DELETE", _OK, models.Charge, moves_money=True),
    "create_refund": Operation("POST", _MADE, models.Refund, moves_money=True),
    "get_refund": Operation("GET", _OK, models.Refund),
    "delivery_trackers": Operation("POST", _MADE, models.DeliveryTrackers),
    "get_authorization_token": Operation("GET", _OK, models.AuthorizationToken),
    "get_reports": Operation("GET", _OK, models.Reports),
    "create_report": Operation("POST", _MADE, models.Report),
    "get_report_by_id": Operation("GET", _OK, models.Report),
    "get_report_document": Operation("GET", _OK, models.ReportDocument),
    "get_report_schedules": Operation("GET", _OK, models.ReportSchedules),
    "create_report_schedule": Operation("POST", _MADE, models.ReportSchedule),
    "get_report_schedule_by_id": Operation("GET", _OK, models.ReportSchedule),
    "cancel_report_schedule": Operation("DELETE", _OK, models.ReportSchedule),
    "get_disbursements": Operation("GET", _OK, models.Disbursements),
    "get_dispute": Operation("GET", _OK, models.Dispute),
    "contest_dispute": Operation("POST", _MADE, models.Dispute, moves_money=True),
    "upload_file": Operation("POST", _MADE, models.File),
}


@dataclass(frozen=True, slots=True)
class ApiRequest(Generic[T]):
    """A request of CV2 answered by a ``T``.

    ``resource`` is the path below ``/v2``, percent-encoded; ``body`` the exact bytes, ``b""`` for none.
    ``is_replay``: an earlier sending may have reached Amazon, so a refusal may be about that one.
    """

    operation: str
    method: str
    resource: str
    body: bytes = b""
    idempotency_key: str | None = None
    query: str = ""
    is_replay: bool = False

    @staticmethod
    def restore(
        operation: str,
        method: str,
        resource: str,
        body: bytes,
        idempotency_key: str | None,
        *,
        query: str = "",
        is_replay: bool = True,
    ) -> ApiRequest[Any]:
        """A stored request, byte for byte; ``is_replay=False`` if it surely was never sent.

        Raises:
            ValueError: no such operation, or it has another method.
        """
        if operation not in OPERATIONS or OPERATIONS[operation].method != method:
            raise ValueError(f"{method} {operation} is no operation of Amazon Pay.")
        return ApiRequest(operation, method, resource, body, _checked_key(idempotency_key), query, is_replay)


# -- Checkout Sessions -------------------------------------------------------------------------------------------


def create_checkout_session(
    payload: CheckoutSessionPayload, *, idempotency_key: str
) -> ApiRequest[models.CheckoutSession]:
    """Normally the button does this; from the server it is the test of newly entered keys."""
    return _request("create_checkout_session", "/checkoutSessions", payload, idempotency_key)


def get_checkout_session(checkout_session_id: str) -> ApiRequest[models.CheckoutSession]:
    return _request("get_checkout_session", f"/checkoutSessions/{_part(checkout_session_id)}")


def update_checkout_session(
    checkout_session_id: str,
    *,
    web_checkout_details: WebCheckoutDetails | None = None,
    payment_details: PaymentDetails | None = None,
    merchant_metadata: MerchantMetadata | None = None,
    recurring_metadata: RecurringMetadata | None = None,
    charge_permission_type: ChargePermissionType | None = None,
    platform_id: str | None = None,
    supplementary_data: str | None = None,
) -> ApiRequest[models.CheckoutSession]:
    """Only while ``Open``; what is left out stays as it is."""
    body = {
        "webCheckoutDetails": web_checkout_details,
        "paymentDetails": payment_details,
        "merchantMetadata": merchant_metadata,
        "recurringMetadata": recurring_metadata,
        "chargePermissionType": charge_permission_type,
        "platformId": platform_id,
        "supplementaryData": supplementary_data,
    }
    return _request("update_checkout_session", f"/checkoutSessions/{_part(checkout_session_id)}", body)


def complete_checkout_session(
    checkout_session_id: str,
    charge_amount: Money | None,
    *,
    total_order_amount: Money | None = None,
    idempotency_key: str | None = None,
) -> ApiRequest[models.CheckoutSession]:
    """Amounts must equal the session's (409 ``AmountMismatch``); no amount at all for a set-up only."""
    body = {"chargeAmount": charge_amount, "totalOrderAmount": total_order_amount}
    resource = f"/checkoutSessions/{_part(checkout_session_id)}/complete"
    return _request("complete_checkout_session", resource, body, idempotency_key)


def finalize_checkout_session(
    checkout_session_id: str,
    *,
    charge_amount: Money,
    payment_intent: PaymentIntent,
    total_order_amount: Money | None = None,
    can_handle_pending_authorization: bool | None = None,
    shipping_address: Mapping[str, str | None] | None = None,
    billing_address: Mapping[str, str | None] | None = None,
    supplementary_data: str | None = None,
    idempotency_key: str | None = None,
) -> ApiRequest[models.CheckoutSession]:
    """In place of Complete for checkouts driven by ``renderJSButton`` (§3.7)."""
    body = {
        "shippingAddress": shipping_address,
        "billingAddress": billing_address,
        "chargeAmount": charge_amount,
        "totalOrderAmount": total_order_amount,
        "paymentIntent": payment_intent,
        "canHandlePendingAuthorization": can_handle_pending_authorization,
        "supplementaryData": supplementary_data,
    }
    resource = f"/checkoutSessions/{_part(checkout_session_id)}/finalize"
    return _request("finalize_checkout_session", resource, body, idempotency_key)


# -- Charge Permissions ------------------------------------------------------------------------------------------


def get_charge_permission(charge_permission_id: str) -> ApiRequest[models.ChargePermission]:
    return _request("get_charge_permission", f"/chargePermissions/{_part(charge_permission_id)}")


def update_charge_permission(
    charge_permission_id: str,
    *,
    merchant_metadata: MerchantMetadata | None = None,
    recurring_metadata: RecurringMetadata | None = None,
) -> ApiRequest[models.ChargePermission]:
    """Once ``Closed``, only fields that are still null can be filled in."""
    body = {"merchantMetadata": merchant_metadata, "recurringMetadata": recurring_metadata}
    return _request("update_charge_permission", f"/chargePermissions/{_part(charge_permission_id)}", body)


def close_charge_permission(
    charge_permission_id: str, closure_reason: str, *, cancel_pending_charges: bool | None = None
) -> ApiRequest[models.ChargePermission]:
    """Nothing more is charged; ``cancel_pending_charges`` releases open authorizations as well."""
    check_length("closureReason", closure_reason, _REASON_LENGTH)
    body = {"closureReason": closure_reason, "cancelPendingCharges": cancel_pending_charges}
    return _request("close_charge_permission", f"/chargePermissions/{_part(charge_permission_id)}/close", body)


# -- Charges -----------------------------------------------------------------------------------------------------


def create_charge(
    charge_permission_id: str,
    charge_amount: Money,
    *,
    idempotency_key: str,
    capture_now: bool | None = None,
    can_handle_pending_authorization: bool | None = None,
    soft_descriptor: str | None = None,
    merchant_metadata: MerchantMetadata | None = None,
    charge_initiator: ChargeInitiator | None = None,
    channel: Channel | None = None,
    checkout_result_return_url: str | None = None,
    platform_id: str | None = None,
) -> ApiRequest[models.Charge]:
    """Authorizes, or with ``capture_now`` takes, money on a permission. A decline is an error, not an answer."""
    check_length("softDescriptor", soft_descriptor, SOFT_DESCRIPTOR_LENGTH)
    url = checkout_result_return_url
    body = {
        "chargePermissionId": charge_permission_id,
        "chargeAmount": charge_amount,
        "captureNow": capture_now,
        "canHandlePendingAuthorization": can_handle_pending_authorization,
        "softDescriptor": soft_descriptor,
        "merchantMetadata": merchant_metadata,
        "chargeInitiator": charge_initiator,
        "channel": channel,
        "webCheckoutDetails": url and WebCheckoutDetails(checkout_result_return_url=url),
        "platformId": platform_id,
    }
    return _request("create_charge", "/charges", body, idempotency_key)


def get_charge(charge_id: str) -> ApiRequest[models.Charge]:
    return _request("get_charge", f"/charges/{_part(charge_id)}")


def capture_charge(
    charge_id: str, capture_amount: Money, *, idempotency_key: str, soft_descriptor: str | None = None
) -> ApiRequest[models.Charge]:
    """Once per charge; what is not captured is released."""
    check_length("softDescriptor", soft_descriptor, SOFT_DESCRIPTOR_LENGTH)
    body = {"captureAmount": capture_amount, "softDescriptor": soft_descriptor}
    return _request("capture_charge", f"/charges/{_part(charge_id)}/capture", body, idempotency_key)


def cancel_charge(charge_id: str, cancellation_reason: str) -> ApiRequest[models.Charge]:
    """Releases an authorization; possible until a capture has been initiated."""
    check_length("cancellationReason", cancellation_reason, _REASON_LENGTH)
    body = {"cancellationReason": cancellation_reason}
    return _request("cancel_charge", f"/charges/{_part(charge_id)}/cancel", body)


# -- Refunds -----------------------------------------------------------------------------------------------------


def create_refund(
    charge_id: str, refund_amount: Money, *, idempotency_key: str, soft_descriptor: str | None = None
) -> ApiRequest[models.Refund]:
    """Always answered ``RefundInitiated``; Amazon decides later."""
    check_length("softDescriptor", soft_descriptor, SOFT_DESCRIPTOR_LENGTH)
    body = {"chargeId": charge_id, "refundAmount": refund_amount, "softDescriptor": soft_descriptor}
    return _request("create_refund", "/refunds", body, idempotency_key)


def get_refund(refund_id: str) -> ApiRequest[models.Refund]:
    return _request("get_refund", f"/refunds/{_part(refund_id)}")


# -- Buyers, deliveries, delegation ------------------------------------------------------------------------------


def get_buyer(buyer_token: str) -> ApiRequest[models.Buyer]:
    """``buyer_token`` is the query parameter of the sign-in's return URL."""
    if len(buyer_token.encode()) > _BUYER_TOKEN_BYTES:
        raise ValueError("buyerToken is longer than 1000 bytes.")
    return _request("get_buyer", f"/buyers/{_part(buyer_token)}")


def delivery_trackers(
    delivery_details: Sequence[DeliveryDetail],
    *,
    charge_permission_id: str | None = None,
    amazon_order_reference_id: str | None = None,
    idempotency_key: str | None = None,
) -> ApiRequest[models.DeliveryTrackers]:
    """Delivery notices by Alexa, for one permission or one order reference of the older API."""
    if (charge_permission_id is None) == (amazon_order_reference_id is None):
        raise ValueError("Give chargePermissionId or amazonOrderReferenceId, one of them.")
    body = {
        "amazonOrderReferenceId": amazon_order_reference_id,
        "chargePermissionId": charge_permission_id,
        "deliveryDetails": tuple(delivery_details),
    }
    return _request("delivery_trackers", "/deliveryTrackers", body, idempotency_key)


def get_authorization_token(mws_auth_token: str, merchant_id: str) -> ApiRequest[models.AuthorizationToken]:
    resource = f"/authorizationTokens/{_part(mws_auth_token)}"
    return _request("get_authorization_token", resource, query={"merchantId": merchant_id})


# -- Reports and disbursements -----------------------------------------------------------------------------------


def get_reports(
    *,
    report_types: Sequence[str] = (),
    processing_statuses: Sequence[str] = (),
    created_since: datetime | None = None,
    created_until: datetime | None = None,
    page_size: int | None = None,
    next_token: str | None = None,
) -> ApiRequest[models.Reports]:
    """``next_token`` of the page before must be the only parameter."""
    query = {
        "reportTypes": ",".join(report_types),
        "processingStatuses": ",".join(processing_statuses),
        "createdSince": _stamp(created_since),
        "createdUntil": _stamp(created_until),
        "pageSize": _text(page_size),
    }
    return _request("get_reports", "/reports", query={"nextToken": next_token} if next_token else query)


def create_report(
    report_type: str, start_time: datetime, end_time: datetime, *, idempotency_key: str
) -> ApiRequest[models.Report]:
    body = {"reportType": report_type, "startTime": _stamp(start_time), "endTime": _stamp(end_time)}
    return _request("create_report", "/reports", body, idempotency_key)


def get_report_by_id(report_id: str) -> ApiRequest[models.Report]:
    return _request("get_report_by_id", f"/reports/{_part(report_id)}")


def get_report_document(report_document_id: str) -> ApiRequest[models.ReportDocument]:
    return _request("get_report_document", f"/report-documents/{_part(report_document_id)}")


def get_report_schedules(*, report_types: Sequence[str] = ()) -> ApiRequest[models.ReportSchedules]:
    return _request("get_report_schedules", "/report-schedules", query={"reportTypes": ",".join(report_types)})


def create_report_schedule(
    report_type: str,
    schedule_frequency: str,
    next_report_creation_time: datetime,
    *,
    idempotency_key: str,
    delete_existing_schedule: bool | None = None,
) -> ApiRequest[models.ReportSchedule]:
    """One schedule per report type; ``schedule_frequency`` is one of the periods of §3.12, e.g. ``P1D``."""
    body = {
        "reportType": report_type,
        "scheduleFrequency": schedule_frequency,
        "nextReportCreationTime": _stamp(next_report_creation_time),
        "deleteExistingSchedule": delete_existing_schedule,
    }
    return _request("create_report_schedule", "/report-schedules", body, idempotency_key)


def get_report_schedule_by_id(report_schedule_id: str) -> ApiRequest[models.ReportSchedule]:
    return _request("get_report_schedule_by_id", f"/report-schedules/{_part(report_schedule_id)}")


def cancel_report_schedule(report_schedule_id: str) -> ApiRequest[models.ReportSchedule]:
    return _request("cancel_report_schedule", f"/report-schedules/{_part(report_schedule_id)}")


def get_disbursements(
    *,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    page_size: int | None = None,
    next_token: str | None = None,
) -> ApiRequest[models.Disbursements]:
    query = {
        "startTime": _stamp(start_time),
        "endTime": _stamp(end_time),
        "pageSize": _text(page_size),
        "nextToken": next_token,
    }
    return _request("get_disbursements", "/disbursements", query=query)


# -- Disputes and files ------------------------------------------------------------------------------------------


def get_dispute(dispute_id: str) -> ApiRequest[models.Dispute]:
    return _request("get_dispute", f"/disputes/{_part(dispute_id)}")


def contest_dispute(
    dispute_id: str, merchant_evidences: Sequence[MerchantEvidence], *, idempotency_key: str | None = None
) -> ApiRequest[models.Dispute]:
    body = {"merchantEvidences": tuple(merchant_evidences)}
    return _request("contest_dispute", f"/disputes/{_part(dispute_id)}/contest", body, idempotency_key)


def upload_file(
    file_type: str, *, purpose: str = "disputeEvidence", idempotency_key: str | None = None
) -> ApiRequest[models.File]:
    """Announces a file (``pdf``, ``png``, …); the answer's URL takes the file itself."""
    return _request("upload_file", "/files", {"type": file_type, "purpose": purpose}, idempotency_key)


# -- How a request is made ---------------------------------------------------------------------------------------


def _request(
    operation: str,
    resource: str,
    payload: object | None = None,
    idempotency_key: str | None = None,
    *,
    query: Mapping[str, str | None] | None = None,
) -> ApiRequest[Any]:
    return ApiRequest(
        operation,
        OPERATIONS[operation].method,
        resource,
        b"" if payload is None else to_json(payload),
        _checked_key(idempotency_key),
        canonical_query({name: value for name, value in (query or {}).items() if value}),
    )


def _checked_key(key: str | None) -> str | None:
    if key is not None and not _IDEMPOTENCY_KEY.match(key):
        raise ValueError("An idempotency key is 1 to 32 characters out of A-Z a-z 0-9 - and _.")
    return key


def _part(text: str) -> str:
    """One percent-encoded path segment; an empty one or dots would name another resource."""
    if text.strip(".") == "":
        raise ValueError(f"{text!r} is not an identifier.")
    return quote(text, safe="-_.~")


def _stamp(moment: datetime | None) -> str | None:
    if moment is not None and moment.tzinfo is None:
        raise ValueError("A time without a time zone is not a moment.")
    return None if moment is None else moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
