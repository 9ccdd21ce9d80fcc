from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest

import saleor_amazonpay
from saleor_amazonpay import resources
from saleor_amazonpay.saleor.events import EVENTS
from saleor_amazonpay.saleor.manifest import build_manifest, parse_schema_version, subscription, webhook_path

FOLDERS = sorted(path.name for path in (resources.root() / "webhooks" / "saleor").iterdir() if path.is_dir())


@pytest.fixture
def manifest():
    return build_manifest(
        app_id="saleor.app.payment.amazonpay",
        version="1.2.3",
        api_base_url="https://api.example/",
        iframe_base_url="https://app.example",
        schema_version="3.23",
    )


def events_of(manifest) -> list[str]:
    return [
        event
        for webhook in manifest["webhooks"]
        for kind in ("syncEvents", "asyncEvents")
        for event in webhook.get(kind, ())
    ]


def faults(manifest) -> list[str]:
    """What Saleor would refuse (saleor-contract.md §1)."""
    found = [f"{name} is missing" for name in ("id", "name", "version") if not manifest.get(name)]
    limits = {"id": 256, "name": 60, "version": 60, "author": 60, "audience": 256}
    found += [f"{name} is too long" for name, limit in limits.items() if len(manifest.get(name, "")) > limit]
    urls = {name: manifest.get(name) for name in ("appUrl", "tokenTargetUrl")}
    urls |= {webhook["name"]: webhook["targetUrl"] for webhook in manifest["webhooks"]}
    found += [
        f"{name} is no URL" for name, url in urls.items() if not re.fullmatch(r"https?://[^\s@]{1,200}", url or "")
    ]
    found += ["MANAGE_APPS is out of scope"] * ("MANAGE_APPS" in manifest["permissions"])
    found += ["the id is reserved"] * (manifest["id"] == "saleor.io.gift-card-payment-gateway")
    found += ["the logo is no PNG"] * (not manifest["brand"]["logo"]["default"].endswith(".png"))
    for webhook in manifest["webhooks"]:
        found += [
            f"{webhook['name']}: {key} is missing" for key in ("name", "targetUrl", "query") if not webhook.get(key)
        ]
    events = events_of(manifest)
    found += ["an event has two webhooks, and Saleor would call only the first"] * (len(events) != len(set(events)))
    for extension in manifest["extensions"]:
        found += ["an extension wants more than the app"] * (
            not set(extension.get("permissions", [])) <= set(manifest["permissions"])
        )
    return found


class TestManifest:
    def test_saleor_would_accept_it(self, manifest):
        assert faults(manifest) == []

    def test_its_events_are_the_folders_and_the_decoders(self, manifest):
        events = [event.lower() for event in events_of(manifest)]
        assert sorted(events) == FOLDERS == sorted(EVENTS)

    def test_only_what_saleor_sends_without_waiting_is_asked_for_so(self, manifest):
        asynchronous = {event.lower() for webhook in manifest["webhooks"] for event in webhook.get("asyncEvents", ())}
        assert asynchronous == {name for name, event in EVENTS.items() if event.is_asynchronous}

    def test_its_urls_are_this_deployments(self, manifest):
        assert manifest["tokenTargetUrl"] == "https://api.example/api/register"
        assert manifest["appUrl"] == "https://app.example/dashboard"
        assert manifest["brand"]["logo"]["default"] == "https://api.example/static/logo.png"
        assert manifest["webhooks"][1]["targetUrl"] == (
            "https://api.example/api/webhooks/saleor/transaction-initialize-session"
        )

    @pytest.mark.parametrize(
        ("version", "mounts"),
        [
            (None, []),
            ("3.21", []),
            ("3.22", ["ORDER_DETAILS_WIDGETS", "CUSTOMER_DETAILS_WIDGETS"]),
            ("3.24", ["ORDER_DETAILS_WIDGETS", "CUSTOMER_DETAILS_WIDGETS"]),
        ],
    )
    def test_widgets_are_for_saleors_that_have_a_place_for_them(self, version, mounts):
        made = build_manifest(
            app_id="app",
            version="1",
            api_base_url="https://api.example",
            iframe_base_url="https://page.example/below/",
            schema_version=version,
        )
        assert [each["mount"] for each in made["extensions"]] == mounts
        for each in made["extensions"]:
            assert each["url"].startswith("https://page.example/below/dashboard/widgets/")
            assert each["target"] == "WIDGET"
            assert "since" not in each

    def test_the_dashboards_tokens_are_made_out_to_this_app(self, manifest):
        assert manifest["audience"] == manifest["id"]

    def test_nothing_of_ours_leaks_into_saleors_format(self, manifest):
        assert not {"events", "asyncEvents"} & manifest.keys()
        assert manifest["version"] == "1.2.3"
        assert manifest["requiredSaleorVersion"] == ">=3.21 <4"
        assert set(manifest["permissions"]) == {"HANDLE_PAYMENTS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS"}
        json.dumps(manifest)

    @pytest.mark.parametrize("version", ["3.21", "3.22", "3.23", "3.24", None])
    def test_every_version_gets_a_query_per_event(self, version):
        for event in EVENTS:
            assert "subscription" in subscription(event, version)

    def test_paths_are_kebab_case(self):
        assert webhook_path("TRANSACTION_CANCELATION_REQUESTED") == (
            "/api/webhooks/saleor/transaction-cancelation-requested"
        )


class TestVersions:
    @pytest.fixture
    def versioned(self, tmp_path, monkeypatch):
        folder = tmp_path / "webhooks" / "saleor" / "some_event"
        folder.mkdir(parents=True)
        for name in ("subscription", "subscription-3.9", "subscription-3.22", "subscription-3.24"):
            (folder / f"{name}.graphql").write_text(name)
        monkeypatch.setattr(resources, "root", lambda: tmp_path)
        resources.text.cache_clear()
        yield
        resources.text.cache_clear()

    @pytest.mark.parametrize(
        ("asked", "name"),
        [
            ("3.21", "subscription-3.9"),
            ("3.22", "subscription-3.22"),
            ("3.23.28", "subscription-3.22"),
            ("4.0", "subscription-3.24"),
            ("3.8", "subscription"),
            (None, "subscription"),
            ("new", "subscription"),
        ],
    )
    def test_the_newest_query_that_version_knows_is_taken(self, versioned, asked, name):
        assert subscription("some_event", asked) == name

    @pytest.mark.parametrize(("text", "version"), [("3.23", (3, 23)), ("3.23.28", (3, 23)), ("", None), (None, None)])
    def test_versions_are_numbers(self, text, version):
        assert parse_schema_version(text) == version


class TestLogo:
    def test_it_is_a_square_png_saleor_takes(self):
        logo = Path(saleor_amazonpay.__file__).parent / "dashboard" / "static" / "logo.png"
        content = logo.read_bytes()
        width, height = struct.unpack(">II", content[16:24])
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert width == height >= 256
        assert len(content) < 10 * 1024 * 1024


def test_orders_of_renewals_need_more_permissions_and_only_then_they_are_asked_for():
    urls = {"app_id": "a", "version": "1", "api_base_url": "https://a.example", "iframe_base_url": "https://a.example"}
    always = ["HANDLE_PAYMENTS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS"]
    assert build_manifest(**urls)["permissions"] == always
    asked = build_manifest(**urls, bills_schedules=True)["permissions"]
    assert asked == [*always, "HANDLE_CHECKOUTS", "IMPERSONATE_USER"]
