"""What a request body may hold, as tables: unknown keys, missing values and wrong types are told as Amazon tells them.

A ``null`` counts as not sent. Prices become ``Money``. Source: amazon-pay-cv2.md §3, §4.8.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem

Check = Callable[[Any, str], Any]
"""Takes a value and its dotted name, gives the clean value or raises ``ApiProblem``."""

Document = dict[str, Any]


def _invalid(name: str, why: str) -> ApiProblem:
    return ApiProblem("InvalidParameterValue", f"The value of {name} {why}.")


def anything(value: Any, _name: str) -> Any:
    return value


def boolean(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise _invalid(name, "is neither true nor false")
    return value


def text(limit: int = 4096) -> Check:
    def check(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise _invalid(name, "is not a string")
        if len(value) > limit:
            raise _invalid(name, f"is longer than {limit} characters")
        return value

    return check


def one_of(*values: str) -> Check:
    def check(value: Any, name: str) -> str:
        if value not in values:
            raise _invalid(name, f"is none of {', '.join(values)}")
        return str(value)

    return check


def list_of(item: Check) -> Check:
    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list):
            raise _invalid(name, "is not a list")
        return [item(entry, f"{name}[{index}]") for index, entry in enumerate(value)]

    return check


def url(value: Any, name: str) -> str:
    """https, or http where the sandbox allows it; ``check_https`` adds the rule of live."""
    address = str(text(2048)(value, name))
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise _invalid(name, "is not a URL")
    return address


def check_https(document: Mapping[str, Any], name: str) -> None:
    for key, address in document.items():
        if isinstance(address, str) and not address.startswith("https://"):
            raise _invalid(f"{name}.{key}", "is not an https URL")


def number_or_text(value: Any, name: str) -> str:
    """The frequency's value: a string, which one SDK sends as a number (§6.1)."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).isdigit():
        raise _invalid(name, "is not a whole number")
    return str(value)


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object with these keys and no others."""

    checks: Mapping[str, Check]
    required: Collection[str] = ()

    def __call__(self, value: Any, name: str = "") -> Document:
        if not isinstance(value, Mapping):
            raise ApiProblem("InvalidRequestFormat", f"{name or 'The request body'} is not a JSON object.")
        clean = {key: self._clean(key, entry, name) for key, entry in value.items() if entry is not None}
        for key in self.required:
            if key not in clean or clean[key] == "":
                raise missing(_dotted(name, key))
        return clean

    def _clean(self, key: str, entry: Any, name: str) -> Any:
        if key not in self.checks:
            raise ApiProblem("UnrecognizedField", f"The field {_dotted(name, key)} is not known.")
        return self.checks[key](entry, _dotted(name, key))


def missing(name: str) -> ApiProblem:
    return ApiProblem("MissingParameterValue", f"Value is missing for the required parameter {name}.")


def _dotted(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _decimal(value: Any, name: str) -> Decimal | int | str:
    """A string by the documents; numbers are taken as well (§3.1)."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _invalid(name, "is not an amount")
    return value


_PRICE: Final = Fields({"amount": _decimal, "currencyCode": text(3)}, required=("amount", "currencyCode"))


def price(value: Any, name: str) -> Money:
    parts = _PRICE(value, name)
    try:
        money = Money.parse(parts["amount"], parts["currencyCode"])
    except MoneyError as error:
        raise ApiProblem("InvalidParameterValue", f"{name}: {error}") from None
    if money.minor < 0:
        raise _invalid(name, "is negative")
    return money


METADATA: Final = Fields(
    {
        "merchantReferenceId": text(256),
        "merchantStoreName": text(50),
        "noteToBuyer": text(255),
        "customInformation": text(4096),
    }
)
FREQUENCY: Final = Fields(
    {"unit": one_of("Year", "Month", "Week", "Day", "Variable"), "value": number_or_text}, required=("unit", "value")
)
RECURRING: Final = Fields({"frequency": FREQUENCY, "amount": price})
PROVIDER: Final = Fields({"providerReferenceId": text(256)})
SOFT_DESCRIPTOR: Final = text(16)
ADDRESS: Final = Fields(
    {
        "name": text(50),
        "addressLine1": text(180),
        "addressLine2": text(60),
        "addressLine3": text(60),
        "city": text(50),
        "county": text(50),
        "district": text(50),
        "districtOrCounty": text(50),
        "stateOrRegion": text(50),
        "postalCode": text(20),
        "countryCode": text(2),
        "phoneNumber": text(20),
    }
)
