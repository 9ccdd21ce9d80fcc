"""GraphQL documents by name, e.g. ``"queries/transaction"``, each with the fragments it spreads."""

from __future__ import annotations

import re
from functools import cache

from saleor_amazonpay import resources

_SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
_DEFINED = re.compile(r"^fragment (\w+) on ", re.MULTILINE)
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


@cache
def document(name: str) -> str:
    """The text of ``graphql/saleor/<name>.graphql`` followed by its fragments, each once."""
    return with_fragments(resources.text(f"graphql/saleor/{name}.graphql"))


def with_fragments(text: str) -> str:
    """The text followed by the fragments of ``graphql/saleor/fragments`` that it spreads and does not define itself."""
    parts, wanted = [text], {*_DEFINED.findall(text)}
    for part in parts:  # grows while fragments spread further ones; each name is added once, so it ends
        for fragment in _SPREAD.findall(part):
            if fragment not in wanted:
                wanted.add(fragment)
                parts.append(resources.text(f"graphql/saleor/fragments/{_WORDS.sub('_', fragment).lower()}.graphql"))
    return "\n".join(parts)
