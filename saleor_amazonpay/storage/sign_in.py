"""Sign-in with Amazon: buyer tokens that were taken, and which customer a buyerId belongs to.

A token is kept as its hash, only so that it is taken once; a link is a pair of ids, without name or address.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from saleor_amazonpay.storage.engine import Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import buyer_links, buyer_tokens
from saleor_amazonpay.storage.times import to_micros

_TAKE = Statement(insert_ignore(buyer_tokens))
_GIVE_BACK = Statement(
    delete(buyer_tokens).where(
        buyer_tokens.c.api_url == bindparam("api_url"), buyer_tokens.c.token_hash == bindparam("token_hash")
    )
)
_FORGET = Statement(delete(buyer_tokens).where(buyer_tokens.c.taken_at < bindparam("before")))
_OWNER = Statement(
    select(buyer_links.c.customer_id).where(
        buyer_links.c.api_url == bindparam("api_url"),
        buyer_links.c.merchant_id == bindparam("merchant_id"),
        buyer_links.c.buyer_id == bindparam("buyer_id"),
    )
)
_LINK = Statement(insert_ignore(buyer_links))
_UNLINK = Statement(
    delete(buyer_links).where(
        buyer_links.c.api_url == bindparam("api_url"), buyer_links.c.customer_id == bindparam("customer_id")
    )
)
_UNLINK_FROM = Statement(
    delete(buyer_links).where(
        buyer_links.c.api_url == bindparam("api_url"),
        buyer_links.c.customer_id == bindparam("customer_id"),
        buyer_links.c.merchant_id == bindparam("merchant_id"),
    )
)


def take_token(session: Session, api_url: str, token_hash: str, now: datetime) -> bool:
    """False when the token was taken before."""
    values = {"api_url": api_url, "token_hash": token_hash, "taken_at": to_micros(now)}
    return session.execute(_TAKE, values) == 1


def give_token_back(session: Session, api_url: str, token_hash: str) -> None:
    """Amazon could not be asked: the shop may come again with the same token."""
    session.execute(_GIVE_BACK, {"api_url": api_url, "token_hash": token_hash})


def forget_tokens(session: Session, before: datetime) -> int:
    """Amazon takes none for that long; the number forgotten."""
    return session.execute(_FORGET, {"before": to_micros(before)})


def owner_of(session: Session, api_url: str, merchant_id: str, buyer_id: str) -> str | None:
    """The customer a buyerId is linked to; None for nobody."""
    found: str | None = session.scalar(_OWNER, {"api_url": api_url, "merchant_id": merchant_id, "buyer_id": buyer_id})
    return found


def link(session: Session, api_url: str, merchant_id: str, buyer_id: str, customer_id: str, now: datetime) -> bool:
    """The customer's one Amazon account with that merchant, in place of an earlier one; False when it is another's."""
    if owner_of(session, api_url, merchant_id, buyer_id) not in {None, customer_id}:
        return False
    whose = {"api_url": api_url, "merchant_id": merchant_id, "customer_id": customer_id}
    session.execute(_UNLINK_FROM, whose)
    return session.execute(_LINK, {**whose, "buyer_id": buyer_id, "linked_at": to_micros(now)}) == 1


def unlink(session: Session, api_url: str, customer_id: str) -> int:
    """Every link of the customer in that shop; how many there were. Also what erasing a customer calls."""
    return session.execute(_UNLINK, {"api_url": api_url, "customer_id": customer_id})
