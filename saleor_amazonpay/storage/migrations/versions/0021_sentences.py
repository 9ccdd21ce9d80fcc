"""Problems keep their sentence with what was filled in, to be told in the reader's language."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("problems", sa.Column("sentence", sa.Text(), nullable=True))
