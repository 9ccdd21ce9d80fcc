"""Sentences for people: English in the code, translated where they are shown.

A ``Message`` keeps what was filled in apart from the sentence, so that the merchant's page can say it in another
language; everywhere else it is its English text. Tables of sentences are marked with ``marked``, which is how the test
of the translations finds them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final


class Message:
    """``Message("The region {region} has no {what}.", region="JP", what="…")``.

    A parameter may be a text, a number, money, a time, another message, or a tuple of these.
    """

    __slots__ = ("parameters", "template")

    def __init__(self, template: str, /, **parameters: Any) -> None:
        self.template: Final = template
        self.parameters: Final = parameters

    def __str__(self) -> str:
        return self.filled(self.template)

    def __repr__(self) -> str:
        return f"Message({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def filled(self, template: str) -> str:
        """The parameters put into another wording of the same sentence."""
        shown = {name: _plain(value) for name, value in self.parameters.items()}
        return template.format(**shown) if shown else template


def _plain(value: Any) -> Any:
    """As it is told in a sentence without markup; times are UTC."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return "; ".join(str(_plain(each)) for each in value) if isinstance(value, tuple) else value


def recognized(text: str, templates: Iterable[str]) -> Message:
    """The sentence a text was made of, for texts that were kept without it; one of none of them stays as it is."""
    for template in templates:
        pattern = "".join(
            f"(?P<{part[1:-1]}>.+?)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", template)
        )
        if match := re.fullmatch(pattern, text, re.DOTALL):
            return Message(template, **match.groupdict())
    return Message("{what}", what=text)


_SENTENCES: Final = ("what", "why")  # parameters that are sentences themselves


def retold(text: str, templates: Collection[str]) -> Message:
    """As ``recognized``, and so are the sentences inside it; a text of none of them is the sentence itself."""
    found = recognized(text, templates)
    if found.template not in templates:
        return Message(text)
    inner = {
        name: retold(value, templates) if name in _SENTENCES else value for name, value in found.parameters.items()
    }
    return Message(found.template, **inner)


def marked(template: str) -> str:
    """The sentence itself; says that it needs a translation."""
    return template
