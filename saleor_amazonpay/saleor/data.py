"""What the storefront sends in ``data`` of Saleor's mutations: checked field by field, then typed.

The shapes are those of ``webhooks/saleor/<event>/data.schema.json`` (a test holds the two together); whether a URL's
origin is allowed for the channel is for the handlers. Source: DESIGN §5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from saleor_amazonpay.errors import AppError

MAX_URL_LENGTH = 2048

Flow = Literal["review", "apb"]
Placement = Literal["Home", "Product", "Cart", "Checkout", "Other"]


@dataclass(frozen=True, slots=True)
class DataError:
    """``field`` is the path from the mutation's argument, e.g. ``data.recurring.frequency.unit``."""

    field: str
    code: Literal["REQUIRED", "INVALID", "UNKNOWN_FIELD"]
    message: str

    def as_json(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message": self.message}


class DataErrors(AppError):
    """The storefront's ``data`` is refused; ``errors`` names every wrong field.

    It is answered as a business failure, HTTP 200.
    """

    status = 400
    code = "INVALID_DATA"

    def __init__(self, errors: Sequence[DataError]) -> None:
        super().__init__(" ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = tuple(errors)

    def as_json(self) -> list[dict[str, str]]:
        return [error.as_json() for error in self.errors]


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
    amazon_checkout_session_id: str | None = None


class ReviewData(_Camel, frozen=True, kw_only=True, tag_field="flow", tag="review"):
    """Exactly one of ``checkout_result_return_url`` (the shop completes) and ``return_url`` (the app does) is set."""

    amazon_checkout_session_id: str
    checkout_result_return_url: str | None = None
    return_url: str | None = None
    recurring: Recurring | None = None


class ApbData(_Camel, frozen=True, kw_only=True, tag_field="flow", tag="apb"):
    """As ``ReviewData``, but Amazon makes the session at the click."""

    checkout_result_return_url: str | None = None
    return_url: str | None = None
    checkout_cancel_url: str | None = None
    recurring: Recurring | None = None


class StoredData(_Camel, frozen=True, kw_only=True, tag_field="flow", tag="stored"):
    payment_method_id: str


InitializeData = ReviewData | ApbData | StoredData


class ProcessData(_Camel, frozen=True, kw_only=True):
    """Without an id, the session bound at transactionInitialize is meant."""

    amazon_checkout_session_id: str | None = None


class _Check(Protocol):
    def errors(self, value: Any, path: str) -> Iterator[DataError]: ...


@dataclass(frozen=True, slots=True)
class _Text:
    pattern: re.Pattern[str]
    message: str
    max_length: int | None = None

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        fits = isinstance(value, str) and (self.max_length is None or len(value) <= self.max_length)
        if not fits or not self.pattern.fullmatch(value):
            yield DataError(path, "INVALID", self.message)


@dataclass(frozen=True, slots=True)
class _Choice:
    values: tuple[str, ...]

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if value not in self.values:
            yield DataError(path, "INVALID", f"Must be one of {', '.join(self.values)}.")


@dataclass(frozen=True, slots=True)
class _Object:
    """``exactly_one`` names fields of which one must be there, and not two."""

    fields: Mapping[str, _Check]
    required: Sequence[str] = ()
    exactly_one: Sequence[str] = ()

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if not isinstance(value, dict):
            yield DataError(path, "INVALID", "Must be an object.")
            return
        for name in self.required:
            if name not in value:
                yield DataError(f"{path}.{name}", "REQUIRED", "Must be given.")
        yield from self._one_missing_or_two_given(value, path)
        for name, given in value.items():
            check = self.fields.get(name)
            if check is None:
                yield DataError(f"{path}.{name}", "UNKNOWN_FIELD", "Is not known here.")
            else:
                yield from check.errors(given, f"{path}.{name}")

    def _one_missing_or_two_given(self, value: Mapping[str, Any], path: str) -> Iterator[DataError]:
        given = [name for name in self.exactly_one if name in value]
        if self.exactly_one and not given:
            yield DataError(f"{path}.{self.exactly_one[0]}", "REQUIRED", f"Give {' or '.join(self.exactly_one)}.")
        if len(given) > 1:
            yield DataError(f"{path}.{given[1]}", "INVALID", f"Give either {' or '.join(given)}.")


@dataclass(frozen=True, slots=True)
class _ByTag:
    """The shape depends on one field's value."""

    tag: str
    shapes: Mapping[str, _Object] = field(default_factory=dict)

    def errors(self, value: Any, path: str) -> Iterator[DataError]:
        if not isinstance(value, dict):
            yield DataError(path, "INVALID", "Must be an object.")
            return
        if self.tag not in value:
            yield DataError(f"{path}.{self.tag}", "REQUIRED", f"Must be one of {', '.join(self.shapes)}.")
            return
        chosen = value[self.tag]
        shape = self.shapes.get(chosen) if isinstance(chosen, str) else None
        if shape is None:
            yield DataError(f"{path}.{self.tag}", "INVALID", f"Must be one of {', '.join(self.shapes)}.")
            return
        yield from shape.errors(value, path)


_URL = _Text(
    re.compile(
        r"https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?"
        r"([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
    ),
    f"Must be an absolute http or https URL in ASCII, at most {MAX_URL_LENGTH} characters, without user name.",
    MAX_URL_LENGTH,
)
_SESSION_ID = _Text(re.compile(r"[0-9A-Za-z-]{1,64}"), "Must be the amazonCheckoutSessionId Amazon gave.")
_PAYMENT_METHOD_ID = _Text(re.compile(r"[!-~]{1,512}"), "Must be the id of a stored payment method.")
_COUNT = _Text(re.compile(r"[1-9][0-9]{0,2}"), 'Must be a whole number from "1" to "999", as a string.')
_DECIMAL = _Text(re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?"), 'Must be an amount as a string, e.g. "500" or "12.00".')
_CURRENCY = _Text(re.compile(r"[A-Z]{3}"), "Must be a currency code of three capital letters.")

_REGULAR = _Object({"unit": _Choice(("Year", "Month", "Week", "Day")), "value": _COUNT}, required=("unit", "value"))
_VARIABLE = _Object({"unit": _Choice(("Variable",)), "value": _Choice(("0",))}, required=("unit", "value"))
_UNITS = dict.fromkeys(("Year", "Month", "Week", "Day"), _REGULAR) | {"Variable": _VARIABLE}
_RECURRING = _Object(
    {
        "frequency": _ByTag("unit", _UNITS),
        "amount": _Object({"amount": _DECIMAL, "currencyCode": _CURRENCY}, required=("amount", "currencyCode")),
    },
    required=("frequency",),
)

_GATEWAY_INITIALIZE = _Object(
    {
        "flow": _Choice(("review", "apb")),
        "checkoutReviewReturnUrl": _URL,
        "checkoutCancelUrl": _URL,
        "placement": _Choice(("Home", "Product", "Cart", "Checkout", "Other")),
        "recurring": _RECURRING,
        "amazonCheckoutSessionId": _SESSION_ID,
    }
)
_RETURNS = ("checkoutResultReturnUrl", "returnUrl")
_INITIALIZE = _ByTag(
    "flow",
    {
        "review": _Object(
            {
                "flow": _Choice(("review",)),
                "amazonCheckoutSessionId": _SESSION_ID,
                "checkoutResultReturnUrl": _URL,
                "returnUrl": _URL,
                "recurring": _RECURRING,
            },
            required=("amazonCheckoutSessionId",),
            exactly_one=_RETURNS,
        ),
        "apb": _Object(
            {
                "flow": _Choice(("apb",)),
                "checkoutResultReturnUrl": _URL,
                "returnUrl": _URL,
                "checkoutCancelUrl": _URL,
                "recurring": _RECURRING,
            },
            exactly_one=_RETURNS,
        ),
        "stored": _Object(
            {"flow": _Choice(("stored",)), "paymentMethodId": _PAYMENT_METHOD_ID}, required=("paymentMethodId",)
        ),
    },
)
_PROCESS = _Object({"amazonCheckoutSessionId": _SESSION_ID})


def parse_gateway_initialize(data: bytes | msgspec.Raw) -> GatewayInitializeData:
    """``data`` of paymentGatewayInitialize, from its JSON; null means nothing was sent. Raises DataErrors."""
    return msgspec.convert(_checked(_GATEWAY_INITIALIZE, data, null={}), GatewayInitializeData)


def parse_transaction_initialize(data: bytes | msgspec.Raw) -> InitializeData:
    """``data`` of transactionInitialize, from its JSON. Raises DataErrors."""
    return msgspec.convert(_checked(_INITIALIZE, data, null=None), InitializeData)  # type: ignore[no-any-return]


def parse_transaction_process(data: bytes | msgspec.Raw) -> ProcessData:
    """``data`` of transactionProcess, from its JSON; null means nothing was sent. Raises DataErrors."""
    return msgspec.convert(_checked(_PROCESS, data, null={}), ProcessData)


def _checked(check: _Check, data: bytes | msgspec.Raw, null: Any) -> Any:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataErrors([DataError("data", "INVALID", "Must be JSON.")]) from error
    if value is None:
        value = null
    errors = list(check.errors(value, "data"))
    if errors:
        raise DataErrors(errors)
    return value
