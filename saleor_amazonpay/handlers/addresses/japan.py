"""Prefecture and city of a Japanese address, from whichever lines the buyer put them in.

Amazon.co.jp has no city field, its prefecture is typed by hand, and the lines are filled as each buyer likes
(amazon-pay-cv2.md §11.3). Order of trust: what is written out in the address, then the postal code, then the prefecture
field, which is often wrong. What is written out against the postal code makes the postal code doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from saleor_amazonpay.handlers.addresses.japan_postal_codes import Place, places_at, places_in
from saleor_amazonpay.handlers.addresses.text import folded

_PREFECTURES: Final = (
    "北海道 ほっかいどう Hokkaido,青森県 あおもりけん Aomori,岩手県 いわてけん Iwate,宮城県 みやぎけん Miyagi,"
    "秋田県 あきたけん Akita,山形県 やまがたけん Yamagata,福島県 ふくしまけん Fukushima,茨城県 いばらきけん Ibaraki,"
    "栃木県 とちぎけん Tochigi,群馬県 ぐんまけん Gunma,埼玉県 さいたまけん Saitama,千葉県 ちばけん Chiba,"
    "東京都 とうきょうと Tokyo,神奈川県 かながわけん Kanagawa,新潟県 にいがたけん Niigata,富山県 とやまけん Toyama,"
    "石川県 いしかわけん Ishikawa,福井県 ふくいけん Fukui,山梨県 やまなしけん Yamanashi,長野県 ながのけん Nagano,"
    "岐阜県 ぎふけん Gifu,静岡県 しずおかけん Shizuoka,愛知県 あいちけん Aichi,三重県 みえけん Mie,"
    "滋賀県 しがけん Shiga,京都府 きょうとふ Kyoto,大阪府 おおさかふ Osaka,兵庫県 ひょうごけん Hyogo,"
    "奈良県 ならけん Nara,和歌山県 わかやまけん Wakayama,鳥取県 とっとりけん Tottori,島根県 しまねけん Shimane,"
    "岡山県 おかやまけん Okayama,広島県 ひろしまけん Hiroshima,山口県 やまぐちけん Yamaguchi,"
    "徳島県 とくしまけん Tokushima,"
    "香川県 かがわけん Kagawa,愛媛県 えひめけん Ehime,高知県 こうちけん Kochi,福岡県 ふくおかけん Fukuoka,"
    "佐賀県 さがけん Saga,長崎県 ながさきけん Nagasaki,熊本県 くまもとけん Kumamoto,大分県 おおいたけん Oita,"
    "宮崎県 みやざきけん Miyazaki,鹿児島県 かごしまけん Kagoshima,沖縄県 おきなわけん Okinawa"
)
_NAMES_IN_FULL: Final = tuple(entry.split()[0] for entry in _PREFECTURES.split(","))
_PREFECTURES_BY_INITIAL: Final = {
    initial: [name for name in _NAMES_IN_FULL if name[0] == initial] for initial in {name[0] for name in _NAMES_IN_FULL}
}
_ROMAN_ENDINGS: Final = {"都": "to", "道": "do", "府": "fu", "県": "ken"}
_KANA_ENDINGS: Final = {"都": "と", "府": "ふ", "県": "けん"}
_LONG_VOWELS = re.compile("o[uoh](?![aeiou])|oo")
_KATAKANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}

_COUNTY = re.compile(".+?郡(?=.)")
_CITY_OF_WARD = re.compile("(.+?市)(.{1,4}区)")
_OTHER_WARD = re.compile("[^0-9\\s]{1,4}区")
_GOES_ON = re.compile("役所|役場|立|庁|民")
"""After the name of a city these make the name of a building: 目黒区役所."""
_SMALL_KE: Final = str.maketrans("ヶ", "ケ")
_Names = Callable[[Place], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Located:
    """``lines`` without what became ``prefecture`` and ``city``; both ``""`` where they cannot be known."""

    prefecture: str
    city: str
    lines: tuple[str, ...]
    is_postal_code_doubtful: bool = False


def locate(state: str, city: str, postal_code: str, lines: Sequence[str]) -> Located:
    """All as ``text.clean`` leaves them; the postal code as seven digits."""
    stated, state_rest = _stated_prefecture(state)
    in_city, city = _written_prefecture(city or state_rest)
    in_line, (first, *others) = _prefecture_of_lines(lines)
    written = in_line or in_city
    at_code = places_at(postal_code)
    believable = [place for place in at_code if written in {"", place.prefecture}]
    prefectures = _unique(written or stated, *(place.prefecture for place in believable))
    found, city_rest, first = _municipality(city, first, believable, prefectures)
    place = found or _only(believable)
    prefecture = (place.prefecture if place else "") or written or _only_prefecture(believable) or stated
    kept = tuple(line for line in (f"{city_rest}{first}", *others) if line)
    is_doubtful = bool(at_code) and not any(_agrees(at, prefecture, found) for at in at_code)
    name = found.city if found else city or (place.city if place else "")
    return Located(prefecture, name, kept, is_doubtful)


def prefecture_named(text: str) -> str | None:
    """東京都 for 東京, トウキョウト, Tokyo-to, Tōkyō; None for what names no prefecture."""
    return _spellings().get(_sounds(text))


def _agrees(at_code: Place, prefecture: str, found: Place | None) -> bool:
    return at_code == found if found else at_code.prefecture == prefecture


def _municipality(
    city: str, line: str, at_code: Sequence[Place], prefectures: Iterable[str]
) -> tuple[Place | None, str, str]:
    """The municipality that city field or line begins with, and what is left of both."""
    initial = (city or line)[:1]
    everywhere = [place for prefecture in prefectures for place in _by_initial(prefecture).get(initial, ())]
    for candidates, names in ((at_code, _full_name), (everywhere, _full_name), (at_code, _short_names)):
        found = _longest_match(city or line, candidates, names)
        if found and city:
            again = _longest_match(line, [found[0]], _short_names)
            return *found, again[1] if again else line
        if found:
            return found[0], "", found[1]
    repeated = _after(line, city) if city else None
    return None, "", line if repeated is None else repeated


@lru_cache(maxsize=64)
def _by_initial(prefecture: str) -> dict[str, list[Place]]:
    """Municipalities by their first character: sixty names need not be tried."""
    found: dict[str, list[Place]] = {}
    for place in places_in(prefecture):
        found.setdefault(place.city[0], []).append(place)
    return found


def _longest_match(text: str, places: Iterable[Place], names: _Names) -> tuple[Place, str] | None:
    rests = [(len(name), place, _after(text, name)) for place in places for name in names(place)]
    matches = [(length, place, rest) for length, place, rest in rests if rest is not None]
    if not matches:
        return None
    _, place, rest = max(matches, key=lambda match: match[0])
    return place, rest


def _full_name(place: Place) -> Iterator[str]:
    yield place.city


def _short_names(place: Place) -> Iterator[str]:
    """Also 東通村 for 下北郡東通村, 北区 or 大阪市 for 大阪市北区: the postal code says which one is meant."""
    yield place.city
    if county := _COUNTY.match(place.city):
        yield place.city[county.end() :]
    if ward := _CITY_OF_WARD.fullmatch(place.city):
        yield from ward.groups()


def _after(text: str, name: str) -> str | None:
    """What follows the name in the text, which may have spaces inside it; None where the text begins otherwise."""
    if text[:1] != name[0]:
        return None
    spaced = r"\s*".join(re.escape(char) for char in name.translate(_SMALL_KE))
    found = re.match(spaced, text.translate(_SMALL_KE))
    if not found:
        return None
    rest = text[found.end() :].lstrip(" ,、")
    is_other_ward = name.endswith("市") and _OTHER_WARD.match(rest)
    return None if _GOES_ON.match(rest) or is_other_ward else rest


def _written_prefecture(text: str) -> tuple[str, str]:
    """A prefecture in full at the beginning of a line. Not 大阪 alone, with which 大阪市 begins too."""
    for prefecture in _PREFECTURES_BY_INITIAL.get(text[:1], ()):
        rest = _after(text, prefecture)
        if rest is not None:
            return prefecture, rest
    return "", text


def _prefecture_of_lines(lines: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The prefecture before the first line, and at least one line without it; it may have been a line of its own."""
    written, first = _written_prefecture(lines[0] if lines else "")
    return written, [line for line in (first, *lines[1:]) if line] or [""]


def _stated_prefecture(state: str) -> tuple[str, str]:
    """The prefecture of the state field; 東京都目黒区 leaves 目黒区."""
    named = prefecture_named(state)
    if named:
        return named, ""
    written, rest = _written_prefecture(state)
    return (written, rest) if written else ("", "")


def _only(places: Sequence[Place]) -> Place | None:
    return places[0] if len(places) == 1 else None


def _only_prefecture(places: Sequence[Place]) -> str:
    prefectures = {place.prefecture for place in places}
    return prefectures.pop() if len(prefectures) == 1 else ""


def _unique(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _sounds(text: str) -> str:
    """Kana and Latin spellings of one sound alike: トウキョウト, とうきょうと; Toukyou, Tokyo."""
    return _LONG_VOWELS.sub("o", folded(text).translate(_KATAKANA))


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    spelt = (pair for entry in _PREFECTURES.split(",") for pair in _spelt(*entry.split()))
    return {_sounds(spelling): name for spelling, name in spelt} | {"gumma": "群馬県", "gummaken": "群馬県"}


def _spelt(name: str, kana: str, roman: str) -> Iterator[tuple[str, str]]:
    ending = _ROMAN_ENDINGS[name[-1]]
    latin = (roman, f"{roman}{ending}", f"{roman} prefecture", f"{roman} pref", f"{roman} metropolis")
    short = () if name == "北海道" else (name[:-1], kana.removesuffix(_KANA_ENDINGS[name[-1]]))
    for spelling in (name, kana, *short, *latin):
        yield spelling, name
