"""Everything the page says is said in Japanese too: sentences of templates and of code are collected and looked up."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import saleor_amazonpay
from saleor_amazonpay.dashboard.rendering import environment
from saleor_amazonpay.dashboard.translations import choose, language
from saleor_amazonpay.messages import Message

PACKAGE = Path(saleor_amazonpay.__file__).parent
TEMPLATES = PACKAGE / "dashboard" / "templates"
CATALOGUES = sorted((PACKAGE / "dashboard" / "translations" / "ja").glob("*.toml"))


def of_code(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        is_one = isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Message", "marked"}
        if is_one and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def of_template(path):
    for _, function, sentences in environment("en").extract_translations(path.read_text("utf-8")):
        found = sentences if isinstance(sentences, tuple) else (sentences,)
        yield from (sentence for sentence in found[1 if function == "ngettext" else 0 :] if isinstance(sentence, str))


def sources():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, set(of_code(path))
    for path in sorted(TEMPLATES.glob("*.html")):
        yield path, set(of_template(path))


SENTENCES = {path: sentences for path, sentences in sources() if sentences}
ALL = set().union(*SENTENCES.values())


def test_a_sentence_is_never_put_together_where_it_is_said():
    """What is filled in is a parameter: of a text made in place the translation is not found."""
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Message", "marked"}
        if not isinstance(node.args[0], ast.Constant | ast.Name | ast.Attribute | ast.Subscript | ast.IfExp | ast.Call)
    ]
    assert wrong == []


def parameters(text):
    return set(re.findall(r"\{(\w+)\}|%\((\w+)\)s", text))


@pytest.mark.parametrize("path", SENTENCES, ids=lambda path: path.name)
def test_every_sentence_has_its_japanese(path):
    assert sorted(SENTENCES[path] - language("ja").sentences.keys()) == []


def test_a_translation_has_the_parameters_of_its_sentence():
    wrong = [
        english for english, japanese in language("ja").sentences.items() if parameters(english) != parameters(japanese)
    ]
    assert wrong == []


def test_no_translation_is_left_of_a_sentence_that_is_gone():
    assert sorted(language("ja").sentences.keys() - ALL) == []


def test_a_sentence_is_translated_in_one_place():
    seen = {}
    for path in CATALOGUES:
        for english in tomllib.loads(path.read_text("utf-8")):
            assert seen.setdefault(english, path) == path, f"{english!r} is in {seen[english].name} and {path.name}"


@pytest.mark.parametrize(
    ("asked", "code"),
    [("ja", "ja"), ("ja-JP", "ja"), ("en", "en"), ("fr", "en"), ("fr, ja;q=0.5", "ja"), ("", "en"), ("x" * 999, "en")],
)
def test_the_dashboards_language_is_spoken_if_we_know_it(asked, code):
    assert choose(asked).code == code


def test_a_message_fills_its_parameters_in_after_translating():
    message = Message("You need the permissions {permissions} in Saleor for this.", permissions="A + {B}")
    assert str(message) == "You need the permissions A + {B} in Saleor for this."
    assert "A + {B} が必要です" in language("ja").say(message)
