"""A merchant of the simulator with a signing client of its own: it shares no code with simulator or app."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from saleor_amazonpay.clock import MovableClock
from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator, SimulatorOptions

STORE = "amzn1.application-oa2-client." + "0123456789abcdef" * 2
SALTS = {"AMZN-PAY-RSASSA-PSS": 20, "AMZN-PAY-RSASSA-PSS-V2": 32}
HOSTS = {"na": "pay-api.amazon.com", "eu": "pay-api.amazon.eu", "jp": "pay-api.amazon.jp"}


@cache
def private_key(name="merchant"):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def public_pem(name="merchant"):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key(name).public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def signed(text, algorithm="AMZN-PAY-RSASSA-PSS-V2", key="merchant", salt=None):
    to_sign = f"{algorithm}\n{hashlib.sha256(text.encode()).hexdigest()}".encode()
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt or SALTS[algorithm])
    return base64.b64encode(private_key(key).sign(to_sign, scheme, hashes.SHA256())).decode()


class Merchant:
    """Sends signed calls; ``**twists`` make one wrong in a chosen way."""

    def __init__(self, simulator, *, clock=None, merchant_id="A23YM23UEBY8FM", key_id="SANDBOX-MERCHANT", region="jp"):
        self.simulator = simulator
        self.clock = clock
        self.merchant_id, self.key_id, self.region, self.key = merchant_id, key_id, region, "merchant"
        self.store_id = STORE
        self.prefix = "/v2"
        self.algorithm = "AMZN-PAY-RSASSA-PSS-V2"
        self._keys = 0
        self.http = None

    def now(self):
        return self.clock.now() if self.clock else datetime.now(UTC)

    def headers(self, **more):
        given = {
            "accept": "application/json",
            "content-type": "application/json",
            "x-amz-pay-date": self.now().strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-pay-host": HOSTS[self.region],
            "x-amz-pay-region": self.region,
        }
        given |= {name.replace("_", "-"): value for name, value in more.items()}
        return {name: value for name, value in given.items() if value is not None}

    def authorization(self, method, path, query, headers, body, *, salt=None, names=None):
        names = names or sorted(headers)
        lines = [method, path, query, *(f"{name}:{headers[name]}" for name in names if name in headers)]
        text = "\n".join([*lines, "", ";".join(names), hashlib.sha256(body).hexdigest()])
        signature = signed(text, self.algorithm, self.key, salt)
        return f"{self.algorithm} PublicKeyId={self.key_id}, SignedHeaders={';'.join(names)}, Signature={signature}"

    async def __call__(self, method, resource, body=None, *, query=None, key="fresh", raw=None, salt=None, names=None,
                       simulation=None, sent_body=None, **more):  # fmt: skip
        if key == "fresh":
            self._keys += 1
            key = f"{self.merchant_id}-{self._keys}"
        more = {"x_amz_pay_simulation_code": simulation, **more}
        headers = self.headers(x_amz_pay_idempotency_key=key if method == "POST" else None, **more)
        content = raw if raw is not None else b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        path = f"{self.prefix}/{resource}"
        text = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted((query or {}).items()))
        headers["authorization"] = self.authorization(method, path, text, headers, content, salt=salt, names=names)
        content = content if sent_body is None else sent_body
        url = self.simulator.url + path + (f"?{text}" if text else "")
        return await self.http.request(method, url, content=content, headers=headers)

    async def get(self, resource, **more):
        return (await self("GET", resource, **more)).json()

    def button(self, payload, **more):
        text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        config = {"payloadJSON": text, "signature": signed(text, self.algorithm, self.key),
                  "algorithm": self.algorithm, "publicKeyId": self.key_id}  # fmt: skip
        return {**config, **more}

    def payload(self, **more):
        return {
            "webCheckoutDetails": {"checkoutReviewReturnUrl": "https://shop.example.jp/review?basket=7"},
            "storeId": self.store_id,
            **more,
        }

    def apb_payload(self, amount="1200", intent="AuthorizeWithCapture", currency="JPY", address=True, **more):
        payload = {
            "webCheckoutDetails": {
                "checkoutResultReturnUrl": "https://shop.example.jp/result",
                "checkoutCancelUrl": "https://shop.example.jp/cart",
                "checkoutMode": "ProcessOrder",
            },
            "storeId": self.store_id,
            "paymentDetails": {"paymentIntent": intent, "chargeAmount": {"amount": amount, "currencyCode": currency}},
            **more,
        }
        if address:
            payload["addressDetails"] = {
                "name": "山田 一郎", "addressLine1": "1-8-1", "stateOrRegion": "東京都", "postalCode": " 153-0064 ",
                "countryCode": "jp", "phoneNumber": "0312345678"}  # fmt: skip
        return payload

    def update(self, amount="1200", intent="Authorize", currency="JPY", **payment):
        return {
            "webCheckoutDetails": {"checkoutResultReturnUrl": "https://shop.example.jp/result"},
            "paymentDetails": {
                "paymentIntent": intent,
                "chargeAmount": {"amount": amount, "currencyCode": currency},
                **payment,
            },
            "merchantMetadata": {"merchantReferenceId": "ORDER-1", "merchantStoreName": "店"},
        }

    async def ready_session(
        self, amount="1200", intent="Authorize", currency="JPY", card="1111", payload=None, **payment
    ):
        """Signed in and updated; the buyer has not paid yet."""
        session_id = self.simulator.create_session_by_button(self.button(self.payload(**(payload or {}))))
        self.simulator.sign_in(session_id, card=card)
        answer = await self("PATCH", f"checkoutSessions/{session_id}", self.update(amount, intent, currency, **payment))
        assert answer.status_code == 200, answer.text
        return session_id

    async def complete(self, session_id, amount="1200", currency="JPY", **more):
        body = {"chargeAmount": {"amount": amount, "currencyCode": currency}}
        return await self("POST", f"checkoutSessions/{session_id}/complete", body, **more)

    async def checkout(self, amount="1200", intent="Authorize", currency="JPY", **more):
        """The whole standard flow; returns the completed session."""
        session_id = await self.ready_session(amount, intent, currency, **more)
        self.simulator.buyer_approves(session_id)
        answer = await self.complete(session_id, amount, currency)
        assert answer.status_code in {200, 202}, answer.text
        return answer.json()

    async def recurring(self, amount="500", intent="AuthorizeWithCapture"):
        metadata = {"frequency": {"unit": "Month", "value": "1"}, "amount": None}
        payload = {"chargePermissionType": "Recurring", "recurringMetadata": metadata}
        return await self.checkout(amount, intent, payload=payload)

    async def charge(self, permission_id, amount="500", currency="JPY", *, key="fresh", simulation=None, **more):
        body = {
            "chargePermissionId": permission_id,
            "chargeAmount": {"amount": amount, "currencyCode": currency},
            **more,
        }
        return await self("POST", "charges", body, key=key, simulation=simulation)

    async def capture(self, charge_id, amount="1200", currency="JPY", **more):
        body = {"captureAmount": {"amount": amount, "currencyCode": currency}}
        return await self("POST", f"charges/{charge_id}/capture", body, **more)

    async def refund(self, charge_id, amount="1200", currency="JPY", **more):
        body = {"chargeId": charge_id, "refundAmount": {"amount": amount, "currencyCode": currency}}
        return await self("POST", "refunds", body, **more)


@pytest.fixture
def clock():
    return MovableClock(datetime(2026, 11, 10, 3, 0, tzinfo=UTC))


@pytest.fixture
def options():
    return SimulatorOptions()


@pytest.fixture
async def simulator(clock, options):
    simulator = AmazonPaySimulator(clock, options=options)
    async with simulator.running():
        yield simulator


@pytest.fixture
async def http():
    async with httpx2.AsyncClient(timeout=10, verify=False) as client:
        yield client


@pytest.fixture
def joins(simulator, clock, http):
    """Makes a registered merchant: ``joins(region="eu")``."""

    def join(**more):
        register = {key: more.pop(key) for key in ("ipn_url", "is_provider", "environment", "legacy") if key in more}
        merchant = Merchant(simulator, clock=clock, **more)
        merchant.http = http
        pem = public_pem(merchant.key)
        simulator.register_merchant(merchant.merchant_id, STORE, merchant.key_id, pem, merchant.region, **register)
        return merchant

    return join


@pytest.fixture
def merchant(joins):
    return joins()


@pytest.fixture
def live_merchant(joins):
    return joins(key_id="LIVE-MERCHANT")


@pytest.fixture
def refused():
    """``refused(answer, 422, "InvalidChargeStatus")``"""

    def check(answer, status, reason_code):
        assert (answer.status_code, answer.json().get("reasonCode")) == (status, reason_code), answer.text
        assert set(answer.json()) == {"reasonCode", "message"}

    return check


@pytest.fixture
def pem():
    return public_pem


@pytest.fixture
def sign():
    return signed
