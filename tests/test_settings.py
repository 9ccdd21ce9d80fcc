from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from saleor_amazonpay.settings import (
    SECRET_KEY_MIN_LENGTH,
    Settings,
    SettingsError,
    load_settings,
    sandbox_settings,
    settings_table,
)

ROOT = Path(__file__).parents[1]
KEY = "k" * SECRET_KEY_MIN_LENGTH
GOOD = {"SECRET_KEY": KEY, "APP_API_BASE_URL": "https://pay.example.com"}

# DESIGN §2, word for word; the rest are the values that the references call unconfirmed, and retention (DESIGN §7).
DESIGNED = {
    "DATABASE_URL",
    "SECRET_KEY",
    "PREVIOUS_SECRET_KEYS",
    "APP_API_BASE_URL",
    "APP_IFRAME_BASE_URL",
    "MANIFEST_APP_ID",
    "ALLOWED_DOMAIN_PATTERN",
    "ALLOW_LOCAL_NETWORK",
    "AMAZON_PAY_API_URL",
    "AMAZON_PAY_SCRIPT_URL",
    "AMAZON_PAY_SNS_CERT_HOSTS",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "PORT",
    "WORKER",
}


def complaints(env: dict[str, str]) -> dict[str, str]:
    """Variable name to what is said of it."""
    with pytest.raises(SettingsError) as raised:
        load_settings(env)
    return dict(line.split(": ", 1) for line in raised.value.public_message.splitlines())


class TestLoadSettings:
    def test_has_the_defaults_of_the_design(self):
        settings = load_settings(GOOD)
        assert settings.database_url == "sqlite:///./data/saleor-amazonpay.db"
        assert settings.manifest_app_id == "saleor.app.payment.amazonpay"
        assert settings.allow_local_network is False
        assert (settings.port, settings.worker) == (8000, "embedded")
        assert (settings.log_level, settings.log_format) == ("INFO", "json")
        assert (settings.same_request_seconds, settings.report_delay_seconds) == (60, 60)

    def test_knows_every_variable_of_the_design(self):
        assert {name.upper() for name in Settings.model_fields} >= DESIGNED

    def test_reads_the_process_environment_when_none_is_given(self, monkeypatch):
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in {**GOOD, "PORT": "9001"}.items():
            monkeypatch.setenv(name, value)
        assert load_settings().port == 9001

    def test_a_given_environment_is_the_only_one(self, monkeypatch):
        monkeypatch.setenv("PORT", "9001")
        assert load_settings(GOOD).port == 8000

    def test_takes_an_empty_variable_for_an_absent_one(self):
        assert load_settings({**GOOD, "PORT": "", "AMAZON_PAY_API_URL": ""}).amazon_pay_api_url is None

    def test_splits_lists_at_commas(self):
        settings = load_settings({**GOOD, "PREVIOUS_SECRET_KEYS": f"{'a' * 40}, {'b' * 40},"})
        assert [key.get_secret_value() for key in settings.secret_keys] == [KEY, "a" * 40, "b" * 40]

    def test_ignores_case_in_words(self):
        settings = load_settings({**GOOD, "LOG_LEVEL": "debug", "LOG_FORMAT": "JSON", "WORKER": "Off"})
        assert (settings.log_level, settings.log_format, settings.worker) == ("DEBUG", "json", "off")

    def test_drops_the_trailing_slash_of_an_address(self):
        settings = load_settings({**GOOD, "APP_API_BASE_URL": "https://pay.example.com/app/"})
        assert settings.app_api_base_url == "https://pay.example.com/app"

    def test_the_iframe_is_where_the_api_is_unless_told(self):
        assert load_settings(GOOD).app_iframe_base_url == "https://pay.example.com"
        elsewhere = load_settings({**GOOD, "APP_IFRAME_BASE_URL": "https://ui.example.com"})
        assert elsewhere.app_iframe_base_url == "https://ui.example.com"

    def test_cannot_be_changed_afterwards(self):
        with pytest.raises(ValidationError, match="frozen"):
            load_settings(GOOD).port = 1


class TestComplaints:
    def test_names_each_missing_variable_and_what_it_should_be(self):
        said = complaints({})
        assert set(said) == {"SECRET_KEY", "APP_API_BASE_URL"}
        assert said["SECRET_KEY"].startswith("is missing; it should be a random text of at least 32 characters")

    def test_names_all_wrong_variables_at_once(self):
        wrong = {
            "SECRET_KEY": "short",
            "PREVIOUS_SECRET_KEYS": f"{KEY},short",
            "PORT": "http",
            "HOST": "somewhere else",
            "TRACING": "perhaps",
            "DATABASE_URL": "mysql://localhost/x",
            "APP_API_BASE_URL": "pay.example.com",
            "APP_IFRAME_BASE_URL": "ftp://pay.example.com",
            "MANIFEST_APP_ID": "with space",
            "ALLOWED_DOMAIN_PATTERN": "(",
            "AMAZON_PAY_API_URL": "https://pay-api.amazon.com/v2",
            "AMAZON_PAY_SCRIPT_URL": "https://cdn.example/checkout.js",
            "AMAZON_PAY_SNS_CERT_HOSTS": "localhost",
            "ALLOW_LOCAL_NETWORK": "perhaps",
            "DASHBOARD_ORIGINS": "https://dashboard.example/path",
            "LOG_LEVEL": "LOUD",
            "LOG_FORMAT": "xml",
            "WORKER": "maybe",
            "BILLING_SCHEDULES": "perhaps",
            "WEBHOOK_MAX_BYTES": "1",
            "SAME_REQUEST_SECONDS": "-1",
            "REPORT_DELAY_SECONDS": "soon",
            "BUYER_DATA_RETENTION_DAYS": "99999",
            "AUTHORIZATION_WARNING_HOURS": "0",
            "RATE_LIMIT_FACTOR": "0",
            "CV1_ORDER_REFERENCE_STATES": "both",
            "TIMELINE_RETENTION_DAYS": "1",
            "INBOX_RETENTION_DAYS": "0",
            "CLAIM_SECONDS": "never",
            "JOB_LEASE_SECONDS": "0",
            "POLL_SECONDS": "never",
            "ANSWER_BUDGET_SECONDS": "never",
        }
        said = complaints(wrong)
        assert set(said) == set(wrong) == {name.upper() for name in Settings.model_fields}
        assert all("; it should be " in sentence for sentence in said.values())

    @pytest.mark.parametrize("address", ["http://pay.example.com", "https://", "https://u:p@h", "https://h/?q", "//h"])
    def test_refuses_an_address_that_is_not_plain_https(self, address):
        assert "APP_API_BASE_URL" in complaints({**GOOD, "APP_API_BASE_URL": address})

    @pytest.mark.parametrize("database", ["sqlite://", "sqlite:///", "postgresql:/x", "data.db", "postgresql://"])
    def test_refuses_an_address_that_names_no_database(self, database):
        assert "DATABASE_URL" in complaints({**GOOD, "DATABASE_URL": database})

    @examples(deadline=None)
    @given(st.text(st.characters(categories=["L", "N"]), min_size=12, max_size=SECRET_KEY_MIN_LENGTH - 1))
    def test_never_repeats_a_secret(self, secret):
        said = complaints({**GOOD, "SECRET_KEY": secret, "PREVIOUS_SECRET_KEYS": secret})
        assert secret not in str(said)


class TestLocalNetwork:
    LOCAL = {"SECRET_KEY": KEY, "ALLOW_LOCAL_NETWORK": "true"}  # noqa: RUF012

    def test_has_an_address_of_its_own(self):
        assert load_settings({**self.LOCAL, "PORT": "8123"}).app_api_base_url == "http://localhost:8123"

    def test_allows_plain_http_and_other_hosts(self):
        settings = load_settings(
            {
                **self.LOCAL,
                "AMAZON_PAY_API_URL": "http://127.0.0.1:9000/",
                "AMAZON_PAY_SCRIPT_URL": "http://127.0.0.1:9000/checkout.js",
                "AMAZON_PAY_SNS_CERT_HOSTS": "127.0.0.1, localhost",
            }
        )
        assert settings.amazon_pay_api_url == "http://127.0.0.1:9000"
        assert settings.amazon_pay_script_url == "http://127.0.0.1:9000/checkout.js"
        assert settings.amazon_pay_sns_cert_hosts == ("127.0.0.1", "localhost")


class TestSandboxSettings:
    def test_makes_up_a_key_each_time(self):
        first, second = (sandbox_settings({}).secret_key.get_secret_value() for _ in range(2))
        assert len(first) >= SECRET_KEY_MIN_LENGTH
        assert first != second

    def test_keeps_the_operators_key(self):
        assert sandbox_settings({"SECRET_KEY": KEY}).secret_key.get_secret_value() == KEY

    def test_what_is_fixed_wins_and_the_network_is_local(self):
        settings = sandbox_settings({"ALLOW_LOCAL_NETWORK": "false", "PORT": "1"}, port=2)
        assert (settings.allow_local_network, settings.port) == (True, 2)

    def test_complains_as_the_app_does(self):
        with pytest.raises(SettingsError, match=r"^LOG_LEVEL: is not usable; it should be DEBUG"):
            sandbox_settings({"LOG_LEVEL": "loud"})


class TestAllowsSaleor:
    def test_every_saleor_without_a_pattern(self):
        assert load_settings(GOOD).allows_saleor("https://shop.example/graphql/")

    def test_only_a_whole_match_counts(self):
        settings = load_settings({**GOOD, "ALLOWED_DOMAIN_PATTERN": r"https://shop\.example/graphql/"})
        assert settings.allows_saleor("https://shop.example/graphql/")
        assert not settings.allows_saleor("https://evil.example/?https://shop.example/graphql/")
        assert not settings.allows_saleor("https://shop.example/graphql/x")


class TestSecrecy:
    def test_a_printed_settings_object_shows_no_secret(self):
        database = "postgresql://app:hunter2hunter2@db/app"
        settings = load_settings({**GOOD, "DATABASE_URL": database, "PREVIOUS_SECRET_KEYS": "p" * 40})
        assert not any(secret in repr(settings) + str(settings) for secret in (KEY, "p" * 40, "hunter2"))


def test_the_operators_page_shows_the_settings_as_they_are():
    assert settings_table() in (ROOT / "docs/operator.md").read_text(encoding="utf-8")


class TestDashboardOrigins:
    def test_are_written_as_a_browser_writes_them(self):
        given = load_settings(GOOD | {"DASHBOARD_ORIGINS": "https://Dashboard.example/, https://other.example:8443"})
        assert given.dashboard_origins == ("https://dashboard.example", "https://other.example:8443")

    @pytest.mark.parametrize(
        "origins",
        ["https://a.example/path", "http://a.example", "*", "https://*", "https://a.example;script-src *", "a"],
    )
    def test_are_nothing_that_would_open_the_page_to_others(self, origins):
        with pytest.raises(SettingsError, match="DASHBOARD_ORIGINS"):
            load_settings(GOOD | {"DASHBOARD_ORIGINS": origins})


def reads_environment(source: str) -> bool:
    """Whether Python code touches ``os.environ`` or ``os.getenv``, imported in either way."""
    names = {"environ", "environb", "getenv", "getenvb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
        for node in ast.walk(ast.parse(source))
    )


class TestOnlyReader:
    @pytest.mark.parametrize(
        "source", ["import os\nos.environ['A']", "from os import getenv", "__import__('os').getenv"]
    )
    def test_the_check_finds_a_reader(self, source):
        assert reads_environment(source)

    def test_nothing_else_reads_the_environment(self):
        modules = (ROOT / "saleor_amazonpay").rglob("*.py")
        readers = {str(path.relative_to(ROOT)) for path in modules if reads_environment(path.read_text("utf-8"))}
        assert readers <= {os.path.join("saleor_amazonpay", "settings.py")}  # noqa: PTH118
