"""Where Saleor's and Amazon's amounts differ, in the app's own GraphQL: the report, and looking again now."""

from __future__ import annotations

from datetime import datetime

import strawberry

from saleor_amazonpay.handlers import drift_report
from saleor_amazonpay.schema.money import Money
from saleor_amazonpay.schema.resolvers import Info
from saleor_amazonpay.storage.drift import Difference as StoredDifference
from saleor_amazonpay.storage.drift import Drift as StoredDrift

MOST = 100


@strawberry.type(description="One amount that differs.")
class DriftDifference:
    of: str = strawberry.field(description="`authorized`, `charged` (less what was refunded) or `refunded`.")
    saleor: Money
    amazon_pay: Money

    @staticmethod
    def stored(difference: StoredDifference) -> DriftDifference:
        return DriftDifference(
            of=difference.of, saleor=Money.of(difference.saleor), amazon_pay=Money.of(difference.amazon)
        )


@strawberry.type(description="A payment whose amounts in Saleor are not what Amazon Pay has.")
class Drift:
    transaction_id: strawberry.ID
    order_number: str | None = strawberry.field(description="Null while the payment belongs to a checkout.")
    charge_permission_id: str | None = strawberry.field(description="By which Seller Central finds the payment.")
    differences: list[DriftDifference]
    found_at: datetime = strawberry.field(description="When it was seen first.")
    checked_at: datetime = strawberry.field(description="When it was seen last.")

    @staticmethod
    def stored(drift: StoredDrift) -> Drift:
        return Drift(
            transaction_id=strawberry.ID(drift.transaction_id),
            order_number=drift.order_number,
            charge_permission_id=drift.charge_permission_id,
            differences=[DriftDifference.stored(one) for one in drift.differences],
            found_at=drift.found_at,
            checked_at=drift.checked_at,
        )


@strawberry.type(description="Payments that differ; one that agrees again goes from the list when it is next compared.")
class DriftReport:
    total_count: int
    drifts: list[Drift] = strawberry.field(description=f"The oldest finding first; at most {MOST}.")


@strawberry.type
class DriftCheck:
    is_known: bool = strawberry.field(description="False: this app has no payment of the transaction.")


async def _report(info: Info) -> DriftReport:
    it = info.context
    count, drifts = await drift_report.of_tenant(it.services, it.tenant, limit=MOST)
    return DriftReport(total_count=count, drifts=[Drift.stored(drift) for drift in drifts])


async def _check(info: Info, transaction_id: strawberry.ID) -> DriftCheck:
    it = info.context
    return DriftCheck(is_known=await drift_report.compare_soon(it.services, it.tenant, transaction_id))


@strawberry.type
class DriftQuery:
    drift_report: DriftReport = strawberry.field(
        resolver=_report, description="Where Saleor's amounts are not Amazon Pay's. Compared daily, later more rarely."
    )


@strawberry.type
class DriftMutation:
    drift_check: DriftCheck = strawberry.mutation(
        resolver=_check, description="Compare a payment within a minute, e.g. after something was repaired."
    )
