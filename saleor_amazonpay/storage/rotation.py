"""Sealing the stored secrets anew with the current key: a few rows at a time, beside a running app, resumable."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, select, update
from sqlalchemy.sql.elements import ColumnElement

from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Database, Session, Statement
from saleor_amazonpay.storage.tables import accounts, billing_settings, installations, key_pairs

_BATCH = 50


class _Secret:
    """One sealed column, and how its rows are read after a key and written if nobody changed them meanwhile."""

    def __init__(self, key: Column[str], sealed: Column[str]) -> None:
        self.place = f"{key.table.name}/{sealed.name}"
        self.after = Statement(
            select(key.label("key"), sealed.label("sealed"))
            .where(key > bindparam("after"), sealed.is_not(None))
            .order_by(key)
            .limit(bindparam("limit"))
        )
        unchanged: ColumnElement[bool] = sealed == bindparam("old")
        self.replace = Statement(
            update(key.table).where(key == bindparam("row"), unchanged).values({sealed.name: bindparam("new")})
        )


_SECRETS = (
    _Secret(installations.c.api_url, installations.c.token_sealed),
    _Secret(accounts.c.id, accounts.c.private_key_sealed),
    _Secret(billing_settings.c.api_url, billing_settings.c.webhook_secret_sealed),
    _Secret(key_pairs.c.id, key_pairs.c.private_key_sealed),
)


async def rotate(database: Database, box: SecretBox) -> int:
    """How many secrets were sealed anew; those under the current key are left alone, so it can be repeated.

    Raises:
        SecretUnreadable: one opens with none of the keys at hand; what came before it is done.
    """
    done = 0
    for secret in _SECRETS:
        after: str | None = ""
        while after is not None:
            batch_after = after
            after, rotated = await database.run(
                lambda session, secret=secret, key=batch_after: _batch(session, box, secret, key)  # type: ignore[misc]
            )
            done += rotated
    return done


def _batch(session: Session, box: SecretBox, secret: _Secret, after: str) -> tuple[str | None, int]:
    """The last key looked at, None at the end; and how many were sealed anew."""
    rows = session.all(secret.after, {"after": after, "limit": _BATCH})
    rotated = 0
    for row in rows:
        if box.needs_rotation(row.sealed):
            context = f"{secret.place}/{row.key}"
            new = box.seal(box.open(row.sealed, context=context), context=context)
            rotated += session.execute(secret.replace, {"row": row.key, "old": row.sealed, "new": new})
    return (rows[-1].key if len(rows) == _BATCH else None), rotated
