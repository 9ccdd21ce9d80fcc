"""The first page: how far the set-up is, and what comes next."""

from __future__ import annotations

from saleor_amazonpay.dashboard.pages import Answer, MenuEntry, Pages, Screen, Visit
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.messages import Message, marked

pages = Pages()


@pages.get("/", menu=MenuEntry(marked("Overview"), order=10, icon="overview"))
async def overview(visit: Visit) -> Answer:
    accounts = await rules.accounts(visit.services, visit.tenant)
    return Screen("overview.html", title=Message("Amazon Pay"), accounts=accounts)
