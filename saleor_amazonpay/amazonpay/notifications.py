"""Instant payment notifications (IPN): an SNS envelope that proves its sender and names an object, nothing more.

The object itself is read back from Amazon; a notification is a hint (DESIGN §4 rule 2). Source: amazon-pay-cv2.md §8.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from saleor_amazonpay.amazonpay import cv1_notifications
from saleor_amazonpay.clock import Clock
from saleor_amazonpay.errors import AppError, InvalidPayload, SignatureRejected

if TYPE_CHECKING:
    from cryptography import x509

_SNS_HOST = re.compile(r"sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}
_SIGNED_KEYS: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_NAME = re.compile(r"[!-~]{0,255}")  # ids and types: no space, nothing unprintable, nothing endless
_URL = re.compile(r"[!-~]{1,2048}")  # urlsplit() would silently drop line breaks and look at another URL
_KEPT_CERTIFICATES = 64
_CERTIFICATE_SECONDS = 3600.0


class CertificateUnavailable(AppError):
    """The sender's certificate could not be fetched now; Amazon may send again."""

    status = 503
    code = "CERTIFICATE_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A verified SNS message. ``type`` is Notification, SubscriptionConfirmation or UnsubscribeConfirmation."""

    type: str
    message_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Notification:
    """Which object changed: CHARGE_PERMISSION, CHARGE, REFUND or CHARGEBACK. No state and no amount is in it."""

    merchant_id: str
    object_type: str
    object_id: str
    charge_permission_id: str
    notification_type: str
    notification_id: str


FetchCertificate = Callable[[str], Awaitable[bytes]]
"""URL -> PEM; must cap the size and follow no redirect."""


class CertificateSource:
    """Amazon's signing certificates by URL, each fetched at most once an hour.

    ``extra_hosts`` (a simulator's ``host`` or ``host:port``) may also be plain HTTP.
    """

    def __init__(self, fetch: FetchCertificate, clock: Clock, extra_hosts: Collection[str] = ()) -> None:
        self._fetch = fetch
        self._clock = clock
        self._extra_hosts = frozenset(extra_hosts)
        self._kept: dict[str, tuple[float, x509.Certificate]] = {}

    async def public_key(self, url: str) -> RSAPublicKey:
        """The key of the certificate at ``url``.

        Raises:
            SignatureRejected: not one of Amazon's URLs, no certificate, or one that is not valid now.
            CertificateUnavailable: it could not be fetched.
        """
        self._check_url(url)
        certificate = await self._certificate(url)
        now = self._clock.now()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise SignatureRejected("The notification's certificate is not valid now.")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise SignatureRejected("The notification's certificate has no RSA key.")
        return key

    def _check_url(self, url: str) -> None:
        if not _URL.fullmatch(url):
            raise SignatureRejected("The notification's certificate is not Amazon's.")
        parts = urlsplit(url)
        host = parts.netloc.lower()
        is_amazon = parts.scheme == "https" and _SNS_HOST.fullmatch(host) is not None
        is_extra = parts.scheme in {"https", "http"} and (
            host in self._extra_hosts or parts.hostname in self._extra_hosts
        )
        if not (is_amazon or is_extra) or not parts.path.endswith(".pem") or parts.username is not None:
            raise SignatureRejected("The notification's certificate is not Amazon's.")

    async def _certificate(self, url: str) -> x509.Certificate:
        moment = self._clock.monotonic()
        kept = self._kept.get(url)
        if kept is not None and moment < kept[0]:
            return kept[1]
        from cryptography import x509  # 2 MB and its share of the start, for the first notification of a day

        try:
            certificate = x509.load_pem_x509_certificate(await self._fetch(url))
        except ValueError as error:
            raise SignatureRejected("The notification's certificate cannot be read.") from error
        if len(self._kept) >= _KEPT_CERTIFICATES:
            self._kept.clear()
        self._kept[url] = (moment + _CERTIFICATE_SECONDS, certificate)
        return certificate


async def open_envelope(body: bytes, certificates: CertificateSource) -> Envelope:
    """The verified envelope of a delivered body.

    Raises:
        InvalidPayload: not an SNS message.
        SignatureRejected: forged, changed, or signed by a stranger.
        CertificateUnavailable: cannot be decided now.
    """
    fields = _fields(body)
    signed_keys = _SIGNED_KEYS.get(fields.get("Type", ""))
    digest = _HASHES.get(fields.get("SignatureVersion", ""))
    if signed_keys is None or digest is None:
        raise InvalidPayload("This is no SNS message of a known type and signature version.")
    message_id = fields.get("MessageId", "")
    if not message_id or not _NAME.fullmatch(message_id):
        raise InvalidPayload("The notification has no message id.")
    text = "".join(f"{key}\n{fields[key]}\n" for key in signed_keys if key in fields)
    try:
        signature = base64.b64decode(fields["Signature"], validate=True)
        url = fields.get("SigningCertURL") or fields["SigningCertUrl"]
        key = await certificates.public_key(url)
        key.verify(signature, text.encode(), padding.PKCS1v15(), digest())
    except (KeyError, ValueError, binascii.Error, InvalidSignature) as error:
        raise SignatureRejected("The notification's signature does not hold.") from error
    return Envelope(fields["Type"], message_id, fields.get("Message", ""))


def _fields(body: bytes) -> dict[str, str]:
    """The envelope's texts; everything we read is a string."""
    try:
        decoded: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayload("The notification is not JSON.") from error
    if not isinstance(decoded, dict):
        raise InvalidPayload("The notification is not a JSON object.")
    return {key: value for key, value in decoded.items() if isinstance(value, str)}


def read_notification(message: str) -> Notification:
    """The inner message; PascalCase is the real form, lowerCamel is tolerated (§8.3), so is CV1's XML (§8.5).

    Raises:
        InvalidPayload: not JSON, or it names no object.
    """
    fields = {key[:1].upper() + key[1:]: value for key, value in _fields(message.encode()).items()}
    if cv1_notifications.DATA in fields:
        fields |= dict(zip(_CV1_NAMES, cv1_notifications.read_cv1(fields), strict=True))
        fields["MerchantID"] = fields.get("SellerId", "")
    if not fields.get("ObjectType") or not fields.get("ObjectId"):
        raise InvalidPayload("The notification names no object.")
    names = [fields.get(name, "") for name in _NAMES]
    if not all(_NAME.fullmatch(name) for name in names):
        raise InvalidPayload("The notification names nothing that Amazon Pay could have.")
    merchant_id, type_, id_, charge_permission_id, notification_type, notification_id = names
    return Notification(merchant_id, type_.upper(), id_, charge_permission_id, notification_type, notification_id)


_CV1_NAMES = ("ObjectType", "ObjectId", "ChargePermissionId")
_NAMES = ("MerchantID", "ObjectType", "ObjectId", "ChargePermissionId", "NotificationType", "NotificationId")
