"""The merchant's languages: English as written in the code, Japanese from ``translations/ja/*.toml``.

The Dashboard says which one (``localeChanged``); whatever is not translated reads English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from saleor_amazonpay.messages import Message

_FOLDER: Final = Path(__file__).parent / "translations"
ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "ja")


@dataclass(frozen=True, slots=True)
class Language:
    """``code`` is one of ``LANGUAGES``; ``sentences`` maps English to it."""

    code: str
    sentences: Mapping[str, str]

    def say(self, sentence: Message | str) -> str:
        """The sentence in this language, its parameters filled in; English where there is no translation."""
        if isinstance(sentence, Message):
            template = self._of(sentence.template)
            inner = {name: self._parameter(value) for name, value in sentence.parameters.items()}
            return Message(template, **inner).filled(template)
        return self._of(sentence)

    def knows(self, sentence: str) -> bool:
        """Whether it can be said in this language; what was recorded long ago may be in English only."""
        return self.code == ENGLISH or sentence in self.sentences

    def gettext(self, sentence: str) -> str:
        return self._of(sentence)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Japanese has one form; its translation is that of the plural."""
        if self.code == ENGLISH:
            return one if count == 1 else many
        return self._of(many)

    def _of(self, english: str) -> str:
        return self.sentences.get(english, english)

    def _parameter(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._parameter(each) for each in value)
        return self.say(value) if isinstance(value, Message) else value


@cache
def language(code: str) -> Language:
    """One of ``LANGUAGES``."""
    sentences: dict[str, str] = {}
    for path in sorted((_FOLDER / code).glob("*.toml")):
        sentences |= tomllib.loads(path.read_text("utf-8"))
    return Language(code, sentences)


def choose(accept_language: str) -> Language:
    """For ``"ja"``, ``"ja-JP"``, ``"pt-BR, ja;q=0.5"``: the first we speak; English when there is none."""
    for part in accept_language[:200].split(","):
        code = part.partition(";")[0].strip().lower().partition("-")[0]
        if code in LANGUAGES:
            return language(code)
    return language(ENGLISH)
