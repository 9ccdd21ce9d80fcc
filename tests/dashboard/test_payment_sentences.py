"""What came of an operation is kept as its English text, and told in the reader's language: every sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from saleor_amazonpay.dashboard.translations import language
from saleor_amazonpay.domain import plans
from saleor_amazonpay.handlers import action_requests, conclusions
from saleor_amazonpay.handlers.merchant_payments.sentences import sentence_of
from saleor_amazonpay.messages import Message

MODULES = (plans, conclusions, action_requests)
VALUES = {
    "currency": "JPY",
    "ids": "S02-1234567-1234567-R000001, S02-1234567-1234567-R000002",
    "seconds": "60",
    "why": conclusions.message_for(None),
}


def kept(template):
    names = re.findall(r"\{(\w+)\}", template)
    return str(Message(template, **{name: VALUES.get(name, f"1{number}00 JPY") for number, name in enumerate(names)}))


@pytest.mark.parametrize("template", [each for module in MODULES for each in module.FILLED])
def test_each_is_told_in_japanese(template):
    text = kept(template)
    sentence = sentence_of(text)
    assert (sentence.template, str(sentence)) == (template, text)
    told = language("ja").say(sentence)
    assert not re.search(r"[a-z]{3,}", re.sub(r"Amazon Pay|Amazon", "", told)), told
    assert all(value in told for value in re.findall(r"1\d00 JPY|S02-\S+", text))


def test_what_nothing_is_filled_into_and_what_is_unknown_stays():
    assert sentence_of("Paid with Amazon Pay.") == Message("Paid with Amazon Pay.")
    assert str(sentence_of("Something {else} entirely")) == "Something {else} entirely"
    assert sentence_of("").template == ""


def calls_of_marked(module):
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "marked"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_sentence_with_figures_is_recognized(module):
    sentences = [call.args[0].value for call in calls_of_marked(module)]
    assert sorted(each for each in sentences if "{" in each) == sorted(module.FILLED)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_nobody_puts_a_refusal_together_in_place(module):
    """It would be English on every page."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    put_together = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) and node.values]
    ends = [node.values[-1].value for node in put_together if isinstance(node.values[-1], ast.Constant)]
    assert [end for end in ends if str(end).endswith(".")] == []
