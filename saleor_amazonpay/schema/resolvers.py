"""The resolvers of the app's own GraphQL: each acts as the viewer, in the viewer's tenant and no other."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import strawberry

from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.account_fields import AccountErrorCode, AccountErrors
from saleor_amazonpay.handlers.accounts import AccountView
from saleor_amazonpay.handlers.dashboard_users import Viewer
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.schema.types import (
    Account,
    AccountArchive,
    AccountCreate,
    AccountCreateInput,
    AccountDelete,
    AccountError,
    AccountTest,
    AccountUpdate,
    AccountUpdateInput,
    Channel,
    ChannelAssign,
    ChannelUnassign,
    Installation,
)

# ruff: noqa: A002 - id and input are what GraphQL calls them

AccountPayload = TypeVar("AccountPayload", AccountCreate, AccountUpdate, AccountTest, AccountDelete, AccountArchive)


@dataclass(frozen=True, slots=True)
class Context:
    """Whom the endpoint has authenticated, and what to serve them with."""

    services: Services
    viewer: Viewer

    @property
    def tenant(self) -> str:
        return self.viewer.tenant

    @property
    def by(self) -> str:
        return self.viewer.user.user_id


Info: TypeAlias = strawberry.Info[Context, None]


async def installation(info: Info) -> Installation:
    return Installation.of(info.context.viewer.installation)


async def accounts(info: Info) -> list[Account]:
    views = await rules.accounts(info.context.services, info.context.tenant)
    return [Account.of(view) for view in views]


async def account(info: Info, id: strawberry.ID) -> Account | None:
    try:
        return Account.of(await rules.account(info.context.services, info.context.tenant, id))
    except AccountErrors as error:
        if all(each.code is AccountErrorCode.NOT_FOUND for each in error.errors):
            return None
        raise


async def channels(info: Info) -> list[Channel]:
    return [Channel.of(view) for view in await rules.channels(info.context.services, info.context.tenant)]


async def account_create(info: Info, input: AccountCreateInput) -> AccountCreate:
    it = info.context
    change = rules.create(it.services, it.tenant, input.given(), key_from=input.key_from(), by=it.by)
    return await _payload(AccountCreate, change)


async def account_update(info: Info, id: strawberry.ID, input: AccountUpdateInput) -> AccountUpdate:
    it = info.context
    change = rules.update(it.services, it.tenant, id, input.given(), key_from=input.key_from(), by=it.by)
    return await _payload(AccountUpdate, change)


async def account_test(info: Info, id: strawberry.ID) -> AccountTest:
    it = info.context
    return await _payload(AccountTest, rules.test(it.services, it.tenant, id))


async def account_delete(info: Info, id: strawberry.ID) -> AccountDelete:
    it = info.context
    return await _payload(AccountDelete, rules.delete(it.services, it.tenant, id, by=it.by))


async def account_archive(info: Info, id: strawberry.ID) -> AccountArchive:
    it = info.context
    return await _payload(AccountArchive, rules.archive(it.services, it.tenant, id, by=it.by))


async def channel_assign(info: Info, channel_slug: str, account_id: strawberry.ID) -> ChannelAssign:
    it = info.context
    try:
        view = await rules.assign(it.services, it.tenant, channel_slug, account_id, by=it.by)
    except AccountErrors as refused:
        return ChannelAssign(channel=None, errors=AccountError.of(refused.errors))
    return ChannelAssign(channel=Channel.of(view), errors=[])


async def channel_unassign(info: Info, channel_slug: str) -> ChannelUnassign:
    it = info.context
    try:
        await rules.unassign(it.services, it.tenant, channel_slug, by=it.by)
    except AccountErrors as refused:
        return ChannelUnassign(errors=AccountError.of(refused.errors))
    return ChannelUnassign(errors=[])


async def _payload(payload: type[AccountPayload], change: Awaitable[AccountView]) -> AccountPayload:
    try:
        view = await change
    except AccountErrors as refused:
        return payload(account=None, errors=AccountError.of(refused.errors))
    return payload(account=Account.of(view), errors=[])
