"""Webhooks as Saleor sends them, signed before the run: captured bodies with the ids of made-up purchases."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CAPTURES = Path(__file__).parents[1] / "tests" / "saleor" / "captures"
API_URL = "http://saleor.bench.local/graphql/"
APP_ID = "QXBwOjE="
KEY_ID = "bench"
CHANNEL = "default-jp"
SHOP = "https://shop.example"
AMOUNT = 6500  # yen, as in the captured checkout


_HEAD = """POST {target} HTTP/1.1
Host: app.bench.local
User-Agent: Saleor/3.23
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
Content-Type: application/json
X-Saleor-Event: {event}
X-Saleor-Domain: saleor.bench.local
X-Saleor-Signature: {signature}
Saleor-Event: {event}
Saleor-Domain: saleor.bench.local
Saleor-Signature: {signature}
Saleor-Api-Url: {api_url}
Content-Length: {length}

""".replace("\n", "\r\n")


class Webhook(NamedTuple):
    """A whole HTTP request, and what a right answer's body contains."""

    request: bytes
    expected: bytes


@dataclass(frozen=True, slots=True)
class Purchase:
    """Everything about one purchase follows from its number, on Saleor's side and on Amazon's."""

    number: int

    @property
    def session_id(self) -> str:
        return f"{self.number:08x}-0000-4000-8000-000000000000"

    @property
    def permission_id(self) -> str:
        return permission_id(self.session_id)

    @property
    def charge_id(self) -> str:
        return f"{self.permission_id}-C000001"

    @property
    def transaction_id(self) -> str:
        return _global_id("TransactionItem", self.session_id)

    @property
    def checkout_id(self) -> str:
        return _global_id("Checkout", self.session_id)


def permission_id(session_id: str) -> str:
    return f"S03-0000000-{int(session_id[:8], 16):07d}"


def _global_id(kind: str, key: str) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


class Saleor:
    """Saleor's signing key and the five-and-one kinds of webhook."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        header = {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": KEY_ID, "typ": "JWT"}
        self._protected = _base64url(json.dumps(header, separators=(",", ":")).encode())
        self._templates = {event: _captured(event) for event in EVENTS}

    @property
    def jwks(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        n, e = (_base64url(part.to_bytes((part.bit_length() + 7) // 8)) for part in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e}]}

    def sign(self, body: bytes) -> str:
        signature = self._key.sign(f"{self._protected}.".encode() + body, padding.PKCS1v15(), SHA256())
        return f"{self._protected}..{_base64url(signature)}"

    def body(self, event: str, purchase: Purchase) -> bytes:
        now = datetime.now(UTC).isoformat()
        payload = {**self._templates[event], "issuedAt": now, "recipient": {"id": APP_ID}}
        EVENTS[event].fill(payload, purchase, now)
        return json.dumps(payload).encode()

    def webhook(self, event: str, purchase: Purchase, path: str | None = None, *, api_url: str = API_URL) -> Webhook:
        body = self.body(event, purchase)
        signature, target = self.sign(body), path or f"/api/webhooks/saleor/{event.replace('_', '-')}"
        head = _HEAD.format(target=target, event=event, signature=signature, api_url=api_url, length=len(body))
        return Webhook(head.encode() + body, EVENTS[event].expected)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _captured(event: str) -> dict[str, Any]:
    text = (CAPTURES / f"{EVENTS[event].capture}.json").read_text("utf-8")
    body: dict[str, Any] = json.loads(json.loads(text)["body"])
    return _in_yen(body)  # type: ignore[no-any-return]


def _in_yen(value: Any) -> Any:
    """Every price becomes the purchase's: some captures are in dollars."""
    if isinstance(value, dict):
        if value.keys() >= {"amount", "currency"}:
            value = {**value, "amount": float(AMOUNT), "currency": "JPY"}
        return {key: _in_yen(item) for key, item in value.items()}
    return [_in_yen(item) for item in value] if isinstance(value, list) else value


def _source(payload: dict[str, Any], purchase: Purchase) -> None:
    payload["sourceObject"] = {
        **payload["sourceObject"],
        "id": purchase.checkout_id,
        "shippingAddress": {**payload["sourceObject"]["shippingAddress"], **_CHOSEN_AT_AMAZON},
        "checkoutTransactions": [{"id": purchase.transaction_id, **_NOTHING_COVERED}],
    }


# A good shop copies what the app converted for it from the session's address (cv2.py).
_CHOSEN_AT_AMAZON: Mapping[str, Any] = {
    "firstName": "太郎",
    "lastName": "山田",
    "companyName": "",
    "streetAddress1": "千代田1-1",
    "streetAddress2": "茶碗ビル 3階",
    "city": "千代田区",
    "cityArea": "",
    "postalCode": "100-0001",
    "country": {"code": "JP"},
    "countryArea": "東京都",
}

_NOTHING_COVERED: Mapping[str, Any] = {
    name: {"amount": 0.0}
    for name in ("authorizedAmount", "authorizePendingAmount", "chargedAmount", "chargePendingAmount")
}


def _gateway(payload: dict[str, Any], purchase: Purchase, _now: str) -> None:
    _source(payload, purchase)
    payload["data"] = {"flow": "review", "checkoutReviewReturnUrl": f"{SHOP}/review"}


def _session(payload: dict[str, Any], purchase: Purchase) -> None:
    _source(payload, purchase)
    payload["action"] = {"actionType": "AUTHORIZATION", "amount": float(AMOUNT), "currency": "JPY"}
    payload["transaction"] = {**payload["transaction"], "id": purchase.transaction_id}
    payload["merchantReference"] = purchase.transaction_id


def _initialize(payload: dict[str, Any], purchase: Purchase, _now: str) -> None:
    _session(payload, purchase)
    payload["idempotencyKey"] = f"init-{purchase.number}"
    payload["data"] = {
        "flow": "review",
        "amazonCheckoutSessionId": purchase.session_id,
        "checkoutResultReturnUrl": f"{SHOP}/result",
    }


def _process(payload: dict[str, Any], purchase: Purchase, _now: str) -> None:
    _session(payload, purchase)
    payload["data"] = {"amazonCheckoutSessionId": purchase.session_id}


def _action(payload: dict[str, Any], purchase: Purchase, now: str) -> None:
    """The first captured event is the request itself; what came before shows the charge's id as its reference."""
    request, *earlier = payload["transaction"]["events"]
    payload["transaction"] = {
        **payload["transaction"],
        "id": purchase.transaction_id,
        "pspReference": purchase.charge_id,
        "events": [
            {**request, "createdAt": now, "idempotencyKey": f"{request['type']}-{purchase.number}"},
            *({**event, "pspReference": purchase.charge_id} for event in earlier),
        ],
    }


class EventKind(NamedTuple):
    """``capture``: the file a body is made from; ``fill`` puts a purchase into it."""

    capture: str
    fill: Callable[[dict[str, Any], Purchase, str], None]
    expected: bytes


EVENTS: Mapping[str, EventKind] = {
    "transaction_initialize_session": EventKind(
        "transaction_initialize_session-1", _initialize, b'"AUTHORIZATION_ACTION_REQUIRED"'
    ),
    "transaction_process_session": EventKind("transaction_process_session-1", _process, b'"AUTHORIZATION_SUCCESS"'),
    "transaction_charge_requested": EventKind("transaction_charge_requested-1", _action, b'"CHARGE_SUCCESS"'),
    "transaction_refund_requested": EventKind("transaction_refund_requested-1", _action, b'"pspReference":"refund-'),
    "transaction_cancelation_requested": EventKind("transaction_cancelation_requested-1", _action, b'"CANCEL_SUCCESS"'),
    "payment_gateway_initialize_session": EventKind("payment_gateway_initialize_session-1", _gateway, b'"errors":[]'),
}
