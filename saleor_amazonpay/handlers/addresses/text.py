"""What buyers type, made plain without changing what it says; and folded, to be compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_FULL_WIDTH = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff61-\uff9f]+")
"""Digits, letters, half-width katakana. Not the whole of NFKC: it would change the characters of people's names, and
make ``<`` out of its full-width form."""
_HYPHEN = "[-\u2010-\u2015\u2212\u30fc\uff0d]"
_DIGITS_HYPHEN = re.compile(f"(?<=[0-9]){_HYPHEN}(?=[0-9])")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs"})

_ACCENT = re.compile("[\u0300-\u036f]")
_BLOCK_WORD = re.compile("(?<=[0-9])(丁目|番地の|番地|番|号)(?=[0-9])")
_BLOCK_END = re.compile("(?<=[0-9])(番地|番|号)(?![0-9])")
_SEPARATOR = re.compile(r"(?<=[0-9])[\W_]+(?=[0-9])")
_NEITHER = re.compile(r"(?![-0-9])[\W_]|(?<![0-9])-|-(?![0-9])")


def clean(text: str | None) -> str:
    """Full-width digits and letters, odd hyphens between digits and odd spaces in their plain form; no invisibles."""
    plain = _FULL_WIDTH.sub(lambda found: unicodedata.normalize("NFKC", found.group()), text or "")
    seen = plain if plain.isprintable() else _without_invisibles(plain)
    return _DIGITS_HYPHEN.sub("-", " ".join(seen.split()))


def _without_invisibles(text: str) -> str:
    return "".join(char for char in text if char.isspace() or unicodedata.category(char) not in _INVISIBLE)


def folded(text: str | None) -> str:
    """The same for every spelling of the same thing: width, case, accents, spaces, punctuation, 丁目 and 番地.

    Numbers that are apart stay apart: ``1-11`` is not ``11-1``.
    """
    decomposed = unicodedata.normalize("NFKD", clean(text)).casefold()
    plain = unicodedata.normalize("NFC", _ACCENT.sub("", decomposed)).replace("ヶ", "ケ")
    joined = _SEPARATOR.sub("-", _BLOCK_WORD.sub("-", plain))
    return _NEITHER.sub("", _BLOCK_END.sub("", joined))
