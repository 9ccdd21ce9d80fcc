"""What the merchant has to repair, one row for each problem a tenant has now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import sentences
from saleor_amazonpay.storage.engine import Row, Session, Statement, upsert
from saleor_amazonpay.storage.tables import problems
from saleor_amazonpay.storage.times import from_micros, to_micros

RAISED, SHOWN, CURED = "raised", "shown", "cured"


@dataclass(frozen=True, slots=True)
class Problem:
    """``state``: raised (Saleor does not show it yet), shown, or cured (Saleor still shows it)."""

    api_url: str
    key: str
    sentence: Message
    critical: bool
    state: str
    raised_at: datetime
    check_at: datetime

    @property
    def message(self) -> str:
        """As Saleor is told it: in English."""
        return str(self.sentence)


_THE_ONE = (problems.c.api_url == bindparam("tenant"), problems.c.key == bindparam("the_key"))
_GET = Statement(select(problems).where(*_THE_ONE))
_OF_TENANT = Statement(
    select(problems)
    .where(problems.c.api_url == bindparam("tenant"), problems.c.state != CURED)
    .order_by(problems.c.raised_at, problems.c.key)
)
_WITH_KEY = Statement(select(problems).where(problems.c.key == bindparam("the_key"), problems.c.state != CURED))
_SAVE = Statement(
    upsert(
        problems,
        index_elements=["api_url", "key"],
        update_columns=["message", "sentence", "critical", "state", "raised_at", "check_at"],
    )
)
# Only from the state it was read in: what was raised again meanwhile stays raised.
_MOVE = Statement(
    update(problems)
    .where(*_THE_ONE, problems.c.state == bindparam("was"), problems.c.raised_at == bindparam("was_raised_at"))
    .values(state=bindparam("new_state"))
)
_FORGET = Statement(delete(problems).where(*_THE_ONE, problems.c.state == CURED))
_TO_CHECK = Statement(
    select(problems)
    .where(problems.c.check_at <= bindparam("moment"))
    .order_by(problems.c.check_at)
    .limit(bindparam("limit"))
)
_CHECK_LATER = Statement(update(problems).where(*_THE_ONE).values(check_at=bindparam("new_check_at")))


def get(session: Session, api_url: str, key: str) -> Problem | None:
    row = session.one(_GET, {"tenant": api_url, "the_key": key})
    return _problem(row) if row else None


def of_tenant(session: Session, api_url: str) -> Sequence[Problem]:
    """What is wrong now, oldest first."""
    return [_problem(row) for row in session.all(_OF_TENANT, {"tenant": api_url})]


def with_key(session: Session, key: str) -> Sequence[Problem]:
    """The problem of that key in every tenant that has it."""
    return [_problem(row) for row in session.all(_WITH_KEY, {"the_key": key})]


def save(session: Session, problem: Problem) -> None:
    session.execute(
        _SAVE,
        {
            "api_url": problem.api_url,
            "key": problem.key,
            "message": problem.message,
            "sentence": sentences.dump(problem.sentence),
            "critical": int(problem.critical),
            "state": problem.state,
            "raised_at": to_micros(problem.raised_at),
            "check_at": to_micros(problem.check_at),
        },
    )


def move(session: Session, problem: Problem, state: str) -> bool:
    """False when it was raised again, or cured, meanwhile."""
    values = {"was": problem.state, "was_raised_at": to_micros(problem.raised_at), "new_state": state}
    return session.execute(_MOVE, {"tenant": problem.api_url, "the_key": problem.key, **values}) == 1


def forget(session: Session, problem: Problem) -> None:
    """Drop a cured one that Saleor does not show any more."""
    session.execute(_FORGET, {"tenant": problem.api_url, "the_key": problem.key})


def to_check(session: Session, *, now: datetime, limit: int) -> Sequence[Problem]:
    return [_problem(row) for row in session.all(_TO_CHECK, {"moment": to_micros(now), "limit": limit})]


def check_later(session: Session, problem: Problem, at: datetime) -> None:
    session.execute(_CHECK_LATER, {"tenant": problem.api_url, "the_key": problem.key, "new_check_at": to_micros(at)})


def _problem(row: Row) -> Problem:
    return Problem(
        api_url=row.api_url,
        key=row.key,
        sentence=sentences.load(row.sentence) if row.sentence else Message("{what}", what=row.message),
        critical=bool(row.critical),
        state=row.state,
        raised_at=from_micros(row.raised_at),
        check_at=from_micros(row.check_at),
    )
