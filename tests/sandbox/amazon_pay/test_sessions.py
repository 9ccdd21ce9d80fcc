from __future__ import annotations

import json

import pytest

from saleor_amazonpay.sandbox.amazon_pay import ApiProblem, SimulatorOptions

ALL_CONSTRAINTS = ["BuyerNotAssociated", "ChargeAmountNotSet", "CheckoutResultReturnUrlNotSet", "PaymentIntentNotSet"]
SESSION_KEYS = [
    "checkoutSessionId", "webCheckoutDetails", "productType", "paymentDetails", "chargePermissionType", "orderType",
    "recurringMetadata", "paymentMethodOnFileMetadata", "merchantDetails", "merchantMetadata", "supplementaryData", "buyer",
    "billingAddress", "paymentPreferences", "statusDetails", "shippingAddress", "platformId", "chargePermissionId",
    "chargeId", "constraints", "creationTimestamp", "expirationTimestamp", "storeId", "providerMetadata",
    "releaseEnvironment", "checkoutButtonText", "deliverySpecifications", "tokens",
]  # fmt: skip


def yen(amount):
    return {"amount": amount, "currencyCode": "JPY"}


class TestCreate:
    async def test_a_fresh_session_has_every_key_and_all_constraints(self, merchant):
        answer = await merchant("POST", "checkoutSessions", merchant.payload())
        session = answer.json()
        assert answer.status_code == 201
        assert list(session) == SESSION_KEYS
        assert [c["constraintId"] for c in session["constraints"]] == ALL_CONSTRAINTS
        assert session["paymentPreferences"] == [None]
        assert session["statusDetails"]["lastUpdatedTimestamp"] == session["creationTimestamp"] == "20261110T030000Z"
        assert session["expirationTimestamp"] == "20261111T030000Z"
        assert session["paymentDetails"]["canHandlePendingAuthorization"] is False
        assert session["merchantMetadata"] == dict.fromkeys(session["merchantMetadata"])

    async def test_an_unknown_field_is_named(self, merchant, refused):
        answer = await merchant("POST", "checkoutSessions", merchant.payload(storeID="x"))
        refused(answer, 400, "UnrecognizedField")
        assert "storeID" in answer.json()["message"]

    async def test_a_nested_unknown_field_is_refused_too(self, merchant, refused):
        payload = merchant.payload(paymentDetails={"chargeAmount": {"amount": "1", "currencyCode": "JPY", "x": 1}})
        refused(await merchant("POST", "checkoutSessions", payload), 400, "UnrecognizedField")

    @pytest.mark.parametrize("key", ["storeId", "webCheckoutDetails"])
    async def test_a_missing_value_is_named(self, merchant, refused, key):
        payload = {name: value for name, value in merchant.payload().items() if name != key}
        refused(await merchant("POST", "checkoutSessions", payload), 400, "MissingParameterValue")

    async def test_the_store_must_be_the_merchants(self, merchant, refused):
        payload = merchant.payload() | {"storeId": "amzn1.application-oa2-client.other"}
        refused(await merchant("POST", "checkoutSessions", payload), 400, "InvalidParameterValue")

    async def test_live_takes_https_only(self, live_merchant, refused):
        payload = live_merchant.payload() | {"webCheckoutDetails": {"checkoutReviewReturnUrl": "http://shop.example"}}
        refused(await live_merchant("POST", "checkoutSessions", payload), 400, "InvalidParameterValue")

    async def test_pending_and_immediate_capture_exclude_each_other(self, merchant, refused):
        details = {"paymentIntent": "AuthorizeWithCapture", "canHandlePendingAuthorization": True}
        answer = await merchant("POST", "checkoutSessions", merchant.payload(paymentDetails=details))
        refused(answer, 400, "InvalidParameterCombination")

    @pytest.mark.parametrize("amount", ["0", "-1", "12.5", "abc", "10000001", True, None, "NaN"])
    async def test_an_impossible_amount_is_refused(self, merchant, amount):
        payload = merchant.payload(paymentDetails={"chargeAmount": yen(amount)})
        answer = await merchant("POST", "checkoutSessions", payload)
        assert answer.json()["reasonCode"] in {"InvalidParameterValue", "MissingParameterValue"}

    async def test_an_amount_sent_as_a_number_comes_back_as_a_string(self, merchant):
        payload = merchant.payload(paymentDetails={"chargeAmount": yen(1200)})
        answer = await merchant("POST", "checkoutSessions", payload)
        assert answer.json()["paymentDetails"]["chargeAmount"] == yen("1200")

    async def test_a_currency_of_another_region_is_refused(self, merchant, refused):
        payload = merchant.payload(paymentDetails={"chargeAmount": {"amount": "12.00", "currencyCode": "EUR"}})
        refused(await merchant("POST", "checkoutSessions", payload), 400, "InvalidParameterValue")

    async def test_amounts_of_one_session_have_one_currency(self, joins, refused):
        merchant = joins(region="eu")
        details = {
            "chargeAmount": {"amount": "1", "currencyCode": "EUR"},
            "totalOrderAmount": {"amount": "2", "currencyCode": "GBP"},
        }
        answer = await merchant("POST", "checkoutSessions", merchant.payload(paymentDetails=details))
        refused(answer, 400, "CurrencyMismatch")

    async def test_a_store_name_of_more_than_fifty_characters_is_refused(self, merchant, refused):
        payload = merchant.payload(merchantMetadata={"merchantStoreName": "x" * 51})
        refused(await merchant("POST", "checkoutSessions", payload), 400, "InvalidParameterValue")

    async def test_a_recurring_session_wants_its_frequency(self, merchant):
        answer = await merchant("POST", "checkoutSessions", merchant.payload(chargePermissionType="Recurring"))
        assert [c["constraintId"] for c in answer.json()["constraints"]] == [
            *ALL_CONSTRAINTS,
            "RecurringFrequencyNotSet",
        ]


class TestButton:
    async def test_a_click_makes_a_session_of_the_product_type(self, merchant, simulator):
        session_id = simulator.create_session_by_button(merchant.button(merchant.payload()), "PayOnly")
        assert (await merchant.get(f"checkoutSessions/{session_id}"))["productType"] == "PayOnly"

    async def test_the_exact_text_is_what_is_signed(self, merchant, simulator):
        config = merchant.button(merchant.payload())
        respaced = json.dumps(json.loads(config["payloadJSON"]), separators=(",", ":"))
        with pytest.raises(ApiProblem, match="InvalidRequestSignature"):
            simulator.create_session_by_button(config | {"payloadJSON": respaced})

    async def test_without_an_algorithm_the_old_one_is_meant(self, merchant, simulator):
        config = merchant.button(merchant.payload())
        del config["algorithm"]
        with pytest.raises(ApiProblem, match="InvalidRequestSignature"):
            simulator.create_session_by_button(config)

    async def test_the_old_algorithm_works_too(self, merchant, simulator):
        merchant.algorithm = "AMZN-PAY-RSASSA-PSS"
        assert simulator.create_session_by_button(merchant.button(merchant.payload()))

    async def test_an_unknown_key_is_refused(self, merchant, simulator):
        with pytest.raises(ApiProblem, match="InvalidAuthentication"):
            simulator.create_session_by_button(merchant.button(merchant.payload(), publicKeyId="SANDBOX-OTHER"))

    async def test_a_payload_with_an_unknown_field_is_refused(self, merchant, simulator):
        with pytest.raises(ApiProblem, match="UnrecognizedField"):
            simulator.create_session_by_button(merchant.button(merchant.payload(nonsense=1)))


class TestBuyerSignsIn:
    async def test_the_session_shows_buyer_address_and_payment(self, merchant, simulator):
        session_id = simulator.create_session_by_button(merchant.button(merchant.payload()))
        simulator.sign_in(session_id, "hanako", card="4444")
        session = await merchant.get(f"checkoutSessions/{session_id}")
        assert session["buyer"]["name"] == "佐藤 花子"
        assert session["buyer"]["buyerId"].startswith("amzn1.account.")
        assert session["shippingAddress"]["stateOrRegion"] == "北海道"
        assert session["billingAddress"] is None
        assert session["paymentPreferences"] == [{"paymentDescriptor": "Your selected Amazon payment method"}]
        assert "BuyerNotAssociated" not in [c["constraintId"] for c in session["constraints"]]

    async def test_outside_japan_the_card_is_named(self, joins, simulator):
        merchant = joins(region="eu")
        session_id = simulator.create_session_by_button(merchant.button(merchant.payload()))
        simulator.sign_in(session_id, card="4444")
        session = await merchant.get(f"checkoutSessions/{session_id}")
        assert session["paymentPreferences"] == [{"paymentDescriptor": "Mastercard ****4444 (Amazon Pay)"}]

    async def test_scopes_decide_what_is_told(self, merchant, simulator):
        session_id = simulator.create_session_by_button(
            merchant.button(merchant.payload(scopes=["email", "billingAddress"]))
        )
        simulator.sign_in(session_id)
        session = await merchant.get(f"checkoutSessions/{session_id}")
        assert session["buyer"]["name"] is None
        assert session["buyer"]["email"] == "taro.suzuki@example.com"
        assert session["billingAddress"]["postalCode"] == "153-0064"

    async def test_pay_only_has_no_shipping_address_but_a_billing_address(self, merchant, simulator):
        session_id = simulator.create_session_by_button(merchant.button(merchant.payload()), "PayOnly")
        simulator.sign_in(session_id)
        session = await merchant.get(f"checkoutSessions/{session_id}")
        assert session["shippingAddress"] is None
        assert session["billingAddress"] is not None

    async def test_japanese_addresses_have_a_city_in_the_sandbox_only(self, merchant, joins, simulator):
        live = joins(key_id="LIVE-MERCHANT")
        cities = []
        for one in (merchant, live):
            session_id = simulator.create_session_by_button(one.button(one.payload()))
            simulator.sign_in(session_id)
            cities.append((await one.get(f"checkoutSessions/{session_id}"))["shippingAddress"]["city"])
        assert cities == ["目黒区", None]

    async def test_one_person_has_a_different_id_for_each_merchant(self, merchant, joins, simulator):
        other = joins(merchant_id="AOTHERMERCHANT", key_id="SANDBOX-OTHER")
        ids = set()
        for one in (merchant, other):
            session_id = simulator.create_session_by_button(one.button(one.payload()))
            simulator.sign_in(session_id)
            ids.add((await one.get(f"checkoutSessions/{session_id}"))["buyer"]["buyerId"])
        assert len(ids) == 2

    async def test_several_addresses_come_as_json_texts(self, merchant, simulator):
        config = merchant.button(merchant.payload())
        session_id = simulator.create_session_by_button(config, "PayAndShipMultiAddress")
        simulator.sign_in(session_id)
        prices = [{"addressId": "1", "price": yen("700")}, {"addressId": "2", "price": yen("500")}]
        await merchant("PATCH", f"checkoutSessions/{session_id}", {"multiAddressesCheckoutMetadata": prices})
        session = await merchant.get(f"checkoutSessions/{session_id}")
        assert [json.loads(text)["stateOrRegion"] for text in session["shippingAddressList"]] == ["東京都", "大阪府"]
        assert session["multiAddressesCheckoutMetadata"] == prices


class TestUpdate:
    async def test_with_no_constraint_left_there_is_a_redirect_url(self, merchant, simulator):
        session_id = await merchant.ready_session()
        session = await merchant.get(f"checkoutSessions/{session_id}")
        assert session["constraints"] == []
        assert session["webCheckoutDetails"]["amazonPayRedirectUrl"] == f"{simulator.url}/pay/{session_id}"

    async def test_what_is_not_sent_stays(self, merchant):
        session_id = await merchant.ready_session(amount="1200")
        body = {"merchantMetadata": {"noteToBuyer": "thanks"}}
        session = (await merchant("PATCH", f"checkoutSessions/{session_id}", body)).json()
        assert session["paymentDetails"]["chargeAmount"] == yen("1200")
        assert session["merchantMetadata"]["merchantReferenceId"] == "ORDER-1"
        assert session["merchantMetadata"]["noteToBuyer"] == "thanks"

    async def test_a_refused_update_changes_nothing(self, merchant, refused):
        session_id = await merchant.ready_session()
        body = {"merchantMetadata": {"noteToBuyer": "x"}, "paymentDetails": {"totalOrderAmount": yen("1")}}
        refused(await merchant("PATCH", f"checkoutSessions/{session_id}", body), 400, "InvalidParameterValue")
        assert (await merchant.get(f"checkoutSessions/{session_id}"))["merchantMetadata"]["noteToBuyer"] is None

    async def test_overcharge_can_only_be_chosen_at_creation(self, merchant, refused):
        session_id = await merchant.ready_session()
        body = {"paymentDetails": {"allowOvercharge": True}}
        refused(await merchant("PATCH", f"checkoutSessions/{session_id}", body), 400, "UnrecognizedField")

    async def test_one_time_becomes_recurring_during_checkout(self, merchant):
        session_id = await merchant.ready_session()
        body = {"chargePermissionType": "Recurring", "recurringMetadata": {"frequency": {"unit": "Month", "value": 1}}}
        session = (await merchant("PATCH", f"checkoutSessions/{session_id}", body)).json()
        assert session["recurringMetadata"] == {"frequency": {"unit": "Month", "value": "1"}, "amount": None}

    async def test_a_completed_session_cannot_be_updated(self, merchant, refused):
        session = await merchant.checkout()
        answer = await merchant("PATCH", f"checkoutSessions/{session['checkoutSessionId']}", merchant.update())
        refused(answer, 422, "InvalidCheckoutSessionStatus")


class TestComplete:
    async def test_authorize_leaves_a_permission_and_an_authorized_charge(self, merchant):
        session = await merchant.checkout(intent="Authorize")
        charge = await merchant.get(f"charges/{session['chargeId']}")
        assert session["statusDetails"]["state"] == "Completed"
        assert charge["statusDetails"]["state"] == "Authorized"
        assert charge["captureAmount"] is None
        assert session["chargeId"].startswith(session["chargePermissionId"] + "-C")

    async def test_authorize_with_capture_captures_and_closes_the_permission(self, merchant):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        assert (await merchant.get(f"charges/{session['chargeId']}"))["captureAmount"] == yen("1200")
        permission = await merchant.get(f"chargePermissions/{session['chargePermissionId']}")
        assert permission["statusDetails"]["state"] == "Closed"

    async def test_confirm_makes_no_charge(self, merchant):
        session = await merchant.checkout(intent="Confirm")
        permission = await merchant.get(f"chargePermissions/{session['chargePermissionId']}")
        assert session["chargeId"] is None
        assert permission["limits"]["amountBalance"] == yen("1200")
        assert permission["statusDetails"] == {
            "state": "Chargeable", "reasons": None, "lastUpdatedTimestamp": "20261110T030000Z"}  # fmt: skip

    async def test_the_buyer_is_gone_from_a_completed_session_and_in_the_permission(self, merchant):
        session = await merchant.checkout()
        permission = await merchant.get(f"chargePermissions/{session['chargePermissionId']}")
        assert session["buyer"] is session["shippingAddress"] is None
        assert permission["buyer"]["name"] == "鈴木太郎"
        assert permission["merchantMetadata"]["merchantReferenceId"] == "ORDER-1"

    async def test_another_amount_is_a_mismatch(self, merchant, simulator, refused):
        session_id = await merchant.ready_session()
        simulator.buyer_approves(session_id)
        refused(await merchant.complete(session_id, "1201"), 409, "AmountMismatch")

    async def test_another_currency_is_told_as_such(self, merchant, simulator, refused):
        session_id = await merchant.ready_session()
        simulator.buyer_approves(session_id)
        refused(await merchant.complete(session_id, "1200", "USD"), 400, "CurrencyMismatch")

    async def test_not_before_the_buyer_has_paid(self, merchant, refused):
        session_id = await merchant.ready_session()
        refused(await merchant.complete(session_id), 422, "InvalidCheckoutSessionStatus")

    async def test_a_session_reads_open_before_and_after_the_buyer_has_paid(self, merchant, simulator):
        session_id = await merchant.ready_session()
        before = (await merchant.get(f"checkoutSessions/{session_id}"))["statusDetails"]["state"]
        simulator.buyer_approves(session_id)
        after = await merchant.get(f"checkoutSessions/{session_id}")
        assert (before, after["statusDetails"]["state"], after["chargePermissionId"]) == ("Open", "Open", None)

    async def test_not_a_second_time(self, merchant, refused):
        session = await merchant.checkout()
        refused(await merchant.complete(session["checkoutSessionId"]), 422, "InvalidCheckoutSessionStatus")

    async def test_works_without_an_idempotency_key(self, merchant, simulator):
        session_id = await merchant.ready_session()
        simulator.buyer_approves(session_id)
        assert (await merchant.complete(session_id, key=None)).status_code == 200

    async def test_a_total_that_differs_is_a_mismatch(self, merchant, simulator, refused):
        session_id = await merchant.ready_session(totalOrderAmount=yen("3000"))
        simulator.buyer_approves(session_id)
        body = {"chargeAmount": yen("1200"), "totalOrderAmount": yen("3001")}
        refused(await merchant("POST", f"checkoutSessions/{session_id}/complete", body), 409, "AmountMismatch")

    @pytest.mark.parametrize("code", ["BuyerCanceled", "AmazonCanceled", "Declined"])
    async def test_a_simulation_code_ends_the_session(self, merchant, simulator, refused, code):
        session_id = await merchant.ready_session()
        simulator.buyer_approves(session_id)
        refused(await merchant.complete(session_id, simulation=code), 422, "CheckoutSessionCanceled")
        assert (await merchant.get(f"checkoutSessions/{session_id}"))["statusDetails"]["reasonCode"] == code

    async def test_a_pending_charge_is_202(self, merchant, simulator, clock):
        session_id = await merchant.ready_session(canHandlePendingAuthorization=True)
        simulator.buyer_approves(session_id)
        answer = await merchant.complete(session_id, simulation="AuthorizationInitiated")
        assert answer.status_code == 202
        charge_id = answer.json()["chargeId"]
        assert (await merchant.get(f"charges/{charge_id}"))["statusDetails"]["state"] == "AuthorizationInitiated"
        clock.move(seconds=31)
        assert (await merchant.get(f"charges/{charge_id}"))["statusDetails"]["state"] == "Authorized"

    async def test_pending_must_be_allowed(self, merchant, simulator, refused):
        session_id = await merchant.ready_session()
        simulator.buyer_approves(session_id)
        answer = await merchant.complete(session_id, simulation="AuthorizationInitiated")
        refused(answer, 400, "InvalidSandboxSimulationSpecified")
        assert (await merchant.complete(session_id)).status_code == 200

    async def test_set_up_only_is_completed_with_an_empty_body(self, merchant, simulator):
        payload = merchant.payload(
            chargePermissionType="PaymentMethodOnFile", paymentMethodOnFileMetadata={"setupOnly": True}
        )
        session_id = simulator.create_session_by_button(merchant.button(payload))
        simulator.sign_in(session_id)
        update = merchant.update()
        update["paymentDetails"] = {"paymentIntent": "Confirm"}
        await merchant("PATCH", f"checkoutSessions/{session_id}", update)
        simulator.buyer_approves(session_id)
        answer = await merchant("POST", f"checkoutSessions/{session_id}/complete", {})
        assert answer.status_code == 200, answer.text
        permission = await merchant.get(f"chargePermissions/{answer.json()['chargePermissionId']}")
        assert permission["limits"]["amountLimit"] == yen("2000000")
        assert permission["expirationTimestamp"] is None


class TestEnds:
    async def test_the_result_url_keeps_its_query_and_gets_the_id(self, merchant, simulator):
        session_id = await merchant.ready_session()
        assert (
            simulator.buyer_approves(session_id)
            == f"https://shop.example.jp/result?amazonCheckoutSessionId={session_id}"
        )
        other = await merchant.ready_session()
        assert (
            simulator.buyer_cancels(other) == f"https://shop.example.jp/review?basket=7&amazonCheckoutSessionId={other}"
        )

    @pytest.mark.parametrize(("card", "reason"), [("3064", "BuyerCanceled"), ("3434", "Declined")])
    async def test_some_cards_end_the_session(self, merchant, simulator, refused, card, reason):
        session_id = await merchant.ready_session(card=card)
        simulator.buyer_approves(session_id)
        status = (await merchant.get(f"checkoutSessions/{session_id}"))["statusDetails"]
        assert (status["state"], status["reasonCode"]) == ("Canceled", reason)
        refused(await merchant.complete(session_id), 422, "CheckoutSessionCanceled")

    async def test_after_a_day_it_has_expired(self, merchant, simulator, clock, refused):
        session_id = await merchant.ready_session()
        simulator.buyer_approves(session_id)
        clock.move(hours=24)
        refused(await merchant.complete(session_id), 422, "CheckoutSessionCanceled")
        status = (await merchant.get(f"checkoutSessions/{session_id}"))["statusDetails"]
        assert status["reasonCode"] == "Expired"
        assert status["lastUpdatedTimestamp"] == "20261111T030000Z"

    class TestWithStatus400:
        @pytest.fixture
        def options(self):
            return SimulatorOptions(canceled_session_status=400)

        async def test_the_status_of_a_canceled_session_can_be_chosen(self, merchant, simulator, refused):
            session_id = await merchant.ready_session()
            simulator.buyer_cancels(session_id)
            refused(await merchant.complete(session_id), 400, "CheckoutSessionCanceled")


class TestApb:
    async def test_one_way_from_click_to_result(self, merchant, simulator):
        result = simulator.buyer_pays_apb(merchant.button(merchant.apb_payload()))
        session_id = result.rpartition("=")[2]
        assert result == f"https://shop.example.jp/result?amazonCheckoutSessionId={session_id}"
        session = (await merchant.complete(session_id)).json()
        assert (await merchant.get(f"charges/{session['chargeId']}"))["statusDetails"]["state"] == "Captured"

    async def test_the_shops_address_is_kept_trimmed_and_upper_case(self, merchant, simulator):
        session_id = simulator.create_session_by_button(merchant.button(merchant.apb_payload()))
        simulator.sign_in(session_id)
        address = (await merchant.get(f"checkoutSessions/{session_id}"))["shippingAddress"]
        assert (address["name"], address["postalCode"], address["countryCode"]) == ("山田 一郎", "153-0064", "JP")

    @pytest.mark.parametrize(
        "field", ["name", "addressLine1", "stateOrRegion", "postalCode", "countryCode", "phoneNumber"]
    )
    async def test_a_shipped_order_needs_the_whole_address(self, merchant, simulator, field):
        payload = merchant.apb_payload()
        del payload["addressDetails"][field]
        with pytest.raises(ApiProblem, match=f"MissingParameterValue.*{field}"):
            simulator.create_session_by_button(merchant.button(payload))

    async def test_pay_only_needs_none(self, merchant, simulator):
        assert simulator.create_session_by_button(merchant.button(merchant.apb_payload(address=False)), "PayOnly")

    async def test_the_amount_must_be_in_the_payload(self, merchant, simulator):
        payload = merchant.apb_payload()
        del payload["paymentDetails"]["chargeAmount"]
        with pytest.raises(ApiProblem, match="MissingParameterValue"):
            simulator.create_session_by_button(merchant.button(payload))

    async def test_there_is_no_review_page(self, merchant, simulator):
        payload = merchant.apb_payload()
        payload["webCheckoutDetails"]["checkoutReviewReturnUrl"] = "https://shop.example.jp/review"
        with pytest.raises(ApiProblem, match="InvalidParameterCombination"):
            simulator.create_session_by_button(merchant.button(payload))


class TestFinalize:
    async def test_does_what_complete_does_with_the_amount_given_now(self, merchant, simulator):
        session_id = simulator.create_session_by_button(merchant.button(merchant.payload()))
        simulator.sign_in(session_id)
        address = simulator.session(session_id)["shippingAddress"]
        body = {"chargeAmount": yen("700"), "paymentIntent": "Authorize", "shippingAddress": address}
        answer = await merchant("POST", f"checkoutSessions/{session_id}/finalize", body)
        assert answer.status_code == 200, answer.text
        assert "cartDetails" in answer.json()
        assert (await merchant.get(f"charges/{answer.json()['chargeId']}"))["chargeAmount"] == yen("700")

    async def test_the_address_must_be_the_buyers_choice(self, merchant, simulator, refused):
        session_id = simulator.create_session_by_button(merchant.button(merchant.payload()))
        simulator.sign_in(session_id)
        body = {"chargeAmount": yen("700"), "paymentIntent": "Authorize", "shippingAddress": {"name": "someone else"}}
        refused(await merchant("POST", f"checkoutSessions/{session_id}/finalize", body), 400, "InvalidParameterValue")


class TestWhoseItIs:
    async def test_another_merchants_session_does_not_exist(self, merchant, joins, refused):
        other = joins(merchant_id="AOTHERMERCHANT", key_id="SANDBOX-OTHER")
        session_id = await merchant.ready_session()
        refused(await other("GET", f"checkoutSessions/{session_id}"), 404, "ResourceNotFound")

    async def test_nor_does_a_sandbox_session_in_live(self, merchant, live_merchant, refused):
        session_id = await merchant.ready_session()
        refused(await live_merchant("GET", f"checkoutSessions/{session_id}"), 404, "ResourceNotFound")
