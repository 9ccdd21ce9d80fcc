"""``saleor-amazonpay accounts`` as it is typed, beside a running app on the same SQLite file."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from dataclasses import dataclass

import msgspec
import pytest
import structlog
from typer.testing import CliRunner

from saleor_amazonpay import cli_accounts
from saleor_amazonpay.cli import app
from saleor_amazonpay.storage import installations as installation_rows
from saleor_amazonpay.storage.accounts import AccountOptions
from tests.handlers.merchant import (
    KEY_ID,
    MERCHANT_ID,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    PRIVATE_KEY,
    STORE_ID,
    open_merchant,
)


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
async def merchant(sqlite_url):
    async with open_merchant(sqlite_url) as merchant:
        yield merchant


@pytest.fixture
def environment(merchant, sqlite_url):
    return {
        "SECRET_KEY": "s" * 48,
        "ALLOW_LOCAL_NETWORK": "true",
        "DATABASE_URL": sqlite_url,
        "APP_API_BASE_URL": merchant.url,
        "AMAZON_PAY_API_URL": merchant.settings.amazon_pay_api_url,
    }


@pytest.fixture
def silent(monkeypatch):
    """The log would be written into what the command prints: both share this process."""
    monkeypatch.setattr("saleor_amazonpay.observability.logging.configure", lambda **_: None)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture
def accounts(environment, silent):
    """Types ``saleor-amazonpay accounts …``; the command has a thread and an event loop of its own."""

    async def run(*arguments, stdin="", **changes):
        done = await asyncio.to_thread(
            CliRunner().invoke, app, ["accounts", *arguments], input=stdin, env={**environment, **changes}
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert PRIVATE_KEY.splitlines()[1] not in done.output
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


def typed(**changes):
    """The options of ``add`` for the account in Japan."""
    values = {
        "name": "Main",
        "merchant-id": MERCHANT_ID,
        "store-id": STORE_ID,
        "region": "jp",
        "public-key-id": KEY_ID,
        "private-key": "-",
        "allowed-origin": ORIGIN,
    }
    return [part for name, value in {**values, **changes}.items() for part in (f"--{name}", value)]


class TestAccounts:
    async def test_one_is_added_shown_changed_tried_and_deleted(self, accounts, merchant):
        added = await accounts("add", *typed(), stdin=PRIVATE_KEY)
        assert (added.code, added.err) == (0, "")
        [account] = await merchant.accounts()
        assert account.id in added.out
        assert account.private_key_fingerprint in added.out

        changed = await accounts("update", "Main", "--placement", "Cart", "--name", "Renamed", "--json")
        assert (changed.json["name"], changed.json["options"]["placement"]) == ("Renamed", "Cart")
        assert changed.json["options"]["allowedOrigins"] == [ORIGIN]

        assert "accepts the keys of Renamed" in (await accounts("test", account.id)).out
        assert (await accounts("list", "--json")).json[0]["privateKeyFingerprint"] == account.private_key_fingerprint
        assert (await accounts("delete", "Renamed")).code == 0
        assert "no Amazon Pay accounts yet" in (await accounts("list")).out

    async def test_the_running_app_sees_the_change(self, accounts, merchant):
        account = await merchant.create()
        assert (await accounts("assign", "default-jp", "Main")).code == 0
        assert (await merchant.graphql("{ accounts { channels } }"))["accounts"] == [{"channels": ["default-jp"]}]
        channels = await accounts("channels")
        assert "default-jp (JPY): Main" in channels.out
        assert "us (USD): no account" in channels.out
        assert (await accounts("unassign", "default-jp", "--json")).json == {"slug": "default-jp"}
        assert (await accounts("archive", account.id)).code == 0
        assert [each.state for each in await merchant.accounts()] == ["archived"]

    async def test_keys_may_come_from_a_file_and_wait_for_the_network(self, accounts, merchant, tmp_path):
        file = tmp_path / "private.pem"
        file.write_text(PRIVATE_KEY)
        added = await accounts(
            "add", *typed(**{"private-key": str(file)}), "--skip-check", AMAZON_PAY_API_URL="http://127.0.0.1:9"
        )
        assert added.code == 0
        assert merchant.amazon.calls == []

    async def test_as_a_process_of_its_own(self, environment, merchant):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "saleor_amazonpay.cli", "accounts", "add", *typed(), "--json"),
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(PRIVATE_KEY.encode())
        assert (process.returncode, err) == (0, b"")
        assert [json.loads(out)["id"]] == [each.id for each in await merchant.accounts()]

    @pytest.mark.parametrize("command", [cli_accounts.add, cli_accounts.update])
    def test_every_option_of_an_account_can_be_typed(self, command):
        assert {each.name for each in msgspec.structs.fields(AccountOptions)} <= set(
            inspect.signature(command).parameters
        )


class TestKeys:
    """Everything the page can do with keys, typed."""

    SECOND_ID = "SANDBOX-ASECONDKEYID"

    def register(self, merchant, public_key, key_id=SECOND_ID):
        """As the merchant does in Seller Central."""
        merchant.amazon.register_merchant(MERCHANT_ID, STORE_ID, key_id, public_key, "jp", "sandbox")

    async def test_a_pair_made_here_becomes_an_accounts_own(self, accounts, merchant):
        pair = (await accounts("keys", "generate", "--json")).json
        self.register(merchant, pair["publicKey"])
        keys = {"public-key-id": self.SECOND_ID, "key-pair": pair["id"]}
        options = [part for part in typed(**keys) if part not in {"--private-key", "-"}]
        added = await accounts("add", *options)
        assert (added.code, added.err) == (0, "")
        [account] = await merchant.accounts()
        assert account.private_key_fingerprint == pair["fingerprint"]

    async def test_the_public_key_is_printed_to_be_uploaded(self, accounts):
        made = await accounts("keys", "generate")
        assert made.out.rstrip().endswith("-----END PUBLIC KEY-----")
        assert "PRIVATE" not in made.out

    async def test_an_accounts_keys_are_changed_in_place(self, accounts, merchant):
        account = await merchant.create()
        pair = (await accounts("keys", "generate", "--json")).json
        self.register(merchant, pair["publicKey"])
        changed = await accounts(
            "update", "Main", "--public-key-id", self.SECOND_ID, "--key-pair", pair["id"], "--json"
        )
        assert changed.json["privateKeyFingerprint"] == pair["fingerprint"] != account.private_key_fingerprint

    async def test_a_second_pair_is_added_switched_to_and_the_former_removed(self, accounts, merchant):
        before = await merchant.create()
        assert "no second key pair" in (await accounts("keys", "show", "Main")).out
        self.register(merchant, OTHER_PUBLIC_KEY)
        second = ("keys", "add", "Main", "--public-key-id", self.SECOND_ID, "--private-key", "-")
        added = await accounts(*second, stdin=OTHER_PRIVATE_KEY)
        assert (added.code, added.err) == (0, "")
        assert self.SECOND_ID in (await accounts("keys", "show", "Main")).out
        assert OTHER_PRIVATE_KEY.splitlines()[1] not in added.out

        former = (await accounts("keys", "switch", "Main", "--json")).json
        assert former["publicKeyId"] == KEY_ID
        assert former["fingerprint"] == before.private_key_fingerprint
        [after] = await merchant.accounts()
        assert after.public_key_id == self.SECOND_ID
        assert (await accounts("test", "Main")).code == 0

        assert (await accounts("keys", "remove", before.id, "--json")).json == {"id": before.id}
        assert (await accounts("keys", "show", "Main", "--json")).json is None

    async def test_a_pair_that_amazon_does_not_know_is_refused_and_nothing_stored(self, accounts, merchant):
        await merchant.create()
        second = ("keys", "add", "Main", "--public-key-id", self.SECOND_ID, "--private-key", "-")
        assert (await accounts(*second, stdin=OTHER_PRIVATE_KEY)).code == 1
        assert (await accounts("keys", "show", "Main", "--json")).json is None
        refused = await accounts("keys", "add", "Main", "--public-key-id", self.SECOND_ID)
        assert refused.err == "privateKey: No private key was given.\n"

    @pytest.mark.parametrize("command", ["switch", "remove"])
    async def test_without_a_second_pair_there_is_nothing_to_do(self, accounts, merchant, command):
        await merchant.create()
        refused = await accounts("keys", command, "Main")
        assert (refused.code, refused.out) == (1, "")
        assert "has no second key pair" in refused.err

    async def test_an_archived_account_is_used_again(self, accounts, merchant):
        account = await merchant.create()
        assert (await accounts("archive", "Main")).code == 0
        assert (await accounts("restore", "Main", "--json")).json["state"] == "active"
        assert (await accounts("assign", "default-jp", account.id)).code == 0
        refused = await accounts("restore", "Main")
        assert refused.code == 1
        assert "archived" in refused.err

    @pytest.mark.parametrize(
        "command", [("restore",), *(("keys", name) for name in ("generate", "show", "add", "switch", "remove"))]
    )
    async def test_each_explains_itself(self, accounts, command):
        told = await accounts(*command, "--help")
        assert told.code == 0
        assert "--tenant" in told.out


class TestFaults:
    async def test_each_field_at_fault_is_one_line(self, accounts, merchant):
        refused = await accounts("add", *typed(region="us", **{"merchant-id": "x"}), stdin=PRIVATE_KEY)
        assert (refused.code, refused.out) == (1, "")
        assert [line.partition(":")[0] for line in refused.err.splitlines()] == ["merchantId", "region"]
        assert await merchant.accounts() == []

    async def test_scripts_get_them_as_json(self, accounts):
        refused = await accounts("add", *typed(), "--json", stdin=OTHER_PRIVATE_KEY)
        assert refused.code == 1
        [error] = refused.json["errors"]
        assert (error["field"], error["code"]) == ("privateKey", "CHECK_FAILED")

    @pytest.mark.parametrize("command", [("test", "nobody"), ("delete", "nobody"), ("assign", "default-jp", "nobody")])
    async def test_an_account_that_is_not_there(self, accounts, command):
        refused = await accounts(*command)
        assert refused.code == 1
        assert "There is no such Amazon Pay account" in refused.err

    async def test_a_name_that_two_have_is_not_guessed(self, accounts, merchant):
        first, second = await merchant.create(), await merchant.create()
        refused = await accounts("archive", "Main")
        assert refused.code == 1
        assert first.id in refused.err
        assert second.id in refused.err

    async def test_a_database_without_tables(self, accounts, tmp_path):
        refused = await accounts("list", DATABASE_URL=f"sqlite:///{tmp_path}/new.db")
        assert refused.code == 1
        assert "saleor-amazonpay migrate" in refused.err


class TestTenants:
    async def test_of_several_one_must_be_named(self, accounts, merchant):
        known = await merchant.installation()
        other = "https://other.example/graphql/"

        def install(session):
            fields = {name: getattr(known, name) for name in known.__slots__}
            second = type(known)(**{**fields, "api_url": other})
            installation_rows.save(session, second, merchant.services.secrets)

        await merchant.services.database.run(install)
        await merchant.create()
        refused = await accounts("list")
        assert refused.code == 1
        assert other in refused.err
        assert merchant.tenant in refused.err
        assert (await accounts("list", "--tenant", other, "--json")).json == []
        assert len((await accounts("list", "--tenant", merchant.tenant, "--json")).json) == 1

    async def test_one_that_is_not_installed_is_named(self, accounts, merchant):
        refused = await accounts("list", "--tenant", "https://nobody.example/graphql/")
        assert refused.code == 1
        assert "https://nobody.example/graphql/ has not installed the app" in refused.err
