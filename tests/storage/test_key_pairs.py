from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from saleor_amazonpay.storage import accounts, installations, key_pairs, rotation
from saleor_amazonpay.storage.encryption import SecretBox, SecretUnreadable
from saleor_amazonpay.storage.key_pairs import KeyPair
from tests.storage.test_rotation import NEW, NOW, OLD, account, installation

BOX = SecretBox(OLD)
TENANT, OTHER = installation(1).api_url, installation(2).api_url


def pair(name: str = "pair", **changes) -> KeyPair:
    return replace(KeyPair(name, TENANT, None, None, f"pem-{name}", NOW), **changes)


@pytest.fixture
async def keys(database):
    """Two tenants with an account each."""

    def fill(session):
        for number in (1, 2):
            installations.save(session, installation(number), BOX)
            accounts.save(session, account(number), BOX)

    await database.run(fill)
    return database


async def test_a_generated_pair_is_found_in_its_tenant_until_an_account_has_it(keys):
    await keys.run(lambda session: key_pairs.save(session, pair(), BOX))
    assert await keys.read(lambda session: key_pairs.by_id(session, TENANT, "pair", BOX)) == pair()
    assert await keys.read(lambda session: key_pairs.by_id(session, OTHER, "pair", BOX)) is None
    await keys.run(lambda session: key_pairs.save(session, pair(account_id="account-1", public_key_id="K"), BOX))
    assert await keys.read(lambda session: key_pairs.by_id(session, TENANT, "pair", BOX)) is None


async def test_an_account_has_one_second_pair_that_only_its_tenant_sees_and_deletes(keys):
    second = pair(account_id="account-1", public_key_id="K")
    await keys.run(lambda session: key_pairs.save(session, second, BOX))
    assert await keys.read(lambda session: key_pairs.second_of(session, TENANT, "account-1", BOX)) == second
    assert await keys.read(lambda session: key_pairs.second_of(session, OTHER, "account-1", BOX)) is None
    with pytest.raises(Exception, match=r"(?i)unique"):
        await keys.run(lambda session: key_pairs.save(session, replace(second, id="another"), BOX))
    assert not await keys.run(lambda session: key_pairs.delete_second(session, OTHER, "account-1"))
    assert await keys.run(lambda session: key_pairs.delete_second(session, TENANT, "account-1"))


async def test_only_old_pairs_without_an_account_are_dropped(keys):
    old = NOW - timedelta(days=40)
    made = (
        pair("old", created_at=old),
        pair("new"),
        pair("second", created_at=old, account_id="account-1", public_key_id="K"),
        pair("foreign", created_at=old, api_url=OTHER),
    )

    def drop(session):
        for each in made:
            key_pairs.save(session, each, BOX)
        key_pairs.delete_unused(session, TENANT, older_than=NOW - timedelta(days=30))
        found = [key_pairs.by_id(session, each.api_url, each.id, BOX) for each in made if each.account_id is None]
        return [each.id for each in found if each], key_pairs.second_of(session, TENANT, "account-1", BOX)

    assert await keys.run(drop) == (["new", "foreign"], made[2])


async def test_a_private_key_is_sealed_to_its_row_and_sealed_anew_with_the_others(keys):
    await keys.run(lambda session: key_pairs.save(session, pair(), BOX))
    await rotation.rotate(keys, SecretBox(NEW, [OLD]))
    with pytest.raises(SecretUnreadable):
        await keys.read(lambda session: key_pairs.by_id(session, TENANT, "pair", BOX))
    found = await keys.read(lambda session: key_pairs.by_id(session, TENANT, "pair", SecretBox(NEW)))
    assert found == pair()
    assert found.created_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert "pem-" not in repr(found)
