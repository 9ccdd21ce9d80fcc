from __future__ import annotations

import pytest

from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage.accounts import Account, AccountOptions
from tests.journeys import answers
from tests.journeys import shop as harness
from tests.journeys.helpers import PATIENCE
from tests.journeys.shop import open_shop


@pytest.fixture
async def shop(sqlite_url):
    """A shop on SQLite."""
    async with open_shop(sqlite_url, answer_budget_seconds=PATIENCE) as shop:
        yield shop
    assert list(answers.faults(shop.saleor.deliveries)) == []


@pytest.fixture
async def any_shop(database_url):
    """A shop on SQLite, then on PostgreSQL."""
    async with open_shop(database_url, answer_budget_seconds=PATIENCE) as shop:
        yield shop
    assert list(answers.faults(shop.saleor.deliveries)) == []


@pytest.fixture
async def live_shop(shop, monkeypatch):
    """A live account for the Japanese channel: its authorizations last 30 days, so that a capture can be late."""
    monkeypatch.setattr(harness, "REVIEW_URL", "https://shop.example/review")
    monkeypatch.setattr(harness, "RESULT_URL", "https://shop.example/result")
    services, now = shop.running.services, shop.clock.now()
    key_id, store_id = "LIVE-JPKEY00000000000000001", f"amzn1.application-oa2-client.{'1' * 32}"
    shop.amazon.register_merchant("ALIVEMERCHANT1", store_id, key_id, harness.PUBLIC_KEY, "jp", "live")
    account = Account(
        id="account-live",
        api_url=shop.saleor.api_url,
        name="live",
        merchant_id="ALIVEMERCHANT1",
        store_id=store_id,
        region="jp",
        environment="live",
        public_key_id=key_id,
        private_key=harness.PRIVATE_KEY,
        options=AccountOptions(allowed_origins=("https://shop.example",)),
        state="active",
        created_at=now,
        updated_at=now,
    )

    def store(session):
        account_rows.save(session, account, services.secrets)
        account_rows.assign(session, account.api_url, "default-jp", account.id, now)

    await services.database.run(store)
    services.directory.forget(shop.saleor.api_url)
    return shop
