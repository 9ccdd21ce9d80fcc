"""Rows for tests of billing: one tenant, one account, as many agreements and schedules as wanted, written by SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from saleor_amazonpay.domain.billing import Policy, ScheduleState
from saleor_amazonpay.domain.money import Currency
from saleor_amazonpay.domain.recurrence import Recurrence, Unit
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.times import to_micros

TENANT = "https://shop.example/graphql/"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")

_PARENTS = (
    (
        f"INSERT INTO installations (api_url, app_id, token_sealed, jwks, app_version, state, installed_at, updated_at) "
        f"VALUES ('{TENANT}', 'app', 't', '{{}}', '0', 'active', 0, 0)"
    ),
    (
        f"INSERT INTO accounts (id, api_url, name, merchant_id, store_id, region, environment, public_key_id, "
        f"private_key_sealed, options, state, created_at, updated_at) VALUES "
        f"('account', '{TENANT}', 'JP', 'A1', 's', 'jp', 'sandbox', 'k', 'p', '{{}}', 'active', 0, 0)"
    ),
)
_NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) ",
    "postgresql": "WITH numbers AS (SELECT generate_series(1, {count}) AS n) ",
}


def add_many(session, count: int, *, due: int = 0) -> None:
    """``count`` agreements with a schedule each; the first ``due`` of them are due at NOW, the others later."""
    if session.dialect == "postgresql":
        session.connection.execute("SET LOCAL statement_timeout = 0")  # a million rows take longer than any request may
    for statement in _PARENTS:
        session.connection.execute(statement)
    add_agreements(session, count)
    moment = to_micros(NOW)
    insert, tail = _places_of_numbers(session, count)
    session.connection.execute(
        f"{insert}INSERT INTO schedules (id, api_url, agreement_id, request_key, request_hash, template_order_id, "
        f"channel_slug, currency, unit, every, anchor, at, zone, policy, state, next_number, next_at, created_at, "
        f"updated_at) {tail}SELECT 'schedule-' || n, '{TENANT}', 'agreement-' || n, 'key-' || n, 'h', 'order-' || n, "
        f"'default-jp', 'JPY', 'month', 1, '2027-01-01', '09:00', 'Asia/Tokyo', '{{}}', 'active', 0, "
        f"CASE WHEN n <= {due} THEN {moment} ELSE {moment} + CAST(n AS BIGINT) * 60000000 END, n, n FROM numbers"
    )


def add_agreements(session, count: int, *, shop: str = TENANT) -> None:
    """Of a shop that is there, on an account ``account`` that is."""
    insert, tail = _places_of_numbers(session, count)
    session.connection.execute(
        f"{insert}INSERT INTO agreements (id, api_url, account_id, channel_slug, customer_id, charge_permission_id, "
        f"charge_permission_type, currency, frequency_unit, frequency_value, state, reasons, status_at, read_at, "
        f"created_at, updated_at) {tail}SELECT 'agreement-' || n, '{shop}', 'account', 'default-jp', 'user-' || n, "
        f"'B-' || n, 'Recurring', 'JPY', 'Month', 1, 'Chargeable', '[]', 0, 0, n, n FROM numbers"
    )


def _places_of_numbers(session, count: int) -> tuple[str, str]:
    """What stands before INSERT, and what before its SELECT."""
    numbers = _NUMBERS[session.dialect].format(count=count)
    return ("", numbers) if session.dialect == "sqlite" else (numbers, "")


def schedule(number: int = 1, **changes) -> Schedule:
    values = {
        "id": f"schedule-{number}",
        "api_url": TENANT,
        "agreement_id": f"agreement-{number}",
        "request_key": f"key-{number}",
        "request_hash": "h",
        "template_order_id": f"order-{number}",
        "lines": None,
        "channel_slug": "default-jp",
        "currency": Currency.JPY,
        "amount": None,
        "recurrence": Recurrence(date(2027, 1, 31), Unit.MONTH, 1, time(9), TOKYO),
        "last_date": None,
        "policy": Policy(),
        "state": ScheduleState.ACTIVE,
        "reason": None,
        "next_number": 0,
        "next_at": NOW,
        "open_renewal_id": None,
        "last_amount": None,
        "untold_since": None,
        "created_at": NOW,
        "updated_at": NOW,
        "ended_at": None,
    }
    return Schedule(**{**values, **changes})
