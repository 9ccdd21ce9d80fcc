"""Sentences for people: English in the code, translated where they are shown.

A ``Message`` keeps what was filled in apart from the sentence, so that the merchant's page can say it in another
language; everywhere else it is its English text. Tables of sentences are marked with ``marked``, which is how the test
of the translations finds them.
"""

from __future__ import annotations

from typing import Any, Final


class Message:
    """``Message("The region {region} has no {what}.", region="JP", what="…")``."""

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
        return template.format(**self.parameters) if self.parameters else template


def marked(template: str) -> str:
    """The sentence itself; says that it needs a translation."""
    return template
