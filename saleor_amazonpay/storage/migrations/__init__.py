"""Alembic's environment, inside the package so that ``migrate`` works from the wheel."""
