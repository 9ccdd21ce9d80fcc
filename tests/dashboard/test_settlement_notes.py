"""What is kept of settlement lines as English texts is told in the reader's language: every sentence is recognized."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from saleor_amazonpay.amazonpay import settlement
from saleor_amazonpay.dashboard.translations import language
from saleor_amazonpay.dashboard.views.settlement_notes import noted
from saleor_amazonpay.handlers.settlements import matching

OF_THE_FILE = ("No line names the columns", "The columns of line", "lines and more", "is not text")


def sentences(module):
    """Every text of a module that ends as a sentence, with something filled in; docstrings are none."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in documentation | parts:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "X1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


SAID = [
    text
    for module in (matching, settlement)
    for text in sentences(module)
    if text.endswith(".") and " " in text and not any(part in text for part in OF_THE_FILE)
]


def test_there_are_some():
    assert len(SAID) > 10


@pytest.mark.parametrize("text", SAID)
def test_each_is_told_in_japanese(text):
    [note] = noted(text)
    assert str(note) == text
    assert language("ja").say(note) != text


def test_several_in_one_text_are_told_one_by_one():
    told = [language("ja").say(note) for note in noted("It should be 2980 JPY.; Cells are missing.")]
    assert told == ["正しくは 2980 JPY です。", "列が足りません。"]


def test_what_nobody_knows_stays_as_it_is():
    assert [str(note) for note in noted("Something {else} entirely")] == ["Something {else} entirely"]
