"""A shop with billing schedules: a customer who agreed, an order to repeat, and time that can be moved for years."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx2

from saleor_amazonpay.handlers.billing import scanning
from saleor_amazonpay.sandbox.saleor.orders import Order
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.billing import events as event_rows
from saleor_amazonpay.storage.billing import renewals as renewal_rows
from saleor_amazonpay.storage.billing import schedules as schedule_rows
from saleor_amazonpay.storage.billing.renewals import Renewal
from saleor_amazonpay.storage.billing.schedules import Schedule
from tests.journeys.agreements import MONTHLY, agree, agreement_of
from tests.journeys.helpers import PATIENCE, break_amazon
from tests.journeys.shop import Shop, open_shop

TOKYO = ZoneInfo("Asia/Tokyo")
ERRORS = "errors { field code message }"
SCHEDULE = """id agreementId templateOrderId lines { orderLineId quantity productName } channel currency amount { amount currency } unit every time timeZone nextDate
  nextAt lastDate state reason upcoming policy { catchUp unavailable priceChange retryDays graceDays giveUp }"""

_PASS_TIME = """UPDATE procrastinate_jobs SET scheduled_at = scheduled_at - make_interval(secs => %(seconds)s)
  WHERE status = 'todo' AND task_name NOT LIKE 'sweep%%'"""


@dataclass
class Subscriptions:
    """``agreement`` is the customer's, ``template`` the order it was agreed with."""

    shop: Shop
    agreement: Agreement
    template: Order

    # --- the merchant

    async def graphql(self, query: str, *, token: str | None = None, **variables: Any) -> dict[str, Any]:
        shop = self.shop
        token = token or shop.saleor.make_dashboard_token(shop.saleor.superuser, shop.app)
        headers = {"Authorization": f"Bearer {token}", "Saleor-Api-Url": shop.saleor.api_url}
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
            sent = {"query": query, "variables": variables}
            answer = (await http.post(f"{shop.app_url}/graphql", json=sent, headers=headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def create(self, **given: Any) -> dict[str, Any]:
        """The payload of scheduleCreate, monthly unless said otherwise."""
        entered = {
            "agreementId": self.agreement.id,
            "templateOrderId": self.template.id,
            "unit": "MONTH",
            **given,
        }
        query = f"mutation($input: ScheduleCreateInput!) {{ it: scheduleCreate(input: $input) {{ schedule {{ {SCHEDULE} }} {ERRORS} }} }}"
        return (await self.graphql(query, input=entered))["it"]

    async def created(self, **given: Any) -> str:
        made = await self.create(**given)
        assert made["errors"] == [], made
        return made["schedule"]["id"]

    async def change(self, schedule_id: str, **given: Any) -> dict[str, Any]:
        query = f"mutation($id: ID!, $input: ScheduleChangeInput!) {{ it: scheduleChange(id: $id, input: $input) {{ schedule {{ {SCHEDULE} }} {ERRORS} }} }}"
        return (await self.graphql(query, id=schedule_id, input=given))["it"]

    async def act(self, verb: str, schedule_id: str) -> dict[str, Any]:
        """schedulePause, scheduleResume, scheduleSkip, scheduleCancel, scheduleRetry."""
        query = f"mutation($id: ID!) {{ it: schedule{verb}(id: $id) {{ schedule {{ {SCHEDULE} }} {ERRORS} }} }}"
        return (await self.graphql(query, id=schedule_id))["it"]

    # --- time

    async def until(self, schedule_id: str) -> datetime:
        """Go to the moment the schedule is due next, and let it be billed."""
        schedule = await self.schedule(schedule_id)
        assert schedule.next_at is not None, schedule
        return await self.at(schedule.next_at)

    async def at(self, moment: datetime) -> datetime:
        await self.pass_time((moment - self.shop.clock.now()).total_seconds() + 1)
        await self.bill()
        return self.shop.clock.now()

    async def later(self, **by: float) -> None:
        await self.pass_time(timedelta(**by).total_seconds())
        await self.bill()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, and with it the jobs of a PostgreSQL: they wait by the database's own, which nobody moves."""
        self.shop.clock.move(seconds=seconds)
        database = self.shop.running.services.database
        if database.dialect == "postgresql":
            await database.run(lambda session: session.connection.execute(_PASS_TIME, {"seconds": seconds}))

    async def bill(self) -> None:
        """What the app does by itself, until nothing of it is due."""
        services = self.shop.running.services
        for _ in range(60):
            await scanning.run(services)
            await self.shop.work()
            await self.shop.saleor.settle()
            if not await self._is_busy():
                return
            await self.pass_time(31)
        raise AssertionError([await self.renewals(it.id) for it in await self.schedules()])

    async def _is_busy(self) -> bool:
        """A step is to be taken now, or a look follows soon."""
        soon = self.shop.clock.now() + timedelta(minutes=15)
        read = self.shop.running.services.database.read
        return bool(
            await read(lambda session: schedule_rows.due(session, now=soon, limit=1))
            or await read(lambda session: renewal_rows.due(session, now=soon, limit=1))
        )

    # --- what one looks at

    async def schedule(self, schedule_id: str) -> Schedule:
        found = await self.shop.running.services.database.read(lambda s: schedule_rows.by_id(s, schedule_id))
        assert found is not None
        return found

    async def schedules(self) -> list[Schedule]:
        end = self.shop.clock.now() + timedelta(days=99), ""
        return await self.shop.running.services.database.read(
            lambda s: schedule_rows.page(s, self.shop.saleor.api_url, before=end, limit=99)
        )

    async def renewals(self, schedule_id: str) -> list[Renewal]:
        """Oldest first."""
        end = self.shop.clock.now() + timedelta(days=9999)
        found = await self.shop.running.services.database.read(
            lambda s: renewal_rows.of_schedule(s, schedule_id, before=end, limit=9999)
        )
        return found[::-1]

    async def periods(self, schedule_id: str) -> list[tuple[str, str]]:
        return [(it.period.isoformat(), str(it.state)) for it in await self.renewals(schedule_id)]

    async def last(self, schedule_id: str) -> Renewal:
        return (await self.renewals(schedule_id))[-1]

    async def events(self, schedule_id: str) -> list[str]:
        found = await self.shop.running.services.database.read(
            lambda s: event_rows.of_schedule(s, schedule_id, limit=9999)
        )
        return [it.type for it in found[::-1]]

    def metadata(self, schedule_id: str) -> dict[str, str]:
        """What the template order says of the schedule."""
        prefix, held = f"amazonPay.subscription.{schedule_id}.", self.template.metadata
        return {key.removeprefix(prefix): value for key, value in held.items() if key.startswith(prefix)}

    def orders(self) -> list[Order]:
        """Those made by renewals, oldest first."""
        return [it for it in self.shop.saleor.store.orders if "amazonPay.renewal" in it.metadata]

    def billed(self) -> Decimal:
        return sum((order.charged for order in self.orders()), Decimal(0))

    def fail_next(self, reason: str, times: int = 1) -> None:
        """Amazon declines the next charges of the agreement."""
        break_amazon(self.shop, "create_charge", reason_code=reason, times=times)


START = datetime(2027, 1, 11, 3, tzinfo=UTC)  # a Monday noon in Tokyo


@asynccontextmanager
async def open_subscriptions(
    database_url: str, start: datetime = START, **changes: Any
) -> AsyncIterator[Subscriptions]:
    """``start``: the day the customer agrees."""
    options = {"answer_budget_seconds": PATIENCE, "billing_schedules": True, **changes}
    async with open_shop(database_url, **options) as shop:
        shop.clock.move(seconds=(start - shop.clock.now()).total_seconds())
        shop.amazon.url = shop.amazon_url  # where its notifications' certificate is
        for region, account_id in zip(("JP", "NA"), shop.accounts.values(), strict=True):
            url = f"{shop.app_url}/api/webhooks/amazon-pay/{account_id}"
            shop.amazon.set_ipn_url(f"A{region}MERCHANT0001"[:14], url)
        yield await subscribe(shop)


async def subscribe(shop: Shop, lines=(("BOX-1", 1),)) -> Subscriptions:
    """The customer buys, agrees to more, and the order is made."""
    checkout = shop.saleor.create_checkout(lines=lines, user=shop.saleor.customer)
    shop.flow("default-jp", "CHARGE")
    await agree(shop, checkout.id, recurring=MONTHLY)
    made = await shop.saleor.storefront.checkout_complete(checkout.id, user=shop.saleor.customer)
    assert made.order_id, made
    await shop.work()
    return Subscriptions(shop, await agreement_of(shop), shop.saleor.order(made.order_id))
