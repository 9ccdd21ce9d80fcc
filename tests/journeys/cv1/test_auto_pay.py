"""Each row of the documents' tables of Auto Pay: a Billing Agreement of CV1 is an agreement of this app."""

from __future__ import annotations

import pytest

from tests.journeys.agreements import agreement_of, cart, pay_stored
from tests.journeys.cv1.helpers import MERCHANT, adopt, graphql, yen
from tests.journeys.cv1.test_calls import called, explained


async def adopted(shop, state="Open"):
    billing_agreement = shop.amazon.cv1.billing_agreement(MERCHANT, yen(50_000), state)
    outcomes = await adopt(shop, [billing_agreement], customerId=shop.saleor.customer.id)
    return billing_agreement, outcomes[billing_agreement]


async def charge(shop, agreement_id, amount=None):
    shop.flow("default-jp", "CHARGE")
    return await pay_stored(shop, cart(shop).id, agreement_id, amount=amount)


class TestStates:
    @pytest.mark.parametrize(
        ("state", "cv2_state", "result"),
        [
            ("Open", "Chargeable", "ADOPTED"),
            ("Suspended", "NonChargeable", "ADOPTED"),
            ("Closed", "Closed", "REFUSED"),
            ("Canceled", "Closed", "REFUSED"),
            ("Draft", "", "REFUSED"),
        ],
    )
    async def test_of_a_billing_agreement(self, shop, state, cv2_state, result):
        billing_agreement, outcome = await adopted(shop, state)
        assert outcome["result"] == result
        if result == "ADOPTED":
            known = await agreement_of(shop)
            assert (known.charge_permission_id, known.state) == (billing_agreement, cv2_state)
            assert known.amount_limit == yen(50_000)
        assert (await explained(shop, billing_agreement))["cv2State"] == cv2_state


class TestCalls:
    async def test_authorize_on_billing_agreement_is_create_charge(self, shop):
        billing_agreement, outcome = await adopted(shop)
        paid = await charge(shop, outcome["agreementId"])
        assert paid.result == "CHARGE_SUCCESS"
        _, body = called(shop, "create_charge")
        assert body["chargePermissionId"] == billing_agreement

    async def test_authorize_on_billing_agreement_needs_an_open_one(self, shop):
        _, outcome = await adopted(shop, "Suspended")
        paid = await charge(shop, outcome["agreementId"])
        assert paid.result == "CHARGE_FAILURE"
        assert shop.amazon.count("create_charge") == 0

    async def test_close_billing_agreement_is_close_without_pending_charges(self, shop):
        billing_agreement, outcome = await adopted(shop)
        closing = "mutation($id: ID!) { agreementClose(id: $id) { agreement { state } errors { code } } }"
        closed = (await graphql(shop, closing, {"id": outcome["agreementId"]}))["agreementClose"]
        assert closed == {"agreement": {"state": "CLOSED"}, "errors": []}
        path, body = called(shop, "close_charge_permission")
        assert path.endswith(f"/chargePermissions/{billing_agreement}/close")
        assert not body.get("cancelPendingCharges")

    async def test_get_billing_agreement_details_is_get_charge_permission(self, shop):
        billing_agreement, outcome = await adopted(shop)
        shop.amazon.buyer_account.break_payment_method(billing_agreement)
        reading = "mutation($id: ID!) { agreementRefresh(id: $id) { agreement { state } errors { code } } }"
        read = (await graphql(shop, reading, {"id": outcome["agreementId"]}))["agreementRefresh"]
        assert read == {"agreement": {"state": "NON_CHARGEABLE"}, "errors": []}
        assert called(shop, "get_charge_permission")[0].endswith(f"/chargePermissions/{billing_agreement}")

    async def test_set_billing_agreement_details_is_update_charge_permission(self, shop):
        billing_agreement, outcome = await adopted(shop)
        given = {"merchantReferenceId": "SUB-7", "noteToBuyer": "Thank you."}
        changed = (await graphql(shop, UPDATE, {"id": outcome["agreementId"], "input": given}))["cv1AgreementUpdate"]
        assert changed == {"agreementId": outcome["agreementId"], "errors": []}
        path, body = called(shop, "update_charge_permission")
        assert path.endswith(f"/chargePermissions/{billing_agreement}")
        assert body == {"merchantMetadata": given}

    async def test_set_billing_agreement_details_of_nobody(self, shop):
        changed = (await graphql(shop, UPDATE, {"id": "agreement-x", "input": {}}))["cv1AgreementUpdate"]
        assert [each["code"] for each in changed["errors"]] == ["NO_AGREEMENT"]


UPDATE = """
mutation($id: ID!, $input: Cv1AgreementUpdateInput!) {
  cv1AgreementUpdate(id: $id, input: $input) { agreementId errors { code } }
}"""


class TestOwner:
    async def test_is_the_orders_customer(self, shop):
        order = shop.saleor.create_order(user=shop.saleor.customer)
        billing_agreement = shop.amazon.cv1.billing_agreement(MERCHANT, yen(50_000))
        outcome = (await adopt(shop, [billing_agreement], order=order.id))[billing_agreement]
        assert (outcome["result"], outcome["orderNumber"]) == ("ADOPTED", order.number)
        assert (await agreement_of(shop)).charge_permission_id == billing_agreement

    async def test_must_be_known(self, shop):
        billing_agreement = shop.amazon.cv1.billing_agreement(MERCHANT, yen(50_000))
        for given in ({}, {"customerId": "nobody"}, {"order": shop.saleor.create_order().id}):
            outcome = (await adopt(shop, [billing_agreement], **given))[billing_agreement]
            assert outcome["reason"] == "NO_CUSTOMER"

    async def test_is_asked_once(self, shop):
        billing_agreement, first = await adopted(shop)
        again = (await adopt(shop, [billing_agreement], customerId=shop.saleor.customer.id))[billing_agreement]
        assert (again["result"], again["agreementId"]) == ("KNOWN", first["agreementId"])


class TestMonthlyCap:
    async def test_is_amazons_own_figure(self, shop):
        billing_agreement = shop.amazon.cv1.billing_agreement(MERCHANT, yen(5_000))
        outcome = (await adopt(shop, [billing_agreement], customerId=shop.saleor.customer.id))[billing_agreement]
        assert (await charge(shop, outcome["agreementId"])).result == "CHARGE_SUCCESS"
        assert (await charge(shop, outcome["agreementId"])).result == "CHARGE_FAILURE"  # 7,000 of 5,000
