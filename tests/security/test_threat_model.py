"""Every threat of the documentation is tried by a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


def threats():
    table = PAGE.partition("| threat |")[2].partition("\n\n")[0]
    return [line for line in table.splitlines()[2:] if line.startswith("|")]


def names(tree):
    """Every class, function and method, joined as pytest does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
            yield from (f"{node.name}::{inner}" for inner in names(node))


def test_the_table_is_found():
    assert len(threats()) > 20


@pytest.mark.parametrize("threat", threats(), ids=lambda line: line[2:60])
def test_each_threat_is_tried(threat):
    [(path, name)] = NAMED.findall(threat)
    known = set(names(ast.parse((ROOT / path).read_text("utf-8"))))
    matching = [each for each in known if each == name or each.endswith(f"::{name}")]
    assert matching, f"{path} has no {name}"


SECRETS = re.compile(
    r"\b(token|secret\w*|private_key|password|signature)\b\s*(==|!=)\s*(?![\"'\d])|(==|!=)\s*(?:\w+\.)*(token|secret_key|private_key|password)\b"
)


def test_no_secret_is_compared_as_text():
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in (ROOT / "saleor_amazonpay").rglob("*.py")
        if "sandbox" not in path.parts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if SECRETS.search(line)
    ]
    assert found == []
