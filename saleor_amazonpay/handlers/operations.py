"""An operation's life: begun with its calls committed, carried out under a claim, settled as one fact for Saleor.

The same functions serve a webhook that waits, a job that retries after a time-out and a replica that takes over after
a crash; nobody else sends a CV2 request that moves money. The order is what keeps money safe (DESIGN §4 rules 1-4):

    begin      one transaction: the operation, the claim, the plan, each call with its key and bytes
    carry_out  sends the stored bytes, reads back what a refusal leaves in doubt
    settle     one transaction: Amazon's objects as read, the outcome, the report owed to Saleor, the claim given back
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from saleor_amazonpay.amazonpay import AmazonPayClient, ApiRequest
from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.plans import Plan, Refusal, Wait
from saleor_amazonpay.domain.states import (
    AfterPartialCapture,
    CallState,
    ChargePermissionState,
    OperationKind,
    OperationState,
    PaymentState,
    RefundState,
)
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.errors import AmazonPayRejected, AmazonPayUnavailable, AmazonPayUnresolved, ClaimLost
from saleor_amazonpay.handlers import conclusions, mirror, problems
from saleor_amazonpay.handlers.conclusions import MAX_ROUNDS, Again, Conclusion, Decided, Undecided
from saleor_amazonpay.handlers.planning import calls_for, plan
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import reports, timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Call, Operation
from saleor_amazonpay.storage.payments import Payment

UNFINISHED = frozenset({OperationState.WAITING, OperationState.RUNNING})

_LOOK_SECONDS = 0.1  # between looks at an operation that somebody else carries out
_LAST_LOOK = timedelta(days=60)
_SLOWEST_LOOK = 3600.0

CARRY_OUT = "carry_out_operation"
POLL = "poll_operation"
DELIVER_REPORTS = "deliver_reports"


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operation this actor may work on: whoever holds the ``fence`` alone may write its outcome."""

    payment: Payment
    operation: Operation
    calls: Sequence[Call]
    fence: int
    is_resumed: bool = True  # some call may have been sent before, by us or by a process that died

    @property
    def current(self) -> list[Call]:
        """The calls of the present round."""
        return [call for call in self.calls if call.attempt == self.operation.attempt]

    @property
    def unanswered(self) -> list[Call]:
        return [call for call in self.current if not call.is_answered]

    def calls_as_of(self, seen: Sequence[Call]) -> list[Call]:
        """The present round's calls with what was seen of them just now."""
        news = {call.position: call for call in seen}
        return [news.get(call.position, call) for call in self.current]


@dataclass(slots=True)
class Observations:
    """What Amazon said in one round: answers to calls, and objects read back."""

    calls: list[Call] = field(default_factory=list)
    objects: list[mirror.AmazonObject] = field(default_factory=list)
    is_complete: bool = True  # False: some call has no answer yet


def new_operation(
    payment: Payment,
    kind: OperationKind,
    request_key: str,
    amount: Money,
    *,
    now: datetime,
    body_hash: str | None = None,
    granted_refund_id: str | None = None,
) -> Operation:
    return Operation(
        id=keys.reference("op", payment.api_url, payment.transaction_id, kind, request_key),
        payment_id=payment.id,
        kind=kind,
        request_key=request_key,
        body_hash=body_hash,
        granted_refund_id=granted_refund_id,
        amount=amount,
        state=OperationState.WAITING,
        attempt=1,
        psp_reference=None,
        announced=False,
        result=None,
        result_amount=None,
        result_time=None,
        message=None,
        created_at=now,
        settled_at=None,
    )


def derived_reference(payment: Payment, operation: Operation) -> str:
    """Our own reference of an operation, for facts told before, or without, an Amazon id (case 5)."""
    return keys.reference(operation.kind, payment.api_url, payment.transaction_id, operation.request_key)


# --- begin --------------------------------------------------------------------------------------------------------


def begin(
    session: Session,
    services: Services,
    account: Account,
    payment: Payment,
    operation: Operation,
    *,
    waiting_caller: bool,
) -> Claimed | Operation:
    """Take the payment and commit the plan; the bare operation when it waits for another one, or is settled already."""
    fence = payment_rows.take_claim(session, payment.id, now=services.clock.now(), lease=services.lease)
    if fence is None:
        if operation.state is OperationState.WAITING or not waiting_caller:
            _defer(
                session, services, payment, CARRY_OUT, operation, delay=1
            )  # who has the payment may be at another one
        return operation
    if operation.state is OperationState.WAITING:
        if operation_rows.has_unresolved(session, payment.id):
            payment_rows.release_claim(session, payment.id, fence)
            _defer(session, services, payment, CARRY_OUT, operation, delay=services.settings.poll_seconds)
            return operation  # what is left to charge or release is not known before that one is
        return _plan(session, services, account, payment, operation, fence, waiting_caller=waiting_caller)
    calls = operation_rows.calls_of(session, operation.id, payment.amount.currency)
    return Claimed(payment, operation, calls, fence)


def start_later(session: Session, services: Services, payment: Payment, operation: Operation) -> None:
    """Have a job carry out an operation of our own; the same request key never starts a second one."""
    if operation_rows.insert(session, announced(payment, operation)):
        _defer(session, services, payment, CARRY_OUT, operation, delay=0)


def _defer(
    session: Session, services: Services, payment: Payment, task: str, operation: Operation, *, delay: float
) -> None:
    run_at = services.clock.now() + timedelta(seconds=delay)
    services.jobs.defer(
        session,
        task,
        key=operation.id,
        args={"operation_id": operation.id},
        run_at=run_at,
        priority=services.turns.priority(payment.api_url),
    )


def _plan(
    session: Session,
    services: Services,
    account: Account,
    payment: Payment,
    operation: Operation,
    fence: int,
    *,
    waiting_caller: bool,
) -> Claimed | Operation:
    now = services.clock.now()
    balances = payment_rows.balances(session, payment, account.options.policy)
    planned = plan(operation, balances, _done(session, payment, operation))
    if isinstance(planned, Refusal) and _may_be_cured(payment, operation):
        planned = Plan([], operation.amount)  # nothing to send, but something to read
    if isinstance(planned, Plan):
        calls = calls_for(payment, operation, planned, account.options)
        operation_rows.insert_calls(session, calls, now=now)
        running = operation.with_(state=OperationState.RUNNING)
        operation_rows.update_(session, running)
        if operation.kind is OperationKind.COMPLETE:
            payment_rows.change(session, payment.id, now, state=PaymentState.COMPLETING)
        return Claimed(payment, running, calls, fence, is_resumed=False)
    payment_rows.release_claim(session, payment.id, fence)
    if isinstance(planned, Wait):
        _defer(session, services, payment, CARRY_OUT, operation, delay=services.settings.poll_seconds)
        return operation
    is_ours = operation.kind is OperationKind.REAUTHORIZE
    refused = Decided(
        conclusions.failure_of(operation.kind), operation.amount, now, planned.message, is_reported=not is_ours
    )
    return _settle_decided(session, services, account, payment, operation, refused, waiting_caller=waiting_caller)


def _may_be_cured(payment: Payment, operation: Operation) -> bool:
    """A buyer can make a permission chargeable again without our hearing of it: look before saying no (rule 2)."""
    return (
        operation.attempt == 1
        and operation.kind in mirror.NEEDS_PERMISSION
        and payment.charge_permission_state == ChargePermissionState.NON_CHARGEABLE
    )


def _done(session: Session, payment: Payment, operation: Operation) -> Money:
    """What earlier rounds of a refund have refunded already."""
    refunded = (
        Money(row.amount, payment.amount.currency)
        for row in payment_rows.refund_rows(session, payment.id)
        if row.operation_id == operation.id and row.state == RefundState.REFUNDED
    )
    return total(refunded, payment.amount.currency)


# --- carry out ----------------------------------------------------------------------------------------------------


async def finish_within(
    services: Services,
    account: Account,
    begun: Claimed | Operation,
    deadline: Deadline,
    *,
    waiting_caller: bool = True,
) -> Operation:
    """The operation when it is settled, pending or announced, or when the deadline is over.

    Whoever finds it in other hands waits for them: an identical request gives the first one's answer (rule 1).
    """
    if isinstance(begun, Claimed):
        operation = await carry_out(services, account, begun, deadline, waiting_caller=waiting_caller)
    elif begun.kind is OperationKind.COMPLETE and begun.state is OperationState.RUNNING:
        # "Processing" was not final for the storefront: it asks again, perhaps before the job does.
        operation = await resume(services, begun.id, deadline, waiting_caller=waiting_caller)
    else:
        operation = begun
    while operation.state is OperationState.RUNNING and not operation.announced and not deadline.is_over:
        await services.clock.sleep(_LOOK_SECONDS)
        operation = await resume(services, operation.id, deadline, waiting_caller=waiting_caller)
    return operation


async def resume(services: Services, operation_id: str, deadline: Deadline, *, waiting_caller: bool) -> Operation:
    """Claim an unsettled operation and carry it out; unchanged when somebody else has the payment.

    Without a waiting caller Saleor was answered asynchronously, or perhaps not at all (a crash, a fault): either way
    the operation's own derived reference is the right one from here on.
    """
    payment, operation = await services.database.read(lambda session: _load(session, operation_id, lock=False))
    if operation.state not in UNFINISHED:
        return operation
    account = await services.directory.account(payment.api_url, payment.account_id)

    def claim(session: Session) -> Claimed | Operation:
        payment, operation = _load(session, operation_id)
        if operation.state not in UNFINISHED:
            return operation
        if not waiting_caller:
            operation = announced(payment, operation)
        begun = begin(session, services, account, payment, operation, waiting_caller=waiting_caller)
        if isinstance(begun, Claimed):
            operation_rows.update_(session, begun.operation)
        return begun

    begun = await services.database.run(claim)
    if isinstance(begun, Operation):
        return begun
    return await carry_out(services, account, begun, deadline, waiting_caller=waiting_caller)


def _load(session: Session, operation_id: str, *, lock: bool = True) -> tuple[Payment, Operation]:
    payment_id = operation_rows.payment_id_of(session, operation_id)
    payment = payment_rows.by_id(session, payment_id, lock=lock) if payment_id else None
    operation = operation_rows.by_id(session, operation_id, payment.amount.currency) if payment else None
    if payment is None or operation is None:
        raise LookupError(f"operation {operation_id} does not exist")
    return payment, operation


async def carry_out(
    services: Services, account: Account, claimed: Claimed, deadline: Deadline, *, waiting_caller: bool
) -> Operation:
    """Send what is committed and settle what Amazon answers, planning again where a refusal turns out to be stale news.

    ``waiting_caller``: Saleor waits for this outcome, so a settled one goes out in the answer and its report is only a
    safety net (case 9), while an open one must be announced: answered asynchronously and reported later.
    """
    client = services.amazon(account)
    for _ in range(MAX_ROUNDS):
        seen = await _send(client, claimed, deadline)
        await _read_back(client, claimed, seen, deadline)
        try:
            after = await services.database.run(
                lambda session, claimed=claimed, seen=seen: settle(  # type: ignore[misc]
                    session, services, account, claimed, seen, waiting_caller=waiting_caller
                )
            )
        except ClaimLost:
            return await _as_it_is(services, claimed.operation)
        if isinstance(after, Operation):
            return after
        claimed = after
    return claimed.operation


async def _as_it_is(services: Services, operation: Operation) -> Operation:
    currency = operation.amount.currency
    found = await services.database.read(lambda session: operation_rows.by_id(session, operation.id, currency))
    return found or operation


async def _send(client: AmazonPayClient, claimed: Claimed, deadline: Deadline) -> Observations:
    seen = Observations()
    for call in claimed.unanswered:
        request: ApiRequest[Any] = ApiRequest.restore(
            operation=call.operation_name,
            method=call.method,
            resource=call.resource,
            body=call.body.encode(),
            idempotency_key=call.idempotency_key,
            is_replay=claimed.is_resumed,
        )
        try:
            answer = await client.execute(request, budget=deadline.left)
        except AmazonPayRejected as refusal:
            seen.calls.append(replace(call, state=CallState.REJECTED, reason_code=refusal.reason_code))
        except AmazonPayUnresolved as doubt:
            seen.is_complete = False
            seen.calls.append(replace(call, state=CallState.UNRESOLVED, reason_code=doubt.reason_code))
        except AmazonPayUnavailable as absence:
            seen.is_complete = False
            seen.calls.append(replace(call, reason_code=absence.reason_code))
        else:
            seen.objects.append(answer.value)
            seen.calls.append(replace(call, state=CallState.DONE, amazon_id=mirror.amazon_id(answer.value)))
    return seen


async def _read_back(client: AmazonPayClient, claimed: Claimed, seen: Observations, deadline: Deadline) -> None:
    """Read the objects the outcome depends on; what cannot be read now leaves the round incomplete (rule 2)."""
    absent: set[str] = set()
    calls = claimed.calls_as_of(seen.calls)
    for _ in range(mirror.MAX_READINGS):
        reading = mirror.next_reading(claimed.payment, claimed.operation, calls, seen.objects, absent)
        if reading is None or not seen.is_complete:
            return
        id_, request = reading
        try:
            seen.objects.append((await client.execute(request, budget=deadline.left)).value)
        except AmazonPayRejected:
            absent.add(id_)  # there is nothing to learn; the call's own refusal decides
        except (AmazonPayUnavailable, AmazonPayUnresolved):
            seen.is_complete = False


async def look_again(services: Services, operation_id: str, deadline: Deadline) -> Operation:
    """Read what Amazon was still deciding for a pending operation, and settle it when it has decided."""
    claimed, readings = await services.database.run(lambda session: _claim_pending(session, services, operation_id))
    if isinstance(claimed, Operation):
        return claimed
    account = await services.directory.account(claimed.payment.api_url, claimed.payment.account_id)
    client, seen = services.amazon(account), Observations()
    for request in readings:
        try:
            seen.objects.append((await client.execute(request, budget=deadline.left)).value)
        except AmazonPayRejected:
            continue
        except (AmazonPayUnavailable, AmazonPayUnresolved):
            break  # what was not read stays pending and is read next time
    try:
        after = await services.database.run(
            lambda session: settle(session, services, account, claimed, seen, waiting_caller=False)
        )
    except ClaimLost:
        return await _as_it_is(services, claimed.operation)
    if isinstance(after, Operation):
        return after
    return await carry_out(services, account, after, deadline, waiting_caller=False)


def _claim_pending(
    session: Session, services: Services, operation_id: str
) -> tuple[Claimed | Operation, list[ApiRequest[Any]]]:
    now = services.clock.now()
    payment, operation = _load(session, operation_id)
    if operation.state is not OperationState.PENDING:
        return operation, []
    fence = payment_rows.take_claim(session, payment.id, now=now, lease=services.lease)
    if fence is None:
        _defer(session, services, payment, POLL, operation, delay=services.settings.poll_seconds)
        return operation, []
    calls = operation_rows.calls_of(session, operation.id, payment.amount.currency)
    return Claimed(payment, operation, calls, fence), mirror.undecided(session, payment, operation)


# --- settle -------------------------------------------------------------------------------------------------------


def settle(
    session: Session,
    services: Services,
    account: Account,
    claimed: Claimed,
    seen: Observations,
    *,
    waiting_caller: bool,
) -> Operation | Claimed:
    """Write down what was seen and what it means; a new ``Claimed`` when it means another round.

    Raises:
        ClaimLost: our lease ran out and another actor has the payment; nothing of this round is written.
    """
    now = services.clock.now()
    locked = payment_rows.by_id(session, claimed.payment.id, lock=True)
    if locked is None or locked.claim_fence != claimed.fence:
        raise ClaimLost
    claimed = _as_announced(session, claimed)
    for call in seen.calls:
        operation_rows.update_call(session, call, now=now)
        timeline.add(
            session,
            locked.id,
            "call",
            now,
            operation=call.operation_name,
            state=call.state,
            amazon_id=call.amazon_id,
            reason_code=call.reason_code,
            amount=str(call.amount),
        )
    mirror.write(session, locked, claimed.operation, seen.objects, now=now)
    payment = payment_rows.by_id(session, locked.id) or locked
    conclusion = _conclude(session, payment, claimed.operation, seen, now)
    if isinstance(conclusion, Again) and claimed.operation.attempt < MAX_ROUNDS:
        again = claimed.operation.with_(attempt=claimed.operation.attempt + 1, state=OperationState.WAITING)
        operation_rows.update_(session, again)
        return _plan(session, services, account, payment, again, claimed.fence, waiting_caller=waiting_caller)
    payment_rows.release_claim(session, payment.id, claimed.fence)
    if isinstance(conclusion, Undecided):
        return _leave_open(session, services, payment, claimed.operation, conclusion)
    decided = conclusion if isinstance(conclusion, Decided) else _given_up(claimed.operation, now)
    return _settle_decided(
        session, services, account, payment, claimed.operation, decided, waiting_caller=waiting_caller
    )


def _as_announced(session: Session, claimed: Claimed) -> Claimed:
    """A request that waited for us may have told Saleor a reference when its own time was over: that one stays."""
    operation = claimed.operation
    stored = operation_rows.by_id(session, operation.id, operation.amount.currency) or operation
    told = operation.with_(announced=stored.announced, psp_reference=stored.psp_reference)
    return replace(claimed, operation=told)


def _given_up(operation: Operation, now: datetime) -> Decided:
    message = "Amazon Pay kept refusing because the payment changed meanwhile; look at it in Amazon Pay."
    return Decided(conclusions.failure_of(operation.kind), operation.amount, now, message)


def _conclude(
    session: Session, payment: Payment, operation: Operation, seen: Observations, now: datetime
) -> Conclusion:
    if not seen.is_complete:
        return Undecided(OperationState.RUNNING)
    calls = operation_rows.calls_of(session, operation.id, payment.amount.currency)
    rows = conclusions.Rows(
        charges={row.charge_id: row for row in payment_rows.charge_rows(session, payment.id)},
        refunds=[row for row in payment_rows.refund_rows(session, payment.id) if row.operation_id == operation.id],
        session=mirror.checkout_session(seen.objects),
    )
    return conclusions.conclude(payment, operation, calls, rows, now)


def _settle_decided(
    session: Session,
    services: Services,
    account: Account,
    payment: Payment,
    operation: Operation,
    decided: Decided,
    *,
    waiting_caller: bool,
) -> Operation:
    now = services.clock.now()
    own_reference = operation.psp_reference or decided.reference or derived_reference(payment, operation)
    settled = operation.with_(
        state=OperationState.SETTLED,
        psp_reference=own_reference,
        result=decided.result,
        result_amount=decided.amount,
        result_time=decided.time,
        message=decided.message,
        settled_at=now,
    )
    operation_rows.update_(session, settled)
    after = _payment_after(session, payment, settled, now)
    timeline.add(
        session, payment.id, "decision", now, result=decided.result, amount=str(decided.amount), reference=own_reference
    )
    balances = payment_rows.balances(session, after, account.options.policy)
    answered_now = waiting_caller and not operation.announced
    if decided.is_reported:
        owe(session, services, payment, fact_of(settled), balances, in_the_answer=answered_now)
    for extra in decided.extra_facts:
        owe(session, services, payment, extra, balances, in_the_answer=False)
    _tell_of_shortfall(session, services, payment, settled)
    _follow_up(session, services, account, after, settled, balances)
    return settled


def _tell_of_shortfall(session: Session, services: Services, payment: Payment, settled: Operation) -> None:
    """Saleor takes a granted refund for done however little was refunded (case 7)."""
    if settled.granted_refund_id is None or settled.result is not Event.REFUND_SUCCESS or settled.result_amount is None:
        return
    missing = settled.amount - settled.result_amount
    if missing.is_positive:
        message = (
            f"Amazon Pay refunded {settled.result_amount} of a granted refund of {settled.amount} on transaction "
            f"{payment.transaction_id}; {missing} is missing. Refund it another way."
        )
        key = problems.key_of("refund", settled.id)
        problems.raise_in(session, services, payment.api_url, key, message, critical=True)


def settle_pending(session: Session, services: Services, account: Account, payment: Payment) -> None:
    """Settle the pending operations that our copy of Amazon's objects now decides; the caller has the payment locked.

    One that would need another round is left to its own look (``look_again``).
    """
    now = services.clock.now()
    for operation in operation_rows.of_payment(session, payment.id, payment.amount.currency):
        if operation.state is OperationState.PENDING:
            conclusion = _conclude(session, payment, operation, Observations(), now)
            if isinstance(conclusion, Decided):
                _settle_decided(session, services, account, payment, operation, conclusion, waiting_caller=False)


def refuse(
    session: Session, services: Services, account: Account, payment: Payment, operation: Operation, message: str
) -> Operation:
    """Settle a request that is not even planned; asked again, it gives the same answer."""
    failure = conclusions.failure_of(operation.kind)
    refused = Decided(failure, operation.amount, services.clock.now(), message)
    return _settle_decided(session, services, account, payment, operation, refused, waiting_caller=True)


def same_again(session: Session, services: Services, operation: Operation) -> Operation | None:
    """The operation of the same kind and amount that is under way, or succeeded just now (case 6)."""
    window = timedelta(seconds=services.settings.same_request_seconds)
    return operation_rows.same_again(session, operation, now=services.clock.now(), window=window)


def fact_of(operation: Operation) -> Fact:
    """The event of a settled operation."""
    if operation.result is None or operation.result_amount is None or operation.result_time is None:
        raise ValueError(f"operation {operation.id} is not settled")
    return Fact(
        reference=operation.psp_reference or operation.id,
        type=operation.result,
        amount=operation.result_amount,
        time=operation.result_time,
        message=operation.message or "",
    )


def owe(
    session: Session, services: Services, payment: Payment, fact: Fact, balances: Balances, *, in_the_answer: bool
) -> None:
    """Owe Saleor a report: now, or as the safety net of a synchronous answer (case 9)."""
    now = services.clock.now()
    due_at = now + timedelta(seconds=services.settings.report_delay_seconds) if in_the_answer else now
    if reports.add(session, payment.id, fact, actions=balances.actions(), now=now, due_at=due_at):
        _defer_delivery(session, services, payment, due_at)


def owe_without_actions(session: Session, services: Services, payment: Payment, fact: Fact) -> None:
    """Owe a report that leaves Saleor's buttons as they are."""
    now = services.clock.now()
    if reports.add(session, payment.id, fact, actions=None, now=now, due_at=now):
        _defer_delivery(session, services, payment, now)


def _defer_delivery(session: Session, services: Services, payment: Payment, run_at: datetime) -> None:
    services.jobs.defer(
        session,
        DELIVER_REPORTS,
        key=payment.id,
        args={"payment_id": payment.id},
        run_at=run_at,
        priority=services.turns.priority(payment.api_url),
    )


def _leave_open(
    session: Session, services: Services, payment: Payment, operation: Operation, undecided: Undecided
) -> Operation:
    """Announce what is not decided yet, and see to it that it will be."""
    now = services.clock.now()
    open_ = announced(payment, operation, undecided.reference).with_(
        state=undecided.state,
        result=undecided.result,
        result_amount=undecided.amount,
        result_time=undecided.time,
    )
    operation_rows.update_(session, open_)
    is_pending = undecided.state is OperationState.PENDING
    if operation.kind is OperationKind.COMPLETE and is_pending:
        payment_rows.change(session, payment.id, now, state=PaymentState.PENDING)
    delay = next_look(now - operation.created_at, services.settings.poll_seconds)
    if delay is not None:
        _defer(session, services, payment, POLL if is_pending else CARRY_OUT, open_, delay=delay)
    return open_


def announced(payment: Payment, operation: Operation, reference: str | None = None) -> Operation:
    """The operation once its outcome is owed as a report, its reference fixed from now on (case 5).

    A session event that is not decided tells Saleor no reference, so that the charge's own id can still become it.
    """
    tells_reference = operation.kind is not OperationKind.COMPLETE or reference is not None
    derived = derived_reference(payment, operation) if tells_reference else None
    return operation.with_(announced=True, psp_reference=operation.psp_reference or reference or derived)


def next_look(age: timedelta, first: float) -> float | None:
    """Seconds until an undecided operation is looked at again: a tenth of its age, and never after 60 days."""
    if age > _LAST_LOOK:
        return None
    return min(max(first, age.total_seconds() / 10), _SLOWEST_LOOK)


_PAYMENT_AFTER_COMPLETE = {
    Event.AUTHORIZATION_SUCCESS: PaymentState.ACTIVE,
    Event.CHARGE_SUCCESS: PaymentState.ACTIVE,
    Event.AUTHORIZATION_FAILURE: PaymentState.FAILED,
    Event.CHARGE_FAILURE: PaymentState.FAILED,
    Event.AUTHORIZATION_ACTION_REQUIRED: PaymentState.AWAITING_BUYER,
    Event.CHARGE_ACTION_REQUIRED: PaymentState.AWAITING_BUYER,
}


def _payment_after(session: Session, payment: Payment, operation: Operation, now: datetime) -> Payment:
    if operation.kind is OperationKind.COMPLETE and operation.result is not None:
        payment_rows.change(session, payment.id, now, state=_PAYMENT_AFTER_COMPLETE[operation.result])
    if operation.result is Event.CANCEL_SUCCESS and operation.result_amount is not None:
        payment_rows.change(session, payment.id, now, released=payment.released + operation.result_amount)
    return payment_rows.by_id(session, payment.id) or payment


def _follow_up(
    session: Session, services: Services, account: Account, payment: Payment, operation: Operation, balances: Balances
) -> None:
    """What a settled operation sets off: the rest held again, and whoever waited for the payment."""
    if _leaves_rest_to_hold(account, operation, balances):
        hold = new_operation(
            payment, OperationKind.REAUTHORIZE, operation.id, balances.unused, now=services.clock.now()
        )
        operation_rows.insert(session, hold)
    for other in operation_rows.of_payment(session, payment.id, payment.amount.currency):
        if other.state is OperationState.WAITING:
            _defer(session, services, payment, CARRY_OUT, other, delay=0)


def _leaves_rest_to_hold(account: Account, operation: Operation, balances: Balances) -> bool:
    return (
        account.options.policy is AfterPartialCapture.REAUTHORIZE
        and operation.kind is OperationKind.CHARGE
        and operation.result is Event.CHARGE_SUCCESS
        and balances.unused.is_positive
    )
