"""One settlement file against our payments: which line is whose, and what does not agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from saleor_amazonpay.amazonpay.settlement import OF_A_PAYMENT, LineKind, SettlementLine
from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment
from saleor_amazonpay.storage.settlements import ACCOUNT, DIFFERS, MATCHED, UNMATCHED, MatchedLine, Total


@dataclass(frozen=True, slots=True)
class _Known:
    """What we know of a line's object: its payment, and the amount it should have; None: no such figure here."""

    payment: Payment
    amount: Money | None


def match(session: Session, api_url: str, lines: Sequence[SettlementLine]) -> list[MatchedLine]:
    """Every line, matched with the tenant's payment by its transaction's id, else by permission or order."""
    return [_matched(session, api_url, line) for line in lines]


def _matched(session: Session, api_url: str, line: SettlementLine) -> MatchedLine:
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
        known = _by_permission(session, api_url, line) if line.permission_id else None
        state = DIFFERS if line.faults else ACCOUNT
        return replace(plain, match=state, payment_id=known.payment.id if known else None)
    known = _by_transaction(session, api_url, line) or _by_permission(session, api_url, line)
    if known is None:
        return replace(plain, match=UNMATCHED, difference=_joined(line, "No payment of this shop has it."))
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


def _by_transaction(session: Session, api_url: str, line: SettlementLine) -> _Known | None:
    id_ = line.transaction_id
    if not id_:
        return None
    if line.kind is LineKind.CAPTURE and (payment := payment_rows.by_charge(session, api_url, id_)):
        row = next(each for each in payment_rows.charge_rows(session, payment.id) if each.charge_id == id_)
        return _Known(payment, Money(row.captured, payment.amount.currency))
    if line.kind is LineKind.REFUND and (payment := payment_rows.by_refund(session, api_url, id_)):
        row = next(each for each in payment_rows.refund_rows(session, payment.id) if each.refund_id == id_)
        return _Known(payment, Money(-row.amount, payment.amount.currency))
    if line.kind in {LineKind.CHARGEBACK, LineKind.CLAIM}:
        dispute = dispute_rows.get(session, api_url, id_)
        payment = payment_rows.by_id(session, dispute.payment_id) if dispute else None
        if dispute is not None and payment is not None:
            return _Known(payment, Money.zero(dispute.amount.currency) - dispute.amount)
        found = payment_rows.by_charge(session, api_url, id_)
        return _Known(found, None) if found else None
    return None


def _by_permission(session: Session, api_url: str, line: SettlementLine) -> _Known | None:
    """A line whose own object is not known here: made outside the app, or never told to it."""
    found = payment_rows.by_permission(session, api_url, line.permission_id) if line.permission_id else None
    return _Known(found, None) if found else None


def _difference(line: SettlementLine, known: _Known) -> str | None:
    if line.amount.currency is not known.payment.amount.currency:
        return f"The payment is in {known.payment.amount.currency}."
    if known.amount is None:
        return (
            None if line.kind in {LineKind.CHARGEBACK, LineKind.CLAIM} else f"{line.transaction_id} is not known here."
        )
    if known.amount != line.amount:
        return f"It should be {known.amount}."
    return None


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
