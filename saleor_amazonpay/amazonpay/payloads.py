"""The typed parts of request bodies and button payloads: strict out.

Attributes are Amazon's field names in snake_case; ``None`` leaves a field out. ``to_json`` gives the exact text that
is sent, signed and stored. Source: amazon-pay-cv2.md §3.3, §4.8, §5.4, §6.1, §11.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from saleor_amazonpay.domain.money import Currency, Money

PaymentIntent = Literal["Confirm", "Authorize", "AuthorizeWithCapture"]
ChargePermissionType = Literal["OneTime", "Recurring", "PaymentMethodOnFile"]
FrequencyUnit = Literal["Year", "Month", "Week", "Day", "Variable"]
ChargeInitiator = Literal["CITU", "MITU", "CITR", "MITR"]
Channel = Literal["Web", "Phone", "App", "Alexa", "PointOfSale", "FireTv", "Offline", "Amazon"]
Scope = Literal["name", "email", "phoneNumber", "billingAddress", "postalCode", "shippingAddress", "primeStatus"]

STORE_NAME_BYTES: Final = 50
SOFT_DESCRIPTOR_LENGTH: Final = 16
_encode: Final = msgspec.json.Encoder().encode


def fit_store_name(name: str) -> str:
    """``name`` cut to the 50 bytes of ``merchantStoreName``, never inside a character."""
    return name.encode()[:STORE_NAME_BYTES].decode(errors="ignore").rstrip()


def check_length(field: str, text: str | None, limit: int) -> None:
    """Limits that are documented are enforced here, where the message can name the field."""
    if text is not None and len(text) > limit:
        raise ValueError(f"{field} is longer than {limit} characters.")


class _Payload(Struct, frozen=True, kw_only=True):
    """Made for every payment, and dear as a frozen dataclass."""


class MerchantMetadata(_Payload, frozen=True, kw_only=True):
    """Shown to the buyer in mails and at Amazon, except ``custom_information``. No personal data."""

    merchant_reference_id: str | None = None
    merchant_store_name: str | None = None
    note_to_buyer: str | None = None
    custom_information: str | None = None

    def __post_init__(self) -> None:
        if len((self.merchant_store_name or "").encode()) > STORE_NAME_BYTES:
            raise ValueError("merchantStoreName is longer than 50 bytes; fit_store_name() cuts it.")


class PaymentDetails(_Payload, frozen=True, kw_only=True):
    """``allow_overcharge`` and ``extend_expiration`` only count when the session is created."""

    payment_intent: PaymentIntent | None = None
    can_handle_pending_authorization: bool | None = None
    charge_amount: Money | None = None
    total_order_amount: Money | None = None
    presentment_currency: Currency | None = None
    soft_descriptor: str | None = None
    allow_overcharge: bool | None = None
    extend_expiration: bool | None = None

    def __post_init__(self) -> None:
        check_length("softDescriptor", self.soft_descriptor, SOFT_DESCRIPTOR_LENGTH)
        if self.payment_intent == "AuthorizeWithCapture" and self.can_handle_pending_authorization:
            raise ValueError("AuthorizeWithCapture cannot be combined with canHandlePendingAuthorization.")


class WebCheckoutDetails(_Payload, frozen=True, kw_only=True):
    checkout_review_return_url: str | None = None
    checkout_result_return_url: str | None = None
    checkout_cancel_url: str | None = None
    checkout_error_url: str | None = None
    checkout_mode: Literal["ProcessOrder"] | None = None


class Frequency(_Payload, frozen=True, kw_only=True):
    """``value`` is text; ``"0"`` with the unit ``Variable``."""

    unit: FrequencyUnit
    value: str


class RecurringMetadata(_Payload, frozen=True, kw_only=True):
    """Amazon never charges by itself; this tells the buyer and sets the expiry. No ``amount`` when it varies."""

    frequency: Frequency
    amount: Money | None = None


class AddressDetails(_Payload, frozen=True, kw_only=True):
    """The shop's delivery address, for ``ProcessOrder`` with ``PayAndShip``."""

    name: str
    address_line1: str
    postal_code: str
    country_code: str
    phone_number: str
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None

    def __post_init__(self) -> None:
        for attribute, limit in _ADDRESS_LIMITS.items():
            check_length(_camel(attribute), getattr(self, attribute), limit)


_ADDRESS_LIMITS: Final = {
    "name": 50,
    "address_line1": 180,
    "address_line2": 60,
    "address_line3": 60,
    "city": 50,
    "district_or_county": 50,
}


class PaymentMethodOnFileMetadata(_Payload, frozen=True, kw_only=True):
    setup_only: bool


class CheckoutSessionPayload(_Payload, frozen=True, kw_only=True):
    """What a button carries, or Create Checkout Session sends."""

    web_checkout_details: WebCheckoutDetails
    store_id: str
    scopes: tuple[Scope, ...] | None = None
    charge_permission_type: ChargePermissionType | None = None
    charge_permission_id: str | None = None
    recurring_metadata: RecurringMetadata | None = None
    payment_method_on_file_metadata: PaymentMethodOnFileMetadata | None = None
    delivery_specifications: Mapping[str, Any] | None = None
    payment_details: PaymentDetails | None = None
    merchant_metadata: MerchantMetadata | None = None
    address_details: AddressDetails | None = None
    platform_id: str | None = None
    supplementary_data: str | None = None


class SignInPayload(_Payload, frozen=True, kw_only=True):
    """What a sign-in button carries."""

    sign_in_return_url: str
    store_id: str
    sign_in_cancel_url: str | None = None
    sign_in_scopes: tuple[Scope, ...] | None = None


class DeliveryDetail(_Payload, frozen=True, kw_only=True):
    tracking_number: str
    carrier_code: str


class MerchantEvidence(_Payload, frozen=True, kw_only=True):
    evidence_type: str
    file_id: str | None = None
    evidence_text: str | None = None


def to_json(payload: object) -> bytes:
    """Compact UTF-8 JSON of a payload, a mapping of Amazon's own keys, or both mixed; the same every time."""
    return _encode(_wire(payload))


def _wire(value: object) -> object:
    form = _FORMS.get(type(value))
    if form is not None:
        return form(value)
    if isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return _object(value.items())
    if isinstance(value, list | tuple):
        return [_wire(item) for item in value]
    return value


def _object(items: Iterable[tuple[str, object]]) -> dict[str, object]:
    """What is None is left out; most of the rest is text, which needs no second look."""
    return {key: item if type(item) is str else _wire(item) for key, item in items if item is not None}


def _price(money: Money) -> dict[str, str]:
    return {"amount": money.amount, "currencyCode": money.currency}


def _by_attributes(kind: type[Struct]) -> Callable[[Any], object]:
    """How a payload of that kind becomes an object with Amazon's names."""
    attributes = kind.__struct_fields__
    names, values = tuple(map(_camel, attributes)), attrgetter(*attributes)
    if len(attributes) == 1:  # attrgetter then gives the value itself
        return lambda payload: _object([(names[0], values(payload))])
    return lambda payload: _object(zip(names, values(payload), strict=True))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


_FORMS: Final[Mapping[type, Callable[[Any], object]]] = {
    dict: lambda mapping: _object(mapping.items()),
    Money: _price,
    **{
        kind: _by_attributes(kind)
        for kind in (
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
        )
    },
}
