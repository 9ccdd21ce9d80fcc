"""Saleor's channels: which account each uses, what keeps it from taking payments, and moving it to another account."""

from __future__ import annotations

from dataclasses import dataclass

from saleor_amazonpay.dashboard.pages import Answer, Go, MenuEntry, Pages, Screen, Visit
from saleor_amazonpay.errors import SaleorError
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.account_fields import AccountErrors
from saleor_amazonpay.handlers.accounts import AccountView, ChannelView
from saleor_amazonpay.messages import Message, marked

pages = Pages()


@dataclass(frozen=True, slots=True)
class Row:
    """A channel with the account it uses and those it could use."""

    channel: ChannelView
    account: AccountView | None
    fitting: tuple[AccountView, ...]
    faults: tuple[Message | str, ...]


@pages.get("/channels", menu=MenuEntry(marked("Channels"), order=30, icon="channel"))
async def listing(visit: Visit) -> Answer:
    return await _screen(visit)


@pages.post("/channels/{slug}")
async def assign(visit: Visit) -> Answer:
    """Move the channel to the account that was chosen; none chosen frees it."""
    slug, chosen, before = visit.path["slug"], visit.form.text("account"), visit.form.text("before") or None
    try:
        if not chosen:
            await rules.unassign(visit.services, visit.tenant, slug, by=visit.by)
            return Go("/channels", Message("{channel} offers Amazon Pay no more.", channel=slug))
        view = await rules.assign(visit.services, visit.tenant, slug, chosen, moved_from=before, by=visit.by)
    except AccountErrors as refused:
        return await _screen(visit, slug, refused)
    return Go("/channels", Message("{channel} uses {account}.", channel=slug, account=view.account_name))


async def _screen(visit: Visit, at_fault: str = "", refused: AccountErrors | None = None) -> Answer:
    title = Message("Channels")
    accounts = await rules.accounts(visit.services, visit.tenant)
    try:
        channels = await rules.channels(visit.services, visit.tenant)
    except SaleorError as error:
        return Screen("channels.html", title=title, rows=[], accounts=accounts, unavailable=error.sentence)
    rows = [_row(channel, accounts, at_fault, refused) for channel in channels]
    status = 422 if refused else 200
    return Screen("channels.html", title=title, status=status, rows=rows, accounts=accounts, unavailable=None)


def _row(channel: ChannelView, accounts: list[AccountView], at_fault: str, refused: AccountErrors | None) -> Row:
    own = next((each for each in accounts if each.id == channel.account_id), None)
    fitting = tuple(each for each in accounts if each.state == "active" and rules.takes(each, channel.channel))
    faults = tuple(each.sentence for each in refused.errors) if refused and channel.slug == at_fault else ()
    return Row(channel, own, fitting, faults)
