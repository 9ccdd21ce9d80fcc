"""What we answer to Saleor's payment webhooks, as values that cannot be wrong.

Saleor books what it is told, so a combination it would misread is a ValueError here, before money moves in its books:
a success without an exact amount, an amount of zero (taken for "all"), an empty reference (never de-duplicated), an
empty or over-long ``externalUrl`` (voids the answer). Source: saleor-contract.md §6.2, §6.4; saleor-observed.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import TransactionAction
from saleor_amazonpay.domain.states import TransactionEventType as Type

MAX_REFERENCE_LENGTH = 512
MAX_MESSAGE_LENGTH = 512
MAX_EXTERNAL_URL_LENGTH = 200  # the schema says 2083, the column holds 200
MAX_METHOD_NAME_LENGTH = 256
PAYMENT_METHOD_DETAILS_SINCE = (3, 22)

_ENCODER = msgspec.json.Encoder(decimal_format="number")

_SESSION_DECIDED = frozenset({Type.AUTHORIZATION_SUCCESS, Type.CHARGE_SUCCESS})
_SESSION_PENDING = frozenset({Type.AUTHORIZATION_REQUEST, Type.CHARGE_REQUEST})
_SESSION_FAILED = frozenset({Type.AUTHORIZATION_FAILURE, Type.CHARGE_FAILURE})
_SESSION_OPEN = frozenset({Type.AUTHORIZATION_ACTION_REQUIRED, Type.CHARGE_ACTION_REQUIRED})
_SESSION_RESULTS = _SESSION_DECIDED | _SESSION_PENDING | _SESSION_FAILED | _SESSION_OPEN
_ACTION_DECIDED = frozenset({Type.CHARGE_SUCCESS, Type.REFUND_SUCCESS, Type.CANCEL_SUCCESS})
_ACTION_FAILED = frozenset({Type.CHARGE_FAILURE, Type.REFUND_FAILURE, Type.CANCEL_FAILURE})


def _require(fact: bool, message: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    if not fact:
        raise ValueError(message)


def _check_common(answer: SessionAnswer | ActionAnswer) -> None:
    reference, url, time = answer.psp_reference, answer.external_url, answer.time
    _require(reference is None or bool(reference.strip()), "pspReference is empty.")
    _require(reference is None or len(reference) <= MAX_REFERENCE_LENGTH, "pspReference is too long.")
    _require(url is None or url.startswith(("https://", "http://")), "externalUrl is not a URL.")
    _require(url is None or len(url) <= MAX_EXTERNAL_URL_LENGTH, "externalUrl is longer than 200 characters.")
    _require(time is None or time.tzinfo is not None, "time has no zone.")
    _require(answer.amount is None or answer.amount.minor >= 0, "amount is negative.")


def _common(answer: SessionAnswer | ActionAnswer) -> dict[str, Any]:
    fields = {
        "result": answer.result,
        "pspReference": answer.psp_reference,
        "amount": answer.amount and answer.amount.decimal,
        "time": answer.time and answer.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "externalUrl": answer.external_url,
        "message": _cut(answer.message) if answer.message else None,
        "actions": None if answer.actions is None else list(dict.fromkeys(answer.actions)),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_LENGTH else message[: MAX_MESSAGE_LENGTH - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAnswer:
    """To TRANSACTION_INITIALIZE_SESSION and TRANSACTION_PROCESS_SESSION.

    ``*_FAILURE`` and ``*_REQUEST`` are final for the storefront; only ``*_ACTION_REQUIRED`` lets it call
    transactionProcess again. ``actions`` are kept by Saleor with a success or a request only. ``payment_method_name``
    is what the buyer paid with, in Amazon's words. Raises ValueError where Saleor would refuse or misread it.
    """

    result: Type
    psp_reference: str | None = None
    amount: Money | None = None
    message: str = ""
    external_url: str | None = None
    time: datetime | None = None
    actions: Sequence[TransactionAction] | None = None
    data: Mapping[str, Any] | None = None
    payment_method_name: str | None = None

    def __post_init__(self) -> None:
        _require(self.result in _SESSION_RESULTS, f"{self.result} answers no session event.")
        _require(self.psp_reference is not None or self.result in _SESSION_OPEN, "pspReference is missing.")
        _check_common(self)
        if self.result in _SESSION_DECIDED | _SESSION_PENDING:
            _require(self.amount is not None, "amount is missing: Saleor would take the requested one.")
            zero_is_meant = self.result == Type.AUTHORIZATION_SUCCESS  # an agreement alone, DESIGN §6 case 14
            _require(zero_is_meant or bool(self.amount and self.amount.minor), "amount 0 means all to Saleor.")

    def render(self, schema_version: tuple[int, int] | None = None) -> bytes:
        """The JSON body; ``schema_version`` is the Saleor's, e.g. ``(3, 22)``, and None counts as new."""
        fields = _common(self)
        if self.data is not None:
            fields["data"] = self.data
        if self.payment_method_name and (schema_version is None or schema_version >= PAYMENT_METHOD_DETAILS_SINCE):
            name = self.payment_method_name[:MAX_METHOD_NAME_LENGTH]
            fields["paymentMethodDetails"] = {"type": "OTHER", "name": name}
        return _ENCODER.encode(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionAnswer:
    """To TRANSACTION_{CHARGE,REFUND,CANCELATION}_REQUESTED; without a ``result``, the outcome is reported later.

    Without a ``result`` nothing but the reference may be told: Saleor stores the ``actions`` of an asynchronous answer
    as they are written, in upper case, and can then no longer read the transaction's ``actions`` (seen on 3.23.28;
    docs/decisions/0011). Raises ValueError where Saleor would refuse or misread it.
    """

    psp_reference: str
    result: Type | None = None
    amount: Money | None = None
    message: str = ""
    external_url: str | None = None
    time: datetime | None = None
    actions: Sequence[TransactionAction] | None = None

    def __post_init__(self) -> None:
        known = self.result is None or self.result in _ACTION_DECIDED | _ACTION_FAILED
        _require(known, f"{self.result} answers no action event.")
        _require(self.psp_reference is not None, "pspReference is missing.")
        _check_common(self)
        if self.result is None:
            told = (self.amount, self.message or None, self.external_url, self.time, self.actions)
            _require(told == (None,) * 5, "An answer without result carries the pspReference only.")
        if self.result in _ACTION_DECIDED:
            _require(
                bool(self.amount and self.amount.minor), "A success needs its exact amount; 0 means all to Saleor."
            )

    def render(self) -> bytes:
        """The JSON body."""
        return _ENCODER.encode(_common(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAnswer:
    """To PAYMENT_GATEWAY_INITIALIZE_SESSION. ``errors`` are ``{field?, code, message}``.

    ``checkout_session`` holds buyer data and is written last: Saleor logs the first 1024 characters of an answer.
    """

    amazon_pay: Mapping[str, Any] | None = None
    checkout_session: Mapping[str, Any] | None = field(default=None, repr=False)
    errors: Sequence[Mapping[str, str]] = ()

    def render(self) -> bytes:
        """The JSON body."""
        data = {"amazonPay": self.amazon_pay, "errors": list(self.errors), "checkoutSession": self.checkout_session}
        return _ENCODER.encode({"data": data})


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodsAnswer:
    """To LIST_STORED_PAYMENT_METHODS; Saleor keeps it five minutes for the customer and channel (§6.6)."""

    methods: Sequence[Mapping[str, Any]]

    def render(self) -> bytes:
        """The JSON body."""
        return _ENCODER.encode({"paymentMethods": list(self.methods)})


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodAnswer:
    """To the other four events of stored payment methods: ``SUCCESSFULLY_…``, ``FAILED_TO_…`` and what lies between.

    Raises ValueError where Saleor would refuse it: an id is missing, or a failure says nothing.
    """

    result: MethodResult
    id: str | None = None
    data: Mapping[str, Any] | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        _require(self.id is not None or self.result not in _WITH_ID, f"{self.result} needs an id.")
        _require(bool(self.error) == self.result.startswith("FAILED"), "A failure has an error, and nothing else has.")

    def render(self) -> bytes:
        """The JSON body."""
        fields = {"result": self.result, "id": self.id, "data": self.data, "error": self.error}
        return _ENCODER.encode({name: value for name, value in fields.items() if value is not None})


MethodResult = Literal[
    "SUCCESSFULLY_DELETED",
    "FAILED_TO_DELETE",
    "SUCCESSFULLY_INITIALIZED",
    "FAILED_TO_INITIALIZE",
    "SUCCESSFULLY_TOKENIZED",
    "ADDITIONAL_ACTION_REQUIRED",
    "PENDING",
    "FAILED_TO_TOKENIZE",
]
_WITH_ID = frozenset({"SUCCESSFULLY_TOKENIZED", "ADDITIONAL_ACTION_REQUIRED"})


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """To an asynchronous event, of which Saleor reads the status only."""

    def render(self) -> bytes:
        """The JSON body."""
        return b"{}"


Answer = SessionAnswer | ActionAnswer | GatewayAnswer | MethodsAnswer | MethodAnswer | ReceivedAnswer
