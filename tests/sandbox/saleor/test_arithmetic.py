"""The eight sums of a transaction, from its events (contract §5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.sandbox.saleor.transactions import PLACES, TransactionEvent, failure_of, recalculate

START = datetime(2026, 1, 1, tzinfo=UTC)


def events(*rows: tuple[str, str | None, str] | tuple[str, str | None, str, int]) -> list[TransactionEvent]:
    """Rows of (type, reference, amount[, second]); a second later each unless said."""
    return [
        TransactionEvent(
            pk=str(at),
            type=row[0],
            reference=row[1],
            amount_value=Decimal(row[2]),
            currency="USD",
            created_at=START + timedelta(seconds=row[3] if len(row) > 3 else at),
        )
        for at, row in enumerate(rows)
    ]


TABLE = {
    "an authorization counts": ([("AUTHORIZATION_SUCCESS", "a", "10")], {"authorized": "10"}),
    "a pending authorization is pending": ([("AUTHORIZATION_REQUEST", "a", "10")], {"authorize_pending": "10"}),
    "a success settles its request": (
        [("AUTHORIZATION_REQUEST", "a", "10"), ("AUTHORIZATION_SUCCESS", "a", "9")],
        {"authorized": "9"},
    ),
    "a charge leaves the authorization": (
        [("AUTHORIZATION_SUCCESS", "a", "10"), ("CHARGE_SUCCESS", "c", "4")],
        {"authorized": "6", "charged": "4"},
    ),
    "a pending charge leaves the authorization too": (
        [("AUTHORIZATION_SUCCESS", "a", "10"), ("CHARGE_REQUEST", "c", "4")],
        {"authorized": "6", "charge_pending": "4"},
    ),
    "a charge without authorization leaves no negative authorization": (
        [("CHARGE_SUCCESS", "c", "4")],
        {"charged": "4"},
    ),
    "two charges of one reference are one": (
        [("CHARGE_SUCCESS", "c", "4"), ("CHARGE_SUCCESS", "c", "5")],
        {"charged": "5"},
    ),
    "a refund leaves the charge": (
        [("CHARGE_SUCCESS", "c", "10"), ("REFUND_SUCCESS", "r", "3")],
        {"charged": "7", "refunded": "3"},
    ),
    "charged may become negative": (
        [("CHARGE_SUCCESS", "c", "10"), ("REFUND_SUCCESS", "r", "13")],
        {"charged": "-3", "refunded": "13"},
    ),
    "a pending refund leaves the charge": (
        [("CHARGE_SUCCESS", "c", "10"), ("REFUND_REQUEST", "r", "3")],
        {"charged": "7", "refund_pending": "3"},
    ),
    "a failed refund moves nothing": (
        [("CHARGE_SUCCESS", "c", "10"), ("REFUND_REQUEST", "r", "3"), ("REFUND_FAILURE", "r", "3")],
        {"charged": "10"},
    ),
    "a reversed refund comes back": (
        [("CHARGE_SUCCESS", "c", "10"), ("REFUND_SUCCESS", "r", "3"), ("REFUND_REVERSE", "r", "3")],
        {"charged": "10"},
    ),
    "a chargeback takes": ([("CHARGE_SUCCESS", "c", "10"), ("CHARGE_BACK", "c", "10")], {}),
    "a cancelation leaves the authorization": (
        [("AUTHORIZATION_SUCCESS", "a", "10"), ("CANCEL_SUCCESS", "x", "10")],
        {"canceled": "10"},
    ),
    "a pending cancelation leaves it too": (
        [("AUTHORIZATION_SUCCESS", "a", "10"), ("CANCEL_REQUEST", "x", "10")],
        {"cancel_pending": "10"},
    ),
    "a later failure undoes a success": ([("CHARGE_SUCCESS", "c", "4", 1), ("CHARGE_FAILURE", "c", "4", 2)], {}),
    "a failure of the same moment undoes it too": (
        [("CHARGE_SUCCESS", "c", "4", 1), ("CHARGE_FAILURE", "c", "4", 1)],
        {},
    ),
    "an earlier failure does not": (
        [("CHARGE_FAILURE", "c", "4", 1), ("CHARGE_SUCCESS", "c", "4", 2)],
        {"charged": "4"},
    ),
    "an adjustment replaces older authorizations": (
        [("AUTHORIZATION_SUCCESS", "a", "10"), ("AUTHORIZATION_ADJUSTMENT", "b", "7")],
        {"authorized": "7"},
    ),
    "an adjustment is gross: charges are subtracted whatever their time": (
        [
            ("AUTHORIZATION_SUCCESS", "a", "100"),
            ("CHARGE_SUCCESS", "c", "40"),
            ("AUTHORIZATION_ADJUSTMENT", "b", "60"),
        ],
        {"authorized": "20", "charged": "40"},
    ),
    "manual events have no cross-effects": (
        [("AUTHORIZATION_SUCCESS", None, "10"), ("CHARGE_SUCCESS", None, "10")],
        {"authorized": "10", "charged": "10"},
    ),
    "manual requests and failures are ignored": ([("CHARGE_REQUEST", None, "1"), ("CHARGE_FAILURE", None, "1")], {}),
    "action required and info move nothing": ([("CHARGE_ACTION_REQUIRED", "c", "1"), ("INFO", "i", "1")], {}),
}


class TestRecalculate:
    @pytest.mark.parametrize("name", TABLE)
    def test_each_row_of_the_table(self, name: str) -> None:
        rows, expected = TABLE[name]
        assert recalculate(events(*rows)).nonzero() == {key: Decimal(value) for key, value in expected.items()}

    def test_uncounted_events_move_nothing(self) -> None:
        (event,) = events(("CHARGE_SUCCESS", "c", "4"))
        event.include_in_calculations = False
        assert recalculate([event]).nonzero() == {}

    @given(st.permutations(range(5)))
    def test_the_order_of_writing_does_not_matter_only_the_times_do(self, order: list[int]) -> None:
        rows = events(
            ("AUTHORIZATION_SUCCESS", "a", "100"),
            ("CHARGE_SUCCESS", "c", "40"),
            ("REFUND_REQUEST", "r", "10"),
            ("AUTHORIZATION_ADJUSTMENT", "b", "60"),
            ("CHARGE_FAILURE", "c", "40"),
        )
        assert recalculate([rows[at] for at in order]) == recalculate(rows)


class TestFailureOf:
    def test_every_event_with_a_phase_has_its_failure(self) -> None:
        assert {failure_of(event) for event in PLACES} == {
            "AUTHORIZATION_FAILURE",
            "CHARGE_FAILURE",
            "REFUND_FAILURE",
            "CANCEL_FAILURE",
        }

    def test_information_stays_information(self) -> None:
        assert failure_of("INFO") == "INFO"
