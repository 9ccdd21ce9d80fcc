"""The buttons of a payment, each pressed once however often it is clicked.

Charge, refund and cancel are asked of Saleor as the user who asks: Saleor checks the user's rights and channel, books
the request and sends us its webhook, and from there it is a request like any other. Source: DESIGN §6 cases 6, 7;
saleor-contract.md §6.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import OperationKind, StaffAction, TransactionAction
from saleor_amazonpay.errors import AppError, ConflictError, SaleorError, SaleorRefused, SaleorUnavailable
from saleor_amazonpay.handlers import operations, reconcile, report_transaction_event
from saleor_amazonpay.handlers.dashboard_users import Viewer
from saleor_amazonpay.handlers.merchant_payments.story import BOUNDED_BY, PaymentStory, PaymentUnknown, read
from saleor_amazonpay.handlers.operations import deferring
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.sweeps import undelivered_requests
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.errors import SaleorTokenRevoked
from saleor_amazonpay.storage import reports, staff_actions, timeline
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.staff_actions import StaffRequest

log = structlog.get_logger(__name__)

_READ_SECONDS = 12.0
_REPORT_SECONDS = 4.0
MAX_FORM_ID: Final = 64


class ActionRefused(AppError):
    """Nothing was done; ``field`` is what to correct, if anything is."""

    status = 422
    code = "REFUSED"

    def __init__(self, sentence: Message | str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class OutcomeUnknown(ConflictError):
    """Saleor did not answer: the request may have been taken."""

    code = "OUTCOME_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Asked:
    """One press of a button: by whom, on which payment, with which form. The same form is acted on once."""

    viewer: Viewer
    payment_id: str
    form_id: str


# --- through Saleor -----------------------------------------------------------------------------------------------


_THROUGH: Final[Mapping[StaffAction, TransactionAction]] = {
    StaffAction.CHARGE: TransactionAction.CHARGE,
    StaffAction.REFUND: TransactionAction.REFUND,
    StaffAction.CANCEL: TransactionAction.CANCEL,
}


async def ask_saleor(services: Services, asked: Asked, action: StaffAction, amount: str = "") -> None:
    """Charge, refund or cancel; without an amount, the most there is. The outcome comes by the timeline.

    Raises:
        PaymentUnknown, ActionRefused: nothing was done.
        OutcomeUnknown: look at the payment before asking again.
    """
    story = await _story(services, asked)
    wanted = _amount(story, action, amount)
    await _check_with_saleor(services, asked, story.payment, action, wanted)
    if not await _is_first(services, asked, action, wanted):
        return
    try:
        await services.saleor.request_transaction_action(
            asked.viewer.tenant,
            asked.viewer.token,
            transaction_id=story.payment.transaction_id,
            action=_THROUGH[action],
            amount=wanted,
        )
    except SaleorTokenRevoked as refusal:
        message = Message("Saleor does not let you do this: your user may lack access to the order's channel.")
        await _end(services, asked, "refused", str(message))
        raise ActionRefused(message) from refusal
    except SaleorRefused as refusal:
        await _end(services, asked, "refused", refusal.public_message)
        raise ActionRefused(Message("Saleor refused: {reason}", reason=refusal.public_message)) from refusal
    except SaleorUnavailable as absence:
        raise OutcomeUnknown(
            Message("Saleor did not answer, so it may or may not have taken the request. Look at the payment again.")
        ) from absence
    await _end(services, asked, "done")
    await services.database.run(lambda session: _look_for_undelivered(session, services, asked.viewer.tenant))


async def _check_with_saleor(
    services: Services, asked: Asked, payment: Payment, action: StaffAction, wanted: Money
) -> None:
    """Saleor silently cuts a request down to what it has; then the person would get less than was confirmed."""
    installation = asked.viewer.installation
    try:
        found = await services.saleor.transaction(installation.api_url, installation.token, payment.transaction_id)
        shown = found and found[f"{BOUNDED_BY[action]}Amount"]
        has = Money.parse(shown["amount"], shown["currency"]) if shown else Money.zero(wanted.currency)
    except (SaleorError, MoneyError, KeyError, TypeError) as absence:
        raise ActionRefused(Message("Saleor cannot be asked now, so nothing was done. Try again.")) from absence
    if wanted > has:
        raise ActionRefused(
            Message(
                "Saleor has only {amount} for this. Read the payment again from Amazon Pay first; if they still "
                "differ, compare both sides.",
                amount=str(has),
            ),
            field="amount",
        )


def _look_for_undelivered(session: Session, services: Services, api_url: str) -> None:
    """A problem about a request that did not reach us is over once it was asked again."""
    task = undelivered_requests.LOOK
    services.jobs.defer(session, task, key=api_url, args={"api_url": api_url})


# --- what Saleor has no word for ----------------------------------------------------------------------------------

_OWN: Final[Mapping[StaffAction, OperationKind]] = {
    StaffAction.REAUTHORIZE: OperationKind.REAUTHORIZE,
    StaffAction.OVER_REFUND: OperationKind.OVER_REFUND,
}


async def begin_own(services: Services, asked: Asked, action: StaffAction, amount: str = "") -> None:
    """Hold the rest again, or refund beyond the capture: a job carries it out, and Saleor is told by a report.

    Raises:
        PaymentUnknown, ActionRefused: nothing was done.
    """

    def begin(session: Session) -> None:
        story = read(session, services, asked.viewer.tenant, asked.payment_id)
        wanted = _amount(story, action, amount)
        now = services.clock.now()
        operation = operations.new_operation(story.payment, _OWN[action], f"staff-{asked.form_id}", wanted, now=now)
        if staff_actions.get(session, asked.payment_id, asked.form_id) is None:
            _refuse_the_same_again(session, services, operation)
        if _insert(session, asked, action, wanted, now):
            operations.start_later(session, services, story.payment, operation)
            staff_actions.end(session, _row(asked, action, wanted, now), "done")

    _check_form(asked)
    await services.database.run(begin)


def _refuse_the_same_again(session: Session, services: Services, operation: Operation) -> None:
    """Another form with the same amount a moment later is most likely the same wish (case 6)."""
    if operations.same_again(session, services, operation) is not None:
        raise ActionRefused(
            Message(
                "The same was asked for a moment ago. If you mean it once more, wait {seconds} s.",
                seconds=services.settings.same_request_seconds,
            )
        )


# --- what moves nothing -------------------------------------------------------------------------------------------


async def reread(services: Services, asked: Asked) -> None:
    """Bring the payment into agreement with Amazon, and tell Saleor at once what that turned up.

    Raises:
        PaymentUnknown
        ActionRefused: somebody else works on the payment, or Amazon cannot be read now.
    """
    await _story(services, asked)
    await services.database.run(lambda session: _note(session, asked, StaffAction.REREAD, services.clock.now()))
    try:
        await reconcile.payment(services, asked.payment_id, Deadline(services.clock, _READ_SECONDS))
    except RetryLater as absence:
        raise ActionRefused(
            Message("Amazon Pay cannot be read now, or a request on the payment is under way. Try again in a minute.")
        ) from absence
    await _tell_saleor(services, asked.payment_id)


async def resend(services: Services, asked: Asked, report_id: str = "") -> None:
    """Send a report once more, or without ``report_id`` all that Saleor has not taken.

    Raises:
        PaymentUnknown
        ActionRefused: there is no such report, or Saleor has it and would show it twice.
    """

    def send(session: Session) -> None:
        story = read(session, services, asked.viewer.tenant, asked.payment_id)
        chosen = [each for each in story.reports if each.id == report_id] if report_id else story.undelivered
        now = services.clock.now()
        sent = [reports.resend(session, each.id, now) for each in chosen]
        if not sent or not all(sent):
            raise ActionRefused(Message("There is no such report, or Saleor has it and would show it twice."))
        _note(session, asked, StaffAction.RESEND, now, reports=[each.fact.type for each in chosen])
        deferring.deliver_reports(session, services, story.payment, run_at=now)

    await services.database.run(send)
    await _tell_saleor(services, asked.payment_id)


async def _tell_saleor(services: Services, payment_id: str) -> None:
    try:
        async with asyncio.timeout(_REPORT_SECONDS):
            await report_transaction_event.deliver(services, payment_id)
    except (TimeoutError, AppError):
        log.info("report_left_to_the_job", payment=payment_id)


# --- once ---------------------------------------------------------------------------------------------------------


async def _story(services: Services, asked: Asked) -> PaymentStory:
    _check_form(asked)
    return await services.database.read(lambda session: read(session, services, asked.viewer.tenant, asked.payment_id))


def _check_form(asked: Asked) -> None:
    if not 0 < len(asked.form_id) <= MAX_FORM_ID:
        raise ActionRefused(Message("The form cannot be read."))
    if not asked.payment_id:
        raise PaymentUnknown


def _amount(story: PaymentStory, action: StaffAction, entered: str) -> Money:
    """Raises ActionRefused: no amount, or more than can be done now."""
    most = story.actions.get(action)
    if most is None:
        raise ActionRefused(_NOTHING[action])
    if not entered.strip():
        return most
    try:
        wanted = Money.parse(entered.replace(",", "").strip(), most.currency)
    except MoneyError as wrong:
        raise ActionRefused(str(wrong), field="amount") from wrong
    if not wanted.is_positive:
        raise ActionRefused(Message("Enter an amount above zero."), field="amount")
    if wanted > most:
        raise ActionRefused(Message("At most {amount} is possible now.", amount=str(most)), field="amount")
    if action is StaffAction.CANCEL and wanted < most:
        raise ActionRefused(
            Message("Amazon Pay releases only the whole rest ({amount}).", amount=str(most)), field="amount"
        )
    return wanted


_NOTHING: Final[Mapping[StaffAction, Message]] = {
    StaffAction.CHARGE: Message("Nothing can be charged on this payment now."),
    StaffAction.REFUND: Message("Nothing can be refunded on this payment now."),
    StaffAction.CANCEL: Message("There is nothing to release on this payment now."),
    StaffAction.REAUTHORIZE: Message("There is nothing left to hold on this payment."),
    StaffAction.OVER_REFUND: Message("Amazon Pay allows no refund on this payment now."),
}


async def _is_first(services: Services, asked: Asked, action: StaffAction, amount: Money) -> bool:
    """False when this very form was sent before; what came of it then, the payment shows."""
    now = services.clock.now()
    return await services.database.run(lambda session: _insert(session, asked, action, amount, now))


def _insert(session: Session, asked: Asked, action: StaffAction, amount: Money, now: datetime) -> bool:
    is_new = staff_actions.insert(session, _row(asked, action, amount, now))
    if is_new:
        _note(session, asked, action, now, amount=str(amount))
    return is_new


def _row(asked: Asked, action: StaffAction, amount: Money, now: datetime) -> StaffRequest:
    return StaffRequest(asked.payment_id, asked.form_id, action, amount, asked.viewer.user.user_id, "begun", None, now)


async def _end(services: Services, asked: Asked, state: str, message: str | None = None) -> None:
    def end(session: Session) -> None:
        known = staff_actions.get(session, asked.payment_id, asked.form_id)
        if known is not None:
            staff_actions.end(session, known, state, message)
        if message is not None and known is not None:
            _note(session, asked, known.action, services.clock.now(), refused=message)

    await services.database.run(end)


def _note(session: Session, asked: Asked, action: StaffAction, now: datetime, **detail: object) -> None:
    """Who pressed which button: the merchant's own staff, by the address they sign in with."""
    user = asked.viewer.user
    log.info("staff_action", action=action, payment=asked.payment_id, by=user.user_id)
    timeline.add(session, asked.payment_id, "person", now, action=action, by=user.user_id, email=user.email, **detail)
