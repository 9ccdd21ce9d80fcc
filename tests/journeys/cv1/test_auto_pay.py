"""Each row of the documents' tables of Auto Pay: a Billing Agreement of CV1 is an agreement of this app."""

from __future__ import annotations

import pytest

from tests.journeys.agreements import agreement_of, cart, pay_stored
from tests.journeys.cv1.helpers import MERCHANT, adopt, yen
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
