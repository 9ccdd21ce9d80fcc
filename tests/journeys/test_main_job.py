"""The main job, end to end: pay, capture, refund, cancel."""

from __future__ import annotations

from decimal import Decimal

from tests.journeys.helpers import silence


class TestPaying:
    async def test_a_checkout_is_authorized_and_becomes_an_order(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        assert total > 0
        assert shop.amounts(transaction) == {"authorized": total}
        assert set(shop.transaction(transaction).actions) == {"CHARGE", "CANCEL"}
        checkout_id = shop.transaction(transaction).checkout_id
        completed = await shop.saleor.storefront.checkout_complete(checkout_id)
        assert not completed.errors
        assert completed.number

    async def test_a_channel_that_charges_at_once_is_charged_at_once(self, shop):
        shop.flow("us", "CHARGE")
        checkout = shop.saleor.create_checkout("us")
        transaction = await shop.pay(checkout.id)
        charged = shop.transaction(transaction).charged
        assert shop.amounts(transaction) == {"charged": charged}
        assert shop.transaction(transaction).actions == ("REFUND",)


class TestCharging:
    async def test_the_whole_authorization_is_captured(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.amazon.count("capture_charge") == 1

    async def test_several_partial_captures_add_up(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "authorized": total - 1000}
        await shop.saleor.staff.request_charge(transaction, Decimal(500))
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}
        assert shop.amazon.count("capture_charge") == 1
        assert shop.amazon.count("create_charge") == 2


class TestRefunding:
    async def test_a_refund_is_told_when_amazon_has_decided(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_charge(transaction)
        await shop.saleor.staff.request_refund(transaction, Decimal(300))
        assert shop.amounts(transaction) == {"charged": total - 300, "refund_pending": Decimal(300)}
        await shop.until(lambda: shop.transaction(transaction).refunded == 300)
        assert shop.amounts(transaction) == {"charged": total - 300, "refunded": Decimal(300)}


class TestCancelling:
    async def test_the_authorization_is_released(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.saleor.staff.request_cancel(transaction)
        assert shop.amounts(transaction) == {"canceled": total}
        assert shop.transaction(transaction).actions == ()


class TestLockedAccount:
    async def test_a_payment_of_a_locked_account_is_left_alone_until_the_key_is_entered_again(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        await shop.set_account_state("default-jp", "locked")
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"authorized": total}
        assert "private key" in shop.last_event(transaction, "CHARGE_FAILURE").message
        assert shop.amazon.count("capture_charge") == 0
        await shop.set_account_state("default-jp", "active")
        await shop.saleor.staff.request_charge(transaction)
        assert shop.amounts(transaction) == {"charged": total}


class TestWhileOneIsUnresolved:
    async def test_the_next_request_waits_until_it_is_known_what_is_left(self, shop):
        transaction = await shop.authorized()
        total = shop.transaction(transaction).authorized
        silent = silence(shop, "capture_charge", times=100, timeout_after=True)
        await shop.saleor.staff.request_charge(transaction, Decimal(1000))
        await shop.saleor.staff.request_cancel(transaction)
        assert shop.amazon.count("cancel_charge") == 0
        assert shop.amazon.count("close_charge_permission") == 0
        silent.times = 0
        await shop.until(lambda: shop.transaction(transaction).canceled > 0)
        assert shop.amounts(transaction) == {"charged": Decimal(1000), "canceled": total - 1000}
