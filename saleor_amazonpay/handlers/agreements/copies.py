"""Amazon's permission as last read, written to the agreement; what changed is told in the agreement's timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from saleor_amazonpay.amazonpay import ChargePermission, Price
from saleor_amazonpay.domain.agreements import Frequency
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import ChargePermissionState, FrequencyUnit
from saleor_amazonpay.domain.transitions import CHARGE_PERMISSION_TRANSITIONS, Advance, advance
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session

_WORDS: Mapping[str, str] = {
    ChargePermissionState.CHARGEABLE: "chargeable again",
    ChargePermissionState.NON_CHARGEABLE: "suspended",
    ChargePermissionState.CLOSED: "closed",
}


def write(session: Session, api_url: str, object_: ChargePermission, *, now: datetime) -> None:
    """Bring the tenant's agreement on that permission up to date, if there is one; late news changes nothing."""
    known = agreement_rows.by_permission(session, api_url, object_.charge_permission_id or "")
    if known is None or _is_late(known, object_):
        return
    news = _news(known, object_)
    if "state" in news:
        news["watch_at"] = now  # what follows from it is a look's to do
    agreement_rows.change(session, known.id, now, **news, read_at=now)
    _tell(session, known, news, now)


def _is_late(known: Agreement, object_: ChargePermission) -> bool:
    if advance(CHARGE_PERMISSION_TRANSITIONS, known.state, object_.state) is Advance.STALE:
        return True
    told_at, known_at = object_.last_updated, known.status_at.replace(microsecond=0)  # Amazon tells whole seconds
    return object_.state != known.state and told_at is not None and told_at < known_at


def _news(known: Agreement, object_: ChargePermission) -> dict[str, Any]:
    """What is different; what Amazon no longer tells (the buyer of a closed one) stays as it was."""
    seen = {
        "state": object_.state or known.state,
        "reasons": object_.reason_codes,
        "expires_at": object_.expires,
        "amount_limit": _money(object_.limits.amount_limit if object_.limits else None, known),
        "amount_balance": _money(object_.limits.amount_balance if object_.limits else None, known),
        "payment_descriptor": object_.payment_descriptor or known.payment_descriptor,
        "buyer_id": (object_.buyer.buyer_id if object_.buyer else None) or known.buyer_id,
        **_terms(known, object_),
    }
    news = {name: value for name, value in seen.items() if value != getattr(known, name)}
    if {"state", "reasons"} & news.keys() and object_.last_updated is not None:
        news["status_at"] = object_.last_updated
    return news


def _terms(known: Agreement, object_: ChargePermission) -> dict[str, Any]:
    metadata = object_.recurring_metadata
    if metadata is None or metadata.frequency is None:
        return {}
    try:
        frequency = Frequency(FrequencyUnit(metadata.frequency.unit or ""), int(metadata.frequency.value or 0))
    except ValueError:
        return {}  # a unit Amazon has added since
    return {"frequency": frequency, "amount": _money(metadata.amount, known)}


def _money(price: Price | None, known: Agreement) -> Money | None:
    if price is None or price.amount is None or price.currency_code != known.currency:
        return None
    try:
        return price.money()
    except MoneyError:
        return None


def _tell(session: Session, known: Agreement, news: Mapping[str, Any], now: datetime) -> None:
    if "state" in news:
        word, reasons = _WORDS.get(news["state"], news["state"]), news.get("reasons", known.reasons)
        timeline.add(session, known.id, "decision", now, agreement=word, reasons=list(reasons))
    if known.payment_descriptor is not None and "payment_descriptor" in news:
        timeline.add(session, known.id, "decision", now, agreement="payment method changed")
