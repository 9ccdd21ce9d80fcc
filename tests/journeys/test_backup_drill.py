"""The operator's page, executed: back up, lose everything, restore elsewhere, verify. On both databases."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from saleor_amazonpay.app import create_app
from saleor_amazonpay.sandbox.serving import free_port, listening
from tests.journeys.helpers import captured, charges
from tests.journeys.shop import settings


class Operator:
    """Types commands as the documentation says, with the settings of one deployment."""

    def __init__(self, shop, database_url, app_url):
        self.database_url = database_url
        self.environment = {
            "SECRET_KEY": shop.running.services.settings.secret_key.get_secret_value(),
            "DATABASE_URL": database_url,
            "APP_API_BASE_URL": app_url,
            "AMAZON_PAY_API_URL": shop.amazon_url,
            "ALLOW_LOCAL_NETWORK": "true",
            "PATH": os.environ["PATH"],
        }

    async def types(self, *command, code=0):
        if command[0] == "saleor-amazonpay":
            command = (sys.executable, "-m", "saleor_amazonpay.cli", *command[1:])
        process = await asyncio.create_subprocess_exec(
            *map(str, command), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == code, out.decode()
        return out.decode()


@pytest.fixture
async def restored(request, any_shop, tmp_path):
    """The shop after a backup, more payments, the loss of the database, and a restoration at another address."""
    shop = any_shop
    before = await shop.authorized()
    lost_url = shop.running.services.settings.database_url
    operator = Operator(shop, lost_url, shop.app_url)
    file = tmp_path / "backup"
    is_sqlite = lost_url.startswith("sqlite")
    await operator.types(
        *(["saleor-amazonpay", "backup", file] if is_sqlite else [pg("pg_dump"), "-Fc", "-f", file, lost_url])
    )
    await shop.saleor.staff.request_charge(before, Decimal(1000))  # the backup knows nothing of it

    new_url = f"http://127.0.0.1:{free_port()}"
    if is_sqlite:
        database_url = f"sqlite:///{tmp_path / 'restored.db'}"
        (tmp_path / "restored.db").write_bytes(file.read_bytes())
    else:
        database_url = request.getfixturevalue("empty_postgresql_url")
        await operator.types(pg("pg_restore"), "--no-owner", "-d", database_url, file)
    operator = Operator(shop, database_url, new_url)
    await operator.types("saleor-amazonpay", "migrate")
    app = create_app(settings(database_url, new_url, shop.amazon_url), clock=shop.clock)
    async with listening(app, port=urlsplit(new_url).port):
        shop.running, shop.app_url = app.state.application, new_url
        yield shop, operator, before


def pg(name):
    [*found] = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found[-1]


async def test_a_restored_app_goes_on_where_amazon_is(restored):
    shop, operator, before = restored
    assert "webhooks --repair" in await operator.types("saleor-amazonpay", "doctor", "--no-keys", "--json", code=1)
    await operator.types("saleor-amazonpay", "webhooks", "--repair")
    await operator.types("saleor-amazonpay", "doctor", "--no-keys")

    # What happened after the backup is read from Amazon, not done again.
    await shop.saleor.staff.request_charge(before, Decimal(500))
    assert captured(shop) == 1500
    assert shop.amounts(before)["charged"] == 1500
    await shop.saleor.staff.request_refund(before, Decimal(1500))
    await shop.until(lambda: shop.transaction(before).refunded == 1500)

    after = await shop.authorized()
    await shop.saleor.staff.request_charge(after)
    assert len(charges(shop, "Captured")) == 3


class TestTheCommand:
    async def test_never_overwrites_and_says_what_to_use_on_postgresql(self, shop, tmp_path):
        url = shop.running.services.settings.database_url
        (tmp_path / "there").write_text("precious")
        told = await Operator(shop, url, shop.app_url).types("saleor-amazonpay", "backup", tmp_path / "there", code=1)
        assert "never overwrites" in told
        assert (tmp_path / "there").read_text() == "precious"
        elsewhere = Operator(shop, "postgresql://u:p@127.0.0.1:1/x", shop.app_url)
        assert "pg_dump" in await elsewhere.types("saleor-amazonpay", "backup", tmp_path / "new", code=1)
        gone = Operator(shop, f"sqlite:///{tmp_path / 'nowhere.db'}", shop.app_url)
        assert "no database" in await gone.types("saleor-amazonpay", "backup", tmp_path / "new", code=1)
