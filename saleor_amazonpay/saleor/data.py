"""What the storefront sends in ``data`` of Saleor's mutations: checked field by field, then typed.

The shapes are those of ``webhooks/saleor/<event>/data.schema.json`` (a test holds the two together); whether a URL's
origin is allowed for the channel is for the handlers. Source: DESIGN §5.
"""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct

from saleor_amazonpay.domain.states import ChargeChannel, ChargeInitiator
from saleor_amazonpay.saleor.shapes import URL, ByTag, Choice, Flag, Object, Text, checked

Flow = Literal["review", "apb"]
Placement = Literal["Home", "Product", "Cart", "Checkout", "Other"]
PLACEMENTS: Final = get_args(Placement)


class _Camel(Struct, frozen=True, rename="camel", kw_only=True):
    pass


class Frequency(_Camel, frozen=True):
    """``value`` units between two charges; unit ``Variable`` has value ``"0"``."""

    unit: str
    value: str


class RecurringAmount(_Camel, frozen=True):
    amount: str
    currency_code: str


class Recurring(_Camel, frozen=True, kw_only=True):
    """Amazon's recurringMetadata (amazon-pay-cv2.md §6.1)."""

    frequency: Frequency
    amount: RecurringAmount | None = None


class GatewayInitializeData(_Camel, frozen=True, kw_only=True):
    flow: Flow = "review"
    checkout_review_return_url: str | None = None
    checkout_cancel_url: str | None = None
    placement: Placement | None = None
    recurring: Recurring | None = None
    payment_method_on_file: bool = False
    amazon_checkout_session_id: str | None = None

    @property
    def asks_for_agreement(self) -> bool:
        return self.recurring is not None or self.payment_method_on_file


class ReviewData(_Camel, frozen=True, kw_only=True, tag_field="flow", tag="review"):
    """Exactly one of ``checkout_result_return_url`` (the shop completes) and ``return_url`` (the app does) is set."""

    amazon_checkout_session_id: str
    checkout_result_return_url: str | None = None
    return_url: str | None = None
    recurring: Recurring | None = None
    payment_method_on_file: bool = False

    @property
    def asks_for_agreement(self) -> bool:
        return self.recurring is not None or self.payment_method_on_file


class ApbData(_Camel, frozen=True, kw_only=True, tag_field="flow", tag="apb"):
    """As ``ReviewData``, but Amazon makes the session at the click."""

    checkout_result_return_url: str | None = None
    return_url: str | None = None
    checkout_cancel_url: str | None = None
    recurring: Recurring | None = None
    payment_method_on_file: bool = False

    @property
    def asks_for_agreement(self) -> bool:
        return self.recurring is not None or self.payment_method_on_file


class StoredData(_Camel, frozen=True, kw_only=True, tag_field="flow", tag="stored"):
    """``charge_initiator`` and ``charge_channel`` are for apps; a customer who pays needs neither.

    ``checkout_result_return_url``: where Amazon sends a buyer it asks to confirm the payment (§6.7).
    """

    payment_method_id: str
    checkout_result_return_url: str | None = None
    charge_initiator: str | None = None
    charge_channel: str | None = None


InitializeData = ReviewData | ApbData | StoredData


class ProcessData(_Camel, frozen=True, kw_only=True):
    """Without an id, the session bound at transactionInitialize is meant."""

    amazon_checkout_session_id: str | None = None


class TokenizationData(_Camel, frozen=True, kw_only=True):
    """``recurring`` or ``payment_method_on_file``: what the customer agrees to."""

    checkout_result_return_url: str
    checkout_cancel_url: str | None = None
    recurring: Recurring | None = None
    payment_method_on_file: bool = False


class TokenizationProcessData(_Camel, frozen=True, kw_only=True):
    amazon_checkout_session_id: str


_SESSION_ID = Text(re.compile(r"[0-9A-Za-z-]{1,64}"), "Must be the amazonCheckoutSessionId Amazon gave.")
_PAYMENT_METHOD_ID = Text(re.compile(r"[!-~]{1,512}"), "Must be the id of a stored payment method.")
_COUNT = Text(re.compile(r"[1-9][0-9]{0,2}"), 'Must be a whole number from "1" to "999", as a string.')
_DECIMAL = Text(re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?"), 'Must be an amount as a string, e.g. "500" or "12.00".')
_CURRENCY = Text(re.compile(r"[A-Z]{3}"), "Must be a currency code of three capital letters.")

_REGULAR = Object({"unit": Choice(("Year", "Month", "Week", "Day")), "value": _COUNT}, required=("unit", "value"))
_VARIABLE = Object({"unit": Choice(("Variable",)), "value": Choice(("0",))}, required=("unit", "value"))
_UNITS = dict.fromkeys(("Year", "Month", "Week", "Day"), _REGULAR) | {"Variable": _VARIABLE}
_RECURRING = Object(
    {
        "frequency": ByTag("unit", _UNITS),
        "amount": Object({"amount": _DECIMAL, "currencyCode": _CURRENCY}, required=("amount", "currencyCode")),
    },
    required=("frequency",),
)

_GATEWAY_INITIALIZE = Object(
    {
        "flow": Choice(("review", "apb")),
        "checkoutReviewReturnUrl": URL,
        "checkoutCancelUrl": URL,
        "placement": Choice(PLACEMENTS),
        "recurring": _RECURRING,
        "paymentMethodOnFile": Flag(),
        "amazonCheckoutSessionId": _SESSION_ID,
    }
)
_RETURNS = ("checkoutResultReturnUrl", "returnUrl")
_INITIALIZE = ByTag(
    "flow",
    {
        "review": Object(
            {
                "flow": Choice(("review",)),
                "amazonCheckoutSessionId": _SESSION_ID,
                "checkoutResultReturnUrl": URL,
                "returnUrl": URL,
                "recurring": _RECURRING,
                "paymentMethodOnFile": Flag(),
            },
            required=("amazonCheckoutSessionId",),
            exactly_one=_RETURNS,
        ),
        "apb": Object(
            {
                "flow": Choice(("apb",)),
                "checkoutResultReturnUrl": URL,
                "returnUrl": URL,
                "checkoutCancelUrl": URL,
                "recurring": _RECURRING,
                "paymentMethodOnFile": Flag(),
            },
            exactly_one=_RETURNS,
        ),
        "stored": Object(
            {
                "flow": Choice(("stored",)),
                "paymentMethodId": _PAYMENT_METHOD_ID,
                "checkoutResultReturnUrl": URL,
                "chargeInitiator": Choice(tuple(ChargeInitiator)),
                "chargeChannel": Choice(tuple(ChargeChannel)),
            },
            required=("paymentMethodId",),
        ),
    },
)
_PROCESS = Object({"amazonCheckoutSessionId": _SESSION_ID})
_NOTHING = Object({})
_TOKENIZATION = Object(
    {
        "checkoutResultReturnUrl": URL,
        "checkoutCancelUrl": URL,
        "recurring": _RECURRING,
        "paymentMethodOnFile": Flag(),
    },
    required=("checkoutResultReturnUrl",),
    exactly_one=("recurring", "paymentMethodOnFile"),
)
_TOKENIZATION_PROCESS = Object({"amazonCheckoutSessionId": _SESSION_ID}, required=("amazonCheckoutSessionId",))


def parse_gateway_initialize(data: bytes | msgspec.Raw) -> GatewayInitializeData:
    """``data`` of paymentGatewayInitialize, from its JSON; null means nothing was sent. Raises DataErrors."""
    return msgspec.convert(checked(_GATEWAY_INITIALIZE, data, null={}), GatewayInitializeData)


def parse_transaction_initialize(data: bytes | msgspec.Raw) -> InitializeData:
    """``data`` of transactionInitialize, from its JSON. Raises DataErrors."""
    return msgspec.convert(checked(_INITIALIZE, data, null=None), InitializeData)  # type: ignore[no-any-return]


def parse_transaction_process(data: bytes | msgspec.Raw) -> ProcessData:
    """``data`` of transactionProcess, from its JSON; null means nothing was sent. Raises DataErrors."""
    return msgspec.convert(checked(_PROCESS, data, null={}), ProcessData)


def check_tokenization_gateway(data: bytes | msgspec.Raw) -> None:
    """``data`` of paymentGatewayInitializeTokenization: nothing. Raises DataErrors."""
    checked(_NOTHING, data, null={})


def parse_tokenization(data: bytes | msgspec.Raw) -> TokenizationData:
    """``data`` of paymentMethodInitializeTokenization. Raises DataErrors."""
    return msgspec.convert(checked(_TOKENIZATION, data, null={}), TokenizationData)


def parse_tokenization_process(data: bytes | msgspec.Raw) -> TokenizationProcessData:
    """``data`` of paymentMethodProcessTokenization. Raises DataErrors."""
    return msgspec.convert(checked(_TOKENIZATION_PROCESS, data, null={}), TokenizationProcessData)
