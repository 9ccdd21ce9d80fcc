"""Notifications, requests of staff and background work in any order, late and more than once: one and the same end.

Staff act in Saleor and in Seller Central on one payment, while its notifications are delivered, repeated, held back or
shuffled. When everything has come, Saleor's amounts are what DESIGN §6 cases 4 and 16 say of Amazon's objects.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from tests.durability import audit
from tests.journeys.shop import open_shop

amounts = st.sampled_from([100, 500, 1000, 3500])
places = st.integers(0, 40)


@pytest.fixture(scope="module")
def town(sqlite_template, tmp_path_factory):
    """One shop for all stories, each with a payment of its own; ``run`` runs a coroutine in its loop."""
    path = tmp_path_factory.mktemp("machine") / "app.db"
    shutil.copyfile(sqlite_template, path)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        shop = runner.run(stack.enter_async_context(open_shop(f"sqlite:///{path}")))
        shop.amazon.url = shop.amazon_url
        yield shop, runner.run
        runner.run(stack.aclose())


class Story(RuleBasedStateMachine):
    town = None

    @initialize()
    def pay(self):
        self.shop, self.run = self.town
        self.first = len(self.shop.amazon.ipn.outbox)
        self.transaction = self.run(self.shop.authorized())
        self.permission = self.shop.amazon.audit()["permissions"][-1]["chargePermissionId"]

    # --- what is true of the payment

    @property
    def charges(self):
        return [it for it in self.shop.amazon.audit()["charges"] if it["chargePermissionId"] == self.permission]

    @property
    def notifications(self):
        written = self.shop.amazon.ipn.outbox[self.first :]
        return [it for it in written if it.charge_permission_id == self.permission]

    # --- staff at Amazon

    def at_amazon(self, act, *args):
        try:
            act(*args)
        except ApiProblem:
            return  # Seller Central would not offer it

    @rule(place=places, amount=amounts)
    def seller_central_captures(self, place, amount):
        charge = self.charges[place % len(self.charges)]["chargeId"]
        self.at_amazon(self.shop.amazon.seller_central.capture, charge, Money.parse(amount, "JPY"))

    @rule(place=places, amount=amounts)
    def seller_central_refunds(self, place, amount):
        charge = self.charges[place % len(self.charges)]["chargeId"]
        self.at_amazon(self.shop.amazon.seller_central.refund, charge, Money.parse(min(amount, 100), "JPY"))

    @rule(place=places)
    def seller_central_cancels(self, place):
        charge = self.charges[place % len(self.charges)]["chargeId"]
        self.at_amazon(self.shop.amazon.seller_central.cancel, charge)

    @rule()
    def seller_central_closes(self):
        self.at_amazon(self.shop.amazon.seller_central.close, self.permission)

    # --- staff in Saleor

    @rule(kind=st.sampled_from(["CHARGE", "REFUND"]), amount=st.none() | amounts)
    def staff_ask(self, kind, amount):
        given = None if amount is None else Decimal(amount)
        self.run(self.shop.saleor.staff.request_action(self.transaction, kind, given))

    @rule()
    def staff_cancel(self):
        self.run(self.shop.saleor.staff.request_cancel(self.transaction))

    # --- news and time

    @rule(place=places, times=st.integers(1, 2))
    def a_notification_comes(self, place, times):
        if self.notifications:
            chosen = self.notifications[place % len(self.notifications)]
            for _ in range(times):
                self.deliver(chosen)

    def deliver(self, notification):
        url = f"{self.shop.app_url}/api/webhooks/amazon-pay/account-jp"
        assert self.run(self.shop.amazon.ipn.deliver(notification, url)) == 200

    @rule()
    def the_background_works(self):
        self.run(self.shop.work())

    @rule(seconds=st.sampled_from([3, 65, 3600]))
    def time_passes(self, seconds):
        self.run(self.shop.later(seconds=seconds))

    # --- the end

    def teardown(self):
        if not hasattr(self, "permission"):
            return
        for _ in range(3):
            self.run(self.shop.later(minutes=2))
            for notification in reversed(self.notifications):
                self.deliver(notification)
        for _ in range(5):
            self.run(self.shop.later(minutes=2))
        everything = audit.differences(self.shop.amazon, self.shop.saleor, self.shop.running.services.database)
        different = [it for it in self.run(everything) if it.transaction == self.transaction]
        assert not different, different


def tell(town, examples):
    class Told(Story):
        pass

    Told.town = town
    run_state_machine_as_test(
        Told,
        settings=settings(
            max_examples=examples,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_order_of_news_and_requests_ends_alike(town):
    tell(town, 12)


@pytest.mark.soak
def test_every_order_of_news_and_requests_ends_alike_at_length(town):
    tell(town, 400)
