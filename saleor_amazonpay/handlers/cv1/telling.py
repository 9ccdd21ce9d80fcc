"""What Saleor is told of an adopted order: once how much was authorized, then each capture, refund and end as its own.

The sum Saleor shows as authorized is DESIGN §6 case 4's; it is told gross, because Saleor subtracts captures and
cancels from it. Source: amazon-pay-cv2.md §12; saleor-contract.md §5 (one AUTHORIZATION_SUCCESS, adjustments gross).
"""

from __future__ import annotations

from typing import Final

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.cv1 import states as cv1
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.outcomes import Fact
from saleor_amazonpay.domain.states import ChargeState, RefundState
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.handlers import operations, reconcile
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import reports
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Row, Session
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.times import from_micros

_HELD: Final = frozenset({ChargeState.AUTHORIZED, ChargeState.CAPTURE_INITIATED})
_AUTHORIZATIONS: Final = frozenset({Event.AUTHORIZATION_SUCCESS, Event.AUTHORIZATION_ADJUSTMENT})

UNDECIDED: Final = frozenset({ChargeState.AUTHORIZATION_INITIATED, ChargeState.CAPTURE_INITIATED})


def tell(session: Session, services: Services, account: Account, payment: Payment, *, was_authorized: bool) -> Payment:
    """Owe Saleor what our copy says and it was never told; ``was_authorized``: others told it an authorization before.

    The payment's amount becomes what is told as authorized: nothing more can be asked for.
    """
    facts = [each.fact for each in reports.of_payment(session, payment.id)]
    told = [fact.amount for fact in facts if fact.type in _AUTHORIZATIONS]
    gross = gross_authorized(session, payment)
    if gross != payment.amount:
        payment_rows.change(session, payment.id, services.clock.now(), amount=gross)
        payment = payment_rows.by_id(session, payment.id) or payment
    if told[-1:] != [gross] and (told or gross.is_positive):
        fact = _authorization(session, services, payment, len(told), is_first=not (told or was_authorized))
        balances = payment_rows.balances(session, payment, account.options.policy)
        operations.owe(session, services, payment, fact, balances, in_the_answer=False)
    reconcile.tell(session, services, account, payment)
    return payment


def _authorization(session: Session, services: Services, payment: Payment, told: int, *, is_first: bool) -> Fact:
    """Amazon's own time and id the first time; later an adjustment, which takes the place of what was said before."""
    charges = payment_rows.charge_rows(session, payment.id)
    permission_id = payment.charge_permission_id or payment.id
    if is_first:
        reference = charges[0].charge_id if len(charges) == 1 else permission_id
        begun = from_micros(min(row.created_at for row in charges)) if charges else services.clock.now()
        return Fact(reference, Event.AUTHORIZATION_SUCCESS, payment.amount, begun, "Authorized with CV1.")
    message = "What is authorized of an order made with CV1, as Amazon Pay shows it now."
    return Fact(
        f"{permission_id}-adopted-{told}",
        Event.AUTHORIZATION_ADJUSTMENT,
        payment.amount,
        services.clock.now(),
        message,
    )


def gross_authorized(session: Session, payment: Payment) -> Money:
    """Held + captured + cancelled + what Amazon would still let us charge."""
    rows = payment_rows.charge_rows(session, payment.id)
    currency = payment.amount.currency
    captured = sum(row.captured for row in rows if row.state == ChargeState.CAPTURED)
    held = sum(row.amount for row in rows if row.state in _HELD)
    gross = Money(captured + held, currency) + payment.released
    return gross + _chargeable(payment, rows, gross)


def _chargeable(payment: Payment, rows: list[Row], gross: Money) -> Money:
    nothing = Money.zero(gross.currency)
    if payment.charge_permission_state not in cv1.CHARGED_ON:
        return nothing
    if payment.charge_permission_balance is not None:
        return payment.charge_permission_balance
    pending = sum(row.amount for row in rows if row.state == ChargeState.AUTHORIZATION_INITIATED)
    return max(nothing, payment.amount - gross - Money(pending, gross.currency))


def has_undecided(session: Session, payment: Payment) -> bool:
    """Amazon is still deciding something that was begun with CV1."""
    charges = any(row.state in UNDECIDED for row in payment_rows.charge_rows(session, payment.id))
    return charges or any(
        row.state == RefundState.REFUND_INITIATED and row.operation_id is None
        for row in payment_rows.refund_rows(session, payment.id)
    )


def write_unnamed_refunds(session: Session, payment: Payment) -> None:
    """What a charge says was refunded and no refund that we know explains becomes one row, and one event.

    CV2 has no list of refunds: a merchant who names the captures alone still gets the right sum, and cannot refund the
    same money again.
    """
    known: dict[str, int] = {}
    for row in payment_rows.refund_rows(session, payment.id):
        if row.state == RefundState.REFUNDED:
            known[row.charge_id] = known.get(row.charge_id, 0) + row.amount
    for charge in payment_rows.charge_rows(session, payment.id):
        missing = charge.refunded - known.get(charge.charge_id, 0)
        if charge.state == ChargeState.CAPTURED and missing > 0:
            refund = {
                "payment_id": payment.id,
                "refund_id": unnamed_refund(charge.charge_id),
                "charge_id": charge.charge_id,
                "operation_id": None,
                "state": RefundState.REFUNDED.value,
                "reason_code": None,
                "amount": missing,
                "created_at": charge.updated_at,
                "updated_at": charge.updated_at,
            }
            payment_rows.save_refund(session, refund)


def unnamed_refund(charge_id: str) -> str:
    return keys.reference("refunded-before", charge_id)
