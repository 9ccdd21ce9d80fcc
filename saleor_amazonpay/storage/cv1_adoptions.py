"""Orders of CV1 being taken over: one actor at a time for each, and the transaction that was found or made for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update

from saleor_amazonpay.storage.engine import Session, Statement, insert_ignore
from saleor_amazonpay.storage.tables import cv1_adoptions
from saleor_amazonpay.storage.times import to_micros


@dataclass(frozen=True, slots=True)
class Adoption:
    """One row; ``transaction_id`` None: begun, and not known to have come to anything."""

    api_url: str
    permission_id: str
    order_id: str | None
    order_number: str | None
    transaction_id: str | None


_KEY = (
    cv1_adoptions.c.api_url == bindparam("the_tenant"),
    cv1_adoptions.c.permission_id == bindparam("the_permission"),
)
_GET = Statement(select(cv1_adoptions).where(*_KEY))
_NEW = Statement(insert_ignore(cv1_adoptions))
_CLAIM = Statement(
    update(cv1_adoptions)
    .where(*_KEY, cv1_adoptions.c.claimed_until <= bindparam("moment"))
    .values(
        claim_fence=cv1_adoptions.c.claim_fence + 1, claimed_until=bindparam("until"), updated_at=bindparam("moment")
    )
    .returning(cv1_adoptions.c.claim_fence)
)
_RELEASE = Statement(
    update(cv1_adoptions).where(*_KEY, cv1_adoptions.c.claim_fence == bindparam("fence")).values(claimed_until=0)
)
_FINISH = Statement(
    update(cv1_adoptions)
    .where(*_KEY, cv1_adoptions.c.claim_fence == bindparam("fence"))
    .values(
        order_id=bindparam("new_order"),
        order_number=bindparam("new_number"),
        transaction_id=bindparam("new_transaction"),
        claimed_until=0,
        updated_at=bindparam("moment"),
    )
)


def get(session: Session, api_url: str, permission_id: str) -> Adoption | None:
    row = session.one(_GET, _key(api_url, permission_id))
    if row is None:
        return None
    return Adoption(row.api_url, row.permission_id, row.order_id, row.order_number, row.transaction_id)


def claim(session: Session, api_url: str, permission_id: str, *, now: datetime, lease: timedelta) -> int | None:
    """The fencing token, or None while another actor takes the same order over (DESIGN §4 rule 1)."""
    moment = to_micros(now)
    fresh = {
        "api_url": api_url,
        "permission_id": permission_id,
        "order_id": None,
        "order_number": None,
        "transaction_id": None,
        "claim_fence": 0,
        "claimed_until": 0,
        "created_at": moment,
        "updated_at": moment,
    }
    session.execute(_NEW, fresh)
    claimed = {**_key(api_url, permission_id), "moment": moment, "until": to_micros(now + lease)}
    row = session.one(_CLAIM, claimed)
    return int(row[0]) if row else None


def release(session: Session, api_url: str, permission_id: str, fence: int) -> bool:
    """Give the claim back; False when another actor has it by now."""
    return session.execute(_RELEASE, {**_key(api_url, permission_id), "fence": fence}) == 1


def finish(session: Session, adoption: Adoption, fence: int, *, now: datetime) -> bool:
    """Note what it came to and give the claim back; False when another actor has it by now: write nothing then."""
    values = {
        **_key(adoption.api_url, adoption.permission_id),
        "fence": fence,
        "new_order": adoption.order_id,
        "new_number": adoption.order_number,
        "new_transaction": adoption.transaction_id,
        "moment": to_micros(now),
    }
    return session.execute(_FINISH, values) == 1


def _key(api_url: str, permission_id: str) -> dict[str, str]:
    return {"the_tenant": api_url, "the_permission": permission_id}
