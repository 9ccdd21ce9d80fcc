from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.domain.states import ChargePermissionState, ChargeState, RefundState
from saleor_amazonpay.domain.transitions import (
    CHARGE_PERMISSION_TRANSITIONS,
    CHARGE_TRANSITIONS,
    REFUND_TRANSITIONS,
    Advance,
    advance,
)

FINAL_CHARGE_STATES = {"Captured", "Canceled", "Declined"}


class TestAdvance:
    @pytest.mark.parametrize(("before", "after"), list(itertools.product(ChargeState, ChargeState)))
    def test_charges_never_leave_a_final_state(self, before, after):
        moved = advance(CHARGE_TRANSITIONS, before, after)
        if before == after:
            assert moved is Advance.UNCHANGED
        elif before in FINAL_CHARGE_STATES:
            assert moved is Advance.STALE

    def test_an_authorization_is_never_news_after_its_capture(self):
        assert advance(CHARGE_TRANSITIONS, "Captured", "Authorized") is Advance.STALE

    def test_a_refund_can_still_be_declined_while_initiated(self):
        assert advance(REFUND_TRANSITIONS, "RefundInitiated", "Declined") is Advance.CHANGED

    def test_a_permission_becomes_chargeable_again_when_the_buyer_repairs_it(self):
        assert advance(CHARGE_PERMISSION_TRANSITIONS, "NonChargeable", "Chargeable") is Advance.CHANGED

    def test_a_closed_permission_stays_closed(self):
        assert advance(CHARGE_PERMISSION_TRANSITIONS, "Closed", "Chargeable") is Advance.STALE

    def test_the_first_observation_is_news(self):
        assert advance(CHARGE_TRANSITIONS, None, "Authorized") is Advance.CHANGED

    def test_a_state_amazon_adds_one_day_is_news_and_no_fault(self):
        assert advance(CHARGE_TRANSITIONS, "Authorized", "Frozen") is Advance.CHANGED

    @pytest.mark.parametrize(
        ("machine", "states"),
        [
            (CHARGE_TRANSITIONS, ChargeState),
            (REFUND_TRANSITIONS, RefundState),
            (CHARGE_PERMISSION_TRANSITIONS, ChargePermissionState),
        ],
    )
    def test_every_state_has_its_row(self, machine, states):
        assert set(machine) == set(states)


paths = st.sampled_from(
    [
        ["AuthorizationInitiated", "Authorized", "CaptureInitiated", "Captured"],
        ["AuthorizationInitiated", "Declined"],
        ["Authorized", "Canceled"],
        ["Authorized", "Captured"],
        ["CaptureInitiated", "Declined"],
    ]
)


@given(paths, st.randoms(use_true_random=False), st.integers(1, 4))
def test_notifications_in_any_order_and_number_end_in_the_same_state(path, random, repeats):
    observed = path * repeats
    random.shuffle(observed)
    state = None
    for one in observed:
        if advance(CHARGE_TRANSITIONS, state, one) is not Advance.STALE:
            state = one
    assert state == path[-1]
