"""Doctor: what is well says so, and everything that breaks is found with what to do about it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.diagnosis import Level, of_tenant, of_the_app, worst
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import installations as installation_rows
from tests.journeys.helpers import CHARGE


async def installation(shop):
    services = shop.running.services
    return await services.database.read(
        lambda session: installation_rows.get(session, shop.saleor.api_url, services.secrets)
    )


async def examined(shop, *, tries_keys=True):
    """Findings by check; of several the worst."""
    services = shop.running.services
    found = [*await of_the_app(services), *await of_tenant(services, await installation(shop), tries_keys=tries_keys)]
    return {one.check: one for one in sorted(found, key=lambda one: one.level)}


async def faults(shop):
    return {check: one for check, one in (await examined(shop)).items() if one.level is Level.FAULT}


class TestAllIsWell:
    async def test_nothing_is_at_fault(self, any_shop):
        found = await examined(any_shop)
        assert {check: str(one.said) for check, one in found.items() if one.level is Level.FAULT} == {}
        assert found["keys"].level is Level.WELL
        assert {"database", "migrations", "jobs", "saleor", "webhooks", "permissions", "jwks", "clock", "channels"} <= {
            check for check, one in found.items() if one.level is Level.WELL
        }

    async def test_the_check_list_has_its_sixteen_points_in_order(self, shop):
        services = shop.running.services
        found = await of_tenant(services, await installation(shop), tries_keys=False)
        points = [one.check for one in found if one.check.startswith("check-list")]
        assert points == [f"check-list-{number}" for number in range(1, 17)]

    async def test_looking_changes_nothing_and_asks_amazon_only_with_the_keys(self, shop):
        calls = len(shop.amazon.calls)
        await examined(shop, tries_keys=False)
        assert len(shop.amazon.calls) == calls
        await examined(shop, tries_keys=True)
        assert {call.operation for call in shop.amazon.calls[calls:]} == {"create_checkout_session"}


class TestWhatBreaks:
    async def test_saleor_is_away(self, shop):
        with shop.saleor.faults.during("unavailable"):
            found = await faults(shop)
        assert "saleor" in found
        assert found["saleor"].todo

    async def test_the_app_was_removed_in_saleor(self, shop):
        services = shop.running.services
        await services.database.run(
            lambda session: installation_rows.set_state(session, shop.saleor.api_url, "token_revoked", shop.clock.now())
        )
        assert "install it again" in str((await faults(shop))["saleor"].todo)

    async def test_webhooks_of_another_version(self, shop):
        [app] = shop.saleor.store.apps
        app.webhook_for(CHARGE).is_active = False
        found = await faults(shop)
        assert CHARGE in str(found["webhooks"].said)
        assert "webhooks --repair" in str(found["webhooks"].todo)

    async def test_a_permission_that_was_not_granted(self, shop):
        [app] = shop.saleor.store.apps
        app.granted -= {"MANAGE_ORDERS"}
        assert "MANAGE_ORDERS" in str((await faults(shop))["permissions"].said)

    async def test_a_clock_that_is_wrong(self, shop):
        wrong = MovableClock()
        wrong.move(minutes=10)
        object.__setattr__(shop.running.services, "clock", wrong)
        found = await faults(shop)
        assert int("".join(filter(str.isdigit, str(found["clock"].said)))) in range(595, 610)

    async def test_keys_amazon_does_not_accept(self, shop):
        _, other = generate_key_pair()
        shop.amazon.register_merchant(
            "AJPMERCHANT000",
            f"amzn1.application-oa2-client.{'0' * 30}6a",
            "SANDBOX-JPKEY00000000000000001",
            other,
            "jp",
            "sandbox",
        )
        found = await faults(shop)
        assert found["keys"].about == "jp (sandbox)"
        assert "private key" in str(found["keys"].said)

    async def test_no_origin_is_allowed(self, shop):
        await shop.update_options(allowed_origins=())
        assert "origins" in await faults(shop)

    async def test_a_problem_of_the_merchant(self, shop):
        await problems.raise_problem(
            shop.running.services, shop.saleor.api_url, "keys-x", Message("The keys fail."), critical=True
        )
        assert "The keys fail." in str((await faults(shop))["problems"].said)

    async def test_jobs_that_nobody_runs(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, None)
        await shop.saleor.staff.request_refund(transaction, None)
        shop.clock.move(hours=1)
        assert "worker" in str((await faults(shop))["jobs"].todo)

    async def test_a_check_that_cannot_be_made_is_a_finding_too(self, shop, monkeypatch):
        async def broken():
            raise RuntimeError("secret")

        monkeypatch.setattr(shop.running.services.jobs, "depth", broken)
        found = (await faults(shop))["jobs"]
        assert "RuntimeError" in str(found.said)
        assert "secret" not in str(found.said)


class TestTheCommand:
    @pytest.fixture
    def command(self, shop, sqlite_url):
        settings = shop.running.services.settings
        environment = {
            "SECRET_KEY": settings.secret_key.get_secret_value(),
            "DATABASE_URL": sqlite_url,
            "APP_API_BASE_URL": settings.app_api_base_url,
            "AMAZON_PAY_API_URL": shop.amazon_url,
            "ALLOW_LOCAL_NETWORK": "true",
            "PATH": "/usr/bin:/bin",
            "COLUMNS": "200",
        }

        async def run(*arguments):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "saleor_amazonpay.cli", "doctor", *arguments,
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            out, err = await asyncio.wait_for(process.communicate(), 60)
            assert err == b"", err.decode()
            return process.returncode, out.decode()

        return run

    async def test_exits_0_when_all_is_well_and_1_when_not(self, shop, command):
        code, told = await command("--json")
        diagnosis = json.loads(told)
        assert code == 0, told
        assert set(diagnosis) == {"the app", shop.saleor.api_url}
        assert {one["level"] for found in diagnosis.values() for one in found} <= {"well", "look", "warning"}
        [app] = shop.saleor.store.apps
        app.webhook_for(CHARGE).is_active = False
        code, told = await command("--no-keys")
        assert code == 1
        assert "webhooks --repair" in " ".join(told.split())


def test_the_worst_of_nothing_is_well():
    assert worst([]) is Level.WELL
