from __future__ import annotations

import csv
import io
import json

import pytest

from saleor_amazonpay.sandbox.amazon_pay import ApiProblem

SETTLEMENT = "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SANDBOX_SETTLEMENT_DATA_"


def yen(amount):
    return {"amount": amount, "currencyCode": "JPY"}


class TestSignIn:
    def config(self, merchant, **more):
        payload = {"signInReturnUrl": "https://shop.example.jp/in?x=1", "storeId": merchant.store_id, **more}
        return merchant.button(payload)

    async def test_the_token_gives_the_buyer(self, merchant, simulator):
        url = simulator.buyer_signs_in(self.config(merchant, signInScopes=["name", "email", "postalCode"]), "hanako")
        assert url.startswith("https://shop.example.jp/in?x=1&buyerToken=")
        buyer = await merchant.get(f"buyers/{url.rpartition('=')[2]}")
        assert (buyer["name"], buyer["postalCode"], buyer["countryCode"]) == ("佐藤 花子", "060-0001", "JP")
        assert buyer["phoneNumber"] is buyer["shippingAddress"] is None

    async def test_the_buyer_id_is_the_checkouts(self, merchant, simulator):
        url = simulator.buyer_signs_in(self.config(merchant), "taro")
        buyer = await merchant.get(f"buyers/{url.rpartition('=')[2]}")
        session_id = await merchant.ready_session()
        assert simulator.session(session_id)["buyer"]["buyerId"] == buyer["buyerId"]

    async def test_an_unknown_token_is_refused(self, merchant, refused):
        refused(await merchant("GET", "buyers/NOTHING"), 400, "InvalidParameterValue")

    async def test_another_merchants_token_too(self, merchant, simulator, joins, refused):
        other = joins(merchant_id="AOTHERMERCHANT", key_id="SANDBOX-OTHER")
        url = simulator.buyer_signs_in(self.config(merchant))
        refused(await other("GET", f"buyers/{url.rpartition('=')[2]}"), 400, "InvalidParameterValue")

    async def test_the_payload_must_be_signed(self, merchant, simulator):
        config = self.config(merchant)
        with pytest.raises(ApiProblem, match="InvalidRequestSignature"):
            simulator.buyer_signs_in(config | {"payloadJSON": config["payloadJSON"] + " "})


class TestDeliveryTrackers:
    async def test_a_number_can_be_used_once(self, merchant, refused):
        session = await merchant.checkout()
        details = [{"trackingNumber": "1Z999", "carrierCode": "UPS"}]
        body = {"chargePermissionId": session["chargePermissionId"], "deliveryDetails": details}
        answer = await merchant("POST", "deliveryTrackers", body)
        assert (answer.status_code, answer.json()["deliveryDetails"]) == (200, details)
        refused(await merchant("POST", "deliveryTrackers", body), 400, "InvalidParameterValue")


class TestDisputes:
    async def test_a_chargeback_can_be_contested(self, merchant, simulator):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        dispute_id = simulator.open_chargeback(session["chargeId"], reason="ProductNotReceived")
        dispute = await merchant.get(f"disputes/{dispute_id}")
        assert dispute_id.startswith(session["chargePermissionId"] + "-B")
        assert (dispute["disputeAmount"], dispute["statusDetails"]["state"]) == (yen("1200"), "ActionRequired")
        body = {"merchantEvidences": [{"evidenceType": "TrackingNumber", "evidenceText": "1Z999"}]}
        contested = (await merchant("POST", f"disputes/{dispute_id}/contest", body)).json()
        assert contested["statusDetails"]["state"] == "UnderReview"
        simulator.resolve_dispute(dispute_id, "MerchantWon")
        assert (await merchant.get(f"disputes/{dispute_id}"))["statusDetails"]["resolution"] == "MerchantWon"

    @pytest.mark.parametrize(("is_claim", "days"), [(False, 11), (True, 7)])
    async def test_silence_loses_it(self, merchant, simulator, clock, is_claim, days):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        dispute_id = simulator.open_chargeback(session["chargeId"], is_claim=is_claim)
        clock.move(days=days, seconds=-60)
        assert (await merchant.get(f"disputes/{dispute_id}"))["statusDetails"]["state"] == "ActionRequired"
        clock.move(seconds=61)
        status = (await merchant.get(f"disputes/{dispute_id}"))["statusDetails"]
        assert (status["resolution"], status["reasonCode"]) == ("BuyerWon", "MerchantResponseDeadlineExpired")

    async def test_only_providers_create_them(self, merchant, joins, refused):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        body = {"chargeId": session["chargeId"], "disputeAmount": yen("1200"), "filingReason": "Fraudulent"}
        refused(await merchant("POST", "disputes", body), 401, "UnauthorizedAccess")
        joins(is_provider=True)
        assert (await merchant("POST", "disputes", body)).status_code == 201

    async def test_a_file_is_put_to_its_url(self, merchant, http):
        answer = (await merchant("POST", "files", {"type": "pdf", "purpose": "disputeEvidence"})).json()
        assert set(answer) == {"id", "type", "purpose", "url", "size", "uploadTimestamp", "urlExpirationTimestamp"}
        assert (await http.put(answer["url"], content=b"%PDF")).status_code == 200
        assert (await http.put(answer["url"] + "x", content=b"%PDF")).status_code == 404


class TestReports:
    async def test_a_settlement_report_holds_what_was_moved(self, merchant, http, clock):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        await merchant.refund(session["chargeId"], "200")
        clock.move(seconds=10)
        report_id = (await merchant("POST", "reports", {"reportType": SETTLEMENT})).json()["reportId"]
        assert (await merchant.get(f"reports/{report_id}"))["processingStatus"] == "IN_PROGRESS"
        clock.move(seconds=3)
        report = await merchant.get(f"reports/{report_id}")
        document = await merchant.get(f"report-documents/{report['reportDocumentId']}")
        rows = list(csv.DictReader(io.StringIO((await http.get(document["url"])).text)))
        assert [(row["TransactionType"], row["TransactionAmount"]) for row in rows] == [
            ("Capture", "1200"),
            ("Refund", "-200"),
        ]
        assert rows[0]["SellerOrderId"] == "ORDER-1"
        clock.move(seconds=31)
        assert (await http.get(document["url"])).status_code == 403

    async def test_lists_are_paged_newest_first(self, merchant, clock):
        for _ in range(3):
            await merchant("POST", "reports", {"reportType": SETTLEMENT})
            clock.move(seconds=5)
        first = await merchant.get("reports", query={"pageSize": "2"})
        rest = await merchant.get("reports", query={"nextToken": first["nextToken"]})
        created = [report["createdTime"] for report in first["reports"] + rest["reports"]]
        assert created == sorted(created, reverse=True)
        assert (len(first["reports"]), len(rest["reports"]), rest["nextToken"]) == (2, 1, None)
        assert list(first["reports"][0]) == sorted(first["reports"][0])

    async def test_can_be_filtered(self, merchant, clock):
        await merchant("POST", "reports", {"reportType": SETTLEMENT})
        query = {"processingStatuses": "COMPLETED,FAILED", "reportTypes": SETTLEMENT}
        assert (await merchant.get("reports", query=query))["reports"] == []
        clock.move(seconds=5)
        assert len((await merchant.get("reports", query=query))["reports"]) == 1

    async def test_the_sandbox_has_one_type_only(self, merchant, refused):
        body = {"reportType": "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_REFUND_DATA_"}
        refused(await merchant("POST", "reports", body), 400, "InvalidParameterValue")

    async def test_one_schedule_per_type(self, merchant, refused):
        body = {"reportType": SETTLEMENT, "scheduleFrequency": "P14D", "nextReportCreationTime": "20261201T000000Z"}
        schedule_id = (await merchant("POST", "report-schedules", body)).json()["reportScheduleId"]
        refused(await merchant("POST", "report-schedules", body), 400, "InvalidRequest")
        body["deleteExistingSchedule"] = True
        replaced = (await merchant("POST", "report-schedules", body)).json()["reportScheduleId"]
        refused(await merchant("GET", f"report-schedules/{schedule_id}"), 404, "ResourceNotFound")
        assert (await merchant.get(f"report-schedules/{replaced}"))["scheduleFrequency"] == "P14D"
        await merchant("DELETE", f"report-schedules/{replaced}")
        assert await merchant.get("report-schedules") == {"reportSchedules": []}

    async def test_disbursements_pay_out_what_is_left(self, merchant, simulator):
        session = await merchant.checkout(intent="AuthorizeWithCapture")
        simulator.seller_central.disburse(merchant.merchant_id)
        (paid,) = (await merchant.get("disbursements"))["disbursements"]
        assert (paid["amount"], paid["currencyCode"], paid["sellerId"]) == ("1200", "JPY", merchant.merchant_id)
        simulator.seller_central.refund(session["chargeId"])
        assert simulator.seller_central.disburse(merchant.merchant_id).amount.minor == 0


class TestDelegation:
    async def test_a_token_acts_for_the_other_merchant(self, live_merchant, joins):
        other = joins(merchant_id="AOTHERMERCHANT", key_id="LIVE-OTHER")
        session_id = await other.ready_session()
        answer = await live_merchant.get("authorizationTokens/amzn.mws.1", query={"merchantId": other.merchant_id})
        token = answer["authorizationToken"]
        seen = await live_merchant("GET", f"checkoutSessions/{session_id}", x_amz_pay_authtoken=token)
        assert seen.status_code == 200

    async def test_a_forged_one_does_not(self, live_merchant, refused):
        answer = await live_merchant("GET", "reports", x_amz_pay_authtoken="a.b.c")
        refused(answer, 403, "InvalidAuthorizationToken")

    async def test_there_are_none_in_the_sandbox(self, merchant, refused):
        answer = await merchant("GET", "authorizationTokens/amzn.mws.1", query={"merchantId": "A"})
        refused(answer, 405, "UnsupportedOperation")


class TestMerchantAccounts:
    async def test_from_registration_to_deletion(self, merchant, refused):
        created = await merchant("POST", "merchantAccounts", {"uniqueReferenceId": "R1", "ledgerCurrency": "JPY"})
        assert created.status_code == 201
        path = f"merchantAccounts/{created.json()['merchantAccountId']}"
        assert set(created.json()) == {"uniqueReferenceId", "merchantAccountId"}
        assert (await merchant("PATCH", path, {})).status_code == 204
        claimed = await merchant("POST", f"{path}/claim", {"uniqueReferenceId": "R1"})
        assert (claimed.status_code, "claim" in claimed.headers["location"]) == (303, True)
        assert (await merchant("DELETE", path)).status_code == 202
        refused(await merchant("PATCH", path, {}), 404, "ResourceNotFound")


class TestInStore:
    async def test_answers_in_the_documented_shape(self, merchant):
        scanned = (await merchant("POST", "in-store/merchantScan", {"scanData": "x"})).json()
        charged = (await merchant("POST", "in-store/charge", scanned)).json()
        refunded = (await merchant("POST", "in-store/refund", {"chargeId": charged["chargeId"]})).json()
        assert charged["chargeStatus"] == {"state": "Completed"}
        assert refunded["refundStatus"] == {"state": "Pending"}
        assert refunded["refundId"].startswith(scanned["chargePermissionId"] + "-R")


class TestAudit:
    async def test_tells_every_object_with_exact_amounts(self, merchant, simulator, clock):
        session = await merchant.checkout("1200", "AuthorizeWithCapture")
        await merchant.refund(session["chargeId"], "200")
        clock.move(seconds=3)
        audit = simulator.audit()
        assert {name: len(objects) for name, objects in audit.items()} == {
            "sessions": 1, "permissions": 1, "charges": 1, "refunds": 1, "disputes": 0}  # fmt: skip
        assert audit["charges"][0]["captureAmount"] == yen("1200")
        assert simulator.net_captured(merchant.merchant_id, "JPY").amount == "1000"
        json.dumps(audit)

    async def test_the_same_seed_gives_the_same_ids(self, clock, pem):
        from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator

        ids = set()
        for _ in range(2):
            simulator = AmazonPaySimulator(clock, seed=7)
            simulator.register_merchant("A1", "store", "SANDBOX-1", pem())
            from saleor_amazonpay.domain.money import Money

            ids.add(simulator.add_cv1_order("A1", Money.parse("1", "JPY"), state="Captured"))
        assert len(ids) == 1
