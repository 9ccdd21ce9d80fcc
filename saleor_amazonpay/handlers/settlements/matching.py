"""One settlement file against our payments: which line is whose, and what does not agree.

A line is its payment's by the id of its transaction; where that is not given or not known here (lines of CV1's time,
charges made in Seller Central), by its permission; else by what the merchant calls it: the order's number, Saleor's
transaction, or the reference it was charged under. Amounts decide between several only where exactly one payment has
a movement of that very amount which no other line of the file has taken; otherwise the line is ambiguous, and nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from saleor_amazonpay.amazonpay.settlement import OF_A_PAYMENT, LineKind, SettlementLine
from saleor_amazonpay.domain.cv1.identifiers import CHILD_LENGTH, charge_id_of
from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.states import RefundState
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.settlements import (
    ACCOUNT,
    AMBIGUOUS,
    DIFFERS,
    MATCHED,
    UNMATCHED,
    MatchedLine,
    Total,
)

_MOST_CANDIDATES: Final = 20  # payments of one agreement or one order; more are no help to the person who chooses
_DISPUTED: Final = frozenset({LineKind.CHARGEBACK, LineKind.CLAIM})


@dataclass(frozen=True, slots=True)
class _Movement:
    """A capture, refund or dispute as we know it; ``amount`` has the sign a settlement gives it."""

    id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class _Known:
    """A line's payment, and which of its movements the line is; None: one that is not known here."""

    payment: Payment
    movement: _Movement | None = None


def match(session: Session, api_url: str, lines: Sequence[SettlementLine]) -> tuple[list[MatchedLine], set[str]]:
    """Every line with the tenant's payment it belongs to, and the ids of the movements that were found in the file.

    Lines that name their transaction come first: what they have taken is not there for a line that names none.
    """
    named = [_by_transaction(session, api_url, line) for line in lines]
    taken = {known.movement.id for known in named if known is not None and known.movement is not None}
    return [_matched(session, api_url, line, known, taken) for line, known in zip(lines, named, strict=True)], taken


def _matched(
    session: Session, api_url: str, line: SettlementLine, named: _Known | None, taken: set[str]
) -> MatchedLine:
    plain = MatchedLine(
        number=line.number,
        kind=line.kind,
        posted_at=line.posted_at,
        settlement_id=line.settlement_id,
        transaction_id=line.transaction_id,
        permission_id=line.permission_id,
        reference=line.reference,
        order_number=line.order_number,
        amount=line.amount,
        fee=line.fee,
        net=line.net,
        match=ACCOUNT,
        payment_id=None,
        difference="; ".join(line.faults) or None,
    )
    if line.kind not in OF_A_PAYMENT:
        found = _candidates(session, api_url, line)
        state = DIFFERS if line.faults else ACCOUNT
        return replace(plain, match=state, payment_id=found[0].id if len(found) == 1 else None)
    if named is not None:
        return _settled(plain, line, named)
    candidates = _candidates(session, api_url, line)
    if not candidates:
        return replace(plain, match=UNMATCHED, difference=_joined(line, "No payment of this shop has it."))
    known = _by_amount(session, line, candidates, taken)
    if known is None:
        return replace(
            plain,
            match=AMBIGUOUS,
            difference=_joined(line, f"It may belong to several payments: {_listed(candidates)}."),
            candidates=[payment.id for payment in candidates],
        )
    if known.movement is not None:
        taken.add(known.movement.id)
    return _settled(plain, line, known)


def _settled(plain: MatchedLine, line: SettlementLine, known: _Known) -> MatchedLine:
    told = _difference(line, known)
    is_wrong = told is not None or bool(line.faults)
    return replace(
        plain,
        match=DIFFERS if is_wrong else MATCHED,
        payment_id=known.payment.id,
        difference=_joined(line, told) if is_wrong else None,
    )


def _joined(line: SettlementLine, told: str | None) -> str:
    return "; ".join(filter(None, (told, *line.faults)))


def _listed(payments: Sequence[Payment]) -> str:
    return ", ".join(
        f"{payment.transaction_id} (order {payment.order_number})" if payment.order_number else payment.transaction_id
        for payment in payments
    )


def _by_transaction(session: Session, api_url: str, line: SettlementLine) -> _Known | None:
    """By the very object the line names; CV1 named a capture by its authorization too."""
    if not line.transaction_id or line.kind not in OF_A_PAYMENT:
        return None
    id_ = charge_id_of(line.transaction_id) if len(line.transaction_id) == CHILD_LENGTH else line.transaction_id
    if line.kind is LineKind.CAPTURE:
        return _having(session, payment_rows.by_charge(session, api_url, id_), line.kind, id_)
    if line.kind is LineKind.REFUND:
        return _having(session, payment_rows.by_refund(session, api_url, id_), line.kind, id_)
    dispute = dispute_rows.get(session, api_url, id_)
    if dispute is not None:
        return _having(session, payment_rows.by_id(session, dispute.payment_id), line.kind, id_)
    found = payment_rows.by_charge(session, api_url, id_)
    return _Known(found) if found else None


def _having(session: Session, payment: Payment | None, kind: LineKind, id_: str) -> _Known | None:
    if payment is None:
        return None
    return _Known(payment, next((it for it in _MOVEMENTS[kind](session, payment) if it.id == id_), None))


def _candidates(session: Session, api_url: str, line: SettlementLine) -> list[Payment]:
    """Whose the line may be: of its permission, told apart by what the merchant calls it; else by that alone."""
    of_permission = (
        payment_rows.of_permission(session, api_url, line.permission_id, limit=_MOST_CANDIDATES)
        if line.permission_id
        else []
    )
    if len(of_permission) == 1:
        return of_permission
    for name in dict.fromkeys((line.order_number.removeprefix("#"), line.reference.removeprefix("#"))):
        found = payment_rows.by_reference(session, api_url, name, limit=_MOST_CANDIDATES) if name else []
        if of_permission:
            found = [payment for payment in found if payment.charge_permission_id == line.permission_id]
        if found:
            return found
    return of_permission


def _by_amount(session: Session, line: SettlementLine, candidates: Sequence[Payment], taken: set[str]) -> _Known | None:
    """None: several could have it. A line whose transaction is not known here is no movement that we know."""
    fitting = [
        _Known(payment, movement)
        for payment in candidates
        for movement in _MOVEMENTS[line.kind](session, payment)
        if not line.transaction_id and movement.id not in taken and movement.amount == line.amount
    ]
    if len({known.payment.id for known in fitting}) == 1:
        return fitting[0]
    return _Known(candidates[0]) if len(candidates) == 1 else None


def _captures(session: Session, payment: Payment) -> list[_Movement]:
    currency = payment.amount.currency
    return [
        _Movement(row.charge_id, Money(row.captured, currency)) for row in payment_rows.charge_rows(session, payment.id)
    ]


def _refunds(session: Session, payment: Payment) -> list[_Movement]:
    currency = payment.amount.currency
    return [
        _Movement(row.refund_id, Money(-row.amount, currency))
        for row in payment_rows.refund_rows(session, payment.id)
        if row.state != RefundState.DECLINED
    ]


def _disputes(session: Session, payment: Payment) -> list[_Movement]:
    return [
        _Movement(dispute.dispute_id, Money(-dispute.amount.minor, dispute.amount.currency))
        for dispute in dispute_rows.of_payment(session, payment.api_url, payment.id)
    ]


_MOVEMENTS: Final[Mapping[LineKind, Callable[[Session, Payment], list[_Movement]]]] = {
    LineKind.CAPTURE: _captures,
    LineKind.REFUND: _refunds,
    LineKind.CHARGEBACK: _disputes,
    LineKind.CLAIM: _disputes,
}


def _difference(line: SettlementLine, known: _Known) -> str | None:
    if line.amount.currency is not known.payment.amount.currency:
        return f"The payment is in {known.payment.amount.currency}."
    if known.movement is not None:
        return None if known.movement.amount == line.amount else f"It should be {known.movement.amount}."
    if line.kind in _DISPUTED:
        return None
    if line.transaction_id:
        return f"{line.transaction_id} is not known here."
    return f"The payment has no other {line.kind.value.lower()} of this amount."


def unbalanced(lines: Sequence[MatchedLine]) -> list[MatchedLine]:
    """The lines anew: a payout that is not what the other lines of its settlement come to says so."""
    nets: dict[tuple[str, str], list[Money]] = {}
    for line in lines:
        if line.kind != LineKind.TRANSFER and line.settlement_id:
            nets.setdefault((line.settlement_id, line.amount.currency.value), []).append(line.net)
    return [_checked(line, nets.get((line.settlement_id, line.amount.currency.value))) for line in lines]


def _checked(line: MatchedLine, nets: Sequence[Money] | None) -> MatchedLine:
    if line.kind != LineKind.TRANSFER or nets is None:
        return line
    come_to = total(nets, line.amount.currency)
    zero = Money.zero(line.amount.currency)
    if come_to in {line.amount, zero - line.amount}:  # some files give the payout as money that leaves
        return line
    told = f"The other lines of settlement {line.settlement_id} come to {come_to}."
    return replace(line, match=DIFFERS, difference="; ".join(filter(None, (told, line.difference))))


def totals_of(lines: Iterable[MatchedLine]) -> list[Total]:
    """By currency, in the order they come."""
    by_currency: dict[str, list[MatchedLine]] = {}
    for line in lines:
        by_currency.setdefault(line.amount.currency.value, []).append(line)
    return [_total(currency, found) for currency, found in by_currency.items()]


def _total(currency: str, lines: Sequence[MatchedLine]) -> Total:
    def of(kinds: frozenset[str] | set[str]) -> int:
        found = [line.amount for line in lines if line.kind in kinds]
        return total(found, lines[0].amount.currency).minor

    paid_out = of({LineKind.TRANSFER})
    moved = [line for line in lines if line.kind != LineKind.TRANSFER]
    named = {LineKind.CAPTURE, LineKind.REFUND, LineKind.TRANSFER}
    return Total(
        currency=currency,
        captured=of({LineKind.CAPTURE}),
        refunded=of({LineKind.REFUND}),
        fees=total((line.fee for line in moved), lines[0].fee.currency).minor,
        other=of({line.kind for line in lines} - named),
        net=total((line.net for line in moved), lines[0].net.currency).minor,
        paid_out=paid_out,
    )
