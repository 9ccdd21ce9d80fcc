from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from saleor_amazonpay.amazonpay.notifications import (
    CertificateSource,
    CertificateUnavailable,
    open_envelope,
    read_notification,
)
from saleor_amazonpay.errors import InvalidPayload, SignatureRejected
from saleor_amazonpay.sandbox.amazon_pay.notifications import sign, signing_key

URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
MESSAGE = {
    "MerchantID": "AMERCHANT00001",
    "ObjectType": "CHARGE",
    "ObjectId": "S03-1111111-2222222-C333333",
    "ChargePermissionId": "S03-1111111-2222222",
    "NotificationType": "STATE_CHANGE",
    "NotificationId": "0a0a0a0a-1111-2222-3333-444444444444",
    "NotificationVersion": "V2",
}


def certificate(key=None, *, begins=-1, ends=1):
    """A certificate valid from ``begins`` to ``ends`` days from the clock's now, of the signing key unless told."""
    key = key or signing_key().private_key
    now = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


class Certificates:
    """What is at each URL, and how often it was asked for."""

    def __init__(self):
        self.pem = certificate()
        self.asked = []
        self.error = None

    async def __call__(self, url):
        self.asked.append(url)
        if self.error is not None:
            raise self.error
        return self.pem


@pytest.fixture
def served():
    return Certificates()


@pytest.fixture
def source(served, clock):
    return CertificateSource(served, clock)


def envelope(*, version="1", url=URL, signer=None, **changes):
    """A signed message; ``changes`` are made before signing."""
    fields = {
        "Type": "Notification",
        "MessageId": "11111111-2222-3333-4444-555555555555",
        "TopicArn": "arn:aws:sns:us-east-1:598607868003:example",
        "Message": json.dumps(MESSAGE),
        "Timestamp": "2026-11-23T01:02:03.456Z",
        "SignatureVersion": version,
        "SigningCertURL": url,
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
        **changes,
    }
    return {**fields, "Signature": sign(fields, signer or signing_key())}


def body(**how):
    return json.dumps(envelope(**how)).encode()


class TestSignature:
    @pytest.mark.parametrize("version", ["1", "2"])
    async def test_both_versions_hold(self, source, version):
        opened = await open_envelope(body(version=version), source)
        assert (opened.type, opened.message_id) == ("Notification", "11111111-2222-3333-4444-555555555555")
        assert json.loads(opened.message) == MESSAGE

    async def test_a_subject_is_signed_too(self, source):
        opened = await open_envelope(body(Subject="Amazon Pay"), source)
        assert opened.type == "Notification"

    async def test_the_other_spelling_of_the_certificate_url_is_read(self, source):
        fields = envelope()
        fields["SigningCertUrl"] = fields.pop("SigningCertURL")
        assert (await open_envelope(json.dumps(fields).encode(), source)).type == "Notification"

    @pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "SignatureVersion"])
    async def test_one_changed_byte_breaks_it(self, source, name):
        fields = envelope(version="2")
        fields[name] = {"Type": "SubscriptionConfirmation", "SignatureVersion": "1"}.get(name, f"{fields[name]}x")
        with pytest.raises(SignatureRejected):
            await open_envelope(json.dumps(fields).encode(), source)

    async def test_an_added_subject_breaks_it(self, source):
        fields = {**envelope(), "Subject": "added"}
        with pytest.raises(SignatureRejected):
            await open_envelope(json.dumps(fields).encode(), source)

    async def test_another_signer_is_rejected(self, source):
        with pytest.raises(SignatureRejected):
            await open_envelope(body(signer=signing_key("a stranger")), source)

    @pytest.mark.parametrize("signature", [None, "", "not base64!", "AAAA", 7])
    async def test_no_real_signature_is_rejected(self, source, signature):
        with pytest.raises(SignatureRejected):
            await open_envelope(json.dumps({**envelope(), "Signature": signature}).encode(), source)

    @pytest.mark.parametrize("version", ["0", "3", "", None])
    async def test_an_unknown_version_is_no_sns_message(self, source, version):
        with pytest.raises(InvalidPayload):
            await open_envelope(json.dumps({**envelope(), "SignatureVersion": version}).encode(), source)

    async def test_a_message_without_an_id_is_no_sns_message(self, source):
        fields = envelope()
        del fields["MessageId"]
        fields["Signature"] = sign(fields, signing_key())
        with pytest.raises(InvalidPayload):
            await open_envelope(json.dumps(fields).encode(), source)


class TestCertificateUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "https://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com/path/a.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/a.pem",
            "https://SNS.us-east-1.amazonaws.com/a.pem",
        ],
    )
    async def test_amazons_are_taken(self, source, served, url):
        await open_envelope(body(url=url), source)
        assert served.asked == [url]

    @pytest.mark.parametrize(
        "url",
        [
            "http://sns.us-east-1.amazonaws.com/a.pem",
            "ftp://sns.us-east-1.amazonaws.com/a.pem",
            "//sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com.evil.com/a.pem",
            "https://sns.us-east-1.amazonaws.com.cn.evil.com/a.pem",
            "https://evil.com/sns.us-east-1.amazonaws.com/a.pem",
            "https://xsns.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.evil.amazonaws.com/a.pem",
            "https://sns.amazonaws.com/a.pem",
            "https://s3.us-east-1.amazonaws.com/bucket/a.pem",
            "https://sns.us-east-1.amazonaws.com:443/a.pem",
            "https://sns.us-east-1.amazonaws.com:8443/a.pem",
            "https://sns.us-east-1.amazonaws.com@evil.com/a.pem",
            "https://user:pw@sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com\\@evil.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.txt",
            "https://sns.us-east-1.amazonaws.com/a?b=.pem",
            "https://sns.us-east-1.amazonaws.com/a#.pem",
            "https://sns.us-east-1.amazonaws.com./a.pem",
            "https://sns.us-east-1.amazonaws.com/a\n.pem",
            "https://sns.us-east-1.amazonaws.com/a .pem",
            " https://sns.us-east-1.amazonaws.com/a.pem",
            "https://[sns.us-east-1.amazonaws.com/a.pem",
            "https://127.0.0.1/a.pem",
            "",
        ],
    )
    async def test_others_are_never_fetched(self, source, served, url):
        with pytest.raises(SignatureRejected):
            await open_envelope(body(url=url), source)
        assert served.asked == []

    async def test_a_further_host_is_taken_only_where_it_is_named(self, served, clock):
        url = "http://127.0.0.1:4000/sns/a.pem"
        source = CertificateSource(served, clock, ["127.0.0.1:4000"])
        assert (await open_envelope(body(url=url), source)).type == "Notification"
        with pytest.raises(SignatureRejected):
            await open_envelope(body(url=url.replace("4000", "4001")), source)
        with pytest.raises(SignatureRejected):
            await open_envelope(body(url="http://u@127.0.0.1:4000/sns/a.pem"), source)


class TestCertificate:
    @pytest.mark.parametrize(("begins", "ends"), [(-2, -1), (1, 2)])
    async def test_one_that_is_not_valid_now_is_rejected(self, source, served, begins, ends):
        served.pem = certificate(begins=begins, ends=ends)
        with pytest.raises(SignatureRejected, match="not valid now"):
            await open_envelope(body(), source)

    async def test_one_that_expires_while_it_is_kept_is_rejected_then(self, source, served, clock):
        served.pem = certificate(ends=1 / 48)
        await open_envelope(body(), source)
        clock.elapsed += 1801
        with pytest.raises(SignatureRejected, match="not valid now"):
            await open_envelope(body(), source)
        assert len(served.asked) == 1

    @pytest.mark.parametrize("pem", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    async def test_what_is_no_certificate_is_rejected(self, source, served, pem):
        served.pem = pem
        with pytest.raises(SignatureRejected):
            await open_envelope(body(), source)

    async def test_one_without_an_rsa_key_is_rejected(self, source, served):
        served.pem = certificate(ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(SignatureRejected, match="no RSA key"):
            await open_envelope(body(), source)

    async def test_one_that_cannot_be_fetched_now_is_no_forgery(self, source, served):
        served.error = CertificateUnavailable("not now")
        with pytest.raises(CertificateUnavailable):
            await open_envelope(body(), source)
        served.error = None
        assert (await open_envelope(body(), source)).type == "Notification"

    async def test_it_is_fetched_once_an_hour(self, source, served, clock):
        for _ in range(3):
            await open_envelope(body(), source)
        assert len(served.asked) == 1
        clock.elapsed += 3601
        await open_envelope(body(), source)
        assert len(served.asked) == 2

    async def test_many_urls_do_not_fill_the_memory(self, source):
        for number in range(200):
            await open_envelope(body(url=f"https://sns.us-east-1.amazonaws.com/{number}.pem"), source)
        assert len(source._kept) <= 64


class TestMalformed:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\xff\xfe",
            b"null",
            b"[]",
            b'"text"',
            b"{}",
            b"{",
            b"[" * 100_000,
            b'{"Type": "Notification"}',
            b'{"Type": "Something", "SignatureVersion": "1"}',
            b'{"Type": ["Notification"], "SignatureVersion": "1"}',
            b'{"Type": "Notification", "SignatureVersion": 1}',
        ],
    )
    async def test_is_no_sns_message(self, source, raw):
        with pytest.raises(InvalidPayload):
            await open_envelope(raw, source)


class TestMessage:
    def test_names_an_object(self):
        found = read_notification(json.dumps(MESSAGE))
        assert (found.merchant_id, found.object_type) == ("AMERCHANT00001", "CHARGE")
        assert (found.object_id, found.charge_permission_id) == (MESSAGE["ObjectId"], MESSAGE["ChargePermissionId"])

    def test_lower_camel_names_are_read_too(self):
        lower = {key[:1].lower() + key[1:]: value for key, value in MESSAGE.items()}
        assert read_notification(json.dumps(lower)) == read_notification(json.dumps(MESSAGE))

    def test_an_unknown_object_type_is_passed_on(self):
        assert read_notification(json.dumps({**MESSAGE, "ObjectType": "PARCEL"})).object_type == "PARCEL"

    @pytest.mark.parametrize(
        "changes",
        [
            {"ObjectId": ""},
            {"ObjectId": None},
            {"ObjectType": ""},
            {"ObjectId": "a\0b"},
            {"ObjectId": "x" * 300},
            {"ChargePermissionId": "\0"},
            {"MerchantID": "\0"},
            {"ObjectType": "CHARGE\0"},
        ],
    )
    def test_without_a_usable_name_it_is_refused(self, changes):
        with pytest.raises(InvalidPayload):
            read_notification(json.dumps({**MESSAGE, **changes}))

    @pytest.mark.parametrize("text", ["", "plain text", "[]", "7", "{"])
    def test_that_is_no_object_is_refused(self, text):
        with pytest.raises(InvalidPayload):
            read_notification(text)
