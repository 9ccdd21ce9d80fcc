from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.domain.money import Currency, Money, MoneyError, total


class TestParse:
    @pytest.mark.parametrize(
        ("amount", "currency", "minor"),
        [
            ("1200", "JPY", 1200),
            ("12.00", "USD", 1200),
            ("12", "EUR", 1200),
            (Decimal("0.1"), "GBP", 10),
            ("1E+3", "JPY", 1000),
        ],
    )
    def test_takes_exact_amounts(self, amount, currency, minor):
        assert Money.parse(amount, currency) == Money(minor, Currency(currency))

    def test_takes_what_saleor_prints_for_yen(self):
        assert Money.parse(Decimal("3500.0"), "JPY") == Money(3500, Currency.JPY)

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            ("1.5", "JPY"),
            ("10.005", "EUR"),
            ("abc", "USD"),
            ("NaN", "USD"),
            ("Infinity", "USD"),
            ("", "USD"),
            (None, "USD"),
            (1.5, "USD"),
        ],
    )
    def test_never_rounds_and_never_guesses(self, amount, currency):
        with pytest.raises(MoneyError):
            Money.parse(amount, currency)

    def test_refuses_a_currency_amazon_pay_does_not_take(self):
        with pytest.raises(MoneyError, match="KWD"):
            Money.parse("1.000", "KWD")

    @pytest.mark.parametrize("amount", ["1e400", "1e16", "-1e99"])
    def test_refuses_absurd_sizes_without_computing_them(self, amount):
        with pytest.raises(MoneyError, match="too large"):
            Money.parse(amount, "JPY")

    @given(st.integers(-(10**15), 10**15), st.sampled_from(list(Currency)))
    def test_prints_and_parses_back_exactly(self, minor, currency):
        money = Money(minor, currency)
        assert Money.parse(money.amount, currency) == money
        assert money.decimal == Decimal(money.amount)


class TestArithmetic:
    def test_adds_only_like_to_like(self):
        with pytest.raises(MoneyError):
            Money(1, Currency.JPY) + Money(1, Currency.USD)

    def test_compares_only_like_to_like(self):
        with pytest.raises(MoneyError):
            assert Money(1, Currency.JPY) < Money(1, Currency.USD)

    def test_a_total_of_nothing_is_zero_of_the_currency(self):
        assert total([], Currency.EUR) == Money(0, Currency.EUR)

    def test_negative_amounts_print_with_their_sign(self):
        assert Money(-5, Currency.USD).amount == "-0.05"
