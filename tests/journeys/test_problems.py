"""App Problems: shown once, in words that help, and gone when the cause is."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx2
import pytest

from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.sweeps import dead_jobs, problem_checks
from saleor_amazonpay.messages import Message
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage import tables
from saleor_amazonpay.storage.engine import Statement
from tests.journeys.helpers import settle
from tests.journeys.pages import ask
from tests.journeys.shop import GATEWAY, REVIEW_URL


def shown(shop):
    return {problem.key: problem.message for problem in shop.saleor.find_app(shop.app.id).problems}


async def sweep(shop, which, **later):
    shop.clock.move(**later)
    await which.run(shop.running.services)
    await shop.work()


async def button(shop, checkout):
    [config] = await shop.saleor.storefront.payment_gateway_initialize(
        checkout.id, GATEWAY, {"flow": "review", "checkoutReviewReturnUrl": REVIEW_URL}
    )
    return config.data


async def raise_(shop, key="clock", message="It is late.", **kwargs):
    await problems.raise_problem(
        shop.running.services, shop.saleor.api_url, key, Message("{what}", what=message), **kwargs
    )


class TestThePort:
    async def test_a_problem_is_shown_once_however_often_it_is_raised(self, any_shop):
        shop = any_shop
        for _ in range(3):
            await raise_(shop)
            await shop.work()
        [problem] = shop.saleor.find_app(shop.app.id).problems
        assert (problem.key, problem.message, problem.count) == ("clock", "It is late.", 1)

    async def test_cured_it_goes_and_raised_again_it_comes_back(self, any_shop):
        shop = any_shop
        await raise_(shop)
        await shop.work()
        await problems.cure(shop.running.services, shop.saleor.api_url, "clock")
        await shop.work()
        assert shown(shop) == {}
        await raise_(shop)
        await shop.work()
        assert shown(shop) == {"clock": "It is late."}

    async def test_cured_before_it_was_shown_nothing_stays(self, shop):
        await raise_(shop)
        await problems.cure(shop.running.services, shop.saleor.api_url, "clock")
        await shop.work()
        assert shown(shop) == {}
        api_url = shop.saleor.api_url
        assert not await shop.running.services.database.read(lambda session: problem_rows.of_tenant(session, api_url))

    async def test_while_saleor_is_down_it_waits(self, shop):
        with shop.saleor.faults.during("unavailable"):
            await raise_(shop, critical=True)
            await shop.work()
        assert shown(shop) == {}
        await shop.later(minutes=1)
        assert shown(shop) == {"clock": "It is late."}

    async def test_dismissed_without_a_cure_it_is_shown_again_a_day_later(self, shop):
        await raise_(shop)
        await shop.work()
        for problem in shop.saleor.find_app(shop.app.id).problems:
            problem.dismissed = True
        await raise_(shop)
        await shop.work()
        assert shown(shop) == {}
        shop.clock.move(days=1)
        await raise_(shop)
        await shop.work()
        assert shown(shop) == {"clock": "It is late."}

    async def test_a_tenant_nobody_knows_fails_nobody(self, shop):
        await problems.raise_problem(shop.running.services, "https://elsewhere.example/graphql/", "clock", Message("x"))
        await shop.work()
        assert shown(shop) == {}


class TestLanguages:
    async def test_the_page_tells_a_problem_in_the_readers_language_and_saleor_in_english(self, any_shop):
        shop = any_shop
        due = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
        sentence = Message(
            "The Amazon Pay authorization of transaction {transaction} ends on {time}. Charge it before then; later a "
            "charge needs Amazon's approval again.",
            transaction="VHJh",
            time=due,
        )
        await problems.raise_problem(shop.running.services, shop.saleor.api_url, "authorization-p1", sentence)
        await shop.work()
        assert "ends on 2026-11-28 09:30 UTC. Charge it" in shown(shop)["authorization-p1"]
        japanese = (await ask(shop, "GET", "/problems", language="ja")).text
        assert '取引 VHJh の Amazon Pay のオーソリは <time datetime="2026-11-28T09:30:00+00:00">' in japanese
        assert "Charge it before then" not in japanese
        assert "Charge it before then" in (await ask(shop, "GET", "/problems")).text

    async def test_one_of_before_the_update_is_told_as_it_was_written(self, any_shop):
        shop = any_shop
        await raise_(shop)

        def age(session):
            session.execute(Statement(tables.problems.update().values(sentence=None)))

        await shop.running.services.database.run(age)
        assert "It is late." in (await ask(shop, "GET", "/problems", language="ja")).text


class TestChannels:
    async def test_a_channel_without_an_account_is_named_and_cured_by_assigning_one(self, shop):
        services, api_url = shop.running.services, shop.saleor.api_url
        await services.database.run(lambda session: account_rows.unassign(session, api_url, "us"))
        services.directory.forget(api_url)
        checkout = shop.saleor.create_checkout("us")
        assert (await button(shop, checkout))["errors"]
        await shop.work()
        assert "us" in shown(shop)["channel-us"]
        await sweep(shop, problem_checks, minutes=6)
        assert "channel-us" in shown(shop)
        account_id, now = shop.accounts["us"], shop.clock.now()
        await services.database.run(lambda session: account_rows.assign(session, api_url, "us", account_id, now))
        await sweep(shop, problem_checks, hours=1)
        assert shown(shop) == {}


class TestKeys:
    @pytest.mark.parametrize("reason", ["InvalidAuthentication", "InvalidRequestSignature", "InvalidAccountStatus"])
    async def test_refused_keys_are_shown_and_cured_when_amazon_takes_them_again(self, shop, reason):
        transaction = await shop.authorized()
        shop.amazon.faults.add(Fault(operation="*", times=100, reason_code=reason))
        await shop.saleor.staff.request_charge(transaction, Decimal(100))
        await shop.until(lambda: "keys-account-jp" in shown(shop))
        assert reason in shown(shop)["keys-account-jp"]
        await sweep(shop, problem_checks, minutes=6)
        assert "keys-account-jp" in shown(shop)
        shop.amazon.faults.clear()
        await sweep(shop, problem_checks, hours=1)
        assert shown(shop) == {}


class TestReports:
    async def test_an_event_saleor_refuses_is_shown(self, shop):
        shop.flow("default-jp", "CHARGE")
        transaction = await shop.pay(shop.saleor.create_checkout().id)
        item = next(one for one in shop.saleor.store.transactions if one.id == transaction)
        shop.saleor.store.transactions.remove(item)  # so that transactionEventReport answers NOT_FOUND
        shop.clock.move(minutes=2)
        await shop.work()
        [(key, message)] = shown(shop).items()
        assert key.startswith("report-")
        assert transaction in message


class TestWebhooks:
    async def test_a_clock_that_is_wrong_is_told(self, shop):
        shop.saleor.clock = Ahead(shop.clock)
        assert (await button(shop, shop.saleor.create_checkout())) is None
        shop.saleor.clock = shop.clock
        await shop.work()
        assert "clock is ahead" in shown(shop)["clock"]
        await sweep(shop, problem_checks, days=2)
        assert shown(shop) == {}

    async def test_many_wrong_signatures_are_told_and_few_are_not(self, shop):
        url = f"{shop.app_url}/api/webhooks/saleor/transaction-charge-requested"
        headers = {
            "Saleor-Event": "transaction_charge_requested",
            "Saleor-Api-Url": shop.saleor.api_url,
            "Saleor-Signature": "eyJhbGciOiJSUzI1NiJ9..AAAA",
        }
        async with httpx2.AsyncClient(trust_env=False) as client:
            for number in range(1, 21):
                answer = await client.post(url, content=b"{}", headers=headers)
                assert answer.status_code == 401
                if number == 19:
                    await shop.work()
                    assert shown(shop) == {}
        await shop.work()
        assert list(shown(shop)) == ["signatures"]


class Ahead:
    """A clock two hours ahead of another."""

    def __init__(self, clock):
        self._clock = clock

    def now(self):
        return self._clock.now() + timedelta(hours=2)

    def monotonic(self):
        return self._clock.monotonic()

    async def sleep(self, seconds):
        await self._clock.sleep(seconds)


async def fail(_args):
    raise RuntimeError("broken")


class TestDeadJobs:
    async def test_they_are_shown_until_they_are_retried(self, shop):
        transaction = await shop.authorized()
        await settle(shop)
        jobs, known = shop.running.jobs, shop.running.jobs._tasks._tasks
        whole = known["deliver_reports"]
        known["deliver_reports"] = dataclasses.replace(whole, handler=fail)
        await shop.saleor.staff.request_charge(transaction)
        for _ in range(40):
            shop.clock.move(hours=2)
            await shop.work()
        [dead] = await jobs.dead_jobs()
        known["deliver_reports"] = whole
        await sweep(shop, dead_jobs, minutes=5)
        assert "deliver_reports" in shown(shop)["jobs"]
        await jobs.retry_dead(dead.id)
        await shop.work()
        await sweep(shop, dead_jobs, minutes=5)
        assert "jobs" not in shown(shop)


class TestRefunds:
    async def test_a_shortfall_on_a_granted_refund_names_the_amount(self, shop):
        transaction = await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await shop.saleor.staff.request_charge(transaction, Decimal(2000))
        await settle(shop)
        completed = await shop.saleor.storefront.checkout_complete(shop.transaction(transaction).checkout_id)
        charges = {
            charge["chargeId"]: charge["captureAmount"]["amount"]
            for charge in shop.amazon.audit()["charges"]
            if charge["statusDetails"]["state"] == "Captured"
        }
        smaller = next(id_ for id_, amount in charges.items() if Decimal(amount) == 1000)
        shop.amazon.script_refund("Declined", "AmazonRejected", charge_id=smaller, times=10)
        made = await shop.saleor.staff.grant_refund(completed.order_id, transaction, Decimal(3000), "Damaged")
        await shop.saleor.staff.request_granted_refund(made.id)
        await settle(shop)
        await shop.work()
        [(key, message)] = shown(shop).items()
        assert key.startswith("refund-")
        assert "1000 JPY is missing" in message
