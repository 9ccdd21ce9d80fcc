from __future__ import annotations

import pytest

from saleor_amazonpay.amazonpay.identifiers import (
    parse_buyer_id,
    parse_charge_id,
    parse_charge_permission_id,
    parse_checkout_session_id,
    parse_dispute_id,
    parse_refund_id,
    permission_of,
)

PERMISSION = "S01-5105180-3221187"
GOOD = [
    (parse_checkout_session_id, "bd504926-f659-4ad7-a1a9-9a747aaf5275"),
    (parse_charge_permission_id, PERMISSION),
    (parse_charge_permission_id, "P21-1111111-1111111"),
    (parse_charge_permission_id, "B03-1234567-1234567"),
    (parse_charge_permission_id, "a-shape-of.tomorrow_1"),
    (parse_charge_id, f"{PERMISSION}-C056351"),
    (parse_charge_id, "opaque"),
    (parse_refund_id, f"{PERMISSION}-R022311"),
    (parse_dispute_id, f"{PERMISSION}-B022311"),
    (parse_buyer_id, "amzn1.account.AEVQ6JHTOEK22F24YJM6XOXXXXX"),
]
BAD = [
    (parse_checkout_session_id, PERMISSION, "not a checkout session id"),
    (parse_checkout_session_id, "bd504926-f659-4ad7-a1a9-9a747aaf5275\n", "not a checkout session id"),
    (parse_charge_permission_id, "", "not a charge permission id"),
    (parse_charge_permission_id, "../charges/x", "not a charge permission id"),
    (parse_charge_permission_id, "x" * 101, "not a charge permission id"),
    (parse_charge_permission_id, f"{PERMISSION}-C056351", "is a charge id, not a charge permission id"),
    (parse_charge_id, f"{PERMISSION}-R056351", "is a refund id, not a charge id"),
    (parse_charge_id, f"{PERMISSION}-A056351", "is an authorization id of the older API, not a charge id"),
    (parse_refund_id, f"{PERMISSION}-C056351", "is a charge id, not a refund id"),
    (parse_dispute_id, f"{PERMISSION}-C056351", "is a charge id, not a dispute id"),
    (parse_buyer_id, "someone", "not a buyer id"),
    (parse_buyer_id, "amzn1.account./x", "not a buyer id"),
]


class TestParse:
    @pytest.mark.parametrize(("parse", "text"), GOOD)
    def test_keeps_the_text_as_it_is(self, parse, text):
        assert parse(text) == text

    @pytest.mark.parametrize(("parse", "text", "why"), BAD)
    def test_says_what_is_wrong(self, parse, text, why):
        with pytest.raises(ValueError, match=why):
            parse(text)


class TestPermissionOf:
    @pytest.mark.parametrize("end", ["-C056351", "-R022311", "-B000001", "-A000001"])
    def test_is_the_id_without_its_last_part(self, end):
        assert permission_of(PERMISSION + end) == PERMISSION

    @pytest.mark.parametrize("text", [PERMISSION, "", "-C056351", "x-C0563511"])
    def test_refuses_what_has_no_such_part(self, text):
        with pytest.raises(ValueError, match="not a"):
            permission_of(text)
