"""Payments and the Amazon objects under them: one payment for one Saleor transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, null, or_, select, union, union_all, update

from saleor_amazonpay.domain.agreements import AgreementTerms, Frequency, is_standing
from saleor_amazonpay.domain.balances import Balances, ChargePart, RefundPart
from saleor_amazonpay.domain.cv1 import states as cv1
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.payment_status import BEFORE_MONEY, status_of
from saleor_amazonpay.domain.states import (
    UNDECIDED_PAYMENTS,
    AfterPartialCapture,
    CallState,
    ChargePermissionState,
    ChargePermissionType,
    FrequencyUnit,
    PaymentState,
    PaymentStatus,
)
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.engine import Row, Session, Statement, insert_ignore, upsert
from saleor_amazonpay.storage.tables import calls, charges, operations, payments, refunds
from saleor_amazonpay.storage.times import from_micros, maybe_from_micros, to_micros

_CHARGEABLE = frozenset({ChargePermissionState.CHARGEABLE})
_CHARGED_ON: Mapping[str, AbstractSet[str]] = {cv1.FLOW: cv1.CHARGED_ON}


class Payment(msgspec.Struct, frozen=True):
    """One row of ``payments``; see tables.py for the columns.

    What is said of a standing permission is the agreement's, which all its payments share.
    """

    id: str
    api_url: str
    transaction_id: str
    account_id: str
    channel_slug: str
    flow: str
    action_type: str
    source_type: str
    source_id: str
    customer_id: str | None
    amount: Money
    outstanding: Money
    state: str
    session_id: str | None
    session_expires_at: datetime | None
    result_url: str | None
    return_url: str | None
    redirect_url: str | None
    charge_permission_id: str | None
    charge_permission_type: str | None
    charge_permission_state: str | None
    charge_permission_balance: Money | None
    charge_permission_expires_at: datetime | None
    released: Money
    claim_fence: int
    claimed_until: datetime
    created_at: datetime
    updated_at: datetime
    sweep_at: datetime | None = None  # when a sweep looks next; None: never
    audit_at: datetime | None = None
    order_number: str | None = None
    order_id: str | None = None
    status: str = PaymentStatus.AWAITING_BUYER
    agreement_terms: AgreementTerms | None = None
    agreement_id: str | None = None
    charge_initiator: str | None = None
    charge_channel: str | None = None
    merchant_reference: str | None = None

    @property
    def is_undecided(self) -> bool:
        """No Complete intent yet: nothing is at stake, the session may still be taken over (case 3)."""
        return self.state in UNDECIDED_PAYMENTS


_BY_ID = Statement(select(payments).where(payments.c.id == bindparam("id")))
_BY_ID_LOCKED = Statement(select(payments).where(payments.c.id == bindparam("id")).with_for_update())
_BY_TRANSACTION = Statement(
    select(payments)
    .where(payments.c.api_url == bindparam("api_url"), payments.c.transaction_id == bindparam("transaction_id"))
    .with_for_update()
)
_FIND = Statement(
    select(payments).where(
        payments.c.api_url == bindparam("api_url"), payments.c.transaction_id == bindparam("transaction_id")
    )
)
_BY_SESSION = Statement(
    select(payments)
    .where(payments.c.api_url == bindparam("api_url"), payments.c.session_id == bindparam("session_id"))
    .with_for_update()
)
_RIVALS = Statement(
    select(payments)
    .where(
        payments.c.api_url == bindparam("api_url"),
        or_(payments.c.transaction_id == bindparam("transaction_id"), payments.c.session_id == bindparam("session_id")),
    )
    .with_for_update()
)
_BEGIN = Statement(insert_ignore(payments))
_SAVE = Statement(
    upsert(
        payments,
        index_elements=["api_url", "transaction_id"],
        update_columns=[
            "account_id",
            "channel_slug",
            "flow",
            "action_type",
            "amount",
            "outstanding",
            "state",
            "status",
            "session_id",
            "session_expires_at",
            "result_url",
            "return_url",
            "sweep_at",
            "agreement_terms",
            "updated_at",
        ],
    )
)
_TAKE_CLAIM = Statement(
    update(payments)
    .where(payments.c.id == bindparam("payment_id"), payments.c.claimed_until <= bindparam("moment"))
    .values(claim_fence=payments.c.claim_fence + 1, claimed_until=bindparam("until"))
    .returning(payments.c.claim_fence)
)
_RELEASE_CLAIM = Statement(
    update(payments)
    .where(payments.c.id == bindparam("payment_id"), payments.c.claim_fence == bindparam("fence"))
    .values(claimed_until=0)
)
_CHARGES = Statement(
    select(charges)
    .where(charges.c.payment_id == bindparam("payment_id"))
    .order_by(charges.c.created_at, charges.c.charge_id)
)
_REFUNDS = Statement(
    select(refunds)
    .where(refunds.c.payment_id == bindparam("payment_id"))
    .order_by(refunds.c.created_at, refunds.c.refund_id)
)
# Refunds, and refund calls that hold a part of a charge without a refund object to show for it yet.
_REFUNDED_OR_RESERVED = Statement(
    union_all(
        select(refunds.c.charge_id, refunds.c.refund_id, refunds.c.state, refunds.c.amount, refunds.c.created_at).where(
            refunds.c.payment_id == bindparam("payment_id")
        ),
        select(calls.c.charge_id, null(), null(), calls.c.amount, null())
        .join(operations, operations.c.id == calls.c.operation_id)
        .where(
            operations.c.payment_id == bindparam("payment_id"),
            calls.c.operation_name == "create_refund",
            calls.c.state.in_([CallState.COMMITTED.value, CallState.UNRESOLVED.value]),
        ),
    ).order_by("created_at", "refund_id")
)
_SAVE_CHARGE = Statement(
    upsert(
        charges,
        index_elements=["payment_id", "charge_id"],
        update_columns=[
            *("state", "reason_code", "captured", "refunded", "expires_at", "merchant_reference", "updated_at"),
        ],
    )
)
_SAVE_REFUND = Statement(
    upsert(refunds, index_elements=["payment_id", "refund_id"], update_columns=["state", "reason_code", "updated_at"])
)


def by_id(session: Session, payment_id: str, *, lock: bool = False) -> Payment | None:
    row = session.one(_BY_ID_LOCKED if lock else _BY_ID, {"id": payment_id})
    return _payment(session, row) if row else None


def by_transaction(session: Session, api_url: str, transaction_id: str) -> Payment | None:
    """The tenant's payment of that Saleor transaction, its row locked (PostgreSQL) until the commit."""
    row = session.one(_BY_TRANSACTION, {"api_url": api_url, "transaction_id": transaction_id})
    return _payment(session, row) if row else None


def find(session: Session, api_url: str, transaction_id: str) -> Payment | None:
    """As ``by_transaction``, without a lock: for reading."""
    row = session.one(_FIND, {"api_url": api_url, "transaction_id": transaction_id})
    return _payment(session, row) if row else None


def by_session(session: Session, api_url: str, session_id: str) -> Payment | None:
    """Whoever holds the checkout session now, in this tenant."""
    row = session.one(_BY_SESSION, {"api_url": api_url, "session_id": session_id})
    return _payment(session, row) if row else None


def with_rival(session: Session, payment: Payment) -> tuple[Payment | None, Payment | None]:
    """The payment as it stands, and another one of the tenant that holds its checkout session; both rows locked."""
    wanted = {"api_url": payment.api_url, "transaction_id": payment.transaction_id, "session_id": payment.session_id}
    known, rival = None, None
    for row in session.all(_RIVALS, wanted):
        if row.transaction_id == payment.transaction_id:
            known = _payment(session, row)
        else:
            rival = _payment(session, row)
    return known, rival


def begin(session: Session, payment: Payment) -> bool:
    """Insert; False where the transaction or the checkout session has a payment already: then nothing was done."""
    return session.execute(_BEGIN, _columns(payment)) == 1


def save(session: Session, payment: Payment) -> None:
    """Insert, or bring the mutable part of an undecided payment up to date."""
    session.execute(_SAVE, _columns(payment))


_CHANGEABLE = frozenset(
    {
        "state",
        "session_id",
        "session_expires_at",
        "redirect_url",
        "charge_permission_id",
        "charge_permission_type",
        "charge_permission_state",
        "charge_permission_balance",
        "charge_permission_expires_at",
        "released",
        "sweep_at",
        "audit_at",
        "order_number",
        "order_id",
        "merchant_reference",
        "status",
        "amount",
    }
)
_changes: dict[tuple[str, ...], Statement] = {}


def change(session: Session, payment_id: str, now: datetime, **values: Any) -> None:
    """Set some columns of one payment; money and times in their own types. The status follows the state."""
    if (known := BEFORE_MONEY.get(values.get("state", ""))) is not None:
        values["status"] = known
    if not values.keys() <= _CHANGEABLE:
        raise AttributeError(f"payments.change cannot set {sorted(values.keys() - _CHANGEABLE)}")
    names = tuple(sorted(values))
    statement = _changes.get(names)
    if statement is None:
        assignments: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*names, "updated_at")}
        statement = Statement(update(payments).where(payments.c.id == bindparam("payment_id")).values(assignments))
        _changes[names] = statement
    plain = {f"new_{name}": _plain(value) for name, value in values.items()}
    session.execute(statement, {"payment_id": payment_id, "new_updated_at": to_micros(now), **plain})


def take_claim(session: Session, payment_id: str, *, now: datetime, lease: timedelta) -> int | None:
    """The fencing token of a fresh claim, or None while another actor holds the payment (DESIGN §4 rule 1)."""
    row = session.one(
        _TAKE_CLAIM, {"payment_id": payment_id, "moment": to_micros(now), "until": to_micros(now + lease)}
    )
    return int(row[0]) if row else None


def release_claim(session: Session, payment_id: str, fence: int) -> bool:
    """Give the claim back; False when it was lost to another actor meanwhile: then nothing of ours may be written."""
    return session.execute(_RELEASE_CLAIM, {"payment_id": payment_id, "fence": fence}) == 1


def balances(session: Session, payment: Payment, policy: AfterPartialCapture) -> Balances:
    """The payment's money from Amazon's objects as last read."""
    currency = payment.amount.currency
    charged = session.all(_CHARGES, {"payment_id": payment.id})
    refund_parts: dict[str, list[RefundPart]] = defaultdict(list)
    reserved: dict[str, list[Money]] = defaultdict(list)
    for row in session.all(_REFUNDED_OR_RESERVED, {"payment_id": payment.id}) if charged else ():
        amount = Money(row.amount, currency)
        if row.refund_id is None:
            reserved[row.charge_id].append(amount)
        else:
            refund_parts[row.charge_id].append(RefundPart(row.refund_id, row.state, amount))
    parts = [
        ChargePart(
            charge_id=row.charge_id,
            state=row.state,
            amount=Money(row.amount, currency),
            captured=Money(row.captured, currency),
            refunds=tuple(refund_parts[row.charge_id]),
            reserved=tuple(reserved[row.charge_id]),
            refunded_at_amazon=Money(row.refunded, currency),
            charged_back=Money(row.charged_back, currency),
        )
        for row in charged
    ]
    return Balances(
        order_total=payment.amount,
        charges=parts,
        permission_state=payment.charge_permission_state,
        permission_type=payment.charge_permission_type or ChargePermissionType.ONE_TIME,
        permission_balance=_balance(payment),
        released=payment.released,
        charged_on=_CHARGED_ON.get(payment.flow, _CHARGEABLE),
        policy=policy,
    )


_RESTATE = Statement(
    update(payments).where(payments.c.id == bindparam("payment_id")).values(status=bindparam("new_status"))
)


def restate(session: Session, payment: Payment, balances: Balances) -> None:
    """Bring the status up to what the balances say; ``payment`` as it is now."""
    status = status_of(payment.state, balances)
    if status != payment.status:
        session.execute(_RESTATE, {"payment_id": payment.id, "new_status": status.value})


def _balance(payment: Payment) -> Money | None:
    """Whether Amazon gives limits of a permission made with CV1 is documented nowhere; without them it decides."""
    if payment.charge_permission_balance is None and payment.flow == cv1.FLOW:
        return payment.amount
    return payment.charge_permission_balance


def charge_rows(session: Session, payment_id: str) -> list[Row]:
    return session.all(_CHARGES, {"payment_id": payment_id})


def refund_rows(session: Session, payment_id: str) -> list[Row]:
    return session.all(_REFUNDS, {"payment_id": payment_id})


def save_charge(session: Session, values: dict[str, Any]) -> None:
    session.execute(_SAVE_CHARGE, values)


def save_refund(session: Session, values: dict[str, Any]) -> None:
    session.execute(_SAVE_REFUND, values)


def _plain(value: Any) -> Any:
    convert = _CONVERSIONS.get(type(value))
    return value if convert is None else convert(value)


def terms_to_json(terms: AgreementTerms) -> str:
    frequency, amount = terms.frequency, terms.amount
    document = {
        "type": terms.charge_permission_type,
        "frequency": frequency and [frequency.unit, frequency.value],
        "amount": amount and amount.minor,
    }
    return msgspec.json.encode(document).decode()


_CONVERSIONS: Mapping[type, Callable[[Any], Any]] = {
    AgreementTerms: terms_to_json,
    Money: attrgetter("minor"),
    PaymentState: str,
    PaymentStatus: str,
    datetime: to_micros,
}


def terms_from_json(text: str, currency: Currency) -> AgreementTerms:
    document = msgspec.json.decode(text)
    frequency, amount = document["frequency"], document["amount"]
    return AgreementTerms(
        ChargePermissionType(document["type"]),
        frequency and Frequency(FrequencyUnit(frequency[0]), frequency[1]),
        None if amount is None else Money(amount, currency),
    )


def _payment(session: Session, row: Row) -> Payment:
    payment = _own(row)
    if payment.charge_permission_id is None or not is_standing(payment.charge_permission_type):
        return payment
    shared = agreement_rows.by_permission(session, payment.api_url, payment.charge_permission_id)
    if shared is None:
        return payment
    return replace(
        payment,
        charge_permission_state=shared.state,
        charge_permission_balance=shared.amount_balance or payment.charge_permission_balance,
        charge_permission_expires_at=shared.expires_at,
    )


def _own(row: Row) -> Payment:
    currency = Currency(row.currency)
    balance = row.charge_permission_balance
    return Payment(
        id=row.id,
        api_url=row.api_url,
        transaction_id=row.transaction_id,
        account_id=row.account_id,
        channel_slug=row.channel_slug,
        flow=row.flow,
        action_type=row.action_type,
        source_type=row.source_type,
        source_id=row.source_id,
        customer_id=row.customer_id,
        amount=Money(row.amount, currency),
        outstanding=Money(row.outstanding, currency),
        state=row.state,
        session_id=row.session_id,
        session_expires_at=maybe_from_micros(row.session_expires_at),
        result_url=row.result_url,
        return_url=row.return_url,
        redirect_url=row.redirect_url,
        charge_permission_id=row.charge_permission_id,
        charge_permission_type=row.charge_permission_type,
        charge_permission_state=row.charge_permission_state,
        charge_permission_balance=None if balance is None else Money(balance, currency),
        charge_permission_expires_at=maybe_from_micros(row.charge_permission_expires_at),
        released=Money(row.released, currency),
        claim_fence=row.claim_fence,
        claimed_until=from_micros(row.claimed_until),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        sweep_at=maybe_from_micros(row.sweep_at),
        audit_at=maybe_from_micros(row.audit_at),
        order_number=row.order_number,
        order_id=row.order_id,
        status=row.status,
        agreement_terms=terms_from_json(row.agreement_terms, currency) if row.agreement_terms else None,
        agreement_id=row.agreement_id,
        charge_initiator=row.charge_initiator,
        charge_channel=row.charge_channel,
        merchant_reference=row.merchant_reference,
    )


def _columns(payment: Payment) -> dict[str, Any]:
    values = dict(zip(_NAMES, map(_plain, _attributes(payment)), strict=True))
    return {**_FOUND_LATER, **values, "currency": payment.amount.currency.value}


_NAMES = tuple(column.name for column in payments.c if column.name in Payment.__struct_fields__)
_FOUND_LATER = {column.name: None for column in payments.c if column.name not in Payment.__struct_fields__}
_attributes = attrgetter(*_NAMES)


_SOURCE_OF_SESSION = Statement(
    select(payments.c.source_id).where(
        payments.c.api_url == bindparam("api_url"), payments.c.session_id == bindparam("session_id")
    )
)


def source_of_session(session: Session, api_url: str, session_id: str) -> str | None:
    """The checkout or order whose payment holds the checkout session, if any."""
    source: str | None = session.scalar(_SOURCE_OF_SESSION, {"api_url": api_url, "session_id": session_id})
    return source


_BY_PERMISSION = Statement(
    select(payments)
    .where(
        payments.c.api_url == bindparam("api_url"),
        payments.c.charge_permission_id == bindparam("charge_permission_id"),
    )
    .order_by(payments.c.created_at.desc())
    .limit(bindparam("limit"))
)
_BY_CHARGE = Statement(
    select(payments)
    .join(charges, charges.c.payment_id == payments.c.id)
    .where(payments.c.api_url == bindparam("api_url"), charges.c.charge_id == bindparam("charge_id"))
)
_BY_REFUND = Statement(
    select(payments)
    .join(refunds, refunds.c.payment_id == payments.c.id)
    .where(payments.c.api_url == bindparam("api_url"), refunds.c.refund_id == bindparam("refund_id"))
)


_FORGET_CUSTOMER = Statement(
    update(payments)
    .where(payments.c.api_url == bindparam("tenant"), payments.c.customer_id == bindparam("the_customer"))
    .values(customer_id=None)
)


def forget_customer(session: Session, api_url: str, customer_id: str) -> int:
    """Whose payments they were; amounts and Amazon's ids stay for the books. How many there were."""
    return session.execute(_FORGET_CUSTOMER, {"tenant": api_url, "the_customer": customer_id})


def by_permission(session: Session, api_url: str, charge_permission_id: str) -> Payment | None:
    """The tenant's newest payment on a charge permission."""
    return next(iter(of_permission(session, api_url, charge_permission_id, limit=1)), None)


def of_permission(session: Session, api_url: str, charge_permission_id: str, *, limit: int) -> list[Payment]:
    """The tenant's payments on a charge permission, newest first: one, or all that share a standing one."""
    values = {"api_url": api_url, "charge_permission_id": charge_permission_id, "limit": limit}
    return [_payment(session, row) for row in session.all(_BY_PERMISSION, values)]


def by_charge(session: Session, api_url: str, charge_id: str) -> Payment | None:
    """The tenant's payment that has this very charge."""
    row = session.one(_BY_CHARGE, {"api_url": api_url, "charge_id": charge_id})
    return _payment(session, row) if row else None


def by_refund(session: Session, api_url: str, refund_id: str) -> Payment | None:
    """The tenant's payment that has this very refund."""
    row = session.one(_BY_REFUND, {"api_url": api_url, "refund_id": refund_id})
    return _payment(session, row) if row else None


_REFERENCE: Any = bindparam("reference")
_BY_REFERENCE = Statement(
    select(payments)
    .where(
        payments.c.id.in_(
            union(
                *(
                    select(payments.c.id).where(payments.c.api_url == bindparam("api_url"), column == _REFERENCE)
                    for column in (payments.c.order_number, payments.c.transaction_id, payments.c.merchant_reference)
                ),
                select(payments.c.id)
                .join(charges, charges.c.payment_id == payments.c.id)
                .where(payments.c.api_url == bindparam("api_url"), charges.c.merchant_reference == _REFERENCE),
            )
        )
    )
    .order_by(payments.c.created_at, payments.c.id)
    .limit(bindparam("limit"))
)


def by_reference(session: Session, api_url: str, reference: str, *, limit: int) -> list[Payment]:
    """The tenant's payments that Amazon or Saleor knows under what the merchant calls them, the oldest first.

    ``reference`` is an order's number, a Saleor transaction, or the merchantReferenceId of a permission or charge.
    """
    return [
        _payment(session, row)
        for row in session.all(_BY_REFERENCE, {"api_url": api_url, "reference": reference, "limit": limit})
    ]
