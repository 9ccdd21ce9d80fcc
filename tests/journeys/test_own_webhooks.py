"""An upgraded app makes Saleor send what its new version asks for, without anybody's help."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from sqlalchemy import update

from saleor_amazonpay import __version__
from saleor_amazonpay.handlers import own_webhooks
from saleor_amazonpay.handlers.own_webhooks import Repair
from saleor_amazonpay.handlers.sweeps import own_webhooks as sweep
from saleor_amazonpay.saleor.events import EVENTS
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import installations
from tests.journeys.helpers import CHARGE, captured
from tests.journeys.pages import ask, graphql


def installed(shop):
    [app] = [app for app in shop.saleor.store.apps if app.id == shop.app.id]
    return app


async def installation(shop):
    services = shop.running.services
    return await services.database.read(
        lambda session: installation_rows.get(session, shop.saleor.api_url, services.secrets)
    )


async def compared(shop):
    return await own_webhooks.compare(shop.running.services, await installation(shop))


async def of_another_version(shop):
    """As if an older version had looked last."""
    old = Statement(update(installations).values(manifest_mark="old", app_version="0.0.1"))
    await shop.running.services.database.run(lambda session: session.execute(old))
    shop.clock.move(minutes=11)


class TestComparing:
    async def test_after_an_installation_nothing_differs(self, shop):
        assert (await compared(shop)).is_clean

    async def test_what_an_older_version_asked_for_is_told_field_by_field(self, shop):
        webhooks = {webhook.name: webhook for webhook in installed(shop).webhooks}
        webhooks[CHARGE].subscription_query = "subscription { event { __typename } }"
        webhooks["TRANSACTION_REFUND_REQUESTED"].target_url = f"{shop.app_url}/api/webhooks/saleor/elsewhere"
        webhooks["TRANSACTION_CANCELATION_REQUESTED"].is_active = False
        found = {one.name: one for one in (await compared(shop)).differences}
        assert {name: one.differs for name, one in found.items()} == {
            CHARGE: ("query",),
            "TRANSACTION_REFUND_REQUESTED": ("targetUrl",),
            "TRANSACTION_CANCELATION_REQUESTED": ("isActive",),
        }
        assert {one.repair for one in found.values()} == {Repair.UPDATE}

    async def test_another_layout_of_the_same_query_is_no_difference(self, shop):
        for webhook in installed(shop).webhooks:
            webhook.subscription_query = " ".join(webhook.subscription_query.split())
        assert (await compared(shop)).is_clean

    async def test_a_missing_a_second_and_an_old_one(self, shop):
        app = installed(shop)
        charge = app.webhook_for(CHARGE)
        app.webhooks.remove(app.webhook_for("TRANSACTION_REFUND_REQUESTED"))
        second = await _added(shop, "second", charge.target_url, [CHARGE])
        old = await _added(shop, "old", f"{shop.app_url}/api/webhooks/saleor/order-created", [], ["ORDER_CREATED"])
        found = (await compared(shop)).differences
        assert {(one.repair, one.name, one.webhook_id) for one in found} == {
            (Repair.CREATE, "TRANSACTION_REFUND_REQUESTED", None),
            (Repair.DELETE, "second", second),
            (Repair.DELETE, "old", old),
        }

    async def test_a_webhook_the_merchant_added_for_another_program_is_left_alone(self, shop):
        await _added(shop, "mirror", "https://elsewhere.example/orders", [], ["ORDER_CREATED"])
        assert (await compared(shop)).is_clean


async def _added(shop, name, target_url, sync, asynchronous=()):
    """A webhook made through Saleor's API with the app's token; its id."""
    [query] = {webhook.subscription_query for webhook in installed(shop).webhooks if webhook.name == CHARGE}
    one = await installation(shop)
    given = {
        "name": name,
        "targetUrl": target_url,
        "query": query,
        "syncEvents": list(sync),
        "asyncEvents": list(asynchronous),
    }
    data = await shop.running.services.saleor.execute(
        "mutations/webhook_create", {"input": given}, api_url=one.api_url, token=one.token
    )
    assert data["webhookCreate"]["errors"] == []
    return data["webhookCreate"]["webhook"]["id"]


class TestRepairing:
    async def test_after_an_upgrade_saleor_sends_what_the_new_version_asks_for(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        app = installed(shop)
        app.webhooks.remove(app.webhook_for(CHARGE))
        for webhook in app.webhooks:
            webhook.subscription_query = "subscription { event { __typename } }"
        await of_another_version(shop)

        await sweep.run(shop.running.services)

        assert (await compared(shop)).is_clean
        assert (await installation(shop)).app_version == __version__
        await shop.saleor.staff.request_charge(transaction, None)
        assert captured(shop) > 0

    async def test_once_right_saleor_is_not_asked_again_for_a_day(self, shop, monkeypatch):
        asked = []
        services = shop.running.services
        identity = services.saleor.app_identity

        async def counted(*args):
            asked.append(args)
            return await identity(*args)

        monkeypatch.setattr(services.saleor, "app_identity", counted)
        await of_another_version(shop)
        for _ in range(3):
            await sweep.run(services)
            shop.clock.move(hours=1)
        assert len(asked) == 1
        shop.clock.move(days=1)
        await sweep.run(services)
        assert len(asked) == 2

    async def test_a_saleor_that_is_away_is_asked_again_later(self, shop):
        webhook = installed(shop).webhook_for(CHARGE)
        webhook.is_active = False
        await of_another_version(shop)
        with shop.saleor.faults.during("unavailable"):
            await sweep.run(shop.running.services)
        assert not webhook.is_active
        await sweep.run(shop.running.services)
        assert not webhook.is_active  # not at once
        shop.clock.move(minutes=11)
        await sweep.run(shop.running.services)
        assert webhook.is_active

    async def test_repairing_twice_changes_nothing_more(self, shop):
        installed(shop).webhook_for(CHARGE).is_active = False
        services, one = shop.running.services, await installation(shop)
        assert not (await own_webhooks.repair(services, one)).is_clean
        assert (await own_webhooks.repair(services, one)).is_clean
        assert len(installed(shop).webhooks) == len(EVENTS)

    async def test_a_permission_only_the_merchant_can_grant_is_a_problem_until_it_is_granted(self, shop):
        app = installed(shop)
        granted = app.granted
        app.granted = granted - {"MANAGE_ORDERS"}
        services, one = shop.running.services, await installation(shop)
        assert (await own_webhooks.repair(services, one)).missing_permissions == ("MANAGE_ORDERS",)
        await shop.work()
        assert "MANAGE_ORDERS" in app.problems[0].message
        app.granted = granted
        await own_webhooks.repair(services, one)
        await shop.work()
        assert app.problems == []


class TestExtensions:
    """Saleor has no mutation for the extensions of an installed app: the merchant is told to install it again."""

    async def test_what_a_shop_installed_before_does_not_see_is_told_and_installing_again_costs_nothing(self, any_shop):
        shop, services = any_shop, any_shop.running.services
        transaction = await shop.authorized()
        installed(shop).extensions.clear()
        await of_another_version(shop)
        await sweep.run(services)
        await shop.work()

        [problem] = installed(shop).problems
        assert problem.key == "extensions"
        manifest = f"{shop.app_url}/api/manifest"
        for said in ("the widget beside an order; the widget beside a customer", manifest, "keys", "stay as they are"):
            assert said in problem.message
        for page in ("", "/health", "/problems"):
            english, japanese = await ask(shop, "GET", page), await ask(shop, "GET", page, language="ja")
            assert "the widget beside a customer" in english.text, page
            assert f"{manifest} からもう一度インストールしてください。アカウント、鍵" in japanese.text, page

        shop.saleor.delete_app(installed(shop))
        shop.app = await shop.saleor.install_app(manifest)
        await sweep.run(services)
        await own_webhooks.repair(services, await installation(shop))
        await shop.work()
        assert installed(shop).problems == []
        assert "the widget beside" not in (await ask(shop, "GET", "")).text
        accounts = (await graphql(shop, "{ accounts { name state channels } }"))["accounts"]
        assert [(each["state"], each["channels"]) for each in accounts] == [
            ("ACTIVE", ["default-jp"]),
            ("ACTIVE", ["us"]),
        ]
        assert (await graphql(shop, "{ payments { nodes { transactionId } } }"))["payments"]["nodes"] == [
            {"transactionId": transaction}
        ]
        assert await shop.authorized()

    async def test_a_saleor_that_has_no_such_places_is_told_nothing(self, shop):
        shop.saleor.schema_version = "3.21"
        installed(shop).extensions.clear()
        assert (await compared(shop)).missing_extensions == ()

    async def test_an_app_that_moved_shows_its_old_address_there(self, shop):
        installed(shop).extensions[0]["url"] = "https://old.example/dashboard/widgets/order"
        assert (await compared(shop)).missing_extensions == ("ORDER_DETAILS_WIDGETS",)


class TestTheCommand:
    @pytest.fixture
    def command(self, shop, sqlite_url):
        settings = shop.running.services.settings
        environment = {
            "SECRET_KEY": settings.secret_key.get_secret_value(),
            "DATABASE_URL": sqlite_url,
            "APP_API_BASE_URL": settings.app_api_base_url,
            "ALLOW_LOCAL_NETWORK": "true",
            "PATH": "/usr/bin:/bin",
        }

        async def run(*arguments):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "saleor_amazonpay.cli", "webhooks", *arguments,
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            out, err = await asyncio.wait_for(process.communicate(), 60)
            assert err == b"", err.decode()
            return process.returncode, out.decode()

        return run

    async def test_tells_then_repairs(self, shop, command):
        installed(shop).webhook_for(CHARGE).is_active = False
        code, told = await command()
        assert (code, f"differs: update {CHARGE} (isActive)" in told) == (1, True), told
        assert not next(webhook for webhook in installed(shop).webhooks if webhook.name == CHARGE).is_active
        code, told = await command("--repair", "--json")
        [one] = json.loads(told)
        assert (code, one["repaired"], one["error"]) == (0, True, None)
        code, told = await command()
        assert (code, "as the manifest says" in told) == (0, True), told
