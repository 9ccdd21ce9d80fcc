from __future__ import annotations

from datetime import UTC, datetime

import pytest

from saleor_amazonpay.storage import accounts, installations, rotation
from saleor_amazonpay.storage.accounts import Account, AccountOptions
from saleor_amazonpay.storage.encryption import SecretBox, SecretUnreadable
from saleor_amazonpay.storage.installations import Installation

OLD, NEW = "o" * 40, "n" * 40
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def installation(number: int) -> Installation:
    return Installation(
        api_url=f"https://shop{number}.example/graphql/",
        app_id="QXBwOjE=",
        token=f"token-{number}",
        jwks="{}",
        saleor_version="3.23",
        app_version="0",
        state="active",
        installed_at=NOW,
        updated_at=NOW,
    )


def account(number: int) -> Account:
    return Account(
        id=f"account-{number}",
        api_url=installation(number).api_url,
        name="JP",
        merchant_id="A1",
        store_id="s",
        region="jp",
        environment="sandbox",
        public_key_id="SANDBOX-A",
        private_key=f"pem-{number}",
        options=AccountOptions(),
        state="active",
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.fixture
async def many(database):
    """More rows than one batch holds, sealed with the old key."""
    box = SecretBox(OLD)

    def fill(session):
        for number in range(60):
            installations.save(session, installation(number), box)
            accounts.save(session, account(number), box)

    await database.run(fill)
    return database


class TestRotate:
    async def test_every_secret_opens_with_the_new_key_alone_afterwards(self, many):
        assert await rotation.rotate(many, SecretBox(NEW, [OLD])) == 120
        alone = SecretBox(NEW)
        found = await many.read(lambda s: installations.get(s, installation(7).api_url, alone))
        assert found.token == "token-7"
        kept = await many.read(lambda s: accounts.by_id(s, account(59).api_url, "account-59", alone))
        assert kept.private_key == "pem-59"

    async def test_a_second_run_has_nothing_to_do(self, many):
        box = SecretBox(NEW, [OLD])
        await rotation.rotate(many, box)
        assert await rotation.rotate(many, box) == 0

    async def test_without_the_former_key_it_says_which_secret_cannot_be_read(self, many):
        with pytest.raises(SecretUnreadable, match="installations/token_sealed"):
            await rotation.rotate(many, SecretBox(NEW))
