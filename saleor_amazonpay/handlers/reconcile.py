"""One payment brought into agreement with Amazon, whoever asks: a notification, a sweep, a page, a person.

What our own operations explain is settled by them; what happened elsewhere (Seller Central, the buyer, expiry) becomes
a Saleor event of its own with Amazon's id as its reference. Source: DESIGN §4 rule 2, §6 cases 4, 5, 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from saleor_amazonpay.amazonpay import ApiRequest, Charge, Refund, requests
from saleor_amazonpay.domain.agreements import is_standing
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.states import (
    REFUNDS,
    SESSION_OPERATIONS,
    AfterPartialCapture,
    CallState,
    ChargePermissionState,
    ChargeState,
    OperationKind,
    OperationState,
    PaymentState,
    RefundState,
)
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.domain.transitions import reason_message
from saleor_amazonpay.errors import AmazonPayError, AmazonPayRejected
from saleor_amazonpay.handlers import chronicle, mirror, operations
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.messages import marked
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import reports, timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Row, Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.times import from_micros

log = structlog.get_logger(__name__)

_CAPTURES = frozenset({Event.CHARGE_SUCCESS, Event.CHARGE_REQUEST})
_UNDECIDED_CHARGES = frozenset(
    {ChargeState.AUTHORIZATION_INITIATED, ChargeState.AUTHORIZED, ChargeState.CAPTURE_INITIATED}
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The copy of a payment's objects at one moment."""

    payment: Payment
    charges: dict[str, Row]
    refunds: dict[str, Row]


async def payment(
    services: Services, payment_id: str, deadline: Deadline, *, named: tuple[str, str] | None = None
) -> None:
    """Read what may have changed, write it down, and owe Saleor what it does not know.

    ``named`` is an object (its notification's type and id) to read even if it is unknown here.

    Raises:
        RetryLater: another actor has the payment, a create on it is unresolved, or Amazon cannot be read now.
    """
    fence, found = await services.database.run(lambda session: _claim(session, services, payment_id))
    chronicle.about(found.payment)
    account = await services.directory.account(found.payment.api_url, found.payment.account_id)
    client = services.amazon(account)
    objects: list[mirror.AmazonObject] = []
    with services.chronicle.following(payment_id):
        for request in _readings(found, named):
            try:
                objects.append((await client.execute(request, budget=deadline.left)).value)
            except AmazonPayRejected:
                continue  # not there (any more): nothing to learn, and nothing is concluded from it (rule 10)
            except AmazonPayError as absence:
                await services.database.run(lambda session: payment_rows.release_claim(session, payment_id, fence))
                raise RetryLater(None, f"Amazon Pay cannot be read: {absence.code}") from absence
    await services.database.run(lambda session: _settle(session, services, account, found, objects, fence))


def _claim(session: Session, services: Services, payment_id: str) -> tuple[int, Snapshot]:
    now = services.clock.now()
    fence = payment_rows.take_claim(session, payment_id, now=now, lease=services.lease)
    found = payment_rows.by_id(session, payment_id, lock=True)
    if found is None:
        raise LookupError(f"payment {payment_id} does not exist")
    if fence is None:
        raise RetryLater(None, "another actor has the payment")
    unfinished = operation_rows.of_payment(session, payment_id, found.amount.currency)
    if any(operation.state is OperationState.RUNNING for operation in unfinished):
        payment_rows.release_claim(session, payment_id, fence)
        raise RetryLater(None, "an operation on the payment is unresolved")
    return fence, _snapshot(session, found)


def _snapshot(session: Session, payment_: Payment) -> Snapshot:
    return Snapshot(
        payment=payment_rows.by_id(session, payment_.id) or payment_,
        charges={row.charge_id: row for row in payment_rows.charge_rows(session, payment_.id)},
        refunds={row.refund_id: row for row in payment_rows.refund_rows(session, payment_.id)},
    )


_NAMED_READINGS: Mapping[str, Callable[[str], ApiRequest[Any]]] = {
    "CHARGE": requests.get_charge,
    "REFUND": requests.get_refund,
}


def _readings(found: Snapshot, named: tuple[str, str] | None) -> Iterator[ApiRequest[Any]]:
    known: set[str] = set()
    if named is not None and named[0] in _NAMED_READINGS:
        known.add(named[1])
        yield _NAMED_READINGS[named[0]](named[1])
    for id_, charge in found.charges.items():
        if charge.state in _UNDECIDED_CHARGES and id_ not in known:
            yield requests.get_charge(id_)
    for id_, refund in found.refunds.items():
        if refund.state == RefundState.REFUND_INITIATED and id_ not in known:
            yield requests.get_refund(id_)
    if found.payment.charge_permission_id:
        yield requests.get_charge_permission(found.payment.charge_permission_id)


def _settle(
    session: Session,
    services: Services,
    account: Account,
    before: Snapshot,
    objects: Sequence[mirror.AmazonObject],
    fence: int,
) -> None:
    now = services.clock.now()
    if not payment_rows.release_claim(session, before.payment.id, fence):
        raise RetryLater(None, "the claim ran out while reading")
    owners = _owners_of_refunds(session, before.payment)
    for object_ in objects:
        if not _belongs(object_, before):
            log.warning("object_of_another_payment", payment=before.payment.id, object=mirror.amazon_id(object_))
            continue
        owner = owners.get(mirror.amazon_id(object_) or "")
        mirror.write(session, before.payment, owner, [object_], now=now)
    after = _snapshot(session, before.payment)
    if after.payment.state in {PaymentState.ACTIVE, PaymentState.PENDING}:
        operations.settle_pending(session, services, account, after.payment)
        tell(session, services, account, after.payment)


def tell(session: Session, services: Services, account: Account, payment_: Payment) -> None:
    """Owe Saleor everything our copy holds of what happened elsewhere and Saleor was never told."""
    now = services.clock.now()
    after = _snapshot(session, payment_)
    facts = [
        *_capture_facts(after, _captured_by_us(session, after.payment)),
        *_ended_charge_facts(after, _ended_by_us(session, after.payment)),
        *_refund_facts(after),
        *_permission_facts(after, account),
    ]
    known = {(report.fact.reference, report.fact.type) for report in reports.of_payment(session, after.payment.id)}
    facts = [fact for fact in facts if (fact.reference, fact.type) not in known]
    balances = payment_rows.balances(session, after.payment, account.options.policy)
    payment_rows.restate(session, after.payment, balances)
    for fact in facts:
        timeline.add(
            session,
            after.payment.id,
            "decision",
            now,
            result=fact.type,
            amount=str(fact.amount),
            reference=fact.reference,
            message=fact.message,
        )
        operations.owe(session, services, after.payment, fact, balances, in_the_answer=False)


def _owners_of_refunds(session: Session, payment_: Payment) -> dict[str, Operation]:
    """Which operation made a refund, by the refund's id."""
    owners = {}
    for operation in operation_rows.of_payment(session, payment_.id, payment_.amount.currency):
        if operation.kind in REFUNDS:
            for call in operation_rows.calls_of(session, operation.id, payment_.amount.currency):
                if call.amazon_id:
                    owners[call.amazon_id] = operation
    return owners


def _belongs(object_: mirror.AmazonObject, before: Snapshot) -> bool:
    """A notification may name any object of the merchant: only what Amazon says is this payment's is written to it."""
    match object_:
        case Charge() if is_standing(before.payment.charge_permission_type):
            return object_.charge_id in before.charges  # other payments have charges on the same permission
        case Charge():
            return object_.charge_permission_id == before.payment.charge_permission_id
        case Refund():
            return object_.charge_id in before.charges
        case _:
            return True


# The facts are found in the copy as it is, not in what changed just now: an operation of ours may have seen (and
# written) the news first, and what was owed before is owed only once.


def _captured_by_us(session: Session, payment_: Payment) -> set[str]:
    """Charges whose capture an operation of ours brought about, or may have, and tells Saleor itself."""
    ours: set[str] = set()
    for operation in operation_rows.of_payment(session, payment_.id, payment_.amount.currency):
        if operation.kind in SESSION_OPERATIONS and operation.result in _CAPTURES:
            ours.add(operation.psp_reference or "")
        if operation.kind is OperationKind.CHARGE:
            calls = operation_rows.calls_of(session, operation.id, payment_.amount.currency)
            ours |= {call.charge_id or call.amazon_id or "" for call in calls if call.state is not CallState.REJECTED}
    return ours


def _capture_facts(after: Snapshot, ours: set[str]) -> Iterator[Fact]:
    """Every capture that was not ours, also one that an operation of ours saw first (and was refused for)."""
    currency = after.payment.amount.currency
    for row in after.charges.values():
        if row.state == ChargeState.CAPTURED and row.charge_id not in ours:
            captured, time = Money(row.captured, currency), from_micros(row.updated_at)
            yield Fact(row.charge_id, Event.CHARGE_SUCCESS, captured, time, marked("Captured at Amazon Pay."))


def _ended_by_us(session: Session, payment_: Payment) -> set[tuple[str, str]]:
    """Charges with the state in which an operation of ours ended them, or saw them end, and tells Saleor itself."""
    ended: set[tuple[str, str]] = set()
    for operation in operation_rows.of_payment(session, payment_.id, payment_.amount.currency):
        ends = _ENDS_TOLD[operation.kind]
        calls = operation_rows.calls_of(session, operation.id, payment_.amount.currency)
        ids = {call.charge_id or call.amazon_id for call in calls if call.state is not CallState.REJECTED}
        if operation.kind in SESSION_OPERATIONS:
            ids = {operation.psp_reference}
        ended |= {(id_ or "", end) for id_ in ids for end in ends}
    return ended


_ENDS_TOLD: Mapping[OperationKind, Sequence[ChargeState]] = {
    OperationKind.COMPLETE: (ChargeState.DECLINED,),
    OperationKind.CHARGE_AGREEMENT: (ChargeState.DECLINED,),
    OperationKind.CHARGE: (ChargeState.DECLINED, ChargeState.CANCELED),
    OperationKind.REAUTHORIZE: (ChargeState.DECLINED,),
    OperationKind.CANCEL: (ChargeState.CANCELED,),
    OperationKind.REFUND: (),
    OperationKind.OVER_REFUND: (),
}


def _ended_charge_facts(after: Snapshot, ours: set[tuple[str, str]]) -> Iterator[Fact]:
    currency = after.payment.amount.currency
    for row in after.charges.values():
        if row.state in {ChargeState.CANCELED, ChargeState.DECLINED} and (row.charge_id, row.state) not in ours:
            message = reason_message(row.reason_code, marked("The authorization ended at Amazon Pay."))
            yield Fact(row.charge_id, Event.INFO, Money(row.amount, currency), from_micros(row.updated_at), message)


def _refund_facts(after: Snapshot) -> Iterator[Fact]:
    currency = after.payment.amount.currency
    for row in after.refunds.values():
        if row.operation_id is None and row.state == RefundState.REFUNDED:
            amount, time = Money(row.amount, currency), from_micros(row.updated_at)
            yield Fact(row.refund_id, Event.REFUND_SUCCESS, amount, time, marked("Refunded at Amazon Pay."))


def _permission_facts(after: Snapshot, account: Account) -> Iterator[Fact]:
    """What is no longer authorized (case 4): the permission closed, or the policy does not keep what a charge held."""
    payment_ = after.payment
    gross = gross_authorized(after, account)
    end = _end_of_authorization(after, account)
    if end is None or gross == payment_.amount:
        return
    time = max((from_micros(row.updated_at) for row in after.charges.values()), default=payment_.updated_at)
    yield Fact(
        f"{payment_.charge_permission_id}-{end}",
        Event.AUTHORIZATION_ADJUSTMENT,
        gross,
        max(time, payment_.updated_at),
        marked("The rest is no longer authorized at Amazon Pay."),
    )


def _end_of_authorization(after: Snapshot, account: Account) -> str | None:
    """Names what ended it, so that each end is told once."""
    if after.payment.charge_permission_state == ChargePermissionState.CLOSED:
        return "closed"
    ended = [row for row in after.charges.values() if row.state == ChargeState.CANCELED]
    if ended and account.options.policy is not AfterPartialCapture.KEEP:
        return str(max(ended, key=lambda row: row.updated_at).charge_id)
    return None


def gross_authorized(snapshot: Snapshot, account: Account) -> Money:
    """Still chargeable + charged + cancelled: what an ADJUSTMENT carries."""
    payment_ = snapshot.payment
    currency = payment_.amount.currency
    held = sum(row.amount for row in snapshot.charges.values() if row.state in _UNDECIDED_CHARGES)
    captured = sum(row.captured for row in snapshot.charges.values() if row.state == ChargeState.CAPTURED)
    gross = Money(held + captured, currency) + payment_.released
    keeps = account.options.policy is AfterPartialCapture.KEEP
    chargeable = payment_.charge_permission_state == ChargePermissionState.CHARGEABLE
    if keeps and chargeable:
        rest, balance = payment_.amount - gross, payment_.charge_permission_balance or Money.zero(currency)
        is_shared = is_standing(payment_.charge_permission_type)
        gross += max(Money.zero(currency), rest if is_shared else min(rest, balance))
    return gross
