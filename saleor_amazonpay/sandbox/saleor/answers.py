"""What an app may answer, judged as Saleor 3.23 judges it (contract §6, observed exp1, exp2, exp4).

The tables name the fields; pydantic's type adapters decide what a value may look like, because Saleor uses the same
library and its readings (``"10.99"`` is a decimal, ``12`` is no string) are part of the contract.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, HttpUrl, TypeAdapter, ValidationError

from saleor_amazonpay.sandbox.saleor.nodes import THREE_PLACES

MAX_MESSAGE = 512
MAX_REFERENCE = 512
MAX_URL = 200
"""The column. The answer's schema allows 2083, so a longer one breaks the write, not the check (contract §6.2)."""

ACTIONS = ("CHARGE", "REFUND", "CANCEL")

SESSION_RESULTS: dict[str, bool] = {
    # result: is a pspReference required?
    "AUTHORIZATION_SUCCESS": True,
    "AUTHORIZATION_REQUEST": True,
    "AUTHORIZATION_FAILURE": False,
    "AUTHORIZATION_ACTION_REQUIRED": False,
    "CHARGE_SUCCESS": True,
    "CHARGE_REQUEST": True,
    "CHARGE_FAILURE": False,
    "CHARGE_ACTION_REQUIRED": False,
    "CANCEL_SUCCESS": False,
}
ACTION_RESULTS: dict[str, dict[str, bool]] = {
    "CHARGE_REQUEST": {"CHARGE_SUCCESS": True, "CHARGE_FAILURE": False},
    "REFUND_REQUEST": {"REFUND_SUCCESS": True, "REFUND_FAILURE": False},
    "CANCEL_REQUEST": {"CANCEL_SUCCESS": True, "CANCEL_FAILURE": False},
}


class InvalidAnswer(Exception):
    """Saleor writes a failure event with this text."""


class BreaksSaleor(Exception):
    """Saleor itself stumbles: "Internal Server Error" in a session, a request without end in a task."""


@dataclass(frozen=True, kw_only=True)
class PaymentMethodDetails:
    type: str
    name: str
    brand: str | None = None
    first_digits: str | None = None
    last_digits: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    last_chars: str | None = None

    @property
    def graphql_type(self) -> str:
        return _DETAILS_TYPES[self.type]


_DETAILS_TYPES = {
    "CARD": "CardPaymentMethodDetails",
    "OTHER": "OtherPaymentMethodDetails",
    "GIFT_CARD": "GiftCardPaymentMethodDetails",
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``result`` is ``None`` for the asynchronous answer of an action request."""

    result: str | None
    psp_reference: str | None
    amount: Decimal
    time: datetime
    external_url: str = ""
    message: str = ""
    actions: list[str] | None = None
    details: PaymentMethodDetails | None = None


_Check = Callable[[Any], Any]
_TEXT = TypeAdapter(str)
_DECIMAL = TypeAdapter(Decimal)
_DATETIME = TypeAdapter(datetime)
_URL = TypeAdapter(HttpUrl)
_LIST = TypeAdapter(list[Any])


def _amount(value: Any) -> Decimal:
    return _DECIMAL.validate_python(value).quantize(THREE_PLACES)


def _time(value: Any) -> datetime:
    """ISO 8601 as Python reads it, or a number; without a zone it is Saleor's local time, which is UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else _DATETIME.validate_python(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _url(value: Any) -> str:
    return str(_URL.validate_python(value))


def _actions(value: Any) -> list[str]:
    return [each for each in _LIST.validate_python(value) if each in ACTIONS]


def _message(value: Any) -> str:
    return truncate(str(value or ""))


def truncate(text: str) -> str:
    """Cut to 512 characters, the last an ellipsis."""
    text = unicodedata.normalize("NFC", text)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


_FIELDS: dict[str, _Check] = {
    "pspReference": _TEXT.validate_python,
    "amount": _amount,
    "time": _time,
    "externalUrl": _url,
    "message": _message,
    "actions": _actions,
}


def _up_to(length: int) -> Any:
    return Annotated[str, Field(max_length=length)]


_DETAILS: dict[str, dict[str, Any]] = {
    # type: its fields beside name, which is required
    "OTHER": {},
    "CARD": {
        "brand": _up_to(40),
        "firstDigits": _up_to(4),
        "lastDigits": _up_to(4),
        "expMonth": Annotated[int, Field(ge=1, le=12)],
        "expYear": Annotated[int, Field(ge=2000)],
    },
    "GIFT_CARD": {"brand": _up_to(40), "lastChars": _up_to(4)},
}
_DETAILS_NAMES = {
    "firstDigits": "first_digits",
    "lastDigits": "last_digits",
    "expMonth": "exp_month",
    "expYear": "exp_year",
    "lastChars": "last_chars",
}


def _details(value: Any) -> PaymentMethodDetails:
    if not isinstance(value, Mapping) or value.get("type") not in _DETAILS:
        raise ValueError("Input should be an object with `type` OTHER, CARD or GIFT_CARD")
    known = _DETAILS[value["type"]]
    checked = {
        _DETAILS_NAMES.get(name, name): TypeAdapter(kind).validate_python(value[name])
        for name, kind in known.items()
        if value.get(name) is not None
    }
    name = TypeAdapter(_up_to(256)).validate_python(value.get("name"))
    return PaymentMethodDetails(type=value["type"], name=name, **checked)


def _read(answer: Mapping[str, Any], names: Mapping[str, _Check], required: frozenset[str]) -> dict[str, Any]:
    """The named fields, checked; an absent one and ``null`` are the same unless required."""
    values: dict[str, Any] = {}
    for name, check in names.items():
        given = answer.get(name)
        if given is None and name in required:
            raise InvalidAnswer(f"Missing value for field: {name}. Input: {answer}.")
        if given is not None:
            values[name] = _checked(name, check, given)
    return values


def _checked(name: str, check: _Check, given: Any) -> Any:
    try:
        return check(given)
    except ArithmeticError as error:
        raise BreaksSaleor(f"{name} does not fit") from error
    except (ValidationError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InvalidAnswer(truncate(f"Incorrect value ({given}) for field: {name}. Error: {reason}.")) from error


def _result_of(answer: Any, results: Mapping[str, bool] | Mapping[str, frozenset[str]]) -> Any:
    if not isinstance(answer, Mapping):
        raise BreaksSaleor("the answer is not an object")
    result = answer.get("result")
    if result is not None and not (isinstance(result, str) and result in results):
        raise InvalidAnswer(_unknown(result, results))
    return result


def _required_result(answer: Any, results: Mapping[str, bool] | Mapping[str, frozenset[str]]) -> str:
    result = _result_of(answer, results)
    if result is None:
        raise InvalidAnswer(_unknown(None, results))
    return str(result)


def _unknown(result: object, results: Mapping[str, bool] | Mapping[str, frozenset[str]]) -> str:
    possible = ", ".join(results)
    return truncate(f"Missing or invalid value for `result`: {result}. Possible values: {possible}.")


def _build(result: str, values: dict[str, Any], requested: Decimal, now: datetime) -> Answer:
    answer = Answer(
        result=result,
        psp_reference=values.get("pspReference"),
        amount=values.get("amount") or requested,
        time=values.get("time") or now,
        external_url=values.get("externalUrl", ""),
        message=values.get("message", ""),
        actions=values.get("actions"),
        details=values.get("paymentMethodDetails"),
    )
    if len(answer.psp_reference or "") > MAX_REFERENCE or len(answer.external_url) > MAX_URL:
        raise BreaksSaleor("value too long for its column")
    return answer


def judge_session(answer: Any, requested: Decimal, now: datetime) -> Answer:
    """An answer of TRANSACTION_INITIALIZE_SESSION or TRANSACTION_PROCESS_SESSION.

    ``amount`` absent, null or 0 means the requested one; any other is taken as it is, with three decimals.

    Raises:
        InvalidAnswer: a failure event is written.
        BreaksSaleor: not an object, or a value its column cannot hold.
    """
    result = _required_result(answer, SESSION_RESULTS)
    required = frozenset({"pspReference"}) if SESSION_RESULTS[result] else frozenset[str]()
    values = _read(answer, {**_FIELDS, "paymentMethodDetails": _details}, required)
    return _build(result, values, requested, now)


def _as_written(actions: list[str] | None) -> list[str] | None:
    """Saleor forgets to lower-case the actions of an asynchronous answer: what it stores is no action to it any more.

    From then on every query of the transaction's ``actions`` fails (seen on 3.23.28).
    """
    return None if actions is None else [f"{action} as written" for action in actions]


def judge_action(answer: Any, request_type: str, requested: Decimal, now: datetime) -> Answer:
    """An answer to a charge, refund or cancelation request: only that kind's SUCCESS or FAILURE, or no ``result``."""
    results = ACTION_RESULTS[request_type]
    result = _result_of(answer, results)
    if result is None:
        only = {name: _FIELDS[name] for name in ("pspReference", "actions")}
        values = _read(answer, only, frozenset({"pspReference"}))
        if len(values["pspReference"]) > MAX_REFERENCE:
            raise BreaksSaleor("value too long for its column")
        return Answer(
            result=None,
            psp_reference=values["pspReference"],
            amount=requested,
            time=now,
            actions=_as_written(values.get("actions")),
        )
    required = frozenset({"pspReference"}) if results[result] else frozenset[str]()
    return _build(result, _read(answer, _FIELDS, required), requested, now)


@dataclass(frozen=True, kw_only=True)
class StoredMethodAnswer:
    """``result`` is ``FAILED_TO_DELIVER`` when nothing usable came back."""

    result: str
    id: str | None = None
    data: Any = None
    error: str | None = None


STORED_METHOD_RESULTS: dict[str, dict[str, frozenset[str]]] = {
    # event: result -> fields it must have
    "STORED_PAYMENT_METHOD_DELETE_REQUESTED": {
        "SUCCESSFULLY_DELETED": frozenset(),
        "FAILED_TO_DELETE": frozenset(),
        "FAILED_TO_DELIVER": frozenset(),
    },
    "PAYMENT_GATEWAY_INITIALIZE_TOKENIZATION_SESSION": {
        "SUCCESSFULLY_INITIALIZED": frozenset(),
        "FAILED_TO_INITIALIZE": frozenset(),
        "FAILED_TO_DELIVER": frozenset(),
    },
    "PAYMENT_METHOD_INITIALIZE_TOKENIZATION_SESSION": {
        "SUCCESSFULLY_TOKENIZED": frozenset({"id"}),
        "ADDITIONAL_ACTION_REQUIRED": frozenset({"id"}),
        "PENDING": frozenset(),
        "FAILED_TO_TOKENIZE": frozenset(),
        "FAILED_TO_DELIVER": frozenset(),
    },
}
STORED_METHOD_RESULTS["PAYMENT_METHOD_PROCESS_TOKENIZATION_SESSION"] = STORED_METHOD_RESULTS[
    "PAYMENT_METHOD_INITIALIZE_TOKENIZATION_SESSION"
]


def judge_stored_method(answer: Any, event: str) -> StoredMethodAnswer:
    """Deletion and the three tokenisation events; whatever is wrong comes out as ``FAILED_TO_DELIVER`` with a text."""
    results = STORED_METHOD_RESULTS[event]
    if not isinstance(answer, Mapping):
        return StoredMethodAnswer(result="FAILED_TO_DELIVER", error="Failed to delivery request.")
    try:
        result = _required_result(answer, results)
        values = _read(answer, {"id": _TEXT.validate_python, "error": _TEXT.validate_python}, results[result])
    except InvalidAnswer as wrong:
        return StoredMethodAnswer(result="FAILED_TO_DELIVER", error=str(wrong))
    return StoredMethodAnswer(result=result, id=values.get("id"), data=answer.get("data"), error=values.get("error"))


@dataclass(frozen=True, kw_only=True)
class CreditCard:
    brand: str
    last_digits: str
    exp_year: int
    exp_month: int
    first_digits: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListedMethod:
    id: str
    type: str
    name: str | None = None
    data: Any = None
    supported_payment_flows: list[str] = field(default_factory=list)
    credit_card_info: CreditCard | None = None


def judge_list(answer: Any) -> list[ListedMethod]:
    """Invalid entries are left out, an invalid ``creditCardInfo`` is dropped, anything else is an empty list."""
    given = answer.get("paymentMethods") if isinstance(answer, Mapping) else None
    if not isinstance(given, list):
        return []
    listed = (_listed(entry) for entry in given)
    return [method for method in listed if method is not None]


_FLOWS = TypeAdapter(list[Annotated[str, Field(pattern="^INTERACTIVE$")]])


def _listed(entry: Any) -> ListedMethod | None:
    if not isinstance(entry, Mapping):
        return None
    text = _TEXT.validate_python
    names = {"id": text, "type": text, "name": text, "supportedPaymentFlows": _FLOWS.validate_python}
    try:
        values = _read(entry, names, frozenset({"id", "type"}))
    except InvalidAnswer:
        return None
    return ListedMethod(
        id=values["id"],
        type=values["type"],
        name=values.get("name"),
        data=entry.get("data"),
        supported_payment_flows=values.get("supportedPaymentFlows", []),
        credit_card_info=_credit_card(entry.get("creditCardInfo")),
    )


_INTEGER = TypeAdapter(int)


def _credit_card(given: Any) -> CreditCard | None:
    if not isinstance(given, Mapping):
        return None
    whole = _INTEGER.validate_python
    names: dict[str, _Check] = {
        "brand": _TEXT.validate_python,
        "lastDigits": str,
        "firstDigits": str,
        "expYear": whole,
        "expMonth": whole,
    }
    try:
        values = _read(given, names, frozenset(names) - {"firstDigits"})
    except InvalidAnswer:
        return None
    return CreditCard(
        brand=values["brand"],
        last_digits=values["lastDigits"],
        exp_year=values["expYear"],
        exp_month=values["expMonth"],
        first_digits=values.get("firstDigits"),
    )
