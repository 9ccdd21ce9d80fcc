"""``flow: "stored"``: a payment begun by charging the customer's agreement, final at once.

Anyone may call transactionInitialize, so whose agreement it is and who asks is looked at here, before the machinery
that moves money is set to work (DESIGN §6 case 12; amazon-pay-cv2.md §6.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import (
    ChargeChannel,
    ChargeInitiator,
    OperationKind,
    OperationState,
    PaymentState,
)
from saleor_amazonpay.handlers import beginnings, checkout_return, operations
from saleor_amazonpay.handlers.agreements import stored
from saleor_amazonpay.handlers.button import payable
from saleor_amazonpay.handlers.operations import Claimed
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import SessionEvent, answer_of, check_origins, refused
from saleor_amazonpay.saleor.answers import SessionAnswer
from saleor_amazonpay.saleor.data import StoredData
from saleor_amazonpay.saleor.events import Order, TransactionInitializeSession
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

_FIELD = "data.paymentMethodId"
_REQUEST_KEY = "stored"  # a transaction is begun once; a new attempt is a new transaction
_FIRST_SWEEP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class _Obstacle:
    message: str


async def begin(
    services: Services,
    installation: Installation,
    channel_account: Account,
    event: TransactionInitializeSession,
    data: StoredData,
    deadline: Deadline,
) -> SessionAnswer:
    """Charge the agreement, or say why not.

    Raises:
        DataErrors: unknown or foreign agreement, asked by somebody who may not, or not for this purchase.
        MoneyError: an amount or currency Amazon Pay does not take.
        ConfigurationError: the agreement's account cannot be used.
    """
    agreement = await _owned(services, installation, event, data)
    account = await services.directory.account(installation.api_url, agreement.account_id)
    initiator = _initiator(installation, account, event, data, agreement)
    check_origins(account, checkoutResultReturnUrl=data.checkout_result_return_url)
    if not stored.is_at_home(account, channel_account):
        raise _wrong("This payment method was agreed to with another merchant account than this channel's.")
    amount = payable(account, event.money())
    outstanding = Money.parse(event.outstanding, event.action.currency)
    _check_purchase(agreement, amount, outstanding)
    payment = _payment(services, account, event, agreement, amount, outstanding)
    payment = replace(
        payment,
        charge_initiator=initiator,
        charge_channel=data.charge_channel or ChargeChannel.WEB,
        result_url=_result_url(data, event),
    )
    begun = await services.database.run(lambda session: _begin(session, services, account, payment))
    if isinstance(begun, _Obstacle):
        return refused(installation.api_url, event, begun.message)
    operation = await operations.finish_within(services, account, begun, deadline)
    return await answer(services, account, event, operation)


def _result_url(data: StoredData, event: TransactionInitializeSession) -> str | None:
    """Where a buyer who has to confirm the payment comes back to; Amazon keeps the query."""
    page = data.checkout_result_return_url
    return checkout_return.with_query(page, transaction=event.transaction.id) if page else None


async def again(
    services: Services, account: Account, payment: Payment, event: SessionEvent, deadline: Deadline
) -> SessionAnswer:
    """TransactionProcess of such a payment: how the charge stands by now, read from Amazon where it was undecided."""
    known = await services.database.read(lambda session: _known(session, payment))
    if known is None:
        return refused(payment.api_url, event, "This transaction was not begun; start a new one.")
    if known.state is OperationState.PENDING:
        known = await operations.look_again(services, known.id, deadline)
    operation = await operations.finish_within(services, account, known, deadline)
    return await answer(services, account, event, operation)


async def answer(services: Services, account: Account, event: SessionEvent, operation: Operation) -> SessionAnswer:
    def look(session: Session) -> SessionAnswer:
        payment = payment_rows.by_id(session, operation.payment_id)
        if payment is None:
            raise LookupError(operation.payment_id)
        balances = payment_rows.balances(session, payment, account.options.policy)
        return answer_of(event, payment, operation, balances, account.region)

    return await services.database.read(look)


def bare_id(given: str, app_identifier: str) -> str:
    """Our own id, also where Saleor's form ``app:<identifier>:<id>`` is given; foreign ones are nobody's."""
    prefix, _, rest = given.partition(":")
    if prefix != "app":
        return given
    identifier, _, own = rest.partition(":")
    return own if identifier == app_identifier else ""


async def _owned(
    services: Services, installation: Installation, event: TransactionInitializeSession, data: StoredData
) -> Agreement:
    """One refusal for all that is not this customer's: what there is of others cannot be found out."""
    id_ = bare_id(data.payment_method_id, services.settings.manifest_app_id)
    agreement = await services.database.read(lambda session: agreement_rows.by_id(session, id_))
    if agreement is None or agreement.api_url != installation.api_url or not _fits_purchase(agreement, event):
        raise _wrong(stored.NOT_THEIRS)
    if agreement.is_closed:
        raise _wrong("This Amazon Pay agreement has ended; the customer has to agree to a new one.")
    return agreement


def _fits_purchase(agreement: Agreement, event: TransactionInitializeSession) -> bool:
    """The purchase is the owner's; a checkout that an app makes of an earlier order is nobody's in Saleor."""
    user, principal = event.source_object.user, event.issuing_principal
    if agreement.customer_id is None:
        return False
    if user is None:
        return principal is not None and principal.typename == "App"
    return user.id == agreement.customer_id


def _initiator(
    installation: Installation,
    account: Account,
    event: TransactionInitializeSession,
    data: StoredData,
    agreement: Agreement,
) -> str:
    """Who started it, in Amazon's words; only the owner, this app, or an app the account trusts may (case 12)."""
    principal = event.issuing_principal
    trusted = {installation.app_id, *account.options.trusted_apps}
    if principal is not None and principal.typename == "App" and principal.id in trusted:
        return data.charge_initiator or ChargeInitiator.MERCHANT_RECURRING
    if principal is None or principal.typename != "User" or principal.id != agreement.customer_id:
        raise _wrong("Only the customer, logged in, or an app the merchant trusts can pay with this.")
    if data.charge_initiator or data.charge_channel:
        raise DataErrors([DataError("data.chargeInitiator", "INVALID", "Only an app can say who started a charge.")])
    return ChargeInitiator.CUSTOMER_UNSCHEDULED


def _check_purchase(agreement: Agreement, amount: Money, outstanding: Money) -> None:
    if amount.currency is not agreement.currency:
        raise _wrong(f"This payment method pays in {agreement.currency} only.")
    if amount > outstanding:
        message = f"Only {outstanding} is due; more is not taken from an agreement."
        raise DataErrors([DataError("amount", "INVALID", message)])


def _wrong(message: str) -> DataErrors:
    return DataErrors([DataError(_FIELD, "INVALID", message)])


def _payment(
    services: Services,
    account: Account,
    event: TransactionInitializeSession,
    agreement: Agreement,
    amount: Money,
    outstanding: Money,
) -> Payment:
    payment = beginnings.payment(services, account, event, amount, outstanding, flow="stored")
    source = event.source_object
    number = source.number if isinstance(source, Order) else None
    return replace(
        payment,
        state=PaymentState.INITIALIZED,
        agreement_id=agreement.id,
        charge_permission_id=agreement.charge_permission_id,
        charge_permission_type=agreement.charge_permission_type,
        charge_permission_state=agreement.state,
        order_number=number,
        sweep_at=None if number else payment.created_at + _FIRST_SWEEP,
    )


def _begin(session: Session, services: Services, account: Account, payment: Payment) -> Claimed | Operation | _Obstacle:
    known = payment_rows.by_transaction(session, payment.api_url, payment.transaction_id)
    if known is not None and (known.agreement_id, known.amount) != (payment.agreement_id, payment.amount):
        return _Obstacle("This transaction was begun in another way; start a new one.")
    if known is None:
        payment_rows.save(session, payment)
        now, by = services.clock.now(), payment.charge_initiator
        timeline.add(session, payment.id, "request", now, event="transaction_initialize_session", flow="stored", by=by)
    begun = _known(session, payment)
    if begun is not None:
        return begun
    now = services.clock.now()
    kind, amount = OperationKind.CHARGE_AGREEMENT, payment.amount
    operation = operations.new_operation(payment, kind, _REQUEST_KEY, amount, now=now)
    operation_rows.insert(session, operation)
    current = payment_rows.by_id(session, payment.id) or payment
    return operations.begin(session, services, account, current, operation, waiting_caller=True)


def _known(session: Session, payment: Payment) -> Operation | None:
    kind = OperationKind.CHARGE_AGREEMENT
    return operation_rows.by_request(session, payment.id, kind, _REQUEST_KEY, payment.amount.currency)
