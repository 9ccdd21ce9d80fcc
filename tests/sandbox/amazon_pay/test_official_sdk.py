"""Amazon's own Node SDK runs against the simulator over TLS and notices nothing."""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator

SDK = "@amazonpay/amazon-pay-api-sdk-nodejs"
VERSION = "2.3.4"
FOLDER = Path.home() / ".cache" / "saleor-amazonpay-tests" / f"node-sdk-{VERSION}"
SYSTEM_PACKAGES = Path(__file__).parents[2] / "system-packages.sh"
MERCHANT, STORE, KEY_ID = "A23YM23UEBY8FM", "amzn1.application-oa2-client.0123", "SANDBOX-OFFICIAL"


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}"


@pytest.fixture(scope="session")
def sdk():
    """The SDK's folder; installed once, one installer at a time."""
    if not (shutil.which("node") and shutil.which("npm")):
        run("bash", SYSTEM_PACKAGES)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / ".installed").exists():
            run("npm", "install", "--no-audit", "--no-fund", "--prefix", FOLDER, f"{SDK}@{VERSION}")
            (FOLDER / ".installed").touch()
    return FOLDER / "node_modules" / SDK


def pem_of(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_text(pem_of(key))
    return str(folder / "cert.pem"), str(folder / "key.pem")


class Sdk:
    """Sends one call after another to the runner."""

    def __init__(self, process, algorithm):
        self.process, self.algorithm, self.keys = process, algorithm, 0

    async def __call__(self, method, *args, client="WebStoreClient"):
        line = json.dumps({"client": client, "method": method, "args": args}) + "\n"
        self.process.stdin.write(line.encode())
        await self.process.stdin.drain()
        async with asyncio.timeout(20):
            return json.loads(await self.process.stdout.readline())

    async def new(self, method, *args, **more):
        """With an idempotency key, as creating calls need one."""
        self.keys += 1
        return await self(method, *args, {"x-amz-pay-idempotency-key": f"official-{self.keys}", **more})

    async def button(self, payload):
        text = json.dumps(payload, ensure_ascii=False)
        signature = (await self("generateButtonSignature", text))["value"]
        return {"payloadJSON": text, "signature": signature, "algorithm": self.algorithm, "publicKeyId": KEY_ID}


@pytest.fixture
async def simulator(tls, merchant_key):
    simulator = AmazonPaySimulator()
    public = merchant_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    simulator.register_merchant(MERCHANT, STORE, KEY_ID, public.decode(), is_provider=True)
    async with simulator.running(tls=tls):
        yield simulator


@pytest.fixture(scope="session")
def merchant_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(params=["AMZN-PAY-RSASSA-PSS-V2", "AMZN-PAY-RSASSA-PSS"])
async def official(sdk, tls, simulator, merchant_key, request):
    config = {
        "publicKeyId": KEY_ID,
        "privateKey": pem_of(merchant_key),
        "region": "jp",
        "algorithm": request.param,
        "overrideServiceUrl": simulator.url.removeprefix("https://"),
    }
    settings = json.dumps({"sdk": str(sdk), "config": config})
    environment = {
        **os.environ, "OFFICIAL_SDK_SETTINGS": settings, "NODE_EXTRA_CA_CERTS": tls[0], "NODE_NO_WARNINGS": "1"
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "node",
        Path(__file__).with_name("official_sdk.cjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        yield Sdk(process, request.param)
    finally:
        process.stdin.close()
        async with asyncio.timeout(10):
            await process.wait()


def yen(amount):
    return {"amount": amount, "currencyCode": "JPY"}


PAYLOAD = {"webCheckoutDetails": {"checkoutReviewReturnUrl": "https://shop.example.jp/review"}, "storeId": STORE}
UPDATE = {
    "webCheckoutDetails": {"checkoutResultReturnUrl": "https://shop.example.jp/result"},
    "paymentDetails": {"paymentIntent": "Confirm", "chargeAmount": yen("1200")},
    "merchantMetadata": {"merchantReferenceId": "ORDER-1", "merchantStoreName": "花屋"},
}


def good(answer, status=200):
    assert answer.get("status") == status, answer
    assert answer["requestId"]
    return answer["data"]


async def completed(official, simulator):
    session = good(await official.new("createCheckoutSession", PAYLOAD), 201)
    session_id = session["checkoutSessionId"]
    simulator.sign_in(session_id)
    updated = good(await official("updateCheckoutSession", session_id, UPDATE))
    assert updated["webCheckoutDetails"]["amazonPayRedirectUrl"].endswith(session_id)
    simulator.buyer_approves(session_id)
    done = good(await official("completeCheckoutSession", session_id, {"chargeAmount": yen("1200")}))
    assert good(await official("getCheckoutSession", session_id))["statusDetails"]["state"] == "Completed"
    return done["chargePermissionId"]


async def charged(official, permission_id, amount, **more):
    body = {"chargePermissionId": permission_id, "chargeAmount": yen(amount), **more}
    return good(await official.new("createCharge", body), 201)["chargeId"]


class TestOfficialSdk:
    async def test_session_permission_charge_and_refund(self, official, simulator):
        permission_id = await completed(official, simulator)
        assert good(await official("getChargePermission", permission_id))["limits"]["amountBalance"] == yen("1200")
        metadata = {"merchantMetadata": {"noteToBuyer": "ありがとう"}}
        updated = good(await official("updateChargePermission", permission_id, metadata))
        assert updated["merchantMetadata"]["noteToBuyer"] == "ありがとう"
        charge_id = await charged(official, permission_id, "500")
        captured = good(await official("captureCharge", charge_id, {"captureAmount": yen("500")}))
        assert captured["statusDetails"]["state"] == "Captured"
        refund = good(await official.new("createRefund", {"chargeId": charge_id, "refundAmount": yen("500")}), 201)
        assert good(await official("getRefund", refund["refundId"]))["refundAmount"] == yen("500")
        assert good(await official("getCharge", charge_id))["captureAmount"] == yen("500")

    async def test_delete_with_a_body(self, official, simulator):
        permission_id = await completed(official, simulator)
        charge_id = await charged(official, permission_id, "500")
        canceled = good(await official("cancelCharge", charge_id, {"cancellationReason": "在庫切れ"}))
        assert canceled["statusDetails"]["reasonCode"] == "MerchantCanceled"
        closed = good(await official("closeChargePermission", permission_id, {"closureReason": "x"}))
        assert closed["statusDetails"]["state"] == "Closed"

    async def test_a_refusal_is_told_with_its_reason(self, official, simulator):
        permission_id = await completed(official, simulator)
        body = {"chargePermissionId": permission_id, "chargeAmount": yen("500")}
        answer = await official.new("createCharge", body, **{"x-amz-pay-simulation-code": "SoftDeclined"})
        assert good(answer, 422)["reasonCode"] == "SoftDeclined"

    async def test_the_button_signature(self, official, simulator):
        session_id = simulator.create_session_by_button(await official.button(PAYLOAD))
        assert good(await official("getCheckoutSession", session_id))["storeId"] == STORE

    async def test_the_buyer_who_signed_in(self, official, simulator):
        config = await official.button({"signInReturnUrl": "https://shop.example.jp/in", "storeId": STORE})
        token = simulator.buyer_signs_in(config).rpartition("=")[2]
        assert good(await official("getBuyer", token))["name"] == "鈴木太郎"

    async def test_finalize(self, official, simulator):
        session_id = simulator.create_session_by_button(await official.button(PAYLOAD))
        simulator.sign_in(session_id)
        address = simulator.session(session_id)["shippingAddress"]
        body = {"shippingAddress": address, "chargeAmount": yen("700"), "paymentIntent": "Authorize"}
        assert good(await official("finalizeCheckoutSession", session_id, body))["chargeId"]

    async def test_reports_and_their_schedules(self, official, simulator):
        report_type = "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SANDBOX_SETTLEMENT_DATA_"
        report_id = good(await official.new("createReport", {"reportType": report_type}), 201)["reportId"]
        assert good(await official("getReportById", report_id))["processingStatus"] == "IN_PROGRESS"
        query = {"reportTypes": [report_type], "processingStatuses": ["IN_PROGRESS", "COMPLETED"], "pageSize": "5"}
        assert len(good(await official("getReports", query))["reports"]) == 1
        body = {"reportType": report_type, "scheduleFrequency": "P1D", "nextReportCreationTime": "20301114T074550Z"}
        schedule_id = good(await official.new("createReportSchedule", body), 201)["reportScheduleId"]
        assert good(await official("getReportScheduleById", schedule_id))["scheduleFrequency"] == "P1D"
        assert len(good(await official("getReportSchedules", [report_type]))["reportSchedules"]) == 1
        good(await official("cancelReportSchedule", schedule_id))
        assert good(await official("getReportDocument", "nothing"), 404)["reasonCode"] == "ResourceNotFound"

    async def test_disputes_and_files(self, official, simulator):
        charge_id = await charged(official, await completed(official, simulator), "500", captureNow=True)
        body = {"chargeId": charge_id, "disputeAmount": yen("500"), "filingReason": "Fraudulent"}
        dispute_id = good(await official.new("createDispute", body), 201)["disputeId"]
        assert good(await official("getDispute", dispute_id))["statusDetails"]["state"] == "ActionRequired"
        file_id = good(await official.new("uploadFile", {"type": "pdf", "purpose": "disputeEvidence"}), 201)["id"]
        evidence = {"merchantEvidences": [{"evidenceType": "Receipt", "fileId": file_id}]}
        contested = good(await official.new("contestDispute", dispute_id, evidence))
        assert contested["statusDetails"]["state"] == "UnderReview"
        closing = {"statusDetails": {"state": "Closed", "resolution": "MerchantWon", "reasonCode": "AutoResolved"}}
        assert (
            good(await official("updateDispute", dispute_id, closing))["statusDetails"]["resolution"] == "MerchantWon"
        )

    async def test_merchant_accounts(self, official):
        body = {"uniqueReferenceId": "R1", "ledgerCurrency": "JPY"}
        account_id = good(await official.new("registerAmazonPayAccount", body), 201)["merchantAccountId"]
        good(await official("updateAmazonPayAccount", account_id, {}), 204)
        good(await official("merchantAccountClaim", account_id, {"uniqueReferenceId": "R1"}), 303)
        good(await official("deleteAmazonPayAccount", account_id), 202)

    async def test_the_rest(self, official, simulator):
        permission_id = await completed(official, simulator)
        charge_id = await charged(official, permission_id, "500")
        ended = {"statusDetails": {"state": "Canceled", "reasonCode": "ExpiredUnused"}}
        assert good(await official("updateCharge", charge_id, ended))["statusDetails"]["reasonCode"] == "ExpiredUnused"
        tracking = [{"trackingNumber": "1Z999", "carrierCode": "TAQBIN_JP"}]
        body = {"chargePermissionId": permission_id, "deliveryDetails": tracking}
        tracked = good(await official("deliveryTrackers", body, client="AmazonPayClient"))
        assert tracked["deliveryDetails"] == tracking
        refusal = good(await official("getAuthorizationToken", "amzn.mws.1", MERCHANT, client="AmazonPayClient"), 405)
        assert refusal["reasonCode"] == "UnsupportedOperation"
        scanned = good(await official("merchantScan", {"scanData": "x"}, client="InStoreClient"))
        paid = good(await official("charge", scanned, client="InStoreClient"))
        good(await official("refund", {"chargeId": paid["chargeId"]}, client="InStoreClient"))
