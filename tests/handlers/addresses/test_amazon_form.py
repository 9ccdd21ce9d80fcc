"""Saleor's addresses as Amazon's addressDetails, by the rules of each region."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from saleor_amazonpay.handlers.addresses import same_place, to_amazon, to_saleor

from .conftest import INPUT_FIELDS, ROWS, amazon_address, row_id, saleor_address

COMPLETE = [row for row in ROWS if not row["missing"]]
TOKYO = {
    "firstName": "一郎",
    "lastName": "鈴木",
    "streetAddress1": "下目黒1-8-1",
    "streetAddress2": "アルコタワー",
    "city": "目黒区",
    "postalCode": "153-0064",
    "country": "JP",
    "countryArea": "東京都",
    "phone": "+81312345678",
}
SEATTLE = {
    "firstName": "Susie",
    "lastName": "Smith",
    "streetAddress1": "410 Terry Ave N",
    "city": "SEATTLE",
    "postalCode": "98109",
    "country": "US",
    "countryArea": "WA",
    "phone": "+12065550100",
}


def details_of(address, **changes):
    converted = to_amazon(saleor_address(**address | changes))
    assert converted.errors == ()
    return {name: text for name, text in structs.asdict(converted.details).items() if text is not None}


def errors_of(address, **changes):
    converted = to_amazon(saleor_address(**address | changes))
    assert converted.details is None
    return [(error.field, error.code) for error in converted.errors]


def as_amazon(details):
    words = {name: name.split("_") for name in structs.asdict(details)}
    names = {name: first + "".join(word.title() for word in rest) for name, (first, *rest) in words.items()}
    names["district_or_county"] = "district"
    return amazon_address(**{names[name]: text for name, text in structs.asdict(details).items()})


class TestForms:
    def test_japanese_address_begins_its_first_line_with_the_city_and_has_no_city_field(self):
        assert details_of(TOKYO) == {
            "name": "鈴木 一郎",
            "address_line1": "目黒区下目黒1-8-1",
            "address_line2": "アルコタワー",
            "state_or_region": "東京都",
            "postal_code": "153-0064",
            "country_code": "JP",
            "phone_number": "0312345678",
        }

    def test_city_is_not_doubled_in_a_japanese_line(self):
        assert details_of(TOKYO, streetAddress1="目黒区下目黒1-8-1")["address_line1"] == "目黒区下目黒1-8-1"

    def test_american_address(self):
        assert details_of(SEATTLE) == {
            "name": "Susie Smith",
            "address_line1": "410 Terry Ave N",
            "city": "SEATTLE",
            "state_or_region": "WA",
            "postal_code": "98109",
            "country_code": "US",
            "phone_number": "2065550100",
        }

    def test_state_is_sent_as_two_letters_though_written_out(self):
        assert details_of(SEATTLE, countryArea="Washington")["state_or_region"] == "WA"

    @pytest.mark.parametrize("country", ["GB", "SG", "AE", "MX"])
    def test_countries_for_which_amazon_refuses_a_state_get_none(self, country):
        assert "state_or_region" not in details_of(SEATTLE, country=country, countryArea="Surrey")

    def test_company_is_the_next_free_line(self):
        assert details_of(SEATTLE, companyName="Acme, Inc.")["address_line2"] == "Acme, Inc."
        assert details_of(TOKYO, companyName="株式会社サンプル")["address_line3"] == "株式会社サンプル"

    def test_long_second_line_goes_on_in_the_third_at_a_space(self):
        words = " ".join(["building"] * 11)
        details = details_of(SEATTLE, streetAddress2=words)
        assert f"{details['address_line2']} {details['address_line3']}" == words
        assert len(details["address_line2"]) <= 60

    def test_german_address_needs_no_state(self):
        german = SEATTLE | {"country": "DE", "countryArea": "", "postalCode": "10115", "phone": "+49301234567"}
        assert details_of(german)["phone_number"] == "0301234567"


class TestErrors:
    def test_no_address_is_one_error(self):
        converted = to_amazon(None)
        assert [(error.field, error.code) for error in converted.errors] == [("shippingAddress", "REQUIRED")]

    @pytest.mark.parametrize("field", ["streetAddress1", "city", "postalCode", "countryArea", "phone"])
    def test_american_address_needs(self, field):
        assert errors_of(SEATTLE, **{field: ""}) == [(f"shippingAddress.{field}", "REQUIRED")]

    def test_japanese_address_needs_a_prefecture_but_no_city(self):
        assert errors_of(TOKYO, countryArea="") == [("shippingAddress.countryArea", "REQUIRED")]
        assert details_of(TOKYO, city="")["address_line1"] == "下目黒1-8-1"

    def test_nameless_address_needs_a_name(self):
        assert errors_of(TOKYO, firstName="", lastName="") == [("shippingAddress.lastName", "REQUIRED")]

    def test_null_phone_is_a_missing_phone(self):
        assert errors_of(SEATTLE, phone=None) == [("shippingAddress.phone", "REQUIRED")]

    @pytest.mark.parametrize(
        ("field", "length", "named"),
        [
            ("lastName", 45, "lastName"),
            ("streetAddress1", 181, "streetAddress1"),
            ("streetAddress2", 61, "streetAddress2"),
            ("companyName", 61, "companyName"),
            ("city", 51, "city"),
        ],
    )
    def test_what_is_too_long_is_named_and_not_cut(self, field, length, named):
        assert errors_of(SEATTLE, **{field: "x" * length}) == [(f"shippingAddress.{named}", "INVALID")]

    def test_second_line_too_long_beside_a_company_is_named(self):
        long = " ".join(["building"] * 8)
        assert errors_of(SEATTLE, streetAddress2=long, companyName="Acme") == [
            ("shippingAddress.streetAddress2", "INVALID")
        ]

    def test_second_line_longer_than_two_lines_is_named(self):
        assert errors_of(SEATTLE, streetAddress2="building " * 20) == [("shippingAddress.streetAddress2", "INVALID")]

    def test_path_of_the_field_is_the_callers(self):
        converted = to_amazon(saleor_address(**SEATTLE | {"city": ""}), path="billingAddress")
        assert [error.field for error in converted.errors] == ["billingAddress.city"]


class TestThereAndBack:
    @pytest.mark.parametrize("row", COMPLETE, ids=row_id)
    def test_complete_address_comes_back_as_the_same_place(self, row):
        address = to_saleor(amazon_address(**row["amazon"])).address
        own_phone = address["phone"] if address["phone"].startswith("+") else "+12065550100"
        saleor = saleor_address(**address | {"phone": own_phone})
        details = to_amazon(saleor).details
        assert details is not None
        assert same_place(saleor, as_amazon(details)) == ()

    @given(st.fixed_dictionaries({name: st.text(max_size=80) for name in INPUT_FIELDS}))
    def test_any_text_gives_details_or_errors(self, fields):
        converted = to_amazon(saleor_address(**fields))
        assert (converted.details is None) == bool(converted.errors)
