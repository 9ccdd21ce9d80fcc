"""One name field, as Amazon has it, and the two that Saleor has. Nothing is dropped, and nothing divided by chance.

An undivided Japanese name (``鈴木一郎``) stays whole in ``lastName``: a divider of such names guesses from statistics,
and the kept one makes 長谷 + 川太郎 of 長谷川太郎 (docs/decisions/0002).
"""

from __future__ import annotations

import re
from typing import Final

from saleor_amazonpay.handlers.addresses.text import clean

_FAMILY_FIRST: Final = frozenset({"JP", "CN", "KR", "TW", "HK"})
EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_PARTICLES: Final = frozenset(
    {
        "af",
        "al",
        "auf",
        "ben",
        "bin",
        "d'",
        "da",
        "dal",
        "dalla",
        "de",
        "degli",
        "dei",
        "del",
        "della",
        "den",
        "der",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "el",
        "la",
        "las",
        "le",
        "les",
        "lo",
        "los",
        "ten",
        "ter",
        "van",
        "vom",
        "von",
        "y",
        "zu",
        "zum",
        "zur",
    }
)
_SUFFIXES: Final = frozenset(
    {
        "jr",
        "sr",
        "ii",
        "iii",
        "iv",
        "md",
        "phd",
        "esq",
        "inc",
        "llc",
        "ltd",
        "gmbh",
        "co",
        "plc",
        "ag",
        "kg",
        "ohg",
        "srl",
        "spa",
        "sarl",
    }
)
_SHORTEST_CAPITALS: Final = 3  # shorter ones are initials: JP Smith


def divided(name: str | None, country: str) -> tuple[str, str]:
    """First and last name, each part as written; one word is the last name."""
    text = clean(name)
    words = text.split()
    if len(words) <= 1:
        return "", text
    if country in _FAMILY_FIRST and EAST_ASIAN.search(text):
        return " ".join(words[1:]), words[0]
    return _at_comma(text) or _latin(words, country)


def joined(first: str, last: str, country: str) -> str:
    """The name as it is written in that country."""
    is_family_first = country in _FAMILY_FIRST and EAST_ASIAN.search(first + last)
    return clean(f"{last} {first}" if is_family_first else f"{first} {last}")


def _at_comma(text: str) -> tuple[str, str] | None:
    """``Smith, Susie``; not ``Susie Smith, Jr.`` nor ``Acme, Inc.``."""
    last, comma, first = (part.strip() for part in text.partition(","))
    if not comma or not first or not last or "," in first or _is_suffix(first.split()[0]):
        return None
    return first, last


def _latin(words: list[str], country: str) -> tuple[str, str]:
    at, until = _capitals(words) or (_start_of_last(words, country), len(words))
    first = words[:at] + words[until:]
    return " ".join(first), " ".join(words[at:until])


def _capitals(words: list[str]) -> tuple[int, int] | None:
    """Where the family name is, when it alone is in capitals: ``SUZUKI Taro``, ``Jean DUPONT``."""
    are_capitals = [word.isupper() and len(word) >= _SHORTEST_CAPITALS and word.isalpha() for word in words]
    if any(_is_suffix(word) for word in words) or are_capitals.count(True) != 1:
        return None
    if are_capitals[0]:
        return 0, 1
    return (len(words) - 1, len(words)) if are_capitals[-1] else None


def _start_of_last(words: list[str], country: str) -> int:
    """The last word, with suffixes behind and particles before it; in Spain two family names."""
    at = len(words) - 1
    while at > 1 and _is_suffix(words[at]):
        at -= 1
    if country == "ES" and at > 1 and words[at - 1].casefold() not in _PARTICLES:
        at -= 1
    particle = next((index for index in range(1, at) if words[index].casefold() in _PARTICLES), at)
    return min(at, particle)


def _is_suffix(word: str) -> bool:
    return word.replace(".", "").strip(",").casefold() in _SUFFIXES
