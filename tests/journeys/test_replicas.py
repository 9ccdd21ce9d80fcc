"""Two replicas on one PostgreSQL: what one learns the other uses, at once or within the time look-ups are kept."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from saleor_amazonpay.app import application
from saleor_amazonpay.errors import ChannelNotConfigured
from saleor_amazonpay.handlers import directory
from saleor_amazonpay.handlers.sweeps import sessions
from saleor_amazonpay.storage import accounts as account_rows
from tests.journeys.shop import GATEWAY, REVIEW_URL, open_shop


@pytest.fixture
async def shop(postgresql_url):
    async with open_shop(postgresql_url) as shop:
        yield shop


@asynccontextmanager
async def another(shop):
    """A second replica of the shop's app, without its HTTP side."""
    async with application(shop.running.services.settings, clock=shop.clock) as other:
        yield other


class TestCoherence:
    def test_look_ups_are_kept_for_seconds(self):
        assert directory.KEPT_SECONDS <= 5.0

    async def test_a_channel_taken_away_on_one_is_refused_by_the_other_within_the_bound(self, shop, monkeypatch):
        monkeypatch.setattr(directory, "KEPT_SECONDS", 0.0)
        api_url = shop.saleor.api_url
        async with another(shop) as other:
            assert (await other.services.directory.account_for_channel(api_url, "us")).id == "account-na"
            await shop.running.services.database.run(lambda session: account_rows.unassign(session, api_url, "us"))
            with pytest.raises(ChannelNotConfigured):
                await other.services.directory.account_for_channel(api_url, "us")

    async def test_rotated_keys_of_saleor_are_learnt_by_one_for_all(self, shop, monkeypatch):
        monkeypatch.setattr(directory, "KEPT_SECONDS", 0.0)
        transaction = await shop.authorized()
        api_url = shop.saleor.api_url
        async with another(shop) as other:
            old = (await other.services.directory.tenant(api_url)).keys
            shop.saleor.rotate_keys()
            await shop.saleor.staff.request_charge(transaction)
            assert shop.transaction(transaction).charged > 0
            assert (await other.services.directory.tenant(api_url)).keys.source != old.source

    async def test_keys_that_change_before_the_known_ones_signed_anything_lock_the_accounts(self, shop, monkeypatch):
        monkeypatch.setattr(directory, "KEPT_SECONDS", 0.0)
        await self.install_again(shop)
        shop.saleor.rotate_keys()
        answer = await self.ask_gateway(shop)
        assert "locked" in answer["errors"][0]["message"]

    async def test_keys_that_change_after_they_signed_are_a_rotation(self, shop, monkeypatch):
        monkeypatch.setattr(directory, "KEPT_SECONDS", 0.0)
        await self.install_again(shop)
        assert (await self.ask_gateway(shop))["errors"] == []
        shop.saleor.rotate_keys()
        assert (await self.ask_gateway(shop))["errors"] == []

    async def install_again(self, shop):
        for app in shop.saleor.store.apps:
            shop.saleor.delete_app(app)
        await shop.saleor.install_app(f"{shop.app_url}/api/manifest")

    async def ask_gateway(self, shop):
        checkout = shop.saleor.create_checkout()
        asked = {"flow": "review", "checkoutReviewReturnUrl": REVIEW_URL}
        [config] = await shop.saleor.storefront.payment_gateway_initialize(checkout.id, GATEWAY, asked)
        return config.data

    async def test_a_sweep_on_both_at_once_ends_a_session_once(self, shop):
        checkout = shop.saleor.create_checkout()
        begun = await shop.initialize(checkout.id, await shop.open_session(checkout.id))
        shop.clock.move(hours=25)
        async with another(shop) as other:
            await sessions.run(shop.running.services)
            await sessions.run(other.services)
            await other.jobs.run_due()
            await shop.work()
        assert shop.transaction(begun.transaction_id).event_types.count("CHARGE_FAILURE") == 1
        assert shop.amazon.count("complete_checkout_session") == 1
