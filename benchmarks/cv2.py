"""A cheap CV2: coherent objects, no state, no signature check, so that it never is what is measured."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.payloads import AMOUNT, permission_id

_NOW = datetime.now(UTC)
_SINCE = _NOW.strftime("%Y%m%dT%H%M%SZ")
_UNTIL = (_NOW + timedelta(days=30)).strftime("%Y%m%dT%H%M%SZ")
_PRICE = {"amount": str(AMOUNT), "currencyCode": "JPY"}


class CheckoutApi:
    """The state of the endpoint: how long it takes to answer (seconds), and what it was asked."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.calls: Counter[str] = Counter()

    async def listen(self) -> int:
        """Serve on a free port of loopback, which is returned; ends with the loop."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        self._server = server
        return port

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        kind, _, rest = path.partition("/v2/")[2].partition("/")
        id_, _, verb = rest.partition("/")
        self.calls[f"{method} {kind} {verb}".strip()] += 1
        known = _OBJECTS.get((method, kind, verb))
        return _response(known(id_, body)) if known else _NOT_FOUND  # the daily search for settlement reports


class _Connection(asyncio.Protocol):
    def __init__(self, api: CheckoutApi) -> None:
        self._api = api
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return
        self._received = b""
        method, path, _ = head.split(b" ", 2)
        answer = self._api.answer(method.decode(), path.decode(), body)
        if self._api.delay:
            asyncio.get_running_loop().call_later(self._api.delay, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


_NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nx-amz-pay-request-id: bench\r\n"
    b'content-length: 50\r\n\r\n{"reasonCode":"ResourceNotFound","message":"None"}'
)
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-amz-pay-request-id: bench\r\ncontent-length: %d\r\n\r\n"
)


def _response(body: bytes) -> bytes:
    return _HEAD % len(body) + body


# --- The objects, as text with placeholders: {session} {permission} {charge}


def _status(state: str) -> dict[str, Any]:
    return {"state": state, "reasonCode": None, "reasonDescription": None, "lastUpdatedTimestamp": _SINCE}


_ADDRESS = {
    "name": "山田 太郎",
    "addressLine1": "千代田1-1",
    "addressLine2": "茶碗ビル 3階",
    "addressLine3": None,
    "city": None,
    "county": None,
    "district": None,
    "stateOrRegion": "東京都",
    "postalCode": "100-0001",
    "countryCode": "JP",
    "phoneNumber": "0312345678",
}


def _session(state: str, *, paid: bool) -> dict[str, Any]:
    """amazon-pay-cv2.md §3.4: a completed session shows its charge and no buyer any more."""
    return {
        "checkoutSessionId": "{session}",
        "webCheckoutDetails": {
            "checkoutReviewReturnUrl": "https://shop.example/review",
            "checkoutResultReturnUrl": "https://shop.example/result",
            "checkoutCancelUrl": None,
            "amazonPayRedirectUrl": None if paid else "https://payments.amazon.co.jp/checkout/processing?id={session}",
        },
        "productType": "PayAndShip",
        "paymentDetails": {
            "paymentIntent": "Authorize",
            "canHandlePendingAuthorization": False,
            "chargeAmount": _PRICE,
        },
        "chargePermissionType": "OneTime",
        "merchantMetadata": {"merchantReferenceId": None, "merchantStoreName": "Shizuku Tea", "noteToBuyer": None},
        "supplementaryData": None,
        "buyer": None if paid else {"buyerId": "amzn1.account.BENCH", "name": "山田 太郎", "email": "t@example.com"},
        "billingAddress": None if paid else _ADDRESS,
        "paymentPreferences": [None if paid else {"paymentDescriptor": "Amazon Pay"}],
        "statusDetails": _status(state),
        "shippingAddress": None if paid else _ADDRESS,
        "platformId": None,
        "chargePermissionId": "{permission}" if paid else None,
        "chargeId": "{charge}" if paid else None,
        "constraints": [],
        "creationTimestamp": _SINCE,
        "expirationTimestamp": _UNTIL,
        "storeId": "amzn1.application-oa2-client.bench",
        "releaseEnvironment": "Sandbox",
    }


def _charge(state: str) -> dict[str, Any]:
    return {
        "chargeId": "{charge}",
        "chargePermissionId": "{permission}",
        "chargeAmount": _PRICE,
        "captureAmount": _PRICE if state == "Captured" else None,
        "refundedAmount": None,
        "convertedAmount": None,
        "conversionRate": None,
        "softDescriptor": None,
        "merchantMetadata": None,
        "statusDetails": _status(state),
        "creationTimestamp": _SINCE,
        "expirationTimestamp": _UNTIL,
        "releaseEnvironment": "Sandbox",
    }


def _refund() -> dict[str, Any]:
    return {
        "refundId": "{permission}-R000001",
        "chargeId": "{charge}",
        "refundAmount": _PRICE,
        "softDescriptor": None,
        "statusDetails": _status("RefundInitiated"),
        "creationTimestamp": _SINCE,
        "releaseEnvironment": "Sandbox",
    }


def _permission() -> dict[str, Any]:
    return {
        "chargePermissionId": "{permission}",
        "chargePermissionType": "OneTime",
        "limits": {"amountLimit": _PRICE, "amountBalance": {**_PRICE, "amount": "0"}},
        "statusDetails": {**_status("Closed"), "reasons": None},
        "creationTimestamp": _SINCE,
        "expirationTimestamp": _UNTIL,
        "releaseEnvironment": "Sandbox",
    }


class _Template:
    """Made into bytes once; an answer only puts the ids in."""

    def __init__(self, object_: Mapping[str, Any]) -> None:
        self._text = json.dumps(object_, ensure_ascii=False).encode()

    def of_session(self, id_: str, _body: bytes) -> bytes:
        return self._filled(id_, permission_id(id_))

    def of_charge(self, id_: str, _body: bytes) -> bytes:
        return self._filled("", id_.rpartition("-C")[0])

    def of_permission(self, id_: str, _body: bytes) -> bytes:
        return self._filled("", id_)

    def of_refund(self, _id: str, body: bytes) -> bytes:
        return self.of_charge(json.loads(body)["chargeId"], b"")

    def _filled(self, session_id: str, permission: str) -> bytes:
        ids = {b"{session}": session_id, b"{permission}": permission, b"{charge}": f"{permission}-C000001"}
        text = self._text
        for placeholder, id_ in ids.items():
            text = text.replace(placeholder, id_.encode())
        return text


_AUTHORIZED, _CAPTURED = _Template(_charge("Authorized")), _Template(_charge("Captured"))
_captured: set[str] = set()  # a refund reads its charge first


def _capture(id_: str, body: bytes) -> bytes:
    _captured.add(id_)
    return _CAPTURED.of_charge(id_, body)


def _read_charge(id_: str, body: bytes) -> bytes:
    return (_CAPTURED if id_ in _captured else _AUTHORIZED).of_charge(id_, body)


_OBJECTS = {
    ("PATCH", "checkoutSessions", ""): _Template(_session("Open", paid=False)).of_session,
    ("POST", "checkoutSessions", "complete"): _Template(_session("Completed", paid=True)).of_session,
    ("GET", "charges", ""): _read_charge,
    ("POST", "charges", "capture"): _capture,
    ("DELETE", "charges", "cancel"): _Template(_charge("Canceled")).of_charge,
    ("POST", "refunds", ""): _Template(_refund()).of_refund,
    ("DELETE", "chargePermissions", "close"): _Template(_permission()).of_permission,
    ("GET", "chargePermissions", ""): _Template(_permission()).of_permission,
    ("PATCH", "chargePermissions", ""): _Template(_permission()).of_permission,
}
