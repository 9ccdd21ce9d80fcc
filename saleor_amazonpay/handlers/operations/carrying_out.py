"""An operation carried out under its claim: by the webhook that waits, or by a job after a time-out or a crash."""

from __future__ import annotations

from saleor_amazonpay.domain.states import SESSION_OPERATIONS, OperationState
from saleor_amazonpay.errors import ClaimLost
from saleor_amazonpay.handlers import chronicle
from saleor_amazonpay.handlers.conclusions import MAX_ROUNDS
from saleor_amazonpay.handlers.operations import beginning, identity, rounds, sending
from saleor_amazonpay.handlers.operations.claims import UNFINISHED, Claimed
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

_LOOK_SECONDS = 0.1  # between looks at an operation that somebody else carries out


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
    elif begun.kind in SESSION_OPERATIONS and begun.state is OperationState.RUNNING:
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
    payment, operation = await services.database.read(lambda session: load(session, operation_id, lock=False))
    if operation.state not in UNFINISHED:
        return operation
    chronicle.about(payment)
    account = await services.directory.account(payment.api_url, payment.account_id)

    def claim(session: Session) -> Claimed | Operation:
        payment, operation = load(session, operation_id)
        if operation.state not in UNFINISHED:
            return operation
        asked = operation if waiting_caller else identity.announced(payment, operation)
        begun = beginning.begin(session, services, account, payment, asked, waiting_caller=waiting_caller)
        if isinstance(begun, Claimed):
            operation_rows.update_(session, begun.operation)
        return operation if begun is asked else begun

    begun = await services.database.run(claim)
    if isinstance(begun, Operation):
        return begun
    return await carry_out(services, account, begun, deadline, waiting_caller=waiting_caller)


def load(session: Session, operation_id: str, *, lock: bool = True) -> tuple[Payment, Operation]:
    """The operation and its payment, locked unless said otherwise.

    Raises:
        LookupError: there is no such operation.
    """
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
    for _ in range(1 + MAX_ROUNDS):  # the first may only read
        seen = await sending.send(client, claimed, deadline)
        await sending.read_back(client, claimed, seen, deadline)
        try:
            after = await services.database.run(
                lambda session, claimed=claimed, seen=seen: rounds.settle(  # type: ignore[misc]
                    session, services, account, claimed, seen, waiting_caller=waiting_caller
                )
            )
        except ClaimLost:
            if not waiting_caller:
                await _come_back(services, claimed)
            return await as_it_is(services, claimed.operation)
        if isinstance(after, Operation):
            return after
        claimed = after
    return claimed.operation


async def _come_back(services: Services, claimed: Claimed) -> None:
    """This job ends here, and whoever took the payment from it may be a webhook whose process dies."""
    await services.database.run(
        lambda session: beginning.carry_out_later(session, services, claimed.payment, claimed.operation)
    )


async def as_it_is(services: Services, operation: Operation) -> Operation:
    """The operation as another actor has left it meanwhile."""
    currency = operation.amount.currency
    found = await services.database.read(lambda session: operation_rows.by_id(session, operation.id, currency))
    return found or operation
