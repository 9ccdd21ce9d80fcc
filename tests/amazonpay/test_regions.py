from __future__ import annotations

import pytest

from saleor_amazonpay.amazonpay import Environment, Region, environment_of, path_prefix
from saleor_amazonpay.domain.money import Currency, Money


class TestRegion:
    @pytest.mark.parametrize(
        ("region", "host", "script", "ledgers", "language"),
        [
            (Region.NA, "pay-api.amazon.com", "static-na", ("USD",), "en_US"),
            (Region.EU, "pay-api.amazon.eu", "static-eu", ("EUR", "GBP"), "en_GB"),
            (Region.JP, "pay-api.amazon.jp", "static-fe", ("JPY",), "ja_JP"),
        ],
    )
    def test_has_its_own_places(self, region, host, script, ledgers, language):
        assert region.host == host
        assert region.script_url == f"https://{script}.payments-amazon.com/checkout.js"
        assert region.ledger_currencies == ledgers
        assert region.languages[0] == language
        assert region.seller_central_url.startswith("https://sellercentral")

    def test_only_europe_takes_other_currencies_than_its_ledgers(self):
        assert Region.NA.presentment_currencies == ("USD",)
        assert Region.JP.presentment_currencies == ("JPY",)
        assert set(Region.EU.presentment_currencies) == set(Currency)

    @pytest.mark.parametrize(
        ("currency", "amount"),
        [("USD", "150000.00"), ("GBP", "150000.00"), ("EUR", "150000.00"), ("JPY", "10000000")],
    )
    def test_largest_amount(self, currency, amount):
        assert Region.EU.largest_amount(Currency(currency)) == Money.parse(amount, currency)

    def test_largest_amount_is_unknown_where_amazon_publishes_none(self):
        assert Region.EU.largest_amount(Currency.SEK) is None

    @pytest.mark.parametrize(
        ("captured", "limit", "currency"),
        [
            ("10000", "11500", "JPY"),
            ("60000", "68400", "JPY"),
            ("56000", "64400", "JPY"),
            ("1", "1", "JPY"),
            ("100.00", "115.00", "USD"),
            ("500.00", "575.00", "EUR"),
            ("1000.00", "1075.00", "GBP"),
            ("0.99", "1.13", "USD"),
            ("100.00", "100.00", "SEK"),
        ],
    )
    def test_over_refund_limit_is_the_smaller_of_15_percent_and_the_cap(self, captured, limit, currency):
        assert Region.JP.over_refund_limit(Money.parse(captured, currency)) == Money.parse(limit, currency)

    def test_agreement_page_of_the_buyer(self):
        assert Region.JP.buyer_agreement_url("B03-1") == "https://pay.amazon.com/jp/jr/your-account/ba/B03-1"
        assert Region.EU.buyer_agreement_url("B02-1") is None


class TestEnvironment:
    @pytest.mark.parametrize(
        ("key_id", "environment"),
        [
            ("SANDBOX-AEXAMPLE", Environment.SANDBOX),
            ("sandboxAEXAMPLE", Environment.SANDBOX),
            ("LIVE-AEXAMPLE", Environment.LIVE),
            ("live-x", Environment.LIVE),
            ("AEXAMPLELIVE", None),
            ("", None),
        ],
    )
    def test_is_read_from_the_beginning_of_the_key_id(self, key_id, environment):
        assert environment_of(key_id) is environment

    @pytest.mark.parametrize(
        ("key_id", "prefix"), [("SANDBOX-A", "/v2"), ("LIVE-A", "/v2"), ("AEXAMPLE", "/sandbox/v2")]
    )
    def test_older_keys_have_it_in_the_path(self, key_id, prefix):
        assert path_prefix(key_id, Environment.SANDBOX) == prefix
        assert path_prefix("AEXAMPLE", Environment.LIVE) == "/live/v2"
