"""The report of amounts that differ, as the merchant's staff read it."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import bindparam

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.storage import drift as drift_rows
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.drift import Difference
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import drift

REPORT = """{ driftReport { totalCount drifts {
  transactionId orderNumber chargePermissionId foundAt
  differences { of saleor { amount currency } amazonPay { amount currency } }
} } }"""
CHECK = "mutation($id: ID!) { driftCheck(transactionId: $id) { isKnown } }"


@pytest.fixture
async def payment(merchant):
    """A payment of which Saleor shows 300 too much."""
    account = await merchant.create()
    await merchant.add_payment(account.id)
    services, now = merchant.services, merchant.clock.now()
    found = await services.database.read(lambda session: payment_rows.by_id(session, f"payment-of-{account.id}"))
    differences = [Difference("charged", Money(3500, Currency.JPY), Money(3200, Currency.JPY))]
    await services.database.run(lambda session: drift_rows.save(session, found, differences, now))
    return found


class TestReport:
    async def test_what_differs_is_listed_with_both_amounts(self, merchant, payment):
        report = (await merchant.graphql(REPORT))["driftReport"]
        assert report["totalCount"] == 1
        [shown] = report["drifts"]
        assert shown["transactionId"] == payment.transaction_id
        assert shown["differences"] == [
            {
                "of": "charged",
                "saleor": {"amount": "3500", "currency": "JPY"},
                "amazonPay": {"amount": "3200", "currency": "JPY"},
            }
        ]

    async def test_nothing_differs(self, merchant):
        assert await merchant.graphql(REPORT) == {"driftReport": {"totalCount": 0, "drifts": []}}

    async def test_another_shops_differences_are_not_shown(self, merchant, payment):
        other = dataclasses.replace(await merchant.installation(), api_url="https://other.example/graphql/")

        def give_away(session):
            installation_rows.save(session, other, merchant.services.secrets)
            session.execute(Statement(drift.update().values(api_url=bindparam("other"))), {"other": other.api_url})

        await merchant.services.database.run(give_away)
        assert await merchant.graphql(REPORT) == {"driftReport": {"totalCount": 0, "drifts": []}}

    async def test_staff_without_the_permissions_do_not_see_it(self, merchant):
        refused = await merchant.post({"query": REPORT}, merchant.token(user_permissions=["MANAGE_APPS"]))
        assert refused.status_code == 403


class TestCheck:
    async def test_a_payment_is_compared_by_the_next_sweep(self, merchant, payment):
        services = merchant.services
        await services.database.run(
            lambda session: payment_rows.change(session, payment.id, merchant.clock.now(), state="active")
        )
        assert await self.due(services) == []
        assert await merchant.graphql(CHECK, id=payment.transaction_id) == {"driftCheck": {"isKnown": True}}
        assert await self.due(services) == [payment.id]

    async def test_a_transaction_of_somebody_else_is_not_known(self, merchant):
        assert await merchant.graphql(CHECK, id="VHJhbnM6eA==") == {"driftCheck": {"isKnown": False}}

    async def due(self, services):
        now = services.clock.now()
        return list(await services.database.read(lambda session: due.audits(session, now=now, limit=10)))
