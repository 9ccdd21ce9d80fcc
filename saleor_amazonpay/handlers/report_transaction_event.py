"""The job that tells Saleor what is owed to it, one payment at a time and oldest first, until Saleor accepts.

Source: DESIGN §4 rule 4, §6 case 9; saleor-contract.md §7.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from saleor_amazonpay.domain.states import TransactionAction
from saleor_amazonpay.errors import ConfigurationError, SaleorRefused, SaleorUnavailable, UnknownInstallation
from saleor_amazonpay.handlers import chronicle, links, problems
from saleor_amazonpay.handlers.operations import DELIVER_REPORTS
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.errors import SaleorTokenRevoked
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import reports, timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.reports import Report

log = structlog.get_logger(__name__)

_MOST_IN_ONE_RUN = 50
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 3600.0
_WAIT_FOR_TOKEN = timedelta(hours=1)  # only a re-install cures it
_MOST_REFUSALS = 30  # a day of them


async def deliver(services: Services, payment_id: str) -> None:
    """Deliver what is due; what Saleor cannot take now is postponed, and the job comes back for it."""
    payment, owed = await services.database.read(lambda session: _owed(session, payment_id))
    if payment is None:
        return
    chronicle.about(payment)
    due = [report for report in owed if report.due_at <= services.clock.now()]
    for report in due[:_MOST_IN_ONE_RUN]:
        if not await _deliver_one(services, payment, report):
            break  # in order: what follows waits with it
    await services.database.run(lambda session: _come_back(session, services, payment_id))


def _owed(session: Session, payment_id: str) -> tuple[Payment | None, Sequence[Report]]:
    return payment_rows.by_id(session, payment_id), reports.due(session, payment_id)


async def _deliver_one(services: Services, payment: Payment, report: Report) -> bool:
    """False when Saleor could not take it now."""
    fact = report.fact
    try:
        tenant = await services.directory.tenant(payment.api_url)
        account = await _account(services, payment)
        actions = None if report.actions is None else await _actions_now(services, payment, account, report.actions)
        answer = await services.saleor.report_transaction_event(
            payment.api_url,
            tenant.installation.token,
            transaction_id=payment.transaction_id,
            type=fact.type,
            psp_reference=fact.reference,
            amount=fact.amount,
            time=fact.time,
            message=fact.message,
            external_url=links.seller_central(account.region, payment.charge_permission_id) if account else None,
            available_actions=actions,
        )
    except (SaleorTokenRevoked, UnknownInstallation) as refusal:
        await _postpone(services, payment, report, refusal.code, _WAIT_FOR_TOKEN)
        return False
    except SaleorUnavailable as absence:
        await _postpone(services, payment, report, absence.public_message, _wait(report.attempts))
        return False
    except SaleorRefused as refusal:
        # GraphQL's own errors say nothing about the fact: Saleor's database may be away. The mutation's errors do.
        if report.attempts < _MOST_REFUSALS:
            await _postpone(services, payment, report, refusal.public_message, _wait(report.attempts))
            return False
        await _bury(services, payment, report, refusal.public_message)
        return True
    if answer.errors and not answer.already_processed:
        await _bury(services, payment, report, ", ".join(sorted(answer.codes)))
        return True
    await _delivered(services, payment, report, was_known=answer.already_processed)
    return True


async def _account(services: Services, payment: Payment) -> Account | None:
    """None when it is gone."""
    try:
        return await services.directory.account(payment.api_url, payment.account_id, even_locked=True)
    except ConfigurationError:
        return None


async def _actions_now(
    services: Services, payment: Payment, account: Account | None, then: Sequence[str]
) -> Sequence[TransactionAction]:
    """What can be done with the payment by now: a report may be late, and Saleor takes the last word for the truth."""
    if account is None:
        return [TransactionAction(action) for action in then]
    policy = account.options.policy
    return await services.database.read(lambda session: payment_rows.balances(session, payment, policy).actions())


def _wait(attempts: int) -> timedelta:
    return timedelta(seconds=min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(attempts, 16)))


async def _postpone(services: Services, payment: Payment, report: Report, error: str, wait: timedelta) -> None:
    services.metrics.report_failed(final=False)
    now = services.clock.now()
    log.warning("report_postponed", type=report.fact.type, reference=report.fact.reference, error=error)

    def write(session: Session) -> None:
        reports.postpone(session, report, error, now=now, until=now + wait)
        _note(session, payment, report, now, postponed=error)

    await services.database.run(write)


async def _bury(services: Services, payment: Payment, report: Report, error: str) -> None:
    """Saleor's refusal is final (INCORRECT_DETAILS, ALREADY_EXISTS, NOT_FOUND …): repeating it would change nothing."""
    services.metrics.report_failed(final=True)
    log.error("report_refused", type=report.fact.type, reference=report.fact.reference, error=error)
    now = services.clock.now()

    def write(session: Session) -> None:
        reports.dead(session, report, error, now=now)
        _note(session, payment, report, now, refused=error)
        _tell_merchant(session, services, payment, report, error)

    await services.database.run(write)


def _tell_merchant(session: Session, services: Services, payment: Payment, report: Report, error: str) -> None:
    fact = report.fact
    sentence = Message(
        "Saleor refused an event of transaction {transaction} ({type} {amount}, {fault}). Compare the transaction with "
        "the payment at Amazon Pay.",
        transaction=payment.transaction_id,
        type=fact.type.value,
        amount=fact.amount,
        fault=error,
    )
    problems.raise_in(session, services, payment.api_url, problems.key_of("report", report.id), sentence)


async def _delivered(services: Services, payment: Payment, report: Report, *, was_known: bool) -> None:
    now = services.clock.now()
    services.metrics.report_delivered((now - report.due_at).total_seconds())

    def write(session: Session) -> None:
        reports.delivered(session, report, now=now)
        _note(session, payment, report, now, **({"delivered": "known already"} if was_known else {}))

    await services.database.run(write)


def _note(session: Session, payment: Payment, report: Report, now: datetime, **detail: str) -> None:
    fact = report.fact
    timeline.add(
        session,
        payment.id,
        "report",
        now,
        type=fact.type,
        reference=fact.reference,
        amount=str(fact.amount),
        message=fact.message,
        **detail,
    )


def _come_back(session: Session, services: Services, payment_id: str) -> None:
    owed = reports.due(session, payment_id)
    if owed:
        earliest = min(report.due_at for report in owed)
        services.jobs.defer(session, DELIVER_REPORTS, key=payment_id, args={"payment_id": payment_id}, run_at=earliest)
