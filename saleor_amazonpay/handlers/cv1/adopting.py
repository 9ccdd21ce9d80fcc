"""One Order Reference taken over: its ids read at Amazon, its transaction found or made in Saleor, the facts told.

    claim   nobody else takes the same order over meanwhile
    find    what Saleor and Amazon say, and whatever forbids it (finding.py)
    mark    our transaction on the order: marked before by us (a process may have died since), imported, or new
    write   one transaction: the payment, the objects, the reports owed, the claim given back

Repeated it changes nothing; ids named later join the payment. Source: DESIGN §4 rules 1 and 4; amazon-pay-cv2.md §12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.cv1 import states as cv1
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ActionType, ChargePermissionType, PaymentState
from saleor_amazonpay.errors import ClaimLost, ConflictError
from saleor_amazonpay.handlers import mirror, operations, reconcile
from saleor_amazonpay.handlers.cv1 import telling
from saleor_amazonpay.handlers.cv1.finding import Found, Request, as_captured, find
from saleor_amazonpay.handlers.cv1.reading import Refused
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor import adoption as saleor
from saleor_amazonpay.storage import cv1_adoptions, due, timeline
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.cv1_adoptions import Adoption
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

log = structlog.get_logger(__name__)

FOLLOW: Final = "follow_cv1_order"
LEASE: Final = timedelta(seconds=30)  # longer than Saleor works on a request whose sender has died
_TRANSACTION_NAME: Final = "Amazon Pay"
_FIRST_AUDIT: Final = timedelta(days=1)
_NEVER_CLAIMED: Final = datetime.fromtimestamp(0).astimezone()


class Result(StrEnum):
    ADOPTED = "adopted"
    WOULD_ADOPT = "would adopt"  # a dry run
    KNOWN = "known"  # adopted before
    REFUSED = "refused"  # this id, or its order, cannot be: see the reason
    LATER = "later"  # Amazon, Saleor or another actor is in the way now: run it again


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one id. ``reason`` is a word for scripts, ``message`` for people.

    An agreement has an ``agreement_id`` and no transaction.
    """

    id: str
    result: Result
    reason: str = ""
    message: str = ""
    transaction_id: str = ""
    order_number: str = ""
    cv2_state: str = ""
    agreement_id: str = ""


class Busy(ConflictError):
    """Another process has the same order, or died with it less than ``LEASE`` ago."""

    code = "BUSY"


@dataclass(frozen=True, slots=True)
class _Marked:
    """``was_authorized``: somebody told Saleor an authorization on it before us."""

    transaction_id: str
    was_authorized: bool = False


async def adopt(services: Services, api_url: str, request: Request, deadline: Deadline) -> list[Outcome]:
    """An outcome for each id, in their order.

    Raises:
        Refused, SaleorRefused: none of them can be adopted.
        AppError: something is in the way now; nothing was changed that running it again would not find.
    """
    known = await services.database.read(lambda session: _known(session, api_url, request))
    if known is not None:
        return known
    if request.is_dry_run:
        found = await find(services, api_url, request, deadline)
        return _outcomes(request, found, Result.WOULD_ADOPT, "")
    fence = await _claim(services, api_url, request)
    try:
        found = await find(services, api_url, request, deadline)
        if found.is_empty(request):
            await _release(services, api_url, request, fence)
            return _outcomes(request, found, Result.REFUSED, "")
        marked = await _mark(services, api_url, request, found)
        payment = await services.database.run(lambda session: _write(session, services, request, found, marked, fence))
    except BaseException:
        await _release(services, api_url, request, fence)
        raise
    log.info("cv1_order_adopted", order=found.order.number, permission=request.permission_id)
    return _outcomes(request, found, Result.ADOPTED, payment.transaction_id)


def _outcomes(request: Request, found: Found, result: Result, transaction_id: str) -> list[Outcome]:
    reading = found.reading
    states = {id_: object_.state for id_, object_ in [*reading.charges.items(), *reading.refunds.items()]}
    states[request.permission_id] = reading.permission.state
    outcomes = []
    for id_ in request.ids:
        refusal = reading.refused.get(id_.text)
        if refusal is not None:
            outcomes.append(Outcome(id_.text, Result.REFUSED, refusal.reason, refusal.public_message))
            continue
        outcome = Outcome(
            id_.text,
            result,
            message=found.notes.get(id_.text, ""),
            transaction_id=transaction_id,
            order_number=found.order.number,
            cv2_state=states[id_.cv2_id],
        )
        outcomes.append(outcome)
    return outcomes


# --- claim --------------------------------------------------------------------------------------------------------


def _known(session: Session, api_url: str, request: Request) -> list[Outcome] | None:
    """The outcomes where every id was adopted before; None where there is something to do.

    Raises:
        Refused: the id is a payment made with CV2, or was adopted for another order.
    """
    payment = payment_rows.by_permission(session, api_url, request.permission_id)
    if payment is None:
        return None
    if payment.flow != cv1.FLOW:
        message = f"{request.permission_id} is a payment made with CV2: transaction {payment.transaction_id}."
        raise Refused("CV2_ID", message)
    adoption = cv1_adoptions.get(session, api_url, request.permission_id)
    number = (adoption and adoption.order_number) or ""
    if request.order and request.order.lstrip("#") not in {payment.source_id, number}:
        message = f"It belongs to order {number} already, as transaction {payment.transaction_id}."
        raise Refused("ADOPTED_ELSEWHERE", message)
    states = {row.charge_id: row.state for row in payment_rows.charge_rows(session, payment.id)}
    states |= {row.refund_id: row.state for row in payment_rows.refund_rows(session, payment.id)}
    states[request.permission_id] = payment.charge_permission_state or ""
    if any(id_.cv2_id not in states for id_ in request.ids):
        return None
    return [
        Outcome(
            id_.text,
            Result.KNOWN,
            transaction_id=payment.transaction_id,
            order_number=number,
            cv2_state=states[id_.cv2_id],
        )
        for id_ in request.ids
    ]


async def _claim(services: Services, api_url: str, request: Request) -> int:
    now, permission_id = services.clock.now(), request.permission_id
    fence = await services.database.run(
        lambda session: cv1_adoptions.claim(session, api_url, permission_id, now=now, lease=LEASE)
    )
    if fence is None:
        raise Busy("Another process is taking this order over, or died while it did; run it again in half a minute.")
    return fence


async def _release(services: Services, api_url: str, request: Request, fence: int) -> None:
    await services.database.run(lambda session: cv1_adoptions.release(session, api_url, request.permission_id, fence))


# --- mark ---------------------------------------------------------------------------------------------------------


async def _mark(services: Services, api_url: str, request: Request, found: Found) -> _Marked:
    """Our transaction on the order, the same however often we look: the mark in Saleor survives us."""
    order, permission_id = found.order, request.permission_id
    ours = order.transaction_of(permission_id)
    if ours is not None:
        return _Marked(ours.id, ours.was_authorized)
    token = (await services.directory.tenant(api_url)).installation.token
    if not request.transaction_id:
        made = await saleor.create_transaction(
            services.saleor, api_url, token, order.id, permission_id, name=_TRANSACTION_NAME
        )
        return _Marked(made)
    imported = order.transaction(request.transaction_id)
    if imported is None:
        raise Refused("NO_TRANSACTION", f"Order {order.number} has no transaction {request.transaction_id}.")
    taken = await services.database.read(lambda session: payment_rows.find(session, api_url, imported.id))
    if taken is not None or imported.marked_for is not None:
        raise Refused("TRANSACTION_TAKEN", f"The transaction {imported.id} is another payment of this app already.")
    await saleor.take_transaction(services.saleor, api_url, token, imported, permission_id, order.currency)
    return _Marked(imported.id, imported.was_authorized)


# --- write --------------------------------------------------------------------------------------------------------


def _write(
    session: Session, services: Services, request: Request, found: Found, marked: _Marked, fence: int
) -> Payment:
    """Raises ClaimLost where another actor has the order by now: it will find the transaction that we marked."""
    now, account, order = services.clock.now(), found.account, found.order
    api_url, permission_id = account.api_url, request.permission_id
    adoption = Adoption(api_url, permission_id, order.id, order.number, marked.transaction_id)
    if not cv1_adoptions.finish(session, adoption, fence, now=now):
        raise ClaimLost
    payment = payment_rows.by_permission(session, api_url, permission_id)
    if payment is None:
        payment = _payment(request, found, marked, now)
        payment_rows.save(session, payment)
        due.audit_at(session, payment.id, now + _FIRST_AUDIT)
    held = payment_rows.take_claim(session, payment.id, now=now, lease=services.lease)
    if held is None:
        raise Busy("The payment is being charged, refunded or cancelled just now; run it again in half a minute.")
    _write_objects(session, payment, found, now)
    payment = payment_rows.by_id(session, payment.id) or payment
    timeline.add(session, payment.id, "decision", now, adopted=[id_.text for id_ in request.ids], order=order.number)
    payment = telling.tell(session, services, account, payment, was_authorized=marked.was_authorized)
    payment_rows.release_claim(session, payment.id, held)
    if telling.has_undecided(session, payment):
        _follow_later(session, services, payment, was_authorized=marked.was_authorized)
    return payment


def _payment(request: Request, found: Found, marked: _Marked, now: datetime) -> Payment:
    """Active from the start; its amount is what will be told as authorized."""
    order, account = found.order, found.account
    amount = Money.parse(order.total, order.currency)
    return Payment(
        id=keys.reference("cv1", account.api_url, request.permission_id),
        api_url=account.api_url,
        transaction_id=marked.transaction_id,
        account_id=account.id,
        channel_slug=order.channel_slug,
        flow=cv1.FLOW,
        action_type=ActionType.AUTHORIZATION,
        source_type="Order",
        source_id=order.id,
        customer_id=order.customer_id,
        amount=amount,
        outstanding=amount,
        state=PaymentState.ACTIVE,
        session_id=None,
        session_expires_at=None,
        result_url=None,
        return_url=None,
        redirect_url=None,
        charge_permission_id=request.permission_id,
        charge_permission_type=ChargePermissionType.ONE_TIME,
        charge_permission_state=None,
        charge_permission_balance=None,
        charge_permission_expires_at=None,
        released=Money.zero(amount.currency),
        claim_fence=0,
        claimed_until=_NEVER_CLAIMED,
        created_at=now,
        updated_at=now,
        order_number=order.number,  # known, so that no sweep writes it over the old shop's SellerOrderId
        order_id=order.id,
    )


def _write_objects(session: Session, payment: Payment, found: Found, now: datetime) -> None:
    """A refund that an earlier adoption counted without knowing its id stays counted there."""
    reading = found.reading
    known = {row.refund_id for row in payment_rows.refund_rows(session, payment.id)}
    refunds = [
        refund for refund in reading.refunds.values() if telling.unnamed_refund(refund.charge_id or "") not in known
    ]
    charges: Sequence[mirror.AmazonObject] = [as_captured(charge) for charge in reading.charges.values()]
    mirror.write(session, payment, None, [reading.permission, *charges, *refunds], now=now)
    telling.write_unnamed_refunds(session, payment)


# --- follow -------------------------------------------------------------------------------------------------------


def _follow_later(session: Session, services: Services, payment: Payment, *, was_authorized: bool) -> None:
    delay = operations.next_look(services.clock.now() - payment.created_at, services.settings.poll_seconds)
    if delay is not None:
        services.jobs.defer(
            session,
            FOLLOW,
            key=payment.id,
            args={"payment_id": payment.id, "was_authorized": was_authorized},
            run_at=services.clock.now() + timedelta(seconds=delay),
            priority=services.turns.priority(payment.api_url),
        )


async def follow(services: Services, payment_id: str, deadline: Deadline, *, was_authorized: bool) -> None:
    """Look at what Amazon was still deciding when the order was adopted, and tell what it decided.

    Raises:
        RetryLater: another actor has the payment, or Amazon cannot be read now.
    """
    await reconcile.payment(services, payment_id, deadline)
    found = await services.database.read(lambda session: due.payment_of(session, payment_id))
    account = await services.directory.account(found.api_url, found.account_id)

    def look(session: Session) -> None:
        payment = due.payment_of(session, payment_id)
        telling.tell(session, services, account, payment, was_authorized=was_authorized)
        if telling.has_undecided(session, payment):
            _follow_later(session, services, payment, was_authorized=was_authorized)

    await services.database.run(look)
