"""Instant payment notifications, signed as Amazon SNS signs them. Source: amazon-pay-cv2.md §8."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, Literal

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from saleor_amazonpay.sandbox.amazon_pay.cv1 import cv1_message
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner
from saleor_amazonpay.sandbox.amazon_pay.world import Change, World

Envelope = dict[str, str]

TOPIC_ARN: Final = "arn:aws:sns:us-east-1:598607868003:saleor-amazonpay-simulator"
CERTIFICATE_NAME: Final = "SimpleNotificationService-simulator"
_SIGNED_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_DIGESTS: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "1": hashes.SHA1(),  # noqa: S303 - what SNS version 1 is
    "2": hashes.SHA256(),
}
_TIMEOUT_SECONDS: Final = 10.0
_NO_ANSWER: Final = 0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and its self-signed certificate, as PEM."""

    private_key: rsa.RSAPrivateKey
    certificate_pem: bytes


@cache
def signing_key(name: str = CERTIFICATE_NAME) -> SigningKey:
    """One per name and process: making them takes long, and nothing depends on their being fresh."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return SigningKey(key, certificate.public_bytes(serialization.Encoding.PEM))


@dataclass(slots=True, kw_only=True)
class Notification:
    """One message; ``statuses`` are the answers so far, 0 for none.

    ``envelope`` is signed and final; ``body`` and ``headers`` are what is POSTed.
    """

    owner: Owner
    object_type: str
    object_id: str
    charge_permission_id: str
    url: str | None
    envelope: Envelope
    retries_left: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @property
    def message_id(self) -> str:
        return self.envelope["MessageId"]

    @property
    def was_accepted(self) -> bool:
        return any(200 <= status < 300 for status in self.statuses)

    @property
    def body(self) -> bytes:
        return json.dumps(self.envelope, ensure_ascii=False).encode()

    @property
    def headers(self) -> dict[str, str]:
        return {
            "content-type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": self.envelope["Type"],
            "x-amz-sns-message-id": self.envelope["MessageId"],
            "x-amz-sns-topic-arn": self.envelope["TopicArn"],
            "user-agent": "Amazon Simple Notification Service Agent",
        }


class Notifications:
    """Writes a notification for each change, and sends it to the merchant's ``ipn_url`` while the app is served.

    Attributes:
        outbox: everything written, in order; tests deliver from it by hand.
        copies: how often each is sent (duplicates are normal with SNS).
        is_held: nothing is sent until ``release``.
        silenced: object types (``"CHARGE"`` …) that are written but never sent: lost notifications.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.outbox: list[Notification] = []
        self.copies = 1
        self.is_held = False
        self.silenced: set[str] = set()
        self.wake = asyncio.Event()
        self._due: list[Notification] = []
        self._sending = asyncio.Lock()
        world.on_change = self._write

    # --- Writing --------------------------------------------------------------------------------------------------

    def build(
        self,
        merchant_id: str,
        object_type: str,
        object_id: str,
        charge_permission_id: str,
        *,
        version: Literal["1", "2"] | None = None,
        message: Mapping[str, str] | None = None,
        unsigned: Mapping[str, str] | None = None,
        key: SigningKey | None = None,
        kind: str = "Notification",
    ) -> Envelope:
        """A signed envelope, true or forged.

        Args:
            merchant_id: ``MerchantID`` of the message.
            object_type: ``CHARGE``, ``REFUND``, ``CHARGE_PERMISSION`` or ``CHARGEBACK``.
            object_id: what changed.
            charge_permission_id: what it belongs to.
            version: of the signature; the options' when not given.
            message: keys of the inner message to set or replace, before signing.
            unsigned: keys of the envelope to set or replace after signing: a forgery.
            key: another signer than the simulator.
            kind: ``Type`` of the envelope.
        """
        inner = {
            "MerchantID": merchant_id,
            "ObjectType": object_type,
            "ObjectId": object_id,
            "ChargePermissionId": charge_permission_id,
            "NotificationType": "STATE_CHANGE",
            "NotificationId": self._world.ids.uuid(),
            "NotificationVersion": "V2",
        }
        text = json.dumps({**inner, **(message or {})})
        return {**self._signed(text, kind, version=version, key=key), **(unsigned or {})}

    def build_cv1(self, merchant_id: str, object_id: str, **changes: str) -> Envelope:
        """A signed envelope around CV1's own kind of message; ``changes`` replace keys of the message."""
        message = {**json.loads(cv1_message(self._world, merchant_id, object_id)), **changes}
        return self._signed(json.dumps(message), "Notification")

    def _signed(
        self, text: str, kind: str, *, version: Literal["1", "2"] | None = None, key: SigningKey | None = None
    ) -> Envelope:
        envelope = self._envelope(text, kind)
        envelope["SignatureVersion"] = version or self._world.options.ipn_signature_version
        envelope["Signature"] = sign(envelope, key or signing_key())
        return envelope

    def _envelope(self, message: str, kind: str) -> Envelope:
        now = self._world.agenda.now.astimezone(UTC)
        envelope = {
            "Type": kind,
            "MessageId": self._world.ids.uuid(),
            "TopicArn": TOPIC_ARN,
            "Message": message,
            "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            "SigningCertURL": f"{self._world.url}/sns/{CERTIFICATE_NAME}.pem",
        }
        if kind == "Notification":
            return {**envelope, "UnsubscribeURL": f"{self._world.url}/sns/unsubscribe"}
        return {**envelope, "Token": self._world.ids.text(64), "SubscribeURL": f"{self._world.url}/sns/confirm"}

    def _write(self, change: Change) -> None:
        merchant = self._world.merchants[change.owner.merchant_id]
        notification = Notification(
            owner=change.owner,
            object_type=change.object_type,
            object_id=change.object_id,
            charge_permission_id=change.charge_permission_id,
            url=merchant.ipn_url,
            envelope=self.build(
                merchant.merchant_id, change.object_type, change.object_id, change.charge_permission_id
            ),
            retries_left=list(self._world.options.ipn_retry_seconds),
        )
        self.outbox.append(notification)
        if notification.url and change.object_type not in self.silenced:
            self._due.extend([notification] * self.copies)
            self.wake.set()

    # --- Sending --------------------------------------------------------------------------------------------------

    async def flush(self) -> int:
        """Sends what is due, in order, and returns how many that were; nothing while held."""
        async with self._sending:
            if self.is_held or not self._due:
                return 0
            due, self._due = self._due, []
            async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
                for notification in due:
                    await self._send(client, notification)
            return len(due)

    async def release(self, *, reverse: bool = False, shuffle: random.Random | None = None) -> int:
        """Sends what was held back, in another order if asked."""
        self.is_held = False
        if reverse:
            self._due.reverse()
        if shuffle is not None:
            shuffle.shuffle(self._due)
        return await self.flush()

    async def deliver(self, notification: Notification, url: str | None = None) -> int:
        """Sends this one now (again); returns the status answered, 0 for none."""
        target = url or notification.url
        if target is None:
            raise ValueError("The merchant has no URL for notifications.")
        async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            return await self._post(client, notification, target)

    async def _send(self, client: httpx2.AsyncClient, notification: Notification) -> None:
        status = await self._post(client, notification, str(notification.url))
        if (status == _NO_ANSWER or status >= 500) and notification.retries_left:
            wait = timedelta(seconds=notification.retries_left.pop(0))
            self._world.agenda.at(self._world.agenda.now + wait, lambda: self._again(notification))

    def _again(self, notification: Notification) -> None:
        self._due.append(notification)
        self.wake.set()

    async def _post(self, client: httpx2.AsyncClient, notification: Notification, url: str) -> int:
        try:
            answer = await client.post(url, content=notification.body, headers=notification.headers)
            status = answer.status_code
        except httpx2.HTTPError:
            status = _NO_ANSWER
        notification.statuses.append(status)
        return status


def sign(envelope: Mapping[str, str], key: SigningKey) -> str:
    """Base64 of the signature over the keys SNS signs, by the envelope's own SignatureVersion."""
    names = _SIGNED_KEYS[envelope["Type"]]
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
    digest = _DIGESTS[envelope["SignatureVersion"]]
    return base64.b64encode(key.private_key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
