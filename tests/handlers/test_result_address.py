"""What is added to the address of a shop's page, which itself stays as it is."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from saleor_amazonpay.handlers.checkout_return import with_query


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("https://shop.example/result", "https://shop.example/result?transaction=a"),
        ("https://shop.example/result?", "https://shop.example/result?transaction=a"),
        ("https://shop.example/result?x=%2F&y", "https://shop.example/result?x=%2F&y&transaction=a"),
        ("https://shop.example/#/result?y=1", "https://shop.example/?transaction=a#/result?y=1"),
    ],
)
def test_the_address_stays_byte_for_byte(address, whole):
    assert with_query(address, transaction="a") == whole


@pytest.mark.parametrize("value", ["VHJhbnM6MQ==", "a&result=failed#+/ %", "京都 &="])
def test_a_value_comes_back_as_it_was(value):
    address = with_query("https://shop.example/result", transaction=value, result="paid")
    assert parse_qs(urlsplit(address).query) == {"transaction": [value], "result": ["paid"]}
