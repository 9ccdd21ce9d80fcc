"""Finds ``webhooks/``, ``graphql/`` and ``manifest.json``: in the wheel, or in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent


@cache
def root() -> Path:
    """The folder holding the contracts; the wheel carries it as ``_resources`` (pyproject, force-include)."""
    packed = _PACKAGE / "_resources"
    return packed if packed.is_dir() else _PACKAGE.parent


@cache
def text(relative: str) -> str:
    """The UTF-8 text of one contract file, e.g. ``"manifest.json"``."""
    return (root() / relative).read_text(encoding="utf-8")
