from __future__ import annotations

import re
from dataclasses import replace

import pytest

from saleor_amazonpay.errors import ChannelNotConfigured
from saleor_amazonpay.handlers import accounts, installing
from saleor_amazonpay.saleor.registration import (
    JwksNotAvailable,
    RegistrationRefused,
    SaleorUrlProhibited,
    StorageNotAvailable,
    UnknownAppId,
)
from saleor_amazonpay.sandbox.saleor.tokens import SigningKey
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import StorageUnavailable
from tests.handlers.merchant import BY, OTHER_PRIVATE_KEY, PRIVATE_KEY, errors_of, open_merchant


async def register(merchant, *, token=None, api_url=None, **changes):
    """The POST of the token as anybody could make it; ``changes`` are to the services."""
    await installing.register(
        replace(merchant.services, **changes),
        api_url_header=merchant.tenant if api_url is None else api_url,
        auth_token=merchant.app.token if token is None else token,
        schema_version="3.23",
    )


@pytest.fixture
async def refused(merchant_on_sqlite):
    """Register, be refused, and find nothing changed; gives the refusal."""
    merchant = merchant_on_sqlite

    async def attempt(expected=RegistrationRefused, **how):
        before = await merchant.installation()
        with pytest.raises(expected) as refusal:
            await register(merchant, **how)
        assert await merchant.installation() == before
        return refusal.value

    return attempt


class TestInstalling:
    async def test_what_saleor_itself_said_is_stored(self, merchant):
        stored = await merchant.installation()
        assert (stored.app_id, stored.token) == (merchant.app.id, merchant.app.token)
        assert stored.saleor_version == "3.23"
        assert merchant.saleor.key.kid in stored.jwks

    async def test_the_token_is_not_readable_in_the_database(self, sqlite_url, tmp_path):
        async with open_merchant(sqlite_url) as merchant:
            token = merchant.app.token.encode()
        assert not any(token in path.read_bytes() for path in tmp_path.glob("app.db*"))

    async def test_again_takes_the_new_token_and_keeps_everything_else(self, merchant):
        account = await merchant.create()
        await merchant.assign("default-jp", account.id)
        await merchant.add_payment(account.id)
        before = await merchant.installation()
        await merchant.install_again()
        after = await merchant.installation()
        assert (after.app_id, after.token) == (merchant.app.id, merchant.app.token) != (before.app_id, before.token)
        assert after.installed_at == before.installed_at
        [kept] = await merchant.accounts()
        assert (kept.state, kept.channels, kept.has_payments) == ("active", ("default-jp",), True)

    async def test_the_new_token_is_used_at_once(self, merchant):
        await merchant.services.directory.tenant(merchant.tenant)
        await merchant.install_again()
        tenant = await merchant.services.directory.tenant(merchant.tenant)
        assert tenant.installation.token == merchant.app.token


class TestForeignKeys:
    """DESIGN §6 case 17: the host name may belong to somebody else by now."""

    async def test_accounts_are_locked_until_the_private_key_is_entered(self, merchant):
        account = await merchant.create()
        await merchant.assign("default-jp", account.id)
        merchant.saleor.rotate_keys()
        await merchant.install_again()
        [locked] = await merchant.accounts()
        assert (locked.state, locked.channels) == ("locked", ("default-jp",))
        with pytest.raises(ChannelNotConfigured, match="locked"):
            await merchant.services.directory.account_for_channel(merchant.tenant, "default-jp")

        assert "Enter its private key" in (await errors_of(merchant.update(account.id, name="Mine")))["privateKey"]
        assert (
            "does not belong"
            in (await errors_of(merchant.update(account.id, private_key=OTHER_PRIVATE_KEY)))["privateKey"]
        )
        assert [each.state for each in await merchant.accounts()] == ["locked"]

        assert (await merchant.update(account.id, private_key=PRIVATE_KEY)).state == "active"
        usable = await merchant.services.directory.account_for_channel(merchant.tenant, "default-jp")
        assert usable.id == account.id

    async def test_an_old_key_beside_a_new_one_is_no_proof(self, merchant_on_sqlite):
        merchant = merchant_on_sqlite
        await merchant.create()
        both = {"keys": [*merchant.saleor.key.jwks()["keys"], *SigningKey().jwks()["keys"]]}
        merchant.saleor.key.jwks = lambda: both
        await merchant.install_again()
        assert [each.state for each in await merchant.accounts()] == ["locked"]

    async def test_the_same_key_under_another_name_is_the_same(self, merchant_on_sqlite):
        merchant = merchant_on_sqlite
        await merchant.create()
        [key] = merchant.saleor.key.jwks()["keys"]
        merchant.saleor.key.jwks = lambda: {"keys": [{**key, "kid": "renamed"}]}
        await merchant.install_again()
        assert [each.state for each in await merchant.accounts()] == ["active"]

    async def test_an_archived_account_is_locked_too(self, merchant_on_sqlite):
        merchant = merchant_on_sqlite
        account = await merchant.create()
        await accounts.archive(merchant.services, merchant.tenant, account.id, by=BY)
        merchant.saleor.rotate_keys()
        await merchant.install_again()
        assert [each.state for each in await merchant.accounts()] == ["locked"]


class TestRefusals:
    async def test_a_token_that_does_not_work_there(self, refused):
        refusal = await refused(UnknownAppId, token="made-up")
        assert refusal.status == 401

    async def test_the_token_of_another_app_of_the_same_saleor(self, refused, merchant_on_sqlite):
        merchant_on_sqlite.saleor.find_app(merchant_on_sqlite.app.id).identifier = "another.app"
        assert "another app" in (await refused(UnknownAppId)).public_message

    async def test_a_saleor_without_identifiers_is_believed(self, merchant_on_sqlite):
        merchant_on_sqlite.saleor.find_app(merchant_on_sqlite.app.id).identifier = None
        await register(merchant_on_sqlite)

    async def test_a_merchant_who_did_not_grant_the_permission_reads_which(self, refused, merchant_on_sqlite):
        merchant_on_sqlite.saleor.find_app(merchant_on_sqlite.app.id).granted = frozenset({"MANAGE_ORDERS"})
        assert "HANDLE_PAYMENTS" in (await refused(installing.PermissionMissing)).public_message

    @pytest.mark.parametrize("url", ["", "https://shop.example", "ftp://shop.example/graphql/", "x" * 300])
    async def test_an_api_url_of_another_form(self, refused, url):
        assert (await refused(SaleorUrlProhibited, api_url=url)).status == 403

    async def test_an_address_inside_unless_development_allows_it(self, refused, merchant_on_sqlite):
        settings = merchant_on_sqlite.settings.model_copy(update={"allow_local_network": False})
        await refused(SaleorUrlProhibited, settings=settings)

    async def test_a_saleor_that_is_not_on_the_operators_list(self, refused, merchant_on_sqlite):
        pattern = re.compile(r"https://[a-z]+\.saleor\.cloud/graphql/")
        settings = merchant_on_sqlite.settings.model_copy(update={"allowed_domain_pattern": pattern})
        refusal = await refused(SaleorUrlProhibited, settings=settings)
        assert "operator" in refusal.public_message

    @pytest.mark.parametrize("fault", ["unavailable", "not-json", "graphql-error"])
    async def test_a_saleor_that_does_not_answer_as_one(self, refused, merchant_on_sqlite, fault):
        merchant_on_sqlite.saleor.faults.api(fault, "app")
        await refused(UnknownAppId)

    async def test_a_saleor_that_is_too_slow(self, refused, merchant_on_sqlite, monkeypatch):
        monkeypatch.setattr(installing, "PROOF_SECONDS", 0.2)
        merchant_on_sqlite.saleor.faults.api("slow", "app", seconds=1.0)
        assert "slowly" in (await refused(UnknownAppId)).public_message

    async def test_nobody_at_that_address(self, refused):
        refusal = await refused(UnknownAppId, api_url="http://127.0.0.1:9/graphql/")
        assert "127.0.0.1:9" in refusal.public_message

    @pytest.mark.parametrize("document", [{}, {"keys": []}, [], {"keys": [{"kty": "oct", "k": "AA"}]}])
    async def test_a_saleor_without_usable_keys(self, refused, merchant_on_sqlite, document):
        merchant_on_sqlite.saleor.key.jwks = lambda: document
        await refused(JwksNotAvailable)

    async def test_a_database_that_is_away(self, refused, merchant_on_sqlite):
        class Away:
            async def run(self, work):
                raise StorageUnavailable("away")

        assert (await refused(StorageNotAvailable, database=Away())).status == 503

    async def test_a_lost_secret_key_is_told_and_destroys_nothing(self, refused):
        refusal = await refused(StorageNotAvailable, secrets=SecretBox("x" * 48))
        assert "SECRET_KEY" in refusal.public_message

    async def test_no_refusal_repeats_the_token(self, refused):
        assert "made-up" not in str((await refused(token="made-up")).body)
