"""The steps of a renewal, from a due period to a captured order; each is one call to Saleor and one commit.

    CHECKOUT    checkoutCreateFromOrder: the goods of the template at today's prices
    PREPARE     customer, addresses, delivery, an agreed amount; what it comes to
    INITIALIZE  transactionInitialize as AUTHORIZATION with the stored method: the webhook charges the agreement
    COMPLETE    checkoutComplete
    CAPTURE     our own CHARGE operation, or, where Saleor made no order,
    CANCEL      our own CANCEL operation

A step that was taken and not committed (kill -9) is taken again and comes to the same: an orphaned checkout is never
paid for, the transaction has a key of its own, a completed checkout gives the same order, an operation is started once.
Source: DESIGN §6 case 18, §8.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from saleor_amazonpay.domain.agreements import monthly_limit
from saleor_amazonpay.domain.billing import (
    BUYERS_DECLINES,
    Decline,
    PriceChange,
    RenewalState,
    ScheduleState,
    Step,
    Unavailable,
    decline_of,
)
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ChargeInitiator, OperationKind
from saleor_amazonpay.errors import AppError, SaleorRefused, SaleorUnavailable, UnknownInstallation
from saleor_amazonpay.handlers.agreements import looking
from saleor_amazonpay.handlers.billing import dunning, goods, payments, reasons, settling
from saleor_amazonpay.handlers.billing.payments import Outcome
from saleor_amazonpay.handlers.billing.settling import Overtaken
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.saleor.errors import SaleorTokenRevoked
from saleor_amazonpay.saleor.renewal_orders import Initialized, RenewalCheckout, RenewalOrders, TemplateOrder
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.schedules import Schedule
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)

_MOST_STEPS: Final = 12  # in one run; a renewal has six
_SOONEST, _LATEST = timedelta(seconds=30), timedelta(hours=1)
_DEAD_TENANT = timedelta(hours=6)
NO_ORDER = "OrderNotMade"
SALEOR_REFUSED = "SaleorRefused"


@dataclass(frozen=True, slots=True)
class Situation:
    """A renewal with what it belongs to, as read before a step."""

    services: Services
    renewal: Renewal
    schedule: Schedule
    agreement: Agreement

    @property
    def soon(self) -> datetime:
        return self.services.clock.now() + timedelta(seconds=self.services.settings.poll_seconds)

    @property
    def later(self) -> datetime:
        """The next look at something undecided: after twice the time since the last one, within bounds."""
        now = self.services.clock.now()
        return now + min(_LATEST, max(self.soon - now, 2 * (now - self.renewal.updated_at)))

    async def orders(self) -> RenewalOrders:
        tenant = await self.services.directory.tenant(self.renewal.api_url)
        return RenewalOrders(self.services.saleor, self.renewal.api_url, tenant.installation.token)

    async def advance(self, **changes: Any) -> bool:
        """Commit what a step has come to; the next one follows at once unless ``next_at`` says later.

        Raises:
            Overtaken
        """

        def write(session: Session) -> None:
            _, renewal = settling.locked(session, self.renewal)
            now = self.services.clock.now()
            renewal_rows.change(session, renewal, now, **{"next_at": now, **changes})

        await self.services.database.run(write)
        return True

    async def write(self, work: Callable[[Session, Schedule, Renewal], bool]) -> bool:
        """One transaction on both rows, locked; what ``work`` answers: whether the next step follows at once."""

        def locked(session: Session) -> bool:
            return work(session, *settling.locked(session, self.renewal))

        return await self.services.database.run(locked)


async def carry_on(services: Services, renewal_id: str) -> None:
    """Take the steps that are due, until the renewal is settled or has to wait."""
    try:
        for _ in range(_MOST_STEPS):
            found = await services.database.read(lambda session: _situation(session, services, renewal_id))
            if found is None or not await _step(found):
                return
    except Overtaken:
        log.info("renewal_overtaken", renewal=renewal_id)


def _situation(session: Session, services: Services, renewal_id: str) -> Situation | None:
    """None when there is nothing to do now: its time has not come, and what it waits for is not there."""
    renewal = renewal_rows.by_id(session, renewal_id)
    if renewal is None or renewal.next_at is None:
        return None
    schedule = schedule_rows.by_id(session, renewal.schedule_id)
    agreement = agreement_rows.by_id(session, renewal.agreement_id)
    if schedule is None or agreement is None:
        raise LookupError(f"renewal {renewal_id} belongs to nothing")
    is_due = renewal.next_at <= services.clock.now()
    is_called = renewal.state is RenewalState.RUNNING and payments.is_through(session, renewal, agreement)
    return Situation(services, renewal, schedule, agreement) if is_due or is_called else None


async def _step(it: Situation) -> bool:
    """Whether another step follows at once. What cannot be reached is asked again, later and later."""
    try:
        if it.renewal.state is not RenewalState.RUNNING:
            return await _try_again(it)
        return await _STEPS[it.renewal.step](it)
    except (SaleorTokenRevoked, UnknownInstallation) as gone:
        return await _put_off(it, gone, _DEAD_TENANT)
    except (SaleorUnavailable, RetryLater) as absence:
        return await _put_off(it, absence, None)
    except Overtaken:
        raise
    except AppError as refusal:
        log.warning("renewal_refused", renewal=it.renewal.id, step=it.renewal.step, reason=refusal.public_message)
        return await _refused(it, refusal)


async def _put_off(it: Situation, absence: Exception, wait: timedelta | None) -> bool:
    now = it.services.clock.now()
    next_at = now + wait if wait else max(it.later, now + _SOONEST)
    reason = str(absence) or type(absence).__name__
    log.info("renewal_put_off", renewal=it.renewal.id, step=it.renewal.step, reason=reason, until=next_at.isoformat())
    await it.advance(next_at=next_at, message=reason)
    return False


async def _refused(it: Situation, refusal: AppError) -> bool:
    """Saleor, or our configuration, said no before money was at stake; later steps handle a no themselves."""
    if _is_breakdown(refusal):
        return await _put_off(it, refusal, None)
    if isinstance(refusal, SaleorRefused) and "UNIQUE" in refusal.codes:
        return await _await_merchant(it, reasons.BILLED_BEFORE)
    message = _said(reasons.NOT_MADE, why=refusal.public_message)
    return await _declined(it, SALEOR_REFUSED, message, decline=Decline.FAULT)


def _said(sentence: str, **filled_in: Any) -> str:
    """As it is kept; ``reasons.told`` makes the sentence of it again."""
    return str(Message(sentence, **filled_in))


def _is_breakdown(refusal: AppError) -> bool:
    """Saleor fell over, which is no decision."""
    errors = refusal.errors if isinstance(refusal, SaleorRefused) else ()
    return any(error.get("message") == "Internal Server Error" for error in errors)


async def _declined(
    it: Situation, reason_code: str, message: str, *, decline: Decline | None = None, keeps_order: bool = False
) -> bool:
    is_the_buyers = (decline or decline_of(reason_code)) in BUYERS_DECLINES
    page = await dunning.payment_page(it.services, it.agreement) if is_the_buyers else None

    def write(session: Session, schedule: Schedule, renewal: Renewal) -> bool:
        dunning.declined(
            session,
            it.services,
            schedule,
            renewal,
            reason_code=reason_code,
            message=message,
            page=page,
            decline=decline,
            keeps_order=keeps_order,
        )
        return False

    return await it.write(write)


# --- before the steps -------------------------------------------------------------------------------------------------


async def _try_again(it: Situation) -> bool:
    """A retry whose time has come, or a look whether the buyer has acted."""
    if it.renewal.state is RenewalState.AWAITING_BUYER and not await _buyer_is_through(it):
        return False
    return await it.advance(state=RenewalState.RUNNING)


async def _buyer_is_through(it: Situation) -> bool:
    """At the end of the grace period one last attempt is made where Amazon says chargeable; else it is over."""
    services, renewal = it.services, it.renewal
    agreement = await _looked_at(it)
    is_over = dunning.is_grace_over(renewal, services.clock.now())
    if dunning.has_repaired(renewal, agreement) or (is_over and agreement.is_chargeable):
        return True

    def write(session: Session, schedule: Schedule, locked: Renewal) -> bool:
        if is_over or agreement.is_closed:
            said = {"reason_code": renewal.reason_code, "message": renewal.message}
            dunning.give_up(session, services, schedule, locked, **said)
        else:
            dunning.look_later(session, services, locked)
        return False

    return await it.write(write)


async def _looked_at(it: Situation) -> Agreement:
    """The agreement as Amazon has it now, or as last read while Amazon cannot be asked."""
    deadline = Deadline(it.services.clock, it.services.settings.claim_seconds / 2)
    try:
        return await looking.look(it.services, it.agreement.id, deadline) or it.agreement
    except RetryLater:
        return it.agreement


def _is_held(it: Situation) -> bool:
    return it.schedule.state is ScheduleState.PAUSED


async def _hold(it: Situation) -> bool:
    """The schedule is paused: resuming it lets the renewal go on."""
    await it.advance(next_at=None)
    return False


# --- the steps --------------------------------------------------------------------------------------------------------


async def _checkout(it: Situation) -> bool:
    if _is_held(it):
        return await _hold(it)
    if it.agreement.is_closed:
        return await _declined(it, "AgreementClosed", settling.AGREEMENT_ENDED)
    if not it.agreement.is_chargeable and not (await _looked_at(it)).is_chargeable:
        reason = next(iter(it.agreement.reasons), "ChargePermissionNotChargeable")
        return await _declined(it, reason, marked("The buyer has to repair the payment method at Amazon Pay."))
    orders = await it.orders()
    template = await _template(it, orders)
    if isinstance(template, str):
        return await _await_merchant(it, template)
    made = await orders.create_checkout(template)
    if made.unavailable and (done := await _without(it, made.checkout, " ".join(made.unavailable))) is not None:
        return done
    return await it.advance(step=Step.PREPARE, checkout_id=made.checkout.id)


async def _template(it: Situation, orders: RenewalOrders) -> TemplateOrder | str:
    """The order whose goods are sold again, or what is wrong with it."""
    template = await orders.template(it.schedule.template_order_id)
    if template is None:
        return marked("The template order does not exist any more.")
    if template.customer_id != it.agreement.customer_id:
        return marked("The template order is not of the customer who made the agreement.")
    chosen = it.schedule.lines
    if chosen is not None and (gone := goods.gone(template, chosen)):
        return _said(reasons.LINES_GONE, number=template.number, names=", ".join(gone))
    template = goods.only(template, chosen)
    return _said(reasons.MISSING[template.missing], number=template.number) if template.missing else template


async def _await_merchant(it: Situation, message: str) -> bool:
    def write(session: Session, schedule: Schedule, renewal: Renewal) -> bool:
        dunning.await_merchant(
            session, it.services, schedule, renewal, message=message, attempt=renewal.attempt + 1, **_AFRESH
        )
        return False

    return await it.write(write)


_AFRESH: Final[Mapping[str, Any]] = {"step": Step.CHECKOUT, "checkout_id": None, "transaction_id": None}


async def _without(it: Situation, checkout: RenewalCheckout, what: str) -> bool | None:
    """Some goods cannot be sold: None where the rest is billed."""
    policy = it.schedule.policy.unavailable
    if policy is Unavailable.PAUSE:
        return await _await_merchant(it, _said(reasons.GOODS_GONE, what=what))
    if policy is Unavailable.BILL_REST and checkout.lines:
        return None
    message = _said(reasons.NOTHING_BILLED, what=what)

    def write(session: Session, schedule: Schedule, renewal: Renewal) -> bool:
        settling.settle(session, it.services, schedule, renewal, RenewalState.SKIPPED, message=message)
        return False

    return await it.write(write)


async def _prepare(it: Situation) -> bool:
    orders = await it.orders()
    template = await _template(it, orders)
    if isinstance(template, str):
        return await _await_merchant(it, template)
    checkout_id = it.renewal.checkout_id or ""
    checkout = await orders.checkout(checkout_id)
    if checkout is None:
        return await it.advance(**_AFRESH)
    await orders.prepare(checkout, template)
    checkout = await orders.checkout(checkout_id)
    if checkout is not None and it.schedule.amount is not None:
        checkout = await _priced(orders, checkout, it.schedule.amount)
    if checkout is None:
        return await it.advance(**_AFRESH)
    total = checkout.total
    if (wrong := _wrong_total(it, total)) is not None:
        return await _await_merchant(it, wrong)
    step = Step.INITIALIZE if total.is_positive else Step.COMPLETE
    return await it.advance(step=step, amount=total)


async def _priced(orders: RenewalOrders, checkout: RenewalCheckout, agreed: Money) -> RenewalCheckout:
    """One line of one piece, so priced that the total is the agreed one; taxes on top are found by trying."""
    if len(checkout.lines) != 1:
        return checkout
    [line] = checkout.lines
    wanted = agreed - checkout.shipping
    price = wanted
    for _ in range(_MOST_PRICINGS):
        if checkout.total == agreed or not price.is_positive:
            break
        checkout = await orders.set_price(checkout.id, line.id, price)
        goods = checkout.total - checkout.shipping
        if goods.is_positive:
            price = Money(round(price.minor * wanted.minor / goods.minor), agreed.currency)
    return checkout


_MOST_PRICINGS: Final = 3


def _wrong_total(it: Situation, total: Money) -> str | None:
    """Why this total is not billed without the merchant's word."""
    schedule, limit = it.schedule, it.agreement.amount_limit
    if total.currency is not schedule.currency:
        return _said(reasons.OTHER_CURRENCY, currency=total.currency, agreed=schedule.currency)
    if schedule.amount is not None and total != schedule.amount:
        return _said(reasons.OTHER_AMOUNT, total=total, agreed=schedule.amount)
    limit = limit or monthly_limit(it.agreement.charge_permission_type, total.currency)
    if total > limit:
        return _said(reasons.TOO_MUCH, total=total, limit=limit)
    last = schedule.last_amount
    if schedule.policy.price_change is PriceChange.PAUSE and last is not None and total != last:
        return _said(reasons.OTHER_THAN_BEFORE, total=total, before=last)
    return None


async def _initialize(it: Situation) -> bool:
    known = await _known(it, payments.authorization)
    match known.outcome:
        case Outcome.DONE:
            return await it.advance(step=Step.COMPLETE)
        case Outcome.REFUSED:
            return await _declined(it, known.reason_code, known.message)
        case Outcome.UNDECIDED:
            return await _wait(it)
    is_new = it.renewal.transaction_id is None
    return await (_hold(it) if is_new and _is_held(it) else _ask_to_initialize(it))


async def _ask_to_initialize(it: Situation) -> bool:
    """Saleor asks our own webhook, which charges the agreement; what came of it is read from our rows."""
    begun = await _begun(it)
    if begun is None:
        return await _completed_elsewhere(it)
    refusal = begun.data.get("errors") if begun.event == "AUTHORIZATION_FAILURE" else None
    known = await _known(it, payments.authorization, begun.transaction_id)
    if refusal and known.outcome is Outcome.UNKNOWN:
        return await _declined(it, _first_code(begun.data), begun.message)  # the webhook did not even begin
    if known.outcome is not Outcome.UNKNOWN:
        return await it.advance(transaction_id=begun.transaction_id)
    return await _wait(it)  # Saleor did not reach us: the same again


async def _known(
    it: Situation,
    ask: Callable[[Session, Renewal, Agreement], payments.Result],
    transaction_id: str | None = None,
) -> payments.Result:
    renewal = replace(it.renewal, transaction_id=transaction_id) if transaction_id else it.renewal
    return await it.services.database.read(lambda session: ask(session, renewal, it.agreement))


async def _begun(it: Situation) -> Initialized | None:
    """Saleor asked to initialise, perhaps again: the same key is the same transaction. None: the checkout is gone.

    Raises:
        SaleorRefused: and nothing was begun.
    """
    renewal, orders = it.renewal, await it.orders()
    checkout_id = renewal.checkout_id or ""
    try:
        return await orders.initialize(
            checkout_id,
            gateway=it.services.settings.manifest_app_id,
            data={"flow": "stored", "paymentMethodId": it.agreement.id, "chargeInitiator": _INITIATOR},
            amount=renewal.amount or Money.zero(renewal.currency),
            key=renewal.request_key,
        )
    except SaleorRefused:
        checkout = await orders.checkout(checkout_id)
        if checkout is None:
            return None
        for transaction_id in checkout.transaction_ids:  # refused after our webhook had begun
            if (await _known(it, payments.authorization, transaction_id)).outcome is not Outcome.UNKNOWN:
                return Initialized(transaction_id, "", "", {})
        raise


_INITIATOR: Final = ChargeInitiator.MERCHANT_RECURRING.value


def _first_code(data: Mapping[str, Any]) -> str:
    first = data["errors"][0]
    return str(first.get("reasonCode") or first.get("code") or "") if isinstance(first, dict) else ""


async def _completed_elsewhere(it: Situation) -> bool:
    """The checkout is gone: Saleor completed it by itself when it was paid, or it was deleted."""
    try:
        order = await (await it.orders()).complete(it.renewal.checkout_id or "", {})
    except SaleorRefused:
        return await it.advance(**_AFRESH, attempt=it.renewal.attempt + 1)
    for transaction_id in order.transaction_ids:
        known = await _known(it, payments.authorization, transaction_id)
        if known.outcome is not Outcome.UNKNOWN:
            ours = {"transaction_id": transaction_id, "order_id": order.id, "order_number": order.number}
            return await it.advance(step=Step.CAPTURE, **ours)
    message = _said(reasons.WITHOUT_PAYMENT, number=order.number)
    return await _declined(it, NO_ORDER, message, decline=Decline.FAULT)


_NOT_PAID: Final = "CHECKOUT_NOT_FULLY_PAID"  # a CheckoutErrorCode of Saleor


async def _complete(it: Situation) -> bool:
    renewal = it.renewal
    metadata = {
        "amazonPay.schedule": renewal.schedule_id,
        "amazonPay.renewal": renewal.id,
        "amazonPay.period": renewal.period.isoformat(),
    }
    orders = await it.orders()
    # Asked before: the report may be delivered while Saleor refuses the order for the lack of it.
    is_untold = await it.services.database.read(lambda session: payments.is_untold(session, renewal))
    try:
        order = await orders.complete(renewal.checkout_id or "", metadata)
    except SaleorRefused as refusal:
        if _is_breakdown(refusal) or await orders.checkout(renewal.checkout_id or "") is None:
            return await _put_off(it, refusal, None)  # the order may be there; completing again tells
        if _NOT_PAID in refusal.codes and is_untold:
            return await _put_off(it, refusal, None)  # whoever was to tell Saleor of the payment died; the report comes
        message = _said(reasons.NO_ORDER, why=refusal.public_message)
        if renewal.transaction_id is None:
            return await _declined(it, NO_ORDER, message, decline=Decline.FAULT)
        return await it.advance(step=Step.CANCEL, reason_code=NO_ORDER, message=message)
    made = {"order_id": order.id, "order_number": order.number}
    if renewal.transaction_id is None:  # it costs nothing
        return await it.advance(**made) and await _bill(it)
    return await it.advance(step=Step.CAPTURE, **made)


async def _capture(it: Situation) -> bool:
    known = await _known(it, payments.capture)
    match known.outcome:
        case Outcome.DONE:
            return await _bill(it)
        case Outcome.REFUSED:
            if await it.services.database.read(lambda session: payments.is_captured(session, it.renewal)):
                return await _bill(it)  # by somebody else, in Saleor or at Amazon
            return await _declined(it, known.reason_code, known.message, keeps_order=True)
        case Outcome.UNDECIDED:
            return await _wait(it)
    return await _start(it, OperationKind.CHARGE)


async def _cancel(it: Situation) -> bool:
    known = await _known(it, payments.cancellation)
    message = it.renewal.message or ""
    match known.outcome:
        case Outcome.DONE:
            return await _declined(it, NO_ORDER, message, decline=Decline.FAULT)
        case Outcome.REFUSED:
            message = _said(reasons.NOT_RELEASED, what=message, why=known.message)
            return await _declined(it, NO_ORDER, message, decline=Decline.FAULT)
        case Outcome.UNDECIDED:
            return await _wait(it)
    return await _start(it, OperationKind.CANCEL)


async def _start(it: Situation, kind: OperationKind) -> bool:
    """An operation of our own, in one commit with the look that follows it."""

    def write(session: Session, _schedule: Schedule, renewal: Renewal) -> bool:
        payments.start(session, it.services, renewal, kind)
        _look_at(session, it, renewal, it.soon)
        return False

    return await it.write(write)


async def _wait(it: Situation) -> bool:
    def write(session: Session, _schedule: Schedule, renewal: Renewal) -> bool:
        _look_at(session, it, renewal, it.later)
        return False

    return await it.write(write)


def _look_at(session: Session, it: Situation, renewal: Renewal, at: datetime) -> None:
    renewal_rows.change(session, renewal, it.services.clock.now(), next_at=at)
    settling.carry_on(session, it.services, renewal, at=at)


async def _bill(it: Situation) -> bool:
    def write(session: Session) -> bool:
        renewal = renewal_rows.by_id(session, it.renewal.id)
        if renewal is None or not renewal.is_open:
            raise Overtaken
        schedule, locked = settling.locked(session, renewal)
        settling.settle(session, it.services, schedule, locked, RenewalState.BILLED)
        return False

    return await it.services.database.run(write)


_STEPS: Final[Mapping[Step, Callable[[Situation], Awaitable[bool]]]] = {
    Step.CHECKOUT: _checkout,
    Step.PREPARE: _prepare,
    Step.INITIALIZE: _initialize,
    Step.COMPLETE: _complete,
    Step.CAPTURE: _capture,
    Step.CANCEL: _cancel,
}
