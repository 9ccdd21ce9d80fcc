"""One payment in full: what its money is, how far Amazon's limits reach, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog

from saleor_amazonpay.domain.balances import Balances, ChargePart
from saleor_amazonpay.domain.limits import Limits, beyond_capture, limits_of
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.payment_status import status_of
from saleor_amazonpay.domain.states import ChargeState, PaymentStatus, StaffAction
from saleor_amazonpay.errors import RequestRejected, SaleorError, SaleorUnavailable
from saleor_amazonpay.handlers import links
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.sweeps import undelivered_requests
from saleor_amazonpay.handlers.sweeps.undelivered_requests import Missed
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage import drift, due, problems, reports, staff_actions, timeline
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.disputes import Dispute
from saleor_amazonpay.storage.drift import Difference
from saleor_amazonpay.storage.engine import Row, Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.problems import Problem
from saleor_amazonpay.storage.reports import Report
from saleor_amazonpay.storage.staff_actions import StaffRequest
from saleor_amazonpay.storage.timeline import Entry
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros

log = structlog.get_logger(__name__)


class PaymentUnknown(RequestRejected):
    status = 404
    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(Message("This Saleor has no such Amazon Pay payment."))


BOUNDED_BY: Final[Mapping[StaffAction, str]] = {
    StaffAction.CHARGE: "authorized",
    StaffAction.REFUND: "charged",
    StaffAction.CANCEL: "authorized",
}
"""Saleor's amount that a request through it cannot exceed (saleor-contract.md §6.4)."""


@dataclass(frozen=True, slots=True)
class RefundStory:
    refund_id: str
    state: str
    reason_code: str | None
    amount: Money
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ChargeStory:
    """One of Amazon's charges; ``beyond`` is the most one refund may be when Amazon's allowance is used."""

    charge_id: str
    state: str
    reason_code: str | None
    amount: Money
    captured: Money
    refundable: Money
    refunds_left: int
    beyond: Money
    created_at: datetime
    expires_at: datetime | None
    refunds: Sequence[RefundStory]


@dataclass(frozen=True, slots=True)
class InSaleor:
    """What Saleor shows of the same payment now; amounts by authorized, charged, refunded, canceled and pending."""

    order_id: str | None
    order_number: str | None
    amounts: Mapping[str, Money]
    missed: Sequence[Missed]  # requests Saleor could not deliver

    @property
    def is_pending(self) -> bool:
        """Saleor waits for the outcome of something."""
        return any(amount.is_positive for name, amount in self.amounts.items() if name.endswith("Pending"))


@dataclass(frozen=True, slots=True)
class PaymentStory:
    payment: Payment
    status: PaymentStatus
    account: Account
    balances: Balances
    limits: Limits
    charges: Sequence[ChargeStory]
    operations: Sequence[Operation]
    reports: Sequence[Report]
    timeline: Sequence[Entry]
    problems: Sequence[Problem]
    differences: Sequence[Difference]  # between Saleor and Amazon, as last compared
    disputes: Sequence[Dispute] = ()  # oldest first
    asked: Sequence[StaffRequest] = ()  # by staff on our own pages, oldest first
    in_saleor: InSaleor | None = None  # None: Saleor did not say

    @property
    def authorization_expires_at(self) -> datetime | None:
        """When the first of the open authorizations ends."""
        ends = [each.expires_at for each in self.charges if each.state == ChargeState.AUTHORIZED and each.expires_at]
        return min(ends, default=None)

    @property
    def undelivered(self) -> Sequence[Report]:
        """Reports Saleor has not taken: still due after a try, or refused for good."""
        return [each for each in self.reports if each.state == "dead" or (each.state == "due" and each.attempts)]

    @property
    def under_way(self) -> Sequence[Operation]:
        """What was asked for and is not decided yet."""
        return [each for each in self.operations if not each.is_settled]

    @property
    def actions(self) -> Mapping[StaffAction, Money | None]:
        """What staff may do now, with the most it may be for; None where there is no amount to it."""
        offered: dict[StaffAction, Money | None] = {StaffAction.REREAD: None}
        if self.undelivered:
            offered[StaffAction.RESEND] = None
        limits = self.limits
        amounts = {
            StaffAction.CHARGE: limits.largest_charge,
            StaffAction.REFUND: limits.largest_refund if limits.refunds_left else Money.zero(self.balances.currency),
            StaffAction.CANCEL: limits.cancelable,
            StaffAction.REAUTHORIZE: limits.reauthorizable,
            StaffAction.OVER_REFUND: limits.refund_beyond,
        }
        bounded = {action: self._as_saleor_lets(action, amount) for action, amount in amounts.items()}
        return offered | {action: amount for action, amount in bounded.items() if amount.is_positive}

    def _as_saleor_lets(self, action: StaffAction, amount: Money) -> Money:
        """What goes through Saleor is cut down there to what Saleor has; a release is the whole rest or nothing."""
        bound = self.in_saleor.amounts[BOUNDED_BY[action]] if self.in_saleor and action in BOUNDED_BY else amount
        if action is StaffAction.CANCEL and bound < amount:
            return Money.zero(amount.currency)
        return min(amount, bound)

    @property
    def order_id(self) -> str | None:
        known = self.payment.order_id or (self.payment.source_id if self.payment.source_type == "Order" else None)
        return known or (self.in_saleor.order_id if self.in_saleor else None)

    @property
    def order_number(self) -> str | None:
        return self.payment.order_number or (self.in_saleor.order_number if self.in_saleor else None)

    @property
    def seller_central_url(self) -> str | None:
        return links.seller_central(self.account.region, self.payment.charge_permission_id)


async def tell(
    services: Services, installation: Installation, payment_id: str, *, ask_saleor: bool = True
) -> PaymentStory:
    """The whole story of one payment of the tenant.

    Raises:
        PaymentUnknown: the tenant has none of that id.
    """
    await services.chronicle.write()
    told = await services.database.read(lambda session: read(session, services, installation.api_url, payment_id))
    if not ask_saleor:
        return told
    told = replace(told, in_saleor=await _in_saleor(services, installation, told.payment))
    await _note_order(services, told)
    return told


async def _note_order(services: Services, told: PaymentStory) -> None:
    """An order's number we have not heard of: the next sweep keeps it, and shows it to Amazon."""
    payment, now = told.payment, services.clock.now()
    is_new = payment.order_number is None and told.order_number is not None
    if is_new and (payment.sweep_at is None or payment.sweep_at > now):
        await services.database.run(lambda session: due.sweep_at(session, payment.id, now))


def read(session: Session, services: Services, api_url: str, payment_id: str) -> PaymentStory:
    """The story without what Saleor says of it.

    Raises:
        PaymentUnknown: the tenant has none of that id.
    """
    payment = payment_rows.by_id(session, payment_id)
    if payment is None or payment.api_url != api_url:
        raise PaymentUnknown
    account = account_rows.by_id(session, api_url, payment.account_id, services.secrets)
    if account is None:
        raise PaymentUnknown
    balances = payment_rows.balances(session, payment, account.options.policy)
    differing = drift.of_payment(session, payment_id)
    return PaymentStory(
        payment=payment,
        status=status_of(payment.state, balances),
        account=account,
        balances=balances,
        limits=limits_of(balances),
        charges=_charges(session, payment, balances),
        operations=operation_rows.of_payment(session, payment_id, payment.amount.currency),
        reports=reports.of_payment(session, payment_id),
        timeline=timeline.of_payment(session, payment_id),
        problems=[each for each in problems.of_tenant(session, api_url) if _concerns(each, payment)],
        differences=differing.differences if differing else (),
        disputes=dispute_rows.of_payment(session, api_url, payment_id),
        asked=staff_actions.of_payment(session, payment_id),
    )


def _concerns(problem: Problem, payment: Payment) -> bool:
    """A problem names its payment by the key, or tells the transaction."""
    return problem.key.endswith(payment.id) or payment.transaction_id in problem.message


def _charges(session: Session, payment: Payment, balances: Balances) -> Sequence[ChargeStory]:
    parts = {part.charge_id: part for part in balances.charges}
    refunds = payment_rows.refund_rows(session, payment.id)
    return [
        _charge(row, parts[row.charge_id], [each for each in refunds if each.charge_id == row.charge_id])
        for row in payment_rows.charge_rows(session, payment.id)
    ]


def _charge(row: Row, part: ChargePart, refunds: Sequence[Row]) -> ChargeStory:
    currency = part.amount.currency
    return ChargeStory(
        charge_id=row.charge_id,
        state=row.state,
        reason_code=row.reason_code,
        amount=part.amount,
        captured=part.captured,
        refundable=part.refundable,
        refunds_left=max(0, part.refunds_left),
        beyond=beyond_capture(part),
        created_at=from_micros(row.created_at),
        expires_at=maybe_from_micros(row.expires_at),
        refunds=[
            RefundStory(
                each.refund_id, each.state, each.reason_code, Money(each.amount, currency), from_micros(each.created_at)
            )
            for each in refunds
        ],
    )


_AMOUNTS = (
    "authorized", "authorizePending", "charged", "chargePending", "refunded", "refundPending", "canceled",
    "cancelPending",
)  # fmt: skip


async def _in_saleor(services: Services, installation: Installation, payment: Payment) -> InSaleor | None:
    try:
        found = await services.saleor.transaction(installation.api_url, installation.token, payment.transaction_id)
        if found is None:
            return None
        missed = list(undelivered_requests.undelivered(services, found))
        known = await services.database.read(
            lambda session: [
                one for one in missed if undelivered_requests.is_unknown_here(session, installation.api_url, one)
            ]
        )
        return _seen(found, known)
    except (SaleorError, MoneyError) as absence:
        log.info("payment_not_seen_in_saleor", payment=payment.id, reason=str(absence))
        return None


def _seen(found: Mapping[str, Any], missed: Sequence[Missed]) -> InSaleor:
    """Raises SaleorUnavailable: what answered is no transaction."""
    try:
        amounts = {
            name: Money.parse(found[f"{name}Amount"]["amount"], found[f"{name}Amount"]["currency"]) for name in _AMOUNTS
        }
        order = found.get("order") or {}
        return InSaleor(order.get("id"), order.get("number"), amounts, tuple(missed))
    except (KeyError, TypeError) as error:
        raise SaleorUnavailable("Saleor's answer about the transaction cannot be read.") from error
