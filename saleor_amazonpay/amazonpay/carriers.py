"""Amazon's codes of the carriers that delivery trackers may name, and how people call those carriers.

``carriers.txt`` is Amazon's published list. Names are what staff write beside a parcel: ``"Yamato"``, ``"ヤマト運輸"``,
``"DHL Express"``. Source: amazon-pay-cv2.md §3.11.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).with_suffix(".txt")
_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9_]{1,49}")
_SPACES: Final = re.compile(r"[\s._/&+-]+")

# What the list does not say: names in Japanese, and what a carrier is called where it is at home.
_ALSO: Final[Mapping[str, str]] = {
    "ヤマト運輸": "TAQBIN_JP",
    "ヤマト": "TAQBIN_JP",
    "クロネコヤマト": "TAQBIN_JP",
    "宅急便": "TAQBIN_JP",
    "ネコポス": "TAQBIN_JP",
    "yamato": "TAQBIN_JP",
    "yamato transport": "TAQBIN_JP",
    "kuroneko": "TAQBIN_JP",
    "佐川急便": "SAGAWA",
    "佐川": "SAGAWA",
    "飛脚宅配便": "SAGAWA",
    "sagawa express": "SAGAWA",
    "日本郵便": "JAPAN_POST",
    "郵便局": "JAPAN_POST",
    "ゆうパック": "JAPAN_POST",
    "ゆうパケット": "JAPAN_POST",
    "レターパック": "JAPAN_POST",
    "yu pack": "JAPAN_POST",
    "西濃運輸": "SEINO",
    "西濃": "SEINO",
    "カンガルー便": "SEINO",
    "seino transportation": "SEINO",
    "federal express": "FEDEX",
    "united parcel service": "UPS",
    "deutsche post": "DHL_DE",
    "dhl paket": "DHL_DE",
    "hermes": "HERMES_DE",
    "correos": "SPAIN_CORREOS_ES",
    "seur": "SPANISH_SEUR",
    "chronopost": "CHRONOPOST_FRANCE",
    "brt": "BRT_IT",
    "bartolini": "BRT_IT",
}


@lru_cache(maxsize=1)
def carriers() -> Mapping[str, str]:
    """Every code Amazon publishes, with the carrier's name."""
    lines = _TABLE.read_text("utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if line and not line.startswith("#"))


def carrier_code(text: str) -> str | None:
    """Amazon's code of a carrier given by code or name; None where it is neither.

    A text that looks like a code is taken for one even where the list lacks it: Amazon adds carriers, and refuses the
    codes it does not know.
    """
    given = unicodedata.normalize("NFKC", text).strip()
    known = _by_name().get(_folded(given))
    if known is not None:
        return known
    return given if _CODE.fullmatch(given) else None


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, str]:
    """The same name may belong to two codes; the first is meant, and both can be given as codes."""
    found: dict[str, str] = {}
    for code, name in carriers().items():
        found.setdefault(_folded(name), code)
    found |= {_folded(code): code for code in carriers()}
    found |= {_folded(name): code for name, code in _ALSO.items() if code in carriers()}
    return found


def _folded(text: str) -> str:
    return _SPACES.sub(" ", text).strip().casefold()
