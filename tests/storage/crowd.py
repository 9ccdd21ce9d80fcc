"""Any number of payments in a moment, made by the database itself."""

from __future__ import annotations

from sqlalchemy import Integer, Table

from saleor_amazonpay.storage.engine import Session, Statement
from saleor_amazonpay.storage.tables import accounts, installations, payments

SHOP, OTHER = "https://shop.example/graphql/", "https://other.example/graphql/"

# The columns that make one payment differ from the next, by its number; the rest is the same for all.
_BY_NUMBER = {
    "id": "'payment-' || i",
    "transaction_id": "'transaction-' || i",
    "channel_slug": "CASE WHEN i <= 3 THEN 'rare' ELSE 'japan' END",
    "account_id": "CASE WHEN i <= 3 THEN 'rare' ELSE 'account' END",
    "source_id": "'source-' || i",
    "customer_id": "'customer-' || (i / 20)",
    "currency": "CASE WHEN i % 50 = 0 THEN 'USD' ELSE 'JPY' END",
    "amount": "1000 + i",
    "session_id": "'session-' || i",
    "charge_permission_id": "'S03-' || i",
    "order_number": "CAST(i AS TEXT)",
    "order_id": "'order-' || i",
    "status": "CASE WHEN i <= 2 OR i % 1000 = 0 THEN 'authorized' ELSE 'captured' END",
    "created_at": "i * 1000000",
}
_ALIKE = {
    "flow": "'review'", "action_type": "'CHARGE'", "source_type": "'Checkout'", "outstanding": "1000",
    "state": "'active'", "released": "0", "claim_fence": "0", "claimed_until": "0", "updated_at": "0",
}  # fmt: skip
_OF_PAYMENT = {
    "charges": """INSERT INTO charges (payment_id, charge_id, state, amount, captured, refunded, created_at, updated_at)
        SELECT id, charge_permission_id || '-C1', 'Captured', amount, amount, 0, 0, 0 FROM payments WHERE api_url = '{shop}'""",
    "refunds": """INSERT INTO refunds (payment_id, refund_id, charge_id, state, amount, created_at, updated_at)
        SELECT id, charge_permission_id || '-R1', charge_permission_id || '-C1', 'Refunded', 100, 0, 0
        FROM payments WHERE api_url = '{shop}' AND amount % 10 = 0""",
    "operations": """INSERT INTO operations
        (id, payment_id, kind, request_key, amount, state, attempt, psp_reference, announced, created_at)
        SELECT 'op-' || id, id, 'charge', 'key', amount, 'settled', 1, 'charge-' || id, 0, 0
        FROM payments WHERE api_url = '{shop}'""",
}


def found(session: Session) -> None:
    """Two shops, each with an account that is used and one that hardly is."""
    for api_url in (SHOP, OTHER):
        session.execute(Statement(installations.insert()), _empty(installations) | {"api_url": api_url})
    for id_ in ("account", "rare"):
        session.execute(Statement(accounts.insert()), _empty(accounts) | {"id": id_, "api_url": SHOP})


def _empty(table: Table) -> dict:
    """A row with nothing in it."""
    return {
        column.key: None if column.nullable else 0 if isinstance(column.type, Integer) else "" for column in table.c
    }


def fill(session: Session, first: int, last: int, *, shop: str = SHOP) -> None:
    """Payments numbered ``first`` to ``last``, each with a charge, an operation and now and then a refund."""
    if session.dialect == "postgresql":
        session.connection.execute("SET LOCAL statement_timeout = 0")  # a million take longer than any query may
    columns = {"api_url": f"'{shop}'"} | _BY_NUMBER | _ALIKE
    assert columns.keys() <= set(payments.c.keys())
    session.connection.execute(
        f"""INSERT INTO payments ({", ".join(columns)})
        WITH RECURSIVE numbers(i) AS (SELECT CAST({first} AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < {last})
        SELECT {", ".join(columns.values())} FROM numbers"""
    )
    for statement in _OF_PAYMENT.values():
        where = f" AND created_at BETWEEN {first * 1_000_000} AND {last * 1_000_000}"
        session.connection.execute(statement.format(shop=shop) + where)


def cost(session: Session, statement: Statement, values: dict) -> int:
    """Work for one statement: steps of SQLite's machine (in tens), or pages and rows PostgreSQL touched."""
    sql, bound = statement.on(session.dialect).bind(values)
    if session.dialect == "postgresql":
        [[[plan]]] = session.connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", bound).fetchall()
        return _touched(plan["Plan"])
    steps = []
    session.connection.set_progress_handler(lambda: steps.append(1), 10)
    try:
        session.connection.execute(sql, bound).fetchall()
    finally:
        session.connection.set_progress_handler(None, 0)
    return len(steps)


def _touched(node: dict) -> int:
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    pages = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
    return int(own + pages) + sum(_touched(child) for child in node.get("Plans", ()))


def analyze(session: Session) -> None:
    """PostgreSQL does it by itself, SQLite never: there the plans must be right without."""
    if session.dialect == "postgresql":
        session.connection.execute("ANALYZE")
