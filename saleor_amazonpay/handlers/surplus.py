"""Money that arrived when nobody needed it any more: told, shown as a problem, given back where the account says so.

Source: DESIGN §6 case 10.
"""

from __future__ import annotations

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import OperationKind
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.handlers import operations, problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

_ARRIVED = {Event.CHARGE_SUCCESS: OperationKind.REFUND, Event.AUTHORIZATION_SUCCESS: OperationKind.CANCEL}


async def look(services: Services, account: Account, payment: Payment, completed: Operation) -> None:
    """After a completion nobody waited for: is the money still needed?"""
    if completed.result not in _ARRIVED or completed.result_amount is None:
        return
    surplus = await _surplus(services, payment, completed.result_amount)
    if surplus.is_positive:
        await services.database.run(lambda session: _deal_with(session, services, account, payment, completed, surplus))


_TO_DO = marked("Refund or cancel it, or use it for the order.")
_GIVEN_BACK = marked("It is being given back.")


async def _surplus(services: Services, payment: Payment, arrived: Money) -> Money:
    token = (await services.directory.tenant(payment.api_url)).installation.token
    source = await services.saleor.transaction_source(payment.api_url, token, payment.transaction_id)
    if source is None:
        return arrived
    try:
        needed = Money.parse(source.outstanding_excluding(payment.transaction_id), source.due.currency)
    except MoneyError:
        return Money.zero(arrived.currency)
    return arrived - min(arrived, needed)


def _deal_with(
    session: Session, services: Services, account: Account, payment: Payment, completed: Operation, surplus: Money
) -> None:
    kind = _ARRIVED[completed.result] if completed.result else OperationKind.REFUND
    # An authorization can only be released as a whole (case 8).
    can_give_back = kind is OperationKind.REFUND or surplus == completed.result_amount
    gives_back = account.options.give_back_surplus and can_give_back
    sentence = Message(
        "Amazon Pay took {amount} for transaction {transaction} after the checkout was paid otherwise or changed; "
        "{surplus} of it is not needed. {next}",
        amount=completed.result_amount,
        transaction=payment.transaction_id,
        surplus=surplus,
        next=Message(_GIVEN_BACK if gives_back else _TO_DO),
    )
    problems.raise_in(session, services, payment.api_url, problems.key_of("surplus", payment.id), sentence)
    if gives_back:
        now = services.clock.now()
        back = operations.new_operation(payment, kind, f"surplus-{completed.id}", surplus, now=now)
        operations.start_later(session, services, payment, back)
