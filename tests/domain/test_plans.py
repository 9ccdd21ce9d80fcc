"""What a request takes at Amazon, tried over every kind of payment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.domain.balances import Balances, ChargePart, RefundPart
from saleor_amazonpay.domain.money import Currency, Money, total
from saleor_amazonpay.domain.plans import (
    CancelCharge,
    CaptureCharge,
    ClosePermission,
    CreateCharge,
    CreateRefund,
    Plan,
    Refusal,
    Wait,
    plan_cancel,
    plan_charge,
    plan_reauthorize,
    plan_refund,
)
from saleor_amazonpay.domain.states import AfterPartialCapture, TransactionAction


def yen(minor: int) -> Money:
    return Money(minor, Currency.JPY)


def held(amount: int, charge_id: str = "C1") -> ChargePart:
    return ChargePart(charge_id, "Authorized", yen(amount), yen(0))


def captured(
    amount: int, charge_id: str = "C1", *, refunded: int = 0, in_flight: int = 0, count: int = 0
) -> ChargePart:
    refunds = [RefundPart(f"{charge_id}-R{n}", "Refunded", yen(0)) for n in range(count)]
    refunds += [RefundPart(f"{charge_id}-RA", "Refunded", yen(refunded))] if refunded else []
    refunds += [RefundPart(f"{charge_id}-RB", "RefundInitiated", yen(in_flight))] if in_flight else []
    return ChargePart(charge_id, "Captured", yen(amount), yen(amount), tuple(refunds))


def payment(
    *charges: ChargePart, total_: int = 100, balance: int | None = 0, state: str = "Chargeable", **kwargs
) -> Balances:
    return Balances(yen(total_), charges, state, "OneTime", None if balance is None else yen(balance), yen(0), **kwargs)


class TestCharge:
    def test_captures_the_open_authorization(self):
        assert plan_charge(payment(held(100)), yen(100)) == Plan([CaptureCharge("C1", yen(100))], yen(100))

    def test_captures_a_part_of_it(self):
        assert plan_charge(payment(held(100)), yen(60)).steps == [CaptureCharge("C1", yen(60))]

    def test_takes_the_smallest_authorization_that_bears_the_amount(self):
        plan = plan_charge(payment(held(100, "big"), held(50, "small"), total_=150), yen(40))
        assert plan.steps == [CaptureCharge("small", yen(40))]

    def test_charges_the_rest_on_the_permission_after_a_partial_capture(self):
        assert plan_charge(payment(captured(60), balance=40), yen(40)).steps == [CreateCharge(yen(40))]

    def test_charges_the_permission_after_the_authorization_expired(self):
        expired = ChargePart("C1", "Canceled", yen(100), yen(0))
        assert plan_charge(payment(expired, balance=100), yen(100)).steps == [CreateCharge(yen(100))]

    def test_refuses_zero_with_a_reason(self):
        assert isinstance(plan_charge(payment(held(100)), yen(0)), Refusal)

    def test_refuses_more_than_one_step_bears_and_names_the_most(self):
        refusal = plan_charge(payment(held(60), held(40, "C2")), yen(100))
        assert "60 JPY" in refusal.message

    def test_refuses_on_a_closed_permission(self):
        assert "Nothing is authorized" in plan_charge(payment(state="Closed", balance=100), yen(10)).message

    def test_sends_the_buyer_to_amazon_when_the_payment_method_is_broken(self):
        assert "update the payment method" in plan_charge(payment(state="NonChargeable", balance=100), yen(10)).message

    def test_waits_while_amazon_decides_about_a_charge(self):
        pending = ChargePart("C1", "CaptureInitiated", yen(100), yen(0))
        assert plan_charge(payment(pending), yen(50)) == Wait("C1")

    def test_a_balance_beyond_the_order_total_is_never_touched(self):
        assert isinstance(plan_charge(payment(captured(60), balance=900), yen(41)), Refusal)


class TestRefund:
    def test_uses_one_charge_that_can_bear_it(self):
        plan = plan_refund(payment(captured(60, "C1"), captured(40, "C2")), yen(40))
        assert plan.steps == [CreateRefund("C2", yen(40))]

    def test_splits_over_charges_when_one_cannot(self):
        plan = plan_refund(payment(captured(60, "C1"), captured(40, "C2")), yen(90))
        assert plan.steps == [CreateRefund("C1", yen(60)), CreateRefund("C2", yen(30))]

    def test_counts_what_is_in_flight_as_gone(self):
        refusal = plan_refund(payment(captured(100, in_flight=70)), yen(40))
        assert "30 JPY can still be refunded" in refusal.message

    def test_never_uses_amazons_over_refund_allowance(self):
        assert isinstance(plan_refund(payment(captured(100)), yen(101)), Refusal)

    def test_says_so_when_the_ten_refunds_are_used_up(self):
        refusal = plan_refund(payment(captured(100, count=10)), yen(10))
        assert "10 refunds" in refusal.message

    def test_refuses_zero(self):
        assert isinstance(plan_refund(payment(captured(100)), yen(0)), Refusal)


class TestCancel:
    def test_cancels_each_open_charge_then_closes_the_permission(self):
        plan = plan_cancel(payment(held(60, "A"), held(40, "B")), yen(100))
        assert plan.steps == [CancelCharge("A", yen(60)), CancelCharge("B", yen(40)), ClosePermission(yen(0))]
        assert plan.amount == yen(100)

    def test_releases_the_unused_balance_after_a_partial_capture(self):
        plan = plan_cancel(payment(captured(60), balance=40), yen(40))
        assert plan.steps == [ClosePermission(yen(40))]

    def test_refuses_a_part_of_the_rest(self):
        assert "whole rest (100 JPY)" in plan_cancel(payment(held(100)), yen(30)).message

    def test_never_cancels_what_was_captured(self):
        assert "refund what was charged" in plan_cancel(payment(captured(100)), yen(100)).message

    def test_waits_for_a_capture_under_way(self):
        assert plan_cancel(payment(ChargePart("C9", "CaptureInitiated", yen(100), yen(0))), yen(100)) == Wait("C9")

    def test_gives_up_what_the_buyer_would_have_to_make_chargeable_again(self):
        suspended = payment(captured(60), balance=40, state="NonChargeable")
        assert plan_cancel(suspended, yen(40)) == Plan([ClosePermission(yen(40))], yen(40))
        assert suspended.actions() == [TransactionAction.CANCEL, TransactionAction.REFUND]

    def test_gives_up_the_rest_of_a_standing_permission_without_a_call(self):
        balances = Balances(yen(100), [captured(60)], "Chargeable", "Recurring", yen(50_000), yen(0))
        assert plan_cancel(balances, yen(40)) == Plan([], yen(40))

    def test_never_closes_a_recurring_permission(self):
        balances = Balances(yen(100), [held(100)], "Chargeable", "Recurring", yen(50_000), yen(0))
        assert plan_cancel(balances, yen(100)).steps == [CancelCharge("C1", yen(100))]


class TestReauthorize:
    def test_holds_what_the_partial_capture_released(self):
        plan = plan_reauthorize(payment(captured(60), balance=40), yen(40))
        assert plan.steps == [CreateCharge(yen(40), capture_now=False)]

    def test_has_nothing_to_hold_when_all_is_captured(self):
        assert isinstance(plan_reauthorize(payment(captured(100)), yen(40)), Refusal)


class TestActions:
    def test_a_partly_captured_payment_offers_everything(self):
        assert payment(captured(60), balance=40).actions() == [
            TransactionAction.CHARGE,
            TransactionAction.CANCEL,
            TransactionAction.REFUND,
        ]

    def test_a_fully_refunded_payment_offers_nothing(self):
        assert payment(captured(100, refunded=100)).actions() == []

    def test_under_the_reauthorize_policy_only_what_is_held_counts_as_authorized(self):
        balances = payment(captured(60), balance=40, policy=AfterPartialCapture.REAUTHORIZE)
        assert balances.authorized == yen(0)


charge_parts = st.builds(
    lambda state, amount, taken, refunds, n: ChargePart(
        f"C{n}",
        state,
        yen(amount),
        yen(min(taken, amount)) if state == "Captured" else yen(0),
        tuple(RefundPart(f"R{n}{i}", refund_state, yen(refund)) for i, (refund_state, refund) in enumerate(refunds)),
    ),
    st.sampled_from(["Authorized", "Captured", "Canceled", "Declined", "CaptureInitiated", "AuthorizationInitiated"]),
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.lists(st.tuples(st.sampled_from(["Refunded", "RefundInitiated", "Declined"]), st.integers(1, 50)), max_size=11),
    st.integers(0, 10**6),
)
payments = st.builds(
    lambda parts, total_, balance, state: payment(*parts, total_=total_, balance=balance, state=state),
    st.lists(charge_parts, max_size=5, unique_by=lambda part: part.charge_id),
    st.integers(1, 5000),
    st.integers(0, 5000),
    st.sampled_from(["Chargeable", "NonChargeable", "Closed"]),
)


@given(payments, st.integers(-5, 6000))
def test_a_plan_always_adds_up_to_what_was_asked(balances, amount):
    for plan_ in (plan_charge, plan_refund):
        plan = plan_(balances, yen(amount))
        if isinstance(plan, Plan):
            assert total((step.amount for step in plan.steps), Currency.JPY) == yen(amount)
            assert amount > 0


@given(payments, st.integers(1, 6000))
def test_no_refund_plan_takes_more_than_a_charge_can_bear(balances, amount):
    plan = plan_refund(balances, yen(amount))
    if isinstance(plan, Plan):
        parts = {part.charge_id: part for part in balances.charges}
        for step in plan.steps:
            assert step.amount <= parts[step.charge_id].refundable
            assert parts[step.charge_id].refunds_left > 0


@given(payments, st.integers(1, 6000))
def test_no_charge_plan_exceeds_what_amazon_holds_or_lets_us_charge(balances, amount):
    plan = plan_charge(balances, yen(amount))
    if isinstance(plan, Plan):
        assert yen(amount) <= balances.chargeable


@given(payments, st.integers(1, 6000))
def test_a_cancel_plan_releases_exactly_what_is_or_may_become_chargeable(balances, amount):
    plan = plan_cancel(balances, yen(amount))
    if isinstance(plan, Plan):
        assert (
            total((step.amount for step in plan.steps), Currency.JPY)
            == balances.releasable
            == plan.amount
            >= balances.chargeable
        )
