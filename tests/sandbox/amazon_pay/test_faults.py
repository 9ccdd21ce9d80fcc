from __future__ import annotations

import time

import httpx2
import pytest

from saleor_amazonpay.sandbox.amazon_pay import Fault


@pytest.fixture
async def permission_id(merchant):
    return (await merchant.checkout(intent="Confirm"))["chargePermissionId"]


class TestWithoutTheWork:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    async def test_a_status_is_answered_and_nothing_done(self, merchant, simulator, permission_id, status):
        simulator.faults.add(Fault(operation="create_charge", status=status))
        assert (await merchant.charge(permission_id, key="k1")).status_code == status
        assert simulator.audit()["charges"] == []
        assert (await merchant.charge(permission_id, key="k1")).status_code == 201

    async def test_a_reset_is_a_broken_connection(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_charge", reset_before=True))
        with pytest.raises(httpx2.TransportError):
            await merchant.charge(permission_id)
        assert simulator.audit()["charges"] == []

    async def test_a_timeout_hangs_until_the_client_gives_up(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_charge", timeout_before=True))
        merchant.http.timeout = httpx2.Timeout(0.2)
        with pytest.raises(httpx2.ReadTimeout):
            await merchant.charge(permission_id)
        assert simulator.audit()["charges"] == []

    async def test_and_ends_by_itself(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_charge", timeout_before=True, hold_seconds=0.05))
        with pytest.raises(httpx2.RemoteProtocolError):
            await merchant.charge(permission_id)


class TestWithTheWorkDone:
    @pytest.mark.parametrize("kind", ["timeout_after", "reset_after"])
    async def test_a_lost_answer_is_had_by_the_same_key(self, merchant, simulator, permission_id, kind):
        simulator.faults.add(Fault(operation="create_charge", hold_seconds=0.05, **{kind: True}))
        with pytest.raises(httpx2.TransportError):
            await merchant.charge(permission_id, key="k1")
        (done,) = simulator.audit()["charges"]
        assert (await merchant.charge(permission_id, key="k1")).json()["chargeId"] == done["chargeId"]
        assert len(simulator.audit()["charges"]) == 1

    async def test_a_status_can_hide_a_success(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_charge", status=500, work_done=True))
        assert (await merchant.charge(permission_id, key="k1")).status_code == 500
        assert len(simulator.audit()["charges"]) == 1

    async def test_nonsense_is_no_json(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_charge", nonsense=True))
        answer = await merchant.charge(permission_id)
        assert answer.status_code == 200
        with pytest.raises(ValueError):
            answer.json()
        assert len(simulator.audit()["charges"]) == 1


class TestBusinessFailures:
    async def test_any_reason_can_be_answered(self, merchant, simulator, permission_id, refused):
        simulator.faults.add(Fault(operation="create_charge", reason_code="MFANotCompleted"))
        refused(await merchant.charge(permission_id, key="k1"), 422, "MFANotCompleted")

    async def test_and_is_kept_like_a_real_one(self, merchant, simulator, permission_id, refused):
        simulator.faults.add(Fault(operation="create_charge", reason_code="AmazonRejected"))
        await merchant.charge(permission_id, key="k1")
        refused(await merchant.charge(permission_id, key="k1"), 422, "AmazonRejected")

    async def test_unless_it_asks_for_a_repeat(self, merchant, simulator, permission_id, refused):
        simulator.faults.add(Fault(operation="create_charge", reason_code="ProcessingFailure"))
        refused(await merchant.charge(permission_id, key="k1"), 500, "ProcessingFailure")
        assert (await merchant.charge(permission_id, key="k1")).status_code == 201


class TestWhichCalls:
    async def test_so_often_and_no_more(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_charge", status=503, times=2))
        assert [(await merchant.charge(permission_id)).status_code for _ in range(3)] == [503, 503, 201]
        assert list(simulator.faults) == []

    async def test_other_operations_are_spared(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_refund", status=503))
        assert (await merchant.charge(permission_id)).status_code == 201

    async def test_a_star_is_any_operation(self, merchant, simulator):
        simulator.faults.add(Fault(operation="*", status=503))
        assert (await merchant("GET", "reports")).status_code == 503

    async def test_they_can_be_taken_back(self, merchant, simulator):
        simulator.faults.add(Fault(operation="*", status=503, times=9))
        simulator.faults.clear()
        assert (await merchant("GET", "reports")).status_code == 200

    async def test_a_delay_is_real_time(self, merchant, simulator):
        simulator.faults.add(Fault(operation="get_reports", delay=0.1))
        before = time.monotonic()
        assert (await merchant("GET", "reports")).status_code == 200
        assert time.monotonic() - before >= 0.1

    async def test_a_broken_call_has_no_status(self, merchant, simulator, permission_id):
        simulator.faults.add(Fault(operation="create_charge", reset_after=True))
        with pytest.raises(httpx2.TransportError):
            await merchant.charge(permission_id)
        assert simulator.calls[-1].status is None
