from __future__ import annotations

import ast
from pathlib import Path

from saleor_amazonpay import amazonpay

PACKAGE = Path(amazonpay.__file__).parent
ALLOWED = tuple(f"saleor_amazonpay.{name}" for name in ("amazonpay", "clock", "domain", "errors", "messages"))
FORBIDDEN = {"fastapi", "starlette", "sqlalchemy", "pydantic", "httpx2"}
OF_OTHER_HOSTS = "files.py"  # documents and evidence lie at addresses of storage, which are fetched as all others are


def imported(*, without=""):
    for path in PACKAGE.rglob("*.py"):
        if path.name == without:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def test_everything_exported_exists_and_is_listed_once():
    assert len(amazonpay.__all__) == len(set(amazonpay.__all__))
    assert all(hasattr(amazonpay, name) for name in amazonpay.__all__)


def test_the_package_is_usable_without_the_app():
    own = {name for name in imported() if name.startswith("saleor_amazonpay")}
    assert all(name.startswith(ALLOWED) for name in own)
    assert not {name.split(".")[0] for name in imported(without=OF_OTHER_HOSTS)} & FORBIDDEN
