from __future__ import annotations

import pytest

from saleor_amazonpay.sandbox.amazon_pay import SimulatorOptions


def yen(amount):
    return {"amount": amount, "currencyCode": "JPY"}


def euro(amount):
    return {"amount": amount, "currencyCode": "EUR"}


async def state(merchant, charge_id):
    status = (await merchant.get(f"charges/{charge_id}"))["statusDetails"]
    return status["state"], status["reasonCode"]


async def permission_state(merchant, permission_id):
    status = (await merchant.get(f"chargePermissions/{permission_id}"))["statusDetails"]
    return status["state"], [reason["reasonCode"] for reason in status["reasons"] or []]


async def balance(merchant, permission_id):
    return (await merchant.get(f"chargePermissions/{permission_id}"))["limits"]["amountBalance"]["amount"]


class TestCreate:
    async def test_is_authorized_and_takes_of_the_balance(self, merchant):
        session = await merchant.checkout(intent="Confirm")
        charge = (await merchant.charge(session["chargePermissionId"], "500")).json()
        assert charge["statusDetails"]["state"] == "Authorized"
        assert charge["expirationTimestamp"] == "20261112T030000Z"
        assert await balance(merchant, session["chargePermissionId"]) == "700"

    async def test_can_be_captured_at_once(self, merchant):
        session = await merchant.checkout(intent="Confirm")
        charge = (await merchant.charge(session["chargePermissionId"], "500", captureNow=True)).json()
        assert charge["captureAmount"] == yen("500")

    async def test_more_than_the_balance_is_refused(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        refused(await merchant.charge(session["chargePermissionId"], "1201"), 400, "TransactionAmountExceeded")

    async def test_the_currency_is_the_permissions(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        refused(await merchant.charge(session["chargePermissionId"], "5.00", "USD"), 400, "CurrencyMismatch")

    async def test_yen_have_no_decimals(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        refused(await merchant.charge(session["chargePermissionId"], "5.5"), 400, "InvalidParameterValue")

    async def test_a_split_order_is_charged_up_to_its_total(self, merchant, refused):
        session = await merchant.checkout("400", totalOrderAmount=yen("1000"))
        permission_id = session["chargePermissionId"]
        assert await balance(merchant, permission_id) == "600"
        assert (await merchant.charge(permission_id, "600")).status_code == 201
        refused(await merchant.charge(permission_id, "1"), 400, "TransactionAmountExceeded")

    async def test_at_most_25_charges_are_open(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        charges = [await merchant.charge(session["chargePermissionId"], "1") for _ in range(25)]
        assert {charge.status_code for charge in charges} == {201}
        refused(await merchant.charge(session["chargePermissionId"], "1"), 422, "TransactionCountExceeded")
        await merchant("DELETE", f"charges/{charges[0].json()['chargeId']}/cancel", {})
        assert (await merchant.charge(session["chargePermissionId"], "1")).status_code == 201

    @pytest.mark.parametrize("code", ["SoftDeclined", "HardDeclined", "AmazonRejected", "TransactionTimedOut"])
    async def test_a_decline_is_an_error_and_leaves_no_charge(self, merchant, simulator, refused, code):
        session = await merchant.checkout(intent="Confirm")
        refused(await merchant.charge(session["chargePermissionId"], "500", simulation=code), 422, code)
        assert simulator.audit()["charges"] == []
        assert await balance(merchant, session["chargePermissionId"]) == "1200"

    async def test_a_soft_descriptor_needs_a_capture(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        answer = await merchant.charge(session["chargePermissionId"], "500", softDescriptor="SHOP")
        refused(answer, 400, "InvalidParameterCombination")

    async def test_with_overcharge_the_limit_is_nine_times_the_order_or_the_floor(self, merchant):
        payload = {"paymentDetails": {"allowOvercharge": True}}
        small = await merchant.checkout("1000", payload=payload)
        large = await merchant.checkout("10000", payload=payload)
        limits = [
            (await merchant.get(f"chargePermissions/{session['chargePermissionId']}"))["limits"]["amountLimit"][
                "amount"
            ]
            for session in (small, large)
        ]
        assert limits == ["70000", "90000"]


class TestAsynchronousCards:
    @pytest.mark.parametrize(("card", "end"), [("0701", ("Authorized", None)), ("4354", ("Declined", "HardDeclined"))])
    async def test_are_decided_after_thirty_seconds(self, merchant, clock, card, end):
        session = await merchant.checkout(card=card, canHandlePendingAuthorization=True)
        assert await state(merchant, session["chargeId"]) == ("AuthorizationInitiated", None)
        clock.move(seconds=29)
        assert await state(merchant, session["chargeId"]) == ("AuthorizationInitiated", None)
        clock.move(seconds=2)
        assert await state(merchant, session["chargeId"]) == end

    async def test_need_pending_to_be_allowed(self, merchant, simulator):
        session_id = await merchant.ready_session(card="0701")
        simulator.buyer_approves(session_id)
        assert simulator.session(session_id)["statusDetails"]["reasonCode"] == "Declined"

    async def test_a_pending_charge_can_be_cancelled_for_good(self, merchant, clock):
        session = await merchant.checkout(card="0701", canHandlePendingAuthorization=True)
        await merchant("DELETE", f"charges/{session['chargeId']}/cancel", {})
        clock.move(seconds=31)
        assert await state(merchant, session["chargeId"]) == ("Canceled", "MerchantCanceled")


class TestCapture:
    async def test_the_whole_amount_closes_a_one_time_permission(self, merchant):
        session = await merchant.checkout()
        charge = (await merchant.capture(session["chargeId"])).json()
        assert (charge["statusDetails"]["state"], charge["captureAmount"]) == ("Captured", yen("1200"))
        assert await permission_state(merchant, session["chargePermissionId"]) == ("Closed", [])

    async def test_what_is_not_captured_is_released(self, merchant):
        session = await merchant.checkout()
        await merchant.capture(session["chargeId"], "500")
        assert await balance(merchant, session["chargePermissionId"]) == "700"
        assert await permission_state(merchant, session["chargePermissionId"]) == ("Chargeable", [])

    async def test_only_once(self, merchant, refused):
        session = await merchant.checkout()
        await merchant.capture(session["chargeId"], "500")
        refused(await merchant.capture(session["chargeId"], "500"), 422, "InvalidChargeStatus")

    async def test_not_more_than_authorized(self, merchant, refused):
        session = await merchant.checkout()
        refused(await merchant.capture(session["chargeId"], "1201"), 400, "TransactionAmountExceeded")

    async def test_after_seven_days_it_takes_its_time(self, live_merchant, clock):
        session = await live_merchant.checkout()
        clock.move(days=7, seconds=1)
        charge = (await live_merchant.capture(session["chargeId"])).json()
        assert (charge["statusDetails"]["state"], charge["captureAmount"]) == ("CaptureInitiated", None)
        clock.move(seconds=31)
        assert await state(live_merchant, session["chargeId"]) == ("Captured", None)

    async def test_a_simulation_code_makes_it_take_its_time(self, merchant):
        session = await merchant.checkout()
        await merchant.capture(session["chargeId"], simulation="CaptureInitiated")
        assert await state(merchant, session["chargeId"]) == ("CaptureInitiated", None)

    async def test_a_capture_that_fails_leaves_the_authorization(self, merchant, refused):
        session = await merchant.checkout()
        refused(await merchant.capture(session["chargeId"], simulation="ProcessingFailure"), 500, "ProcessingFailure")
        assert await state(merchant, session["chargeId"]) == ("Authorized", None)

    async def test_a_processing_failure_can_be_repeated_with_the_same_key(self, merchant):
        session = await merchant.checkout()
        await merchant.capture(session["chargeId"], key="k1", simulation="ProcessingFailure")
        assert (await merchant.capture(session["chargeId"], key="k1")).status_code == 200


class TestCancel:
    async def test_releases_the_balance(self, merchant):
        session = await merchant.checkout()
        answer = await merchant("DELETE", f"charges/{session['chargeId']}/cancel", {"cancellationReason": "sold out"})
        assert answer.json()["statusDetails"]["reasonCode"] == "MerchantCanceled"
        assert await balance(merchant, session["chargePermissionId"]) == "1200"

    async def test_not_what_is_captured(self, merchant, refused):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        refused(await merchant("DELETE", f"charges/{session['chargeId']}/cancel", {}), 422, "InvalidChargeStatus")

    async def test_a_repeat_is_answered_alike(self, merchant):
        session = await merchant.checkout()
        answers = [await merchant("DELETE", f"charges/{session['chargeId']}/cancel", {}) for _ in range(2)]
        assert answers[0].json() == answers[1].json()

    class TestStrictly:
        @pytest.fixture
        def options(self):
            return SimulatorOptions(idempotent_deletes=False)

        async def test_a_repeat_can_be_made_an_error(self, merchant, refused):
            session = await merchant.checkout()
            await merchant("DELETE", f"charges/{session['chargeId']}/cancel", {})
            refused(await merchant("DELETE", f"charges/{session['chargeId']}/cancel", {}), 422, "InvalidChargeStatus")

    async def test_only_providers_may_update_a_charge(self, merchant, joins, refused):
        session = await merchant.checkout()
        body = {"statusDetails": {"state": "Canceled", "reasonCode": "ExpiredUnused"}}
        refused(await merchant("PATCH", f"charges/{session['chargeId']}", body), 401, "UnauthorizedAccess")
        joins(is_provider=True)
        await merchant("PATCH", f"charges/{session['chargeId']}", body)
        assert await state(merchant, session["chargeId"]) == ("Canceled", "ExpiredUnused")


class TestExpiry:
    async def test_an_authorization_lasts_two_days_in_the_sandbox(self, merchant, clock):
        session = await merchant.checkout()
        clock.move(days=2)
        assert await state(merchant, session["chargeId"]) == ("Canceled", "ExpiredUnused")
        assert await balance(merchant, session["chargePermissionId"]) == "1200"

    async def test_and_thirty_days_in_live(self, live_merchant, clock):
        session = await live_merchant.checkout()
        clock.move(days=29)
        assert await state(live_merchant, session["chargeId"]) == ("Authorized", None)
        clock.move(days=1)
        assert await state(live_merchant, session["chargeId"]) == ("Canceled", "ExpiredUnused")


class TestPermission:
    async def test_reads_not_chargeable_while_open_charges_hold_everything(self, merchant):
        session = await merchant.checkout()
        assert await permission_state(merchant, session["chargePermissionId"]) == (
            "NonChargeable",
            ["ChargeInProgress"],
        )
        await merchant("DELETE", f"charges/{session['chargeId']}/cancel", {})
        assert await permission_state(merchant, session["chargePermissionId"]) == ("Chargeable", [])

    class TestWithoutChargeInProgress:
        @pytest.fixture
        def options(self):
            return SimulatorOptions(charge_in_progress=False)

        async def test_can_stay_chargeable_with_nothing_left(self, merchant):
            session = await merchant.checkout()
            assert await permission_state(merchant, session["chargePermissionId"]) == ("Chargeable", [])
            assert await balance(merchant, session["chargePermissionId"]) == "0"

    async def test_the_reasons_are_a_list_here_and_nowhere_else(self, merchant):
        session = await merchant.checkout()
        status = (await merchant.get(f"chargePermissions/{session['chargePermissionId']}"))["statusDetails"]
        assert "reasonCode" not in status
        assert [set(reason) for reason in status["reasons"]] == [{"reasonCode", "reasonDescription"}]

    async def test_closing_lets_open_charges_be_captured(self, merchant, refused):
        session = await merchant.checkout("400", totalOrderAmount=yen("1000"))
        await merchant("DELETE", f"chargePermissions/{session['chargePermissionId']}/close", {"closureReason": "done"})
        assert await permission_state(merchant, session["chargePermissionId"]) == ("Closed", ["MerchantClosed"])
        refused(await merchant.charge(session["chargePermissionId"], "1"), 422, "InvalidChargePermissionStatus")
        assert (await merchant.capture(session["chargeId"], "400")).status_code == 200

    async def test_closing_can_cancel_them(self, merchant):
        session = await merchant.checkout()
        body = {"closureReason": "gone", "cancelPendingCharges": True}
        await merchant("DELETE", f"chargePermissions/{session['chargePermissionId']}/close", body)
        assert await state(merchant, session["chargeId"]) == ("Canceled", "ChargePermissionCanceled")

    async def test_amazon_closes_it_on_request(self, merchant):
        session = await merchant.checkout(intent="Confirm")
        path = f"chargePermissions/{session['chargePermissionId']}/close"
        await merchant("DELETE", path, {}, simulation="AmazonClosed")
        assert await permission_state(merchant, session["chargePermissionId"]) == ("Closed", ["AmazonClosed"])

    async def test_a_closed_one_takes_only_what_is_still_null(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        path = f"chargePermissions/{session['chargePermissionId']}"
        await merchant("DELETE", f"{path}/close", {})
        assert (await merchant("PATCH", path, {"merchantMetadata": {"noteToBuyer": "x"}})).status_code == 200
        answer = await merchant("PATCH", path, {"merchantMetadata": {"merchantReferenceId": "OTHER"}})
        refused(answer, 422, "ChargePermissionNotModifiable")

    async def test_an_open_one_can_be_renamed_often(self, merchant):
        session = await merchant.checkout(intent="Confirm")
        path = f"chargePermissions/{session['chargePermissionId']}"
        for name in ("A", "B"):
            answer = await merchant("PATCH", path, {"merchantMetadata": {"merchantReferenceId": name}})
            assert answer.json()["merchantMetadata"]["merchantReferenceId"] == name

    async def test_expires_after_180_days(self, merchant, clock):
        session = await merchant.checkout(intent="Confirm")
        clock.move(days=180)
        assert await permission_state(merchant, session["chargePermissionId"]) == ("Closed", ["Expired"])

    async def test_or_after_13_months_if_extended(self, merchant):
        session = await merchant.checkout(intent="Confirm", payload={"paymentDetails": {"extendExpiration": True}})
        permission = await merchant.get(f"chargePermissions/{session['chargePermissionId']}")
        assert permission["expirationTimestamp"] == "20271210T030000Z"

    async def test_the_buyers_details_are_gone_after_thirty_days(self, merchant, clock):
        session = await merchant.checkout(intent="Confirm")
        clock.move(days=31)
        permission = await merchant.get(f"chargePermissions/{session['chargePermissionId']}")
        assert permission["buyer"] is permission["shippingAddress"] is None
        assert permission["paymentPreferences"] == [None]

    async def test_the_id_tells_market_and_environment(self, joins, clock):
        ids = []
        for region, currency in (("na", "USD"), ("eu", "EUR")):
            merchant = joins(merchant_id=f"A{region.upper()}", key_id=f"LIVE-{region}", region=region)
            ids.append((await merchant.checkout("12.00", "Confirm", currency))["chargePermissionId"][:4])
        assert ids == ["P01-", "P02-"]


class TestRecurring:
    async def test_is_chargeable_up_to_the_months_limit(self, merchant, refused):
        permission_id = (await merchant.recurring("500"))["chargePermissionId"]
        permission = await merchant.get(f"chargePermissions/{permission_id}")
        assert permission_id.startswith("C03-")
        assert permission["limits"] == {"amountLimit": yen("100000"), "amountBalance": yen("99500")}
        refused(await merchant.charge(permission_id, "99501"), 400, "PeriodicAmountExceeded")
        assert (await merchant.charge(permission_id, "99500", captureNow=True)).status_code == 201

    async def test_the_limit_starts_anew_with_the_month_in_japan(self, merchant, clock):
        permission_id = (await merchant.recurring("500"))["chargePermissionId"]
        clock.move(days=20, hours=11, minutes=59)  # 30 November, 23:59 in Tokyo
        assert await balance(merchant, permission_id) == "99500"
        clock.move(minutes=1)
        assert await balance(merchant, permission_id) == "100000"

    async def test_each_charge_pushes_the_end_forward(self, merchant, clock):
        permission_id = (await merchant.recurring())["chargePermissionId"]
        clock.move(days=300)
        await merchant.charge(permission_id, captureNow=True)
        clock.move(days=390)
        assert await permission_state(merchant, permission_id) == ("Chargeable", [])
        clock.move(days=10)
        assert await permission_state(merchant, permission_id) == ("Closed", ["Expired"])

    async def test_a_hard_decline_needs_the_buyer(self, merchant, simulator, refused):
        permission_id = (await merchant.recurring())["chargePermissionId"]
        refused(await merchant.charge(permission_id, simulation="HardDeclined"), 422, "HardDeclined")
        assert await permission_state(merchant, permission_id) == ("NonChargeable", ["PaymentMethodInvalid"])
        refused(await merchant.charge(permission_id), 422, "InvalidChargePermissionStatus")
        simulator.buyer_account.change_payment_method(permission_id)
        assert (await merchant.charge(permission_id)).status_code == 201

    async def test_the_buyer_can_end_it(self, merchant, simulator):
        permission_id = (await merchant.recurring())["chargePermissionId"]
        simulator.buyer_account.close_permission(permission_id)
        assert await permission_state(merchant, permission_id) == ("Closed", ["BuyerClosed"])

    async def test_a_free_trial_is_confirmed_with_nothing(self, merchant):
        session = await merchant.recurring("0", "Confirm")
        assert session["chargeId"] is None
        assert await balance(merchant, session["chargePermissionId"]) == "100000"


class TestCv1Orders:
    async def test_an_old_authorization_is_captured_by_its_new_id(self, merchant, simulator):
        from saleor_amazonpay.domain.money import Money

        reference_id, authorization_id = simulator.add_cv1_order(
            merchant.merchant_id, Money.parse("1200", "JPY"), state="Authorized"
        )
        charge_id = authorization_id[:20] + "C" + authorization_id[21:]
        assert authorization_id[20] == "A"
        assert (await merchant.capture(charge_id)).status_code == 200
        assert await permission_state(merchant, reference_id) == ("Closed", [])

    async def test_an_open_reference_is_charged(self, merchant, simulator):
        from saleor_amazonpay.domain.money import Money

        reference_id, _ = simulator.add_cv1_order(merchant.merchant_id, Money.parse("1200", "JPY"))
        assert (await merchant.charge(reference_id, "1200", captureNow=True)).status_code == 201


class TestRefund:
    async def test_is_decided_later(self, merchant, clock):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        answer = await merchant.refund(session["chargeId"], "500")
        refund = answer.json()
        assert (answer.status_code, refund["statusDetails"]["state"]) == (201, "RefundInitiated")
        assert refund["refundId"].startswith(session["chargePermissionId"] + "-R")
        clock.move(seconds=3)
        assert (await merchant.get(f"refunds/{refund['refundId']}"))["statusDetails"]["state"] == "Refunded"
        assert (await merchant.get(f"charges/{session['chargeId']}"))["refundedAmount"] == yen("500")

    async def test_only_of_what_is_captured(self, merchant, refused):
        session = await merchant.checkout()
        refused(await merchant.refund(session["chargeId"]), 422, "InvalidChargeStatus")

    @pytest.mark.parametrize(("captured", "most"), [("10000", 11500), ("60000", 68400)])
    async def test_may_exceed_the_capture_a_little(self, merchant, refused, captured, most):
        session = await merchant.checkout(captured, "AuthorizeWithCapture")
        refused(await merchant.refund(session["chargeId"], str(most + 1)), 400, "TransactionAmountExceeded")
        assert (await merchant.refund(session["chargeId"], str(most))).status_code == 201
        refused(await merchant.refund(session["chargeId"], "1"), 400, "TransactionAmountExceeded")

    async def test_by_75_euro_at_most(self, joins, refused):
        merchant = joins(region="eu")
        session = await merchant.checkout("1000.00", "AuthorizeWithCapture", "EUR")
        refused(await merchant.refund(session["chargeId"], "1075.01", "EUR"), 400, "TransactionAmountExceeded")
        assert (await merchant.refund(session["chargeId"], "1075.00", "EUR")).json()["refundAmount"] == euro("1075.00")

    async def test_ten_times_at_most(self, merchant, refused):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        for _ in range(10):
            assert (await merchant.refund(session["chargeId"], "1")).status_code == 201
        refused(await merchant.refund(session["chargeId"], "1"), 422, "TransactionCountExceeded")

    async def test_the_currency_is_the_charges(self, merchant, refused):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        refused(await merchant.refund(session["chargeId"], "1.00", "USD"), 400, "CurrencyMismatch")

    async def test_can_be_scripted_to_fail(self, merchant, simulator, clock):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        simulator.script_refund("Declined", "ProcessingFailure")
        ends = []
        for _ in range(2):
            refund = (await merchant.refund(session["chargeId"], "500")).json()
            clock.move(seconds=3)
            status = (await merchant.get(f"refunds/{refund['refundId']}"))["statusDetails"]
            ends.append((status["state"], status["reasonCode"]))
        assert ends == [("Declined", "ProcessingFailure"), ("Refunded", None)]
        assert (await merchant.get(f"charges/{session['chargeId']}"))["refundedAmount"] == yen("500")

    async def test_or_by_simulation_code(self, merchant, clock):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        refund = (await merchant.refund(session["chargeId"], simulation="AmazonRejected")).json()
        clock.move(seconds=3)
        assert (await merchant.get(f"refunds/{refund['refundId']}"))["statusDetails"]["reasonCode"] == "AmazonRejected"

    async def test_works_on_a_closed_permission(self, merchant):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        assert await permission_state(merchant, session["chargePermissionId"]) == ("Closed", [])
        assert (await merchant.refund(session["chargeId"])).status_code == 201
