from __future__ import annotations

import pytest

from saleor_amazonpay.domain.balances import Balances, ChargePart, RefundPart
from saleor_amazonpay.domain.limits import beyond_capture, limits_of, over_refund_allowance
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.payment_status import BEFORE_MONEY, status_of
from saleor_amazonpay.domain.states import AfterPartialCapture, PaymentState, PaymentStatus


def yen(amount):
    return Money(amount, Currency.JPY)


def charge(state="Captured", amount=100, captured=None, refunds=(), reserved=()):
    taken = (amount if state == "Captured" else 0) if captured is None else captured
    parts = [RefundPart(f"R{number}", refund_state, yen(part)) for number, (refund_state, part) in enumerate(refunds)]
    return ChargePart("C1", state, yen(amount), yen(taken), parts, [yen(one) for one in reserved])


def balances(*charges, total=100, permission="Closed", left=0, **values):
    return Balances(yen(total), charges, permission, permission_balance=yen(left), **values)


NO_LONGER = AfterPartialCapture.REAUTHORIZE

ACTIVE = {
    "held": (balances(charge("Authorized")), PaymentStatus.AUTHORIZED),
    "expired, still chargeable": (balances(charge("Canceled"), permission="Chargeable", left=100), PaymentStatus.AUTHORIZED),
    "expired, released": (
        balances(charge("Canceled"), permission="Chargeable", left=100, policy=NO_LONGER),
        PaymentStatus.CANCELED,
    ),
    "released": (balances(charge("Canceled"), released=yen(100)), PaymentStatus.CANCELED),
    "being captured": (balances(charge("CaptureInitiated")), PaymentStatus.PROCESSING),
    "captured": (balances(charge()), PaymentStatus.CAPTURED),
    "captured in part, closed": (balances(charge(captured=60)), PaymentStatus.CAPTURED),
    "captured in part": (balances(charge(captured=60), permission="Chargeable", left=40), PaymentStatus.PARTIALLY_CAPTURED),
    "a refund under way": (balances(charge(refunds=[("RefundInitiated", 100)])), PaymentStatus.CAPTURED),
    "refunded in part": (balances(charge(refunds=[("Refunded", 99)])), PaymentStatus.PARTIALLY_REFUNDED),
    "refunded": (balances(charge(refunds=[("Refunded", 60), ("Refunded", 40)])), PaymentStatus.REFUNDED),
    "refunded, and more can be captured": (
        balances(charge(captured=60, refunds=[("Refunded", 60)]), permission="Chargeable", left=40),
        PaymentStatus.PARTIALLY_CAPTURED,
    ),
    "refunded beyond": (balances(charge(refunds=[("Refunded", 115)])), PaymentStatus.REFUNDED),
    "a refund declined": (balances(charge(refunds=[("Declined", 100)])), PaymentStatus.CAPTURED),
}  # fmt: skip


class TestStatus:
    @pytest.mark.parametrize("name", ACTIVE)
    def test_of_an_active_payment(self, name):
        made, status = ACTIVE[name]
        assert status_of("active", made) is status

    @pytest.mark.parametrize("state", set(PaymentState) - {PaymentState.ACTIVE})
    def test_of_any_other_state(self, state):
        assert status_of(state, balances(charge())) is BEFORE_MONEY[state]


class TestOverRefund:
    @pytest.mark.parametrize(
        ("captured", "allowance"),
        [
            (Money(10_000, Currency.JPY), 1_500),
            (Money(60_000, Currency.JPY), 8_400),
            (Money(7, Currency.JPY), 1),
            (Money(6, Currency.JPY), 0),
            (Money(100_00, Currency.USD), 15_00),
            (Money(1000_00, Currency.EUR), 75_00),
            (Money(1000_00, Currency.CHF), 0),
        ],
    )
    def test_is_the_smaller_of_percent_and_cap(self, captured, allowance):
        assert over_refund_allowance(captured) == Money(allowance, captured.currency)

    def test_counts_what_was_refunded_and_what_is_under_way(self):
        assert beyond_capture(charge(refunds=[("Refunded", 50), ("RefundInitiated", 20)], reserved=[10])) == yen(35)

    def test_nothing_beyond_once_the_refunds_of_a_charge_are_used_up(self):
        assert beyond_capture(charge(refunds=[("Refunded", 1)] * 10)) == yen(0)

    @pytest.mark.parametrize("state", ["Authorized", "Declined", "Canceled", "CaptureInitiated"])
    def test_nothing_of_what_is_not_captured(self, state):
        assert beyond_capture(charge(state)) == yen(0)


class TestLimits:
    def test_of_an_authorization(self):
        limits = limits_of(balances(charge("Authorized"), permission="Chargeable"))
        assert (limits.largest_charge, limits.captures_left, limits.cancelable) == (yen(100), 1, yen(100))
        assert (limits.largest_refund, limits.refunds_left, limits.refund_beyond) == (yen(0), 0, yen(0))

    def test_of_a_part_that_is_left(self):
        limits = limits_of(balances(charge(captured=60), permission="Chargeable", left=40))
        assert (limits.largest_charge, limits.captures_left, limits.reauthorizable) == (yen(40), 25, yen(40))
        assert (limits.largest_refund, limits.refunds_left, limits.refund_beyond) == (yen(60), 10, yen(69))

    def test_nothing_is_released_while_amazon_decides(self):
        assert limits_of(balances(charge("CaptureInitiated"))).cancelable == yen(0)

    def test_of_nothing(self):
        assert limits_of(balances()).largest_charge == yen(0)
