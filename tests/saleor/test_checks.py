from __future__ import annotations

import json
from datetime import timedelta

import pytest

from saleor_amazonpay.errors import InvalidPayload, WrongRecipient
from saleor_amazonpay.saleor.checks import check_envelope
from saleor_amazonpay.saleor.errors import StalePayload
from saleor_amazonpay.saleor.events import decode

SESSION = "transaction_initialize_session-1"
REQUEST = "transaction_refund_requested-1"


@pytest.fixture
def event(payload):
    def load(name, **changes):
        return decode(name.rpartition("-")[0], json.dumps({**payload(name), **changes}).encode())

    return load


def check(event, age=timedelta(0), **expected):
    expected = {"expected_typename": event.typename, "recipient_id": "QXBwOjE=", **expected}
    check_envelope(event, now=event.issued_at + age, **expected)


class TestRecipient:
    def test_another_apps_event_is_forbidden(self, event):
        with pytest.raises(WrongRecipient) as refused:
            check(event(SESSION), recipient_id="QXBwOjI=")
        assert refused.value.status == 403

    def test_an_event_for_nobody_is_forbidden(self, event):
        with pytest.raises(WrongRecipient):
            check(event(SESSION, recipient=None))


class TestRoute:
    def test_a_validly_signed_body_of_another_event_is_refused(self, event):
        with pytest.raises(InvalidPayload):
            check(event(SESSION), expected_typename="TransactionProcessSession")


class TestAge:
    @pytest.mark.parametrize(
        ("name", "age"),
        [
            (SESSION, timedelta(0)),
            (SESSION, timedelta(minutes=10)),
            (SESSION, timedelta(seconds=-60)),
            (REQUEST, timedelta(hours=24)),
        ],
    )
    def test_within_the_window_it_passes(self, event, name, age):
        check(event(name), age)

    @pytest.mark.parametrize(
        ("name", "age"),
        [
            (SESSION, timedelta(minutes=10, seconds=1)),
            (SESSION, timedelta(seconds=-61)),
            (REQUEST, timedelta(hours=24, seconds=1)),
            (REQUEST, timedelta(seconds=-61)),
        ],
    )
    def test_outside_it_is_a_replay_or_a_wrong_clock(self, event, name, age):
        with pytest.raises(StalePayload):
            check(event(name), age)

    def test_the_windows_are_settings(self, event):
        with pytest.raises(StalePayload):
            check(event(SESSION), timedelta(minutes=2), session_window=timedelta(minutes=1))

    def test_a_time_without_zone_is_invalid(self, event):
        with pytest.raises(InvalidPayload):
            check_envelope(
                event(SESSION, issuedAt="2026-11-23T11:42:29"),
                expected_typename="TransactionInitializeSession",
                recipient_id="QXBwOjE=",
                now=event(SESSION).issued_at,
            )
