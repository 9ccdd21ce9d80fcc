"""Draft the code of a migration from `tables.py`.

python -m tests.draft_revision                  the whole schema, for versions/0001_initial.py before the first release
python -m tests.draft_revision DATABASE_URL     the difference to a migrated database, for the next revision
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from saleor_amazonpay.jobs import table  # noqa: F401  # adds its tables to the metadata
from saleor_amazonpay.storage import migrate, migrations
from saleor_amazonpay.storage.tables import complete

INITIAL = Path(migrations.__file__).parent / "versions" / "0001_initial.py"

# Kept by hand: made on one dialect only, by Alembic itself, or by Procrastinate.
BY_HAND = ("jobs", "job_errors", "alembic_version", "procrastinate_")


def is_ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
    return kind != "table" or not str(name).startswith(BY_HAND)


def draft(connection: Connection) -> str:
    context = MigrationContext.configure(connection, opts={"include_object": is_ours, "target_metadata": complete()})
    code = render_python_code(produce_migrations(context, complete()).upgrade_ops)
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("# ###"))


def rewrite_initial() -> None:
    with create_engine("sqlite://").connect() as connection:
        body = draft(connection)
    head, upgrade = INITIAL.read_text("utf-8").split("def upgrade() -> None:\n")[0], textwrap.indent(body, "    ")
    INITIAL.write_text(f"{head}def upgrade() -> None:\n{upgrade}\n", "utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", INITIAL], check=True)


def main(*urls: str) -> None:
    if not urls:
        rewrite_initial()
    for url in urls:
        with migrate._connection(url) as connection:
            sys.stdout.write(draft(connection) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
