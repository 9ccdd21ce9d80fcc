"""A pending operation looked at again: Amazon was still deciding, and is asked what it decided."""

from __future__ import annotations

from typing import Any

from saleor_amazonpay.amazonpay import ApiRequest
from saleor_amazonpay.domain.states import OperationState
from saleor_amazonpay.errors import AmazonPayRejected, AmazonPayUnavailable, AmazonPayUnresolved, ClaimLost
from saleor_amazonpay.handlers import mirror
from saleor_amazonpay.handlers.chronicle import sendings
from saleor_amazonpay.handlers.operations import carrying_out, deferring, rounds
from saleor_amazonpay.handlers.operations.claims import Claimed, Observations
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation


async def look_again(services: Services, operation_id: str, deadline: Deadline) -> Operation:
    """Read what Amazon was still deciding for a pending operation, and settle it when it has decided."""
    claimed, readings = await services.database.run(lambda session: _claim_pending(session, services, operation_id))
    if isinstance(claimed, Operation):
        return claimed
    account = await services.directory.account(claimed.payment.api_url, claimed.payment.account_id)
    client, seen = services.amazon(account), Observations()
    with sendings() as seen.sendings:
        for request in readings:
            try:
                seen.objects.append((await client.execute(request, budget=deadline.left)).value)
            except AmazonPayRejected:
                continue
            except (AmazonPayUnavailable, AmazonPayUnresolved):
                break  # what was not read stays pending and is read next time
    try:
        after = await services.database.run(
            lambda session: rounds.settle(session, services, account, claimed, seen, waiting_caller=False)
        )
    except ClaimLost:
        return await carrying_out.as_it_is(services, claimed.operation)
    if isinstance(after, Operation):
        return after
    return await carrying_out.carry_out(services, account, after, deadline, waiting_caller=False)


def _claim_pending(
    session: Session, services: Services, operation_id: str
) -> tuple[Claimed | Operation, list[ApiRequest[Any]]]:
    now = services.clock.now()
    payment, operation = carrying_out.load(session, operation_id)
    if operation.state is not OperationState.PENDING:
        return operation, []
    fence = payment_rows.take_claim(session, payment.id, now=now, lease=services.lease)
    if fence is None:
        deferring.look_again(session, services, payment, operation, delay=services.settings.poll_seconds)
        return operation, []
    calls = operation_rows.calls_of(session, operation.id, payment.amount.currency)
    return Claimed(payment, operation, calls, fence), mirror.undecided(session, payment, operation)
