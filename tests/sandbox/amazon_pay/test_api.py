from __future__ import annotations

import json
from datetime import timedelta

import pytest

from saleor_amazonpay.sandbox.amazon_pay import OPERATIONS, SimulatorOptions

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


class TestSignature:
    async def test_a_signed_call_is_let_in(self, merchant):
        assert (await merchant("POST", "checkoutSessions", merchant.payload())).status_code == 201

    @pytest.mark.parametrize("algorithm", ["AMZN-PAY-RSASSA-PSS", "AMZN-PAY-RSASSA-PSS-V2"])
    async def test_both_algorithms_work(self, merchant, algorithm):
        merchant.algorithm = algorithm
        assert (await merchant("POST", "checkoutSessions", merchant.payload())).status_code == 201

    @pytest.mark.parametrize(("algorithm", "salt"), [("AMZN-PAY-RSASSA-PSS", 32), ("AMZN-PAY-RSASSA-PSS-V2", 20)])
    async def test_the_salt_must_have_the_exact_length(self, merchant, refused, algorithm, salt):
        merchant.algorithm = algorithm
        refused(await merchant("GET", "reports", salt=salt), 403, "InvalidRequestSignature")

    async def test_a_changed_body_is_noticed(self, merchant, refused):
        answer = await merchant("POST", "checkoutSessions", merchant.payload(), sent_body=b'{"storeId":"x"}')
        refused(answer, 403, "InvalidRequestSignature")

    async def test_a_delete_has_a_signed_body_too(self, merchant, refused):
        session = await merchant.checkout()
        path = f"charges/{session['chargeId']}/cancel"
        refused(
            await merchant("DELETE", path, {"cancellationReason": "a"}, sent_body=b"{}"), 403, "InvalidRequestSignature"
        )
        assert (await merchant("DELETE", path, {"cancellationReason": "a"})).status_code == 200

    async def test_japanese_text_is_signed_as_utf8(self, merchant):
        payload = merchant.payload(merchantMetadata={"merchantStoreName": "花屋🌸 \\ \"'"})
        session = (await merchant("POST", "checkoutSessions", payload)).json()
        assert session["merchantMetadata"]["merchantStoreName"] == "花屋🌸 \\ \"'"

    async def test_the_query_is_signed(self, merchant, http, simulator):
        query = {"reportTypes": "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SANDBOX_SETTLEMENT_DATA_,x", "pageSize": "5"}
        assert (await merchant("GET", "reports", query=query)).status_code == 200

    @pytest.mark.parametrize("name", ["accept", "content-type", "x-amz-pay-date", "x-amz-pay-host", "x-amz-pay-region"])
    async def test_each_required_header_must_be_signed(self, merchant, refused, name):
        names = sorted(set(merchant.headers()) - {name})
        refused(await merchant("GET", "reports", names=names), 403, "InvalidRequestSignature")

    async def test_a_missing_header_is_named(self, merchant, refused):
        refused(await merchant("GET", "reports", x_amz_pay_date=None), 400, "MissingHeader")

    async def test_an_unknown_key_is_no_authentication(self, merchant, refused):
        merchant.key_id = "SANDBOX-UNKNOWN"
        refused(await merchant("GET", "reports"), 403, "InvalidAuthentication")

    async def test_a_removed_key_neither(self, merchant, simulator, refused):
        simulator.remove_key(merchant.key_id)
        refused(await merchant("GET", "reports"), 403, "InvalidAuthentication")

    async def test_a_second_key_of_the_merchant_works_beside_the_first(self, merchant, joins):
        second = joins(key_id="SANDBOX-SECOND")
        session_id = await merchant.ready_session()
        assert (await second("GET", f"checkoutSessions/{session_id}")).status_code == 200

    async def test_no_authorization_is_no_authentication(self, simulator, merchant, http, refused):
        refused(await http.get(f"{simulator.url}/v2/reports", headers=merchant.headers()), 403, "InvalidAuthentication")

    async def test_the_extended_date_form_is_taken(self, merchant, clock):
        extended = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (await merchant("GET", "reports", x_amz_pay_date=extended)).status_code == 200

    async def test_nonsense_is_no_date(self, merchant, refused):
        refused(await merchant("GET", "reports", x_amz_pay_date="today"), 400, "InvalidHeaderValue")

    async def test_the_region_must_be_the_keys(self, merchant, refused):
        answer = await merchant("GET", "reports", x_amz_pay_region="eu", x_amz_pay_host="pay-api.amazon.eu")
        refused(answer, 403, "InvalidAuthentication")

    async def test_host_and_region_must_fit(self, merchant, refused):
        refused(await merchant("GET", "reports", x_amz_pay_host="pay-api.amazon.eu"), 400, "InvalidHeaderValue")

    async def test_an_inactive_account_is_refused(self, merchant, simulator, refused):
        simulator.set_account_status(merchant.merchant_id, "Suspended")
        refused(await merchant("GET", "reports"), 403, "InvalidAccountStatus")

    class TestWithAClockLimit:
        @pytest.fixture
        def options(self):
            return SimulatorOptions(clock_skew_seconds=300)

        @pytest.mark.parametrize(("minutes", "status"), [(4, 200), (-4, 200), (6, 403), (-6, 403)])
        async def test_a_date_too_far_off_is_refused(self, merchant, clock, minutes, status):
            date = (clock.now() + timedelta(minutes=minutes)).strftime("%Y%m%dT%H%M%SZ")
            assert (await merchant("GET", "reports", x_amz_pay_date=date)).status_code == status


class TestEnvironments:
    async def test_a_legacy_key_names_the_environment_in_the_path(self, joins):
        legacy = joins(key_id="AFVX7ULWSGBZ5535PCUQOY7B", legacy=True)
        seen = []
        for legacy.prefix in ("/live/v2", "/sandbox/v2"):
            payload = legacy.payload()
            seen.append((await legacy("POST", "checkoutSessions", payload)).json()["releaseEnvironment"])
        assert seen == ["Live", "Sandbox"]

    async def test_a_prefixed_key_has_no_environment_in_the_path(self, merchant, refused):
        merchant.prefix = "/sandbox/v2"
        refused(await merchant("GET", "reports"), 403, "InvalidAuthentication")

    async def test_another_version_does_not_exist(self, merchant, refused):
        merchant.prefix = "/v3"
        refused(await merchant("GET", "reports"), 400, "InvalidAPIVersion")


class TestRouting:
    async def test_an_unknown_resource_is_not_found(self, merchant, refused):
        refused(await merchant("GET", "nothing/here"), 404, "ResourceNotFound")

    async def test_another_method_is_not_supported(self, merchant, refused):
        refused(await merchant("DELETE", "charges/x"), 405, "UnsupportedOperation")

    @pytest.mark.parametrize("kind", ["checkoutSessions", "chargePermissions", "charges", "refunds", "disputes"])
    async def test_an_unknown_id_is_not_found(self, merchant, refused, kind):
        refused(await merchant("GET", f"{kind}/{UNKNOWN_ID}"), 404, "ResourceNotFound")

    @pytest.mark.parametrize("raw", [b"{", b"[]", b'"text"', b'{"a": NaN}', b"\xff"])
    async def test_a_body_that_is_no_json_object_is_told(self, merchant, refused, raw):
        refused(await merchant("POST", "charges", raw=raw), 400, "InvalidRequestFormat")

    async def test_every_answer_carries_a_request_id_of_its_own(self, merchant):
        ids = {(await merchant("GET", "reports")).headers["x-amz-pay-request-id"] for _ in range(3)}
        assert len(ids) == 3


class TestSimulationCodes:
    async def test_a_code_that_does_not_fit_the_call_is_refused(self, merchant, refused):
        answer = await merchant("POST", "checkoutSessions", merchant.payload(), simulation="SoftDeclined")
        refused(answer, 400, "InvalidSandboxSimulationSpecified")

    async def test_there_is_none_in_live(self, live_merchant, refused):
        session = await live_merchant.checkout(intent="Confirm")
        answer = await live_merchant.charge(session["chargePermissionId"], "1200", simulation="SoftDeclined")
        refused(answer, 400, "InvalidSandboxSimulationSpecified")


class TestIdempotency:
    async def test_the_same_again_gets_the_same_answer_and_moves_nothing(self, merchant, simulator):
        session = await merchant.checkout(intent="Confirm")
        first = await merchant.charge(session["chargePermissionId"], "500", key="k1")
        again = await merchant.charge(session["chargePermissionId"], "500", key="k1")
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert len(simulator.audit()["charges"]) == 1

    async def test_the_order_of_keys_means_nothing(self, merchant):
        first = await merchant("POST", "checkoutSessions", merchant.payload(), key="k1")
        turned = dict(reversed(list(merchant.payload().items())))
        assert (await merchant("POST", "checkoutSessions", turned, key="k1")).content == first.content

    async def test_other_values_are_refused(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        await merchant.charge(session["chargePermissionId"], "500", key="k1")
        refused(await merchant.charge(session["chargePermissionId"], "501", key="k1"), 400, "DuplicateIdempotencyKey")

    async def test_another_operation_is_refused_too(self, merchant, refused):
        session = await merchant.checkout(intent="Confirm")
        charge = (await merchant.charge(session["chargePermissionId"], "500", key="k1")).json()
        refused(await merchant.capture(charge["chargeId"], "500", key="k1"), 400, "DuplicateIdempotencyKey")

    async def test_a_decline_is_kept(self, merchant, simulator, refused):
        session = await merchant.checkout(intent="Confirm")
        await merchant.charge(session["chargePermissionId"], "500", key="k1", simulation="SoftDeclined")
        refused(await merchant.charge(session["chargePermissionId"], "500", key="k1"), 422, "SoftDeclined")
        assert (await merchant.charge(session["chargePermissionId"], "500", key="k2")).status_code == 201

    async def test_the_key_outlives_a_year(self, merchant, clock):
        first = await merchant("POST", "checkoutSessions", merchant.payload(), key="k1")
        clock.move(days=365)
        assert (await merchant("POST", "checkoutSessions", merchant.payload(), key="k1")).content == first.content

    async def test_each_merchant_has_keys_of_its_own(self, merchant, joins):
        other = joins(merchant_id="AOTHERMERCHANT", key_id="SANDBOX-OTHER")
        first = (await merchant("POST", "checkoutSessions", merchant.payload(), key="k1")).json()
        second = (await other("POST", "checkoutSessions", other.payload(), key="k1")).json()
        assert first["checkoutSessionId"] != second["checkoutSessionId"]

    @pytest.mark.parametrize("key", ["x" * 33, "with space", "a.b"])
    async def test_a_key_has_at_most_32_plain_characters(self, merchant, refused, key):
        refused(await merchant("POST", "checkoutSessions", merchant.payload(), key=key), 400, "InvalidHeaderValue")

    async def test_creating_needs_a_key(self, merchant, refused):
        refused(await merchant("POST", "checkoutSessions", merchant.payload(), key=None), 400, "MissingHeader")


class TestThrottling:
    @pytest.fixture
    def options(self):
        return SimulatorOptions(throttle=True)

    async def test_the_bucket_empties_and_fills_again(self, merchant, clock):
        statuses = [(await merchant("GET", f"refunds/{UNKNOWN_ID}")).status_code for _ in range(6)]
        assert statuses == [404] * 5 + [429]
        clock.move(seconds=2)
        statuses = [(await merchant("GET", f"refunds/{UNKNOWN_ID}")).status_code for _ in range(3)]
        assert statuses == [404, 404, 429]

    async def test_live_buckets_are_larger(self, live_merchant):
        statuses = {(await live_merchant("GET", f"refunds/{UNKNOWN_ID}")).status_code for _ in range(20)}
        assert statuses == {404}

    async def test_the_reason_is_too_many_requests(self, merchant, refused):
        for _ in range(5):
            await merchant("GET", f"refunds/{UNKNOWN_ID}")
        refused(await merchant("GET", f"refunds/{UNKNOWN_ID}"), 429, "TooManyRequests")


class TestCalls:
    async def test_each_call_is_remembered(self, merchant, simulator):
        await merchant("POST", "checkoutSessions", merchant.payload(), key="k1")
        call = simulator.calls[-1]
        assert (call.operation, call.idempotency_key, call.status) == ("create_checkout_session", "k1", 201)
        assert call.body == json.loads(call.raw_body) == merchant.payload()
        assert simulator.count("create_checkout_session") == 1

    async def test_a_refused_call_too(self, merchant, simulator):
        await merchant("GET", f"charges/{UNKNOWN_ID}")
        assert (simulator.calls[-1].status, simulator.calls[-1].reason_code) == (404, "ResourceNotFound")

    def test_operations_have_different_names(self):
        assert len(set(OPERATIONS)) == len(OPERATIONS) == 39
