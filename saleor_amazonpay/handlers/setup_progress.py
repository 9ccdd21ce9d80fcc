"""How far a merchant's set-up is, and what comes next: read from what is there, never ticked off by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from saleor_amazonpay.errors import SaleorError
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.accounts import AccountView, ChannelView
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage import setup_progress as rows
from saleor_amazonpay.storage.engine import Session


class Step(StrEnum):
    """In the order in which they are done."""

    ACCOUNT = "account"
    KEYS = "keys"
    CHANNELS = "channels"
    ORIGINS = "origins"
    NOTIFICATIONS = "notifications"
    TEST_PAYMENT = "test_payment"


@dataclass(frozen=True, slots=True)
class SetupProgress:
    """``channels`` is None while Saleor does not tell them; then the step of channels is not done."""

    done: frozenset[Step]
    accounts: Sequence[AccountView]
    channels: Sequence[ChannelView] | None
    saleor_fault: Message | str | None
    paid_environments: frozenset[str]

    @property
    def next_step(self) -> Step | None:
        return next((step for step in Step if step not in self.done), None)

    @property
    def is_complete(self) -> bool:
        return self.next_step is None

    @property
    def used(self) -> list[AccountView]:
        """The accounts that channels use."""
        return [account for account in self.accounts if account.channels]


@dataclass(frozen=True, slots=True)
class _Seen:
    notified: frozenset[str]
    paid: frozenset[str]
    problems: frozenset[str]


async def progress(services: Services, tenant: str) -> SetupProgress:
    """Never raises for Saleor's absence: the first page has to open."""
    accounts = await rules.accounts(services, tenant)
    seen = await services.database.read(lambda session: _seen(session, tenant))
    channels, fault = await _channels(services, tenant)
    done = _done([account for account in accounts if account.state != "archived"], channels or (), seen)
    return SetupProgress(done, accounts, channels, fault, seen.paid)


def _seen(session: Session, tenant: str) -> _Seen:
    open_problems = frozenset(problem.key for problem in problem_rows.of_tenant(session, tenant))
    return _Seen(rows.notified_accounts(session, tenant), rows.paid_environments(session, tenant), open_problems)


async def _channels(services: Services, tenant: str) -> tuple[list[ChannelView] | None, Message | str | None]:
    try:
        return await rules.channels(services, tenant), None
    except SaleorError as error:
        return None, error.sentence


def _done(accounts: Sequence[AccountView], channels: Sequence[ChannelView], seen: _Seen) -> frozenset[Step]:
    used = [account for account in accounts if account.channels]
    facts = {
        Step.ACCOUNT: bool(accounts),
        Step.KEYS: bool(accounts) and all(_keys_work(account, seen) for account in accounts),
        Step.CHANNELS: any(channel.account_id and not _blocked(channel) for channel in channels),
        Step.ORIGINS: bool(used) and all(account.options.allowed_origins for account in used),
        Step.NOTIFICATIONS: bool(used) and all(account.id in seen.notified for account in used),
        Step.TEST_PAYMENT: bool(seen.paid),
    }
    return frozenset(step for step, is_done in facts.items() if is_done)


def _keys_work(account: AccountView, seen: _Seen) -> bool:
    return account.state == "active" and f"keys-{account.id}" not in seen.problems


def _blocked(channel: ChannelView) -> bool:
    """By something else than missing origins, which are a step of their own."""
    return any(blocker.field != "options.allowedOrigins" for blocker in channel.blockers)
