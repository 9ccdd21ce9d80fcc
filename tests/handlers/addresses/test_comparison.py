# ruff: noqa: RUF001 - full-width characters are what buyers type
"""Amazon's guarantee holds for one address; spelling is not a difference, another door is."""

import pytest

from saleor_amazonpay.handlers.addresses import same_place, to_saleor

from .conftest import ROWS, amazon_address, row_id, saleor_address

TOKYO = {
    "name": "鈴木一郎",
    "addressLine1": "目黒区下目黒1-8-1",
    "addressLine2": "アルコタワー",
    "stateOrRegion": "東京都",
    "postalCode": "153-0064",
    "countryCode": "JP",
}
BERLIN = {
    "name": "Hans Müller",
    "addressLine1": "Beispiel GmbH",
    "addressLine2": "Chausseestraße 12",
    "city": "Berlin",
    "postalCode": "10115",
    "countryCode": "DE",
}


def differences(amazon, **changes):
    address = to_saleor(amazon_address(**amazon)).address | changes
    return same_place(saleor_address(**address), amazon_address(**amazon))


class TestSame:
    @pytest.mark.parametrize("row", [row for row in ROWS if row["saleor"].get("country")], ids=row_id)
    def test_an_address_does_not_differ_from_itself(self, row):
        assert differences(row["amazon"]) == ()

    @pytest.mark.parametrize(
        "changes",
        [
            {"postalCode": "1530064"},
            {"countryArea": "東京"},
            {"countryArea": "Tokyo"},
            {"streetAddress1": "下目黒１－８－１"},
            {"streetAddress1": "下目黒1丁目8番1号"},
            {"streetAddress1": "目黒区下目黒1-8-1", "city": ""},
            {"streetAddress1": "下目黒1-8-1 アルコタワー", "streetAddress2": ""},
            {"streetAddress2": "ｱﾙｺﾀﾜｰ"},
            {"firstName": "一郎", "lastName": "鈴木"},
            {"firstName": "鈴木", "lastName": "一郎"},
            {"phone": "+819012345678"},
        ],
    )
    def test_japanese_spelling_is_no_difference(self, changes):
        assert differences(TOKYO, **changes) == ()

    @pytest.mark.parametrize(
        "changes",
        [
            {"city": "BERLIN"},
            {"streetAddress1": "Beispiel GmbH", "streetAddress2": "Chausseestraße 12", "companyName": ""},
            {"streetAddress1": "chausseestrasse 12"},
            {"lastName": "MÜLLER"},
            {"countryArea": "Bayern"},
        ],
    )
    def test_german_spelling_is_no_difference(self, changes):
        assert differences(BERLIN, **changes) == ()

    def test_no_address_on_either_side_is_no_difference(self):
        assert same_place(None, None) == ()


class TestDifferent:
    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"postalCode": "153-0065"}, ("postalCode",)),
            ({"countryArea": "大阪府"}, ("countryArea",)),
            ({"streetAddress1": "下目黒1-8-11"}, ("streetAddress1",)),
            ({"streetAddress1": "下目黒18-1"}, ("streetAddress1",)),
            ({"city": "渋谷区"}, ("streetAddress1",)),
            ({"streetAddress2": "アルコタワー2F"}, ("streetAddress1",)),
            ({"lastName": "鈴木二郎"}, ("lastName",)),
            ({"lastName": "佐藤", "postalCode": "1000001"}, ("lastName", "postalCode")),
        ],
    )
    def test_another_japanese_door_or_person_is_named(self, changes, fields):
        assert differences(TOKYO, **changes) == fields

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"city": "Potsdam"}, ("city",)),
            ({"streetAddress1": "Chausseestraße 21"}, ("streetAddress1",)),
            ({"country": "AT"}, ("country",)),
        ],
    )
    def test_another_german_door_is_named(self, changes, fields):
        assert differences(BERLIN, **changes) == fields

    def test_flat_and_house_number_are_not_interchangeable(self):
        amazon = BERLIN | {
            "countryCode": "GB",
            "addressLine1": "Flat 1",
            "addressLine2": "12 High St",
            "postalCode": "M1 1AE",
        }
        assert differences(amazon, streetAddress1="Flat 12", streetAddress2="1 High St") == ("streetAddress1",)

    def test_a_missing_side_differs(self):
        assert same_place(None, amazon_address(**TOKYO)) == ("country",)
        assert same_place(saleor_address(country="JP"), None) == ("country",)
