"""What happens at Amazon without us reaches Saleor once, whoever of us sees it first and in whatever order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.sandbox.amazon_pay import Fault
from tests.api.test_amazonpay_notifications import inbox, notice, post
from tests.journeys.shop import open_shop


@pytest.fixture
async def shop(sqlite_url):
    async with open_shop(sqlite_url, answer_budget_seconds=2.0) as shop:
        shop.amazon.url = shop.amazon_url
        yield shop


def charge_of(shop, place=-1):
    return shop.amazon.audit()["charges"][place]


async def told(shop):
    """Every notification written so far, delivered and handled."""
    for notification in shop.amazon.ipn.outbox:
        await shop.amazon.ipn.deliver(notification, f"{shop.app_url}/api/webhooks/amazon-pay/account-jp")
    for _ in range(3):
        await shop.later(seconds=30)


class TestSeenByARequestFirst:
    """The news came with the answer to our own request, before any notification."""

    async def test_a_closed_permission(self, shop):
        transaction = await shop.authorized()
        shop.amazon.seller_central.close(charge_of(shop)["chargePermissionId"])
        await shop.saleor.staff.request_charge(transaction)
        assert shop.last_event(transaction, "CHARGE_FAILURE").message
        await told(shop)
        assert shop.amounts(transaction) == {}

    async def test_a_capture(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        shop.amazon.seller_central.capture(charge_of(shop)["chargeId"])
        await shop.saleor.staff.request_charge(transaction)
        await told(shop)
        assert shop.amounts(transaction) == {"charged": total}

    async def test_a_part_captured_and_the_rest_charged_by_us(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        shop.amazon.seller_central.capture(charge_of(shop)["chargeId"], Money.parse(1000, "JPY"))
        await shop.saleor.staff.request_charge(transaction, total - 1000)
        await told(shop)
        assert shop.amounts(transaction) == {"charged": total}


class TestToldByUsAlready:
    async def test_a_capture_reported_under_our_own_name_is_not_told_again_under_amazons(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        fault = Fault(operation="capture_charge", times=100, timeout_after=True, hold_seconds=5.0)
        shop.amazon.faults.add(fault)
        await shop.saleor.staff.request_charge(transaction)
        fault.times = 0
        await shop.until(lambda: shop.transaction(transaction).charged > 0)
        await told(shop)
        assert shop.amounts(transaction) == {"charged": total}

    async def test_a_pending_capture_seen_by_a_notification_first(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        shop.clock.move(days=8)
        fault = Fault(operation="capture_charge", times=100, timeout_after=True, hold_seconds=5.0)
        shop.amazon.faults.add(fault)
        await shop.saleor.staff.request_charge(transaction)
        fault.times = 0
        await shop.until(lambda: shop.transaction(transaction).charged > 0)
        await told(shop)
        assert shop.amounts(transaction) == {"charged": total}


class TestForeignObject:
    async def test_of_another_payment_of_the_same_merchant_is_not_booked_here(self, shop):
        mine = await shop.authorized()
        total = shop.transaction(mine).authorized
        permission = charge_of(shop)["chargePermissionId"]
        other = await shop.authorized()
        await shop.saleor.staff.request_charge(other)
        foreign = charge_of(shop)["chargeId"]
        assert shop.amazon.charge(foreign)["statusDetails"]["state"] == "Captured"
        await post(shop, notice(shop, object_type="CHARGE", object_id=foreign, permission=permission))
        await shop.later(seconds=30)
        assert [row.state for row in await inbox(shop)] == ["handled"]
        assert shop.amounts(mine) == {"authorized": total}
        assert shop.amounts(other) == {"charged": total}

    async def test_a_refund_of_another_payment_is_not_booked_here(self, shop):
        mine, other = await shop.authorized(), await shop.authorized()
        permission, foreign = (charge_of(shop, place)["chargePermissionId"] for place in (0, 1))
        for transaction in (mine, other):
            await shop.saleor.staff.request_charge(transaction)
        total = shop.transaction(mine).charged
        assert permission != foreign
        refund_id = shop.amazon.seller_central.refund(charge_of(shop)["chargeId"], Money.parse(300, "JPY"))
        await shop.later(seconds=30)
        await post(shop, notice(shop, object_type="REFUND", object_id=refund_id, permission=permission))
        await shop.later(seconds=30)
        assert shop.amounts(mine) == {"charged": total}
        await told(shop)
        assert shop.amounts(mine) == {"charged": total}
        assert shop.amounts(other) == {"charged": total - 300, "refunded": Decimal(300)}
