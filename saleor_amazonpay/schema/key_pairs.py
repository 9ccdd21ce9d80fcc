"""Key pairs in the app's own GraphQL: made here, kept as an account's second one, switched to."""

from __future__ import annotations

from datetime import datetime

import strawberry

from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers import key_pairs
from saleor_amazonpay.handlers.account_fields import AccountErrors
from saleor_amazonpay.handlers.key_pairs import GeneratedPair
from saleor_amazonpay.handlers.key_pairs import SecondPair as StoredSecond
from saleor_amazonpay.schema.resolvers import Info
from saleor_amazonpay.schema.types import Account, AccountError

# ruff: noqa: A002 - id is what GraphQL calls it


@strawberry.type(description="A pair made here. The private half never leaves; it is dropped unused after 30 days.")
class KeyPair:
    id: strawberry.ID = strawberry.field(description="For `keyPairId` of an account's input.")
    public_key: str = strawberry.field(description="PEM text, to be uploaded in Seller Central.")
    fingerprint: str
    created_at: datetime

    @staticmethod
    def of(pair: GeneratedPair) -> KeyPair:
        return KeyPair(
            id=strawberry.ID(pair.id),
            public_key=pair.public_key,
            fingerprint=pair.fingerprint,
            created_at=pair.created_at,
        )


@strawberry.type(description="A pair beside the one an account signs with, tried and ready to be switched to.")
class SecondKeyPair:
    public_key_id: str
    fingerprint: str
    created_at: datetime

    @staticmethod
    def of(pair: StoredSecond) -> SecondKeyPair:
        return SecondKeyPair(public_key_id=pair.public_key_id, fingerprint=pair.fingerprint, created_at=pair.created_at)


@strawberry.type
class KeyPairGenerate:
    key_pair: KeyPair | None
    errors: list[AccountError]


@strawberry.type
class SecondKeyPairAdd:
    second_key_pair: SecondKeyPair | None
    errors: list[AccountError]


@strawberry.type(description="`secondKeyPair` is the pair that was in use before.")
class KeyPairSwitch:
    account: Account | None
    second_key_pair: SecondKeyPair | None
    errors: list[AccountError]


@strawberry.type
class SecondKeyPairRemove:
    errors: list[AccountError]


@strawberry.type
class AccountRestore:
    account: Account | None
    errors: list[AccountError]


async def second_key_pair(info: Info, account_id: strawberry.ID) -> SecondKeyPair | None:
    found = await key_pairs.second(info.context.services, info.context.tenant, account_id)
    return SecondKeyPair.of(found) if found else None


async def key_pair_generate(info: Info) -> KeyPairGenerate:
    it = info.context
    pair = await key_pairs.generate(it.services, it.tenant, by=it.by)
    return KeyPairGenerate(key_pair=KeyPair.of(pair), errors=[])


async def second_key_pair_add(
    info: Info,
    account_id: strawberry.ID,
    public_key_id: str,
    private_key: str = "",
    key_pair_id: strawberry.ID | None = None,
) -> SecondKeyPairAdd:
    it = info.context
    try:
        added = await key_pairs.add_second(
            it.services,
            it.tenant,
            account_id,
            public_key_id=public_key_id,
            private_key=private_key,
            pair_id=key_pair_id,
            by=it.by,
        )
    except AccountErrors as refused:
        return SecondKeyPairAdd(second_key_pair=None, errors=AccountError.of(refused.errors))
    return SecondKeyPairAdd(second_key_pair=SecondKeyPair.of(added), errors=[])


async def key_pair_switch(info: Info, account_id: strawberry.ID) -> KeyPairSwitch:
    it = info.context
    try:
        former = await key_pairs.switch(it.services, it.tenant, account_id, by=it.by)
        view = await rules.account(it.services, it.tenant, account_id)
    except AccountErrors as refused:
        return KeyPairSwitch(account=None, second_key_pair=None, errors=AccountError.of(refused.errors))
    return KeyPairSwitch(account=Account.of(view), second_key_pair=SecondKeyPair.of(former), errors=[])


async def second_key_pair_remove(info: Info, account_id: strawberry.ID) -> SecondKeyPairRemove:
    it = info.context
    try:
        await key_pairs.remove_second(it.services, it.tenant, account_id, by=it.by)
    except AccountErrors as refused:
        return SecondKeyPairRemove(errors=AccountError.of(refused.errors))
    return SecondKeyPairRemove(errors=[])


async def account_restore(info: Info, id: strawberry.ID) -> AccountRestore:
    it = info.context
    try:
        view = await rules.restore(it.services, it.tenant, id, by=it.by)
    except AccountErrors as refused:
        return AccountRestore(account=None, errors=AccountError.of(refused.errors))
    return AccountRestore(account=Account.of(view), errors=[])


@strawberry.type
class KeyPairQuery:
    second_key_pair: SecondKeyPair | None = strawberry.field(
        resolver=second_key_pair, description="An account's second key pair; null where it has none."
    )


@strawberry.type
class KeyPairMutation:
    key_pair_generate: KeyPairGenerate = strawberry.mutation(
        resolver=key_pair_generate, description="Make a key pair whose private half never leaves the app."
    )
    second_key_pair_add: SecondKeyPairAdd = strawberry.mutation(
        resolver=second_key_pair_add,
        description="Try a second pair at Amazon Pay and keep it beside the one in use.",
    )
    key_pair_switch: KeyPairSwitch = strawberry.mutation(
        resolver=key_pair_switch,
        description="Sign with the second pair from now on; the one in use becomes the second.",
    )
    second_key_pair_remove: SecondKeyPairRemove = strawberry.mutation(
        resolver=second_key_pair_remove, description="Forget an account's second pair; delete it in Seller Central too."
    )
    account_restore: AccountRestore = strawberry.mutation(
        resolver=account_restore, description="Use an archived account again, once its keys have worked."
    )
