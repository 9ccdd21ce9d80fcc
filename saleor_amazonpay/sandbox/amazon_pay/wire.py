"""The JSON of the answers: every key present, null where unset, amounts as strings, basic ISO times.

Source: amazon-pay-cv2.md §3.4, §3.8-3.10, §16 (templates and key order).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import CheckoutSessionState
from saleor_amazonpay.sandbox.amazon_pay.buyers import Address, Buyer, Card, payment_descriptor
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner
from saleor_amazonpay.sandbox.amazon_pay.objects import (
    Charge,
    ChargePermission,
    CheckoutSession,
    Dispute,
    Document,
    Refund,
)

DEFAULT_SCOPES: Final = frozenset({"name", "email", "phoneNumber", "postalCode", "shippingAddress", "primeStatus"})
"""All but the billing address, where a merchant names no scopes (§11.2)."""

CONSTRAINTS: Final[Mapping[str, str]] = {
    "BuyerNotAssociated": (
        "There is no buyer associated with the Checkout Session. "
        "Return the checkout session id to the Amazon Pay Button to allow buyer to login."
    ),
    "ChargeAmountNotSet": "chargeAmount is not set.",
    "CheckoutResultReturnUrlNotSet": "checkoutResultReturnUrl is not set.",
    "PaymentIntentNotSet": "paymentIntent is not set.",
    "RecurringFrequencyNotSet": "recurringFrequency is not set.",
}

REASON_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "AmazonCanceled": "Amazon ended it.",
    "AmazonClosed": "Amazon closed the Charge Permission.",
    "AmazonRejected": "Amazon rejected it.",
    "BillingAddressDeleted": "The buyer deleted the billing address.",
    "BuyerCanceled": "The buyer canceled.",
    "BuyerClosed": "The buyer closed the Charge Permission.",
    "ChargeInProgress": "A charge that uses the whole balance is in progress.",
    "ChargePermissionCanceled": "The Charge Permission was canceled.",
    "Declined": "The payment was declined.",
    "Expired": "It expired.",
    "ExpiredUnused": "The authorization expired without a capture.",
    "HardDeclined": "The payment method was declined.",
    "MFAFailed": "The buyer did not pass the additional check.",
    "MerchantCanceled": "The merchant canceled.",
    "MerchantClosed": "The merchant closed the Charge Permission.",
    "PaymentMethodDeleted": "The buyer deleted the payment method.",
    "PaymentMethodExpired": "The payment method expired.",
    "PaymentMethodInvalid": "The payment method is not valid any more.",
    "PaymentMethodNotAllowed": "The payment method is not allowed here.",
    "PaymentMethodNotSet": "No payment method is set.",
    "ProcessingFailure": "An internal error stopped the processing.",
    "SoftDeclined": "The payment method was declined for the moment.",
    "TransactionTimedOut": "It was not decided in time.",
}


def timestamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") if moment else None


def price(money: Money | None) -> dict[str, str] | None:
    return {"amount": money.amount, "currencyCode": money.currency.value} if money is not None else None


def encoded(document: Any) -> bytes:
    """The body's bytes; ``Money`` and times anywhere in ``document`` take their wire form."""
    return json.dumps(document, default=_wire_form, ensure_ascii=False, separators=(",", ":")).encode()


def plain(document: Any) -> Any:
    """What a client would read of ``document``."""
    return json.loads(encoded(document))


def _wire_form(value: Any) -> Any:
    if isinstance(value, Money):
        return price(value)
    if isinstance(value, datetime):
        return timestamp(value)
    raise TypeError(f"{type(value).__name__} has no wire form.")


def _with_nulls(keys: Iterable[str], given: Mapping[str, Any] | None) -> Document:
    return {key: (given or {}).get(key) for key in keys}


_URL_KEYS: Final = (
    "checkoutReviewReturnUrl",
    "checkoutResultReturnUrl",
    "amazonPayRedirectUrl",
    "checkoutCancelUrl",
    "checkoutMode",
)
_PAYMENT_KEYS: Final = (
    "paymentIntent",
    "canHandlePendingAuthorization",
    "chargeAmount",
    "totalOrderAmount",
    "softDescriptor",
    "presentmentCurrency",
    "allowOvercharge",
    "extendExpiration",
)
_METADATA_KEYS: Final = ("merchantReferenceId", "merchantStoreName", "noteToBuyer", "customInformation")


def metadata(given: Mapping[str, Any] | None) -> Document:
    return _with_nulls(_METADATA_KEYS, given)


def provider_metadata(given: Mapping[str, Any] | None) -> Document:
    return _with_nulls(("providerReferenceId",), given)


def session_document(body: Mapping[str, Any]) -> Document:
    """What a new session keeps of the request that made it."""
    return {
        "webCheckoutDetails": {**_with_nulls(_URL_KEYS, None), **body["webCheckoutDetails"]},
        "paymentDetails": {
            **_with_nulls(_PAYMENT_KEYS, None),
            "canHandlePendingAuthorization": False,
            **body.get("paymentDetails", {}),
        },
        "chargePermissionType": body.get("chargePermissionType", "OneTime"),
        "recurringMetadata": recurring(body.get("recurringMetadata")),
        "paymentMethodOnFileMetadata": body.get("paymentMethodOnFileMetadata"),
        "merchantMetadata": metadata(body.get("merchantMetadata")),
        "supplementaryData": body.get("supplementaryData"),
        "platformId": body.get("platformId"),
        "storeId": body["storeId"],
        "providerMetadata": provider_metadata(body.get("providerMetadata")),
        "deliverySpecifications": body.get("deliverySpecifications"),
        "multiAddressesCheckoutMetadata": [],
    }


def recurring(given: Mapping[str, Any] | None) -> Document | None:
    return None if given is None else _with_nulls(("frequency", "amount"), given)


def session(it: CheckoutSession, constraints: Iterable[str], redirect_url: str | None) -> Document:
    """After Completed the buyer's details are gone from here; Get Charge Permission has them (§3.4)."""
    document, shown = it.document, it.state != CheckoutSessionState.COMPLETED
    answer = {
        "checkoutSessionId": it.session_id,
        "webCheckoutDetails": {**document["webCheckoutDetails"], "amazonPayRedirectUrl": redirect_url},
        "productType": it.product_type,
        "paymentDetails": document["paymentDetails"],
        "cartDetails": document.get("cartDetails"),
        "chargePermissionType": it.permission_type,
        "orderType": None,
        "recurringMetadata": document["recurringMetadata"],
        "paymentMethodOnFileMetadata": document["paymentMethodOnFileMetadata"],
        "merchantDetails": None,
        "merchantMetadata": document["merchantMetadata"],
        "supplementaryData": document["supplementaryData"],
        "buyer": buyer(it.buyer, it.owner, it.scopes) if shown else None,
        "billingAddress": _address(it.billing_address, it.owner) if shown else None,
        "paymentPreferences": [_preference(it.card, it.owner) if shown else None],
        "statusDetails": _status(it.state, it.reason, it.updated),
        "shippingAddress": _address(it.shipping_address, it.owner) if shown else None,
        "platformId": document["platformId"],
        "chargePermissionId": it.permission_id,
        "chargeId": it.charge_id,
        "constraints": [{"constraintId": name, "description": CONSTRAINTS[name]} for name in constraints],
        "creationTimestamp": it.created,
        "expirationTimestamp": it.expires,
        "storeId": document["storeId"],
        "providerMetadata": document["providerMetadata"],
        "releaseEnvironment": it.owner.release_environment,
        "checkoutButtonText": None,
        "deliverySpecifications": document["deliverySpecifications"],
        "tokens": None,
    }
    if "cartDetails" not in document:  # appears with Finalize
        del answer["cartDetails"]
    if it.product_type == "PayAndShipMultiAddress":
        answer["shippingAddressList"] = _address_list(it) if shown else []
        answer["multiAddressesCheckoutMetadata"] = document["multiAddressesCheckoutMetadata"]
    return answer


def _address_list(it: CheckoutSession) -> list[str]:
    """JSON texts in the list, not objects; the shape of an ``addressId`` is not documented."""
    book = it.buyer.addresses if it.buyer else ()
    addresses = [{"addressId": str(place), **(_address(entry, it.owner) or {})} for place, entry in enumerate(book, 1)]
    return [json.dumps(entry, ensure_ascii=False) for entry in addresses]


def permission(it: ChargePermission, balance: Money, *, with_buyer: bool) -> Document:
    return {
        "chargePermissionId": it.permission_id,
        "chargePermissionReferenceId": None,
        "chargePermissionType": it.permission_type.value,
        "platformId": it.document["platformId"],
        "buyer": buyer(it.buyer, it.owner, it.scopes) if with_buyer else None,
        "shippingAddress": _address(it.shipping_address, it.owner) if with_buyer else None,
        "billingAddress": _address(it.billing_address, it.owner) if with_buyer else None,
        "paymentPreferences": [_preference(it.card, it.owner) if with_buyer else None],
        "statusDetails": {
            "state": it.state.value,
            "reasons": [_reason(code) for code in it.reasons] or None,
            "lastUpdatedTimestamp": it.updated,
        },
        "creationTimestamp": it.created,
        "expirationTimestamp": it.expires,
        "merchantMetadata": it.document["merchantMetadata"],
        "releaseEnvironment": it.owner.release_environment,
        "limits": {"amountLimit": it.limit, "amountBalance": balance},
        "recurringMetadata": it.document["recurringMetadata"],
        "presentmentCurrency": it.currency.value,
    }


def charge(it: Charge) -> Document:
    """``captureAmount`` and ``refundedAmount`` are null until there is something (§16, unconfirmed)."""
    document = it.document
    return {
        "chargeId": it.charge_id,
        "chargePermissionId": it.permission.permission_id,
        "chargeAmount": it.amount,
        "captureAmount": it.captured if it.captured.is_positive else None,
        "refundedAmount": it.refunded if it.refunded.is_positive else None,
        "convertedAmount": None,
        "conversionRate": None,
        "softDescriptor": document.get("softDescriptor"),
        "providerMetadata": provider_metadata(document.get("providerMetadata")),
        "merchantMetadata": metadata(document.get("merchantMetadata")),
        "channel": document.get("channel", "Web"),
        "chargeInitiator": document.get("chargeInitiator"),
        "statusDetails": _status(it.state, it.reason, it.updated),
        "creationTimestamp": it.created,
        "expirationTimestamp": it.expires,
        "releaseEnvironment": it.owner.release_environment,
        "platformId": document.get("platformId"),
        "webCheckoutDetails": document.get("webCheckoutDetails"),
    }


def refund(it: Refund) -> Document:
    return {
        "refundId": it.refund_id,
        "chargeId": it.charge.charge_id,
        "creationTimestamp": it.created,
        "refundAmount": it.amount,
        "statusDetails": _status(it.state, it.reason, it.updated),
        "softDescriptor": it.soft_descriptor,
        "releaseEnvironment": it.owner.release_environment,
    }


def dispute(it: Dispute) -> Document:
    """``merchantResponseDeadline`` is epoch milliseconds, as it is written (§3.13)."""
    status = _status(it.state, it.reason, it.updated)
    return {
        "disputeId": it.dispute_id,
        "chargeId": it.charge.charge_id,
        "disputeType": "Chargeback",
        "disputeAmount": it.amount,
        "filingReason": it.filing_reason,
        "resolutionAuthority": None,
        "statusDetails": {**status, "resolution": it.resolution},
        "merchantEvidences": it.evidences,
        "merchantResponseDeadline": int(it.deadline.timestamp() * 1000),
        "releaseEnvironment": it.owner.release_environment,
        "creationTimestamp": it.created,
    }


def buyer(it: Buyer | None, owner: Owner, scopes: frozenset[str] | None) -> Document | None:
    if it is None:
        return None
    granted = DEFAULT_SCOPES if scopes is None else scopes
    return {
        "buyerId": buyer_id(it, owner.merchant_id),
        "name": it.name if "name" in granted else None,
        "email": it.email if "email" in granted else None,
        "phoneNumber": it.phone_number if "phoneNumber" in granted else None,
        "primeMembershipTypes": list(it.prime_membership_types or ()) or None if "primeStatus" in granted else None,
    }


def sign_in_buyer(it: Buyer, owner: Owner, scopes: frozenset[str] | None) -> Document:
    """The answer of Get Buyer, where address and postal code follow the scopes (§11.1)."""
    granted = DEFAULT_SCOPES if scopes is None else scopes
    home = it.addresses[0] if it.addresses else {}
    return {
        **(buyer(it, owner, scopes) or {}),
        "postalCode": home.get("postalCode") if "postalCode" in granted else None,
        "countryCode": home.get("countryCode") if "postalCode" in granted else None,
        "shippingAddress": _address(home or None, owner) if "shippingAddress" in granted else None,
        "billingAddress": _address(it.billing_address or home or None, owner) if "billingAddress" in granted else None,
    }


_BUYER_ID_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def buyer_id(it: Buyer, merchant_id: str) -> str:
    """One person, one id per merchant (§1.4)."""
    digest = sha256(f"{it.email}\n{merchant_id}".encode()).digest()
    return "amzn1.account." + "".join(_BUYER_ID_ALPHABET[byte % 32] for byte in digest[:28])


def _address(it: Address | None, owner: Owner) -> Address | None:
    """Japan has no city, county or district in live (§9.3, §11.3)."""
    if it is None:
        return None
    if owner.region == "jp" and not owner.is_sandbox:
        return {**it, "city": None, "county": None, "district": None}
    return dict(it)


def _preference(card: Card | None, owner: Owner) -> Document | None:
    return None if card is None else {"paymentDescriptor": payment_descriptor(card, owner.region)}


def _status(state: str, reason: str | None, updated: datetime) -> Document:
    return {"state": str(state), **_reason(reason), "lastUpdatedTimestamp": updated}


def _reason(code: str | None) -> Document:
    return {"reasonCode": code, "reasonDescription": REASON_DESCRIPTIONS.get(code or "")}
