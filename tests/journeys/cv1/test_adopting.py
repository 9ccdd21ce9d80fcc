"""Taking an order over: once, whatever happens meanwhile; and everything that cannot be taken over says why."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.errors import SaleorUnavailable
from saleor_amazonpay.handlers.cv1 import adopting
from saleor_amazonpay.handlers.sweeps import drift
from saleor_amazonpay.sandbox.saleor import payments as saleor_payments
from saleor_amazonpay.storage import drift as drift_rows
from tests.journeys.cv1.helpers import MERCHANT, adopt, old_order, yen
from tests.journeys.helpers import payment_of, settle


def transactions(order):
    return order.shop.saleor.order(order.order_id).transactions


def captured(order):
    return order.shop.amazon.cv1.capture(order.shop.amazon.cv1.authorize(order.reference))


class TestOnce:
    async def test_again_changes_nothing(self, shop):
        order = old_order(shop)
        capture = captured(order)
        await order.adopt(order.reference, capture)
        before = list(shop.transaction(order.transaction).event_types)
        reads = len(shop.amazon.calls)
        outcomes = await order.adopt(capture, order.reference)
        assert {each["result"] for each in outcomes.values()} == {"KNOWN"}
        assert shop.transaction(order.transaction).event_types == before
        assert (len(transactions(order)), len(shop.amazon.calls)) == (1, reads)

    async def test_by_two_at_once(self, any_shop):
        order = old_order(any_shop)
        await asyncio.gather(*(adopt(any_shop, [order.reference], order=order.order_id) for _ in range(4)))
        await order.adopt()
        assert order.transaction
        assert len(transactions(order)) == 1

    async def test_when_saleors_answer_was_lost(self, shop, monkeypatch):
        order, capture = old_order(shop), None
        capture = captured(order)
        create = adopting.saleor.create_transaction

        async def lost(*args, **kwargs):
            await create(*args, **kwargs)
            raise SaleorUnavailable("Saleor could not be reached.")

        monkeypatch.setattr(adopting.saleor, "create_transaction", lost)
        outcomes = await order.adopt(capture)
        assert (outcomes[capture]["result"], outcomes[capture]["reason"]) == ("LATER", "SALEOR_UNAVAILABLE")
        assert await payment_of(shop, transactions(order)[0].id) is None
        monkeypatch.undo()
        assert (await order.adopt(capture))[capture]["result"] == "ADOPTED"
        assert len(transactions(order)) == 1
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_when_amazon_was_away(self, shop):
        order = old_order(shop)
        shop.amazon.faults.add(fault("get_charge_permission", status=503, times=20))
        assert (await order.adopt())[order.reference]["result"] == "LATER"
        assert not transactions(order)
        shop.amazon.faults.clear()
        assert (await order.adopt())[order.reference]["result"] == "ADOPTED"

    async def test_a_dry_run_changes_nothing(self, shop):
        order = old_order(shop)
        outcomes = await order.adopt(dryRun=True)
        assert (outcomes[order.reference]["result"], outcomes[order.reference]["orderNumber"]) == ("WOULD_ADOPT", "1")
        assert not transactions(order)


def fault(operation, **given):
    from saleor_amazonpay.sandbox.amazon_pay.faults import Fault

    return Fault(operation=operation, **given)


class TestFoundBy:
    async def test_the_orders_number(self, shop):
        order = old_order(shop)
        [outcome] = (await adopt(shop, [order.reference], order="#1")).values()
        assert outcome["result"] == "ADOPTED"

    async def test_its_external_reference(self, shop):
        order = old_order(shop)
        shop.saleor.order(order.order_id).external_reference = "OLD-77"
        [outcome] = (await adopt(shop, [order.reference], externalReference="OLD-77")).values()
        assert outcome["result"] == "ADOPTED"


class TestIdsNamedLater:
    async def test_join_the_payment(self, shop):
        order = old_order(shop)
        first = shop.amazon.cv1.authorize(order.reference, yen(2000))
        await order.adopt()
        assert order.amounts == {"authorized": Decimal(1500)}  # Amazon holds 2,000 that nobody named
        outcomes = await order.adopt(first)
        assert outcomes[first]["result"] == "ADOPTED"
        assert order.amounts == {"authorized": Decimal(3500)}
        await order.charge(2000)
        assert shop.amazon.count("capture_charge") == 1

    async def test_refunds_nobody_named_are_in_the_sum(self, shop):
        order = old_order(shop)
        capture = captured(order)
        refund = shop.amazon.cv1.refund(capture, yen(1000))
        await order.adopt(capture)
        assert order.amounts == {"charged": Decimal(2500), "refunded": Decimal(1000)}
        await order.adopt(refund)  # counted already
        assert order.amounts == {"charged": Decimal(2500), "refunded": Decimal(1000)}
        await order.refund(2500)
        assert order.amounts == {"refunded": Decimal(3500)}

    async def test_a_pending_authorization_is_told_when_amazon_has_decided(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference, None, "Pending")
        await order.adopt(authorization)
        assert order.amounts == {}
        shop.amazon.cv1.decide(authorization, "Open")
        await shop.until(lambda: order.amounts == {"authorized": Decimal(3500)})
        await order.charge()
        assert order.amounts == {"charged": Decimal(3500)}


class TestImportedTransaction:
    def imported(self, shop, order, *, owner=None, **amounts):
        """As an import left it: amounts set by hand, no pspReference."""
        source = shop.saleor.order(order.order_id)
        item = saleor_payments.new_transaction(shop.saleor, source, owner)
        kinds = {"authorized": "AUTHORIZATION_SUCCESS", "charged": "CHARGE_SUCCESS", "refunded": "REFUND_SUCCESS"}
        for name, amount in amounts.items():
            saleor_payments.new_event(shop.saleor, item, kinds[name], Decimal(amount))
        item.recalculate()
        return item

    async def test_is_taken_over_with_its_amounts_told_as_events(self, shop):
        order = old_order(shop)
        capture = captured(order)
        shop.amazon.cv1.refund(capture, yen(500))
        item = self.imported(shop, order, charged=3000, refunded=500)
        await order.adopt(capture, transactionId=item.id)
        assert [each.id for each in transactions(order)] == [item.id]
        assert order.amounts == {"charged": Decimal(3000), "refunded": Decimal(500)}
        assert shop.transaction(item.id).psp_reference == order.reference
        await order.refund(1000)
        assert order.amounts == {"charged": Decimal(2000), "refunded": Decimal(1500)}

    async def test_one_that_was_authorized_by_hand(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        item = self.imported(shop, order, authorized=3500)
        await order.adopt(authorization, transactionId=item.id)
        assert order.amounts == {"authorized": Decimal(3500)}
        await order.charge()
        assert order.amounts == {"charged": Decimal(3500)}

    async def test_anothers_is_refused(self, shop):
        order = old_order(shop)
        item = self.imported(shop, order)
        item.user = shop.saleor.superuser
        outcomes = await order.adopt(transactionId=item.id)
        assert outcomes[order.reference]["reason"] == "TRANSACTION_NOT_OURS"

    async def test_one_that_is_another_orders_payment(self, shop):
        order = old_order(shop)
        await order.adopt()
        second = shop.amazon.cv1.order_reference(MERCHANT, yen(3500))
        outcome = (await adopt(shop, [second], order=order.order_id, transactionId=order.transaction))[second]
        assert outcome["reason"] == "TRANSACTION_TAKEN"

    async def test_one_that_is_not_there(self, shop):
        order = old_order(shop)
        outcomes = await order.adopt(transactionId="VHJhbnNhY3Rpb25JdGVtOng=")
        assert outcomes[order.reference]["reason"] == "NO_TRANSACTION"


BAD_IDS = {
    "": "EMPTY",
    "S03-1234567-123456": "WRONG_LENGTH",
    "S03-1234567-12345678": "WRONG_LENGTH",
    "S03-1234567-1234567-A12345": "WRONG_LENGTH",
    "S03_1234567-1234567": "WRONG_SHAPE",
    "s03-1234567-1234567": "WRONG_SHAPE",
    "S04-1234567-1234567": "UNKNOWN_REGION",
    "X03-1234567-1234567": "UNKNOWN_LETTER",
    "S03-1234567-1234567-X123456": "UNKNOWN_LETTER",
    "S03-1234567-1234567-B123456": "CV2_ID",
    "C03-1234567-1234567-C123456": "CV2_ID",
    "8d5c1f3e-0b1a-4c55-9d0e-2f6f1f0a7b11": "CV2_ID",
    "amzn1.account.AEXAMPLE": "CV2_ID",
    "P03-1234567-1234567": "WRONG_ENVIRONMENT",
    "S01-1234567-1234567": "WRONG_REGION",
    "S03-1234567-1234567": "NOT_FOUND",
}


class TestBadIds:
    async def test_each_says_what_is_wrong_and_the_good_one_is_adopted(self, shop):
        order = old_order(shop)
        outcomes = await adopt(shop, [*BAD_IDS, order.reference], order=order.order_id)
        assert {id_: outcomes[id_]["reason"] for id_ in BAD_IDS} == BAD_IDS
        assert all(outcomes[id_]["result"] == "REFUSED" and outcomes[id_]["message"] for id_ in BAD_IDS)
        assert outcomes[order.reference]["result"] == "ADOPTED"

    async def test_an_a_that_is_already_c_is_the_charge_itself(self, shop):
        order = old_order(shop)
        authorization = shop.amazon.cv1.authorize(order.reference)
        rewritten = f"{authorization[:20]}C{authorization[21:]}"
        outcomes = await order.adopt(rewritten)
        assert outcomes[rewritten]["cv2State"] == "Authorized"
        assert order.amounts == {"authorized": Decimal(3500)}

    @pytest.mark.parametrize(
        ("state", "result", "reason"),
        [
            ("Draft", "REFUSED", "NOT_FOUND"),
            ("Suspended", "ADOPTED", ""),
            ("Canceled", "REFUSED", "NOTHING_TO_MANAGE"),
            ("Closed", "REFUSED", "NOTHING_TO_MANAGE"),
        ],
    )
    async def test_references_that_are_not_open(self, shop, state, result, reason):
        order = old_order(shop, state)
        outcome = (await order.adopt())[order.reference]
        assert (outcome["result"], outcome["reason"]) == (result, reason)

    async def test_a_payment_made_with_cv2(self, shop):
        transaction = await shop.authorized()
        permission = (await payment_of(shop, transaction)).charge_permission_id
        [outcome] = (await adopt(shop, [permission], order=shop.saleor.create_order().id)).values()
        assert outcome["reason"] == "CV2_ID"
        assert transaction in outcome["message"]

    async def test_another_merchants(self, shop):
        from tests.journeys import shop as harness

        shop.amazon.register_merchant("AOTHERMERCHANT", "store", "SANDBOX-OTHER", harness.PUBLIC_KEY, "jp")
        reference = shop.amazon.cv1.order_reference("AOTHERMERCHANT", yen(3500))
        [outcome] = (await adopt(shop, [reference], order=shop.saleor.create_order().id)).values()
        assert outcome["reason"] == "NOT_FOUND"
        assert "another merchant" in outcome["message"]

    async def test_one_bad_id_does_not_stop_the_others(self, shop):
        order = old_order(shop)
        capture = captured(order)
        unknown = f"{order.reference}-R999999"
        outcomes = await order.adopt(capture, unknown, "nonsense")
        assert outcomes[capture]["result"] == "ADOPTED"
        assert outcomes[unknown]["reason"] == "NOT_FOUND"
        assert outcomes["nonsense"]["reason"] == "WRONG_LENGTH"
        assert order.amounts == {"charged": Decimal(3500)}


class TestOrdersThatDoNotFit:
    async def test_there_is_none(self, shop):
        [outcome] = (await adopt(shop, [old_order(shop).reference], order="#77")).values()
        assert outcome["reason"] == "NO_ORDER"

    async def test_none_is_named(self, shop):
        [outcome] = (await adopt(shop, [old_order(shop).reference])).values()
        assert outcome["reason"] == "NO_ORDER"

    async def test_it_was_adopted_for_another(self, shop):
        order = old_order(shop)
        await order.adopt()
        other = shop.saleor.create_order()
        outcome = (await adopt(shop, [order.reference], order=other.id))[order.reference]
        assert (outcome["reason"], other.transactions) == ("ADOPTED_ELSEWHERE", [])

    async def test_another_currency(self, shop):
        order = shop.saleor.create_order("us")
        reference = shop.amazon.cv1.order_reference(MERCHANT, yen(3500))
        outcome = (await adopt(shop, [reference], order=order.id, accountId=shop.accounts["default-jp"]))[reference]
        assert outcome["reason"] == "CURRENCY"

    async def test_a_capture_named_twice_under_two_numbers(self, shop):
        order = old_order(shop)
        first, second = captured(order), shop.amazon.cv1.authorize(order.reference, None, "Closed", "MaxAmountCaptured")
        outcomes = await order.adopt(first, second)
        assert {each["reason"] for each in outcomes.values()} == {"ADDS_UP_TO_TOO_MUCH"}
        assert not transactions(order)

    async def test_what_cv1_allowed_above_the_order_is_adopted(self, shop):
        """10,000 JPY were authorized with 11,500."""
        order = old_order(shop, amount=10_000)
        authorization = shop.amazon.cv1.authorize(order.reference, yen(11_500))
        await order.adopt(authorization)
        assert order.amounts == {"authorized": Decimal(11_500)}
        await order.charge(11_500)
        assert order.amounts == {"charged": Decimal(11_500)}


class TestADayLater:
    async def test_saleor_and_amazon_agree(self, shop):
        """The sweep that compares both sides finds nothing, whatever was adopted."""
        cv1, orders = shop.amazon.cv1, [old_order(shop) for _ in range(5)]
        ids = [order.reference for order in orders]
        ids[1] = cv1.authorize(ids[1], yen(2000))
        ids[2] = cv1.capture(cv1.authorize(ids[2]), yen(2000))
        ids[3] = cv1.refund(cv1.capture(cv1.authorize(ids[3])), yen(1000))
        ids[4] = cv1.capture(cv1.authorize(ids[4]), state="Closed")
        for order, id_ in zip(orders, ids, strict=True):
            await order.adopt(id_)
        shop.clock.move(hours=25)
        services, reads = shop.running.services, shop.amazon.count("get_charge_permission")
        await drift.run(services)
        await settle(shop)
        assert shop.amazon.count("get_charge_permission") == reads + 5
        assert await services.database.read(lambda session: drift_rows.count(session, shop.saleor.api_url)) == 0
        assert orders[1].amounts == {"authorized": Decimal(3500)}


class TestTenants:
    async def test_the_payment_is_this_tenants(self, shop):
        order = old_order(shop)
        await order.adopt()
        await settle(shop)
        payment = await payment_of(shop, order.transaction)
        assert (payment.api_url, payment.flow, payment.amount) == (shop.saleor.api_url, "cv1", Money.parse(3500, "JPY"))
