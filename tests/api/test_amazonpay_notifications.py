from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from sqlalchemy import bindparam, insert, select
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from saleor_amazonpay.sandbox.amazon_pay.notifications import sign, signing_key
from saleor_amazonpay.sandbox.serving import listening
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import accounts, installations, notifications
from tests.journeys.shop import open_shop

INBOX = Statement(select(notifications))


@pytest.fixture
async def shop(sqlite_url):
    async with open_shop(sqlite_url) as shop:
        shop.amazon.url = shop.amazon_url
        yield shop


async def post(shop, envelope, *, account="account-jp", **headers):
    content = envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode()
    headers = {"content-type": "text/plain; charset=UTF-8", **headers}
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.post(f"{shop.app_url}/api/webhooks/amazon-pay/{account}", content=content, headers=headers)


async def inbox(shop):
    return await shop.running.services.database.read(lambda session: session.all(INBOX))


def permission_of(shop):
    [permission] = shop.amazon.audit()["permissions"]
    return permission["chargePermissionId"]


def notice(shop, *, object_type="CHARGE_PERMISSION", object_id=None, permission=None, merchant="AJPMERCHANT000", **how):
    permission = permission if permission is not None else permission_of(shop)
    return shop.amazon.ipn.build(merchant, object_type, object_id or permission, permission, **how)


class TestAccepted:
    @pytest.mark.parametrize("version", ["1", "2"])
    async def test_a_signed_one_is_stored_and_handled(self, shop, version):
        await shop.authorized()
        response = await post(shop, notice(shop, version=version))
        assert (response.status_code, response.content) == (200, b"")
        await shop.work()
        [row] = await inbox(shop)
        assert (row.state, row.note) == ("handled", None)

    async def test_a_replay_is_stored_once_and_acknowledged(self, shop):
        await shop.authorized()
        envelope = notice(shop)
        assert [(await post(shop, envelope)).status_code for _ in range(3)] == [200, 200, 200]
        await shop.work()
        assert (await post(shop, envelope)).status_code == 200
        calls = len(shop.amazon.calls)
        await shop.work()
        assert len(shop.amazon.calls) == calls
        assert [row.state for row in await inbox(shop)] == ["handled"]

    async def test_what_it_says_is_read_back_and_never_believed(self, shop):
        transaction = await shop.authorized()
        before = shop.amounts(transaction)
        told = {"Amount": "1000000", "State": "Captured", "ObjectState": "Closed"}
        await post(shop, notice(shop, message=told))
        await shop.work()
        assert shop.amounts(transaction) == before
        assert shop.amazon.calls[-1].operation == "get_charge_permission"

    async def test_an_unknown_object_type_only_reads_the_payment_again(self, shop):
        transaction = await shop.authorized()
        before = shop.amounts(transaction)
        assert (await post(shop, notice(shop, object_type="PARCEL", object_id="P-1"))).status_code == 200
        await shop.work()
        assert [row.state for row in await inbox(shop)] == ["handled"]
        assert shop.amounts(transaction) == before

    async def test_the_certificate_is_fetched_once(self, shop):
        await shop.authorized()
        pem, asked = signing_key().certificate_pem, []

        def certificate(request):
            asked.append(request.url.path)
            return Response(pem)

        async with allowed(shop, certificate) as url:
            for _ in range(3):
                assert (await post(shop, signed(notice(shop), SigningCertURL=url))).status_code == 200
        assert len(asked) == 1

    @pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
    async def test_housekeeping_is_acknowledged_and_its_url_not_fetched(self, shop, kind):
        asked = []

        async def confirm(request):
            asked.append(request.url.path)
            return Response()

        async with listening(Starlette(routes=[Route("/confirm", confirm)])) as url:
            envelope = shop.amazon.ipn.build("AJPMERCHANT000", "CHARGE", "S", "S", kind="SubscriptionConfirmation")
            response = await post(shop, signed(envelope, SubscribeURL=f"{url}/confirm", Type=kind))
            await shop.work()
        assert response.status_code == 200
        assert asked == []
        assert await inbox(shop) == []


def signed(envelope, **changes):
    """The envelope with changes, signed again by the simulator's key."""
    fields = {**envelope, **changes}
    kind = fields["Type"]
    as_signed = {**fields, "Type": kind}
    if kind == "UnsubscribeConfirmation":
        return {**fields, "Signature": sign_confirmation(as_signed)}
    return {**fields, "Signature": sign(as_signed, signing_key())}


def sign_confirmation(fields):
    """Both confirmations are signed over the same keys."""
    names = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{fields[name]}\n" for name in names)
    digest = {"1": hashes.SHA1, "2": hashes.SHA256}[fields["SignatureVersion"]]()
    return base64.b64encode(signing_key().private_key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()


@asynccontextmanager
async def allowed(shop, answer):
    """A further host whose certificates the app takes, answering ``/a.pem`` as told."""

    async def endpoint(request):
        return answer(request)

    async with listening(Starlette(routes=[Route("/a.pem", endpoint)])) as url:
        certificates = shop.running.certificates
        known = certificates._extra_hosts
        certificates._extra_hosts = known | {url.removeprefix("http://")}
        yield f"{url}/a.pem"
        certificates._extra_hosts = known


FORGERIES = (
    {"Message": '{"ObjectType": "CHARGE", "ObjectId": "S03-1"}'},
    {"MessageId": "another"},
    {"Signature": "AAAA"},
    {"SigningCertURL": "https://sns.us-east-1.amazonaws.com.evil.com/a.pem"},
    {"SigningCertURL": "http://sns.us-east-1.amazonaws.com/a.pem"},
    {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/a\n.pem"},
    {"SigningCertURL": "http://127.0.0.1:1/a.pem"},
)
MALFORMED = (b"", b"\xff", b"[]", b"{}", b"[" * 50_000, b'{"Type": "Notification", "SignatureVersion": "9"}')
NAMELESS = (
    "no JSON",
    "[]",
    "{}",
    '{"ObjectType": "CHARGE"}',
    '{"ObjectType": "CHARGE", "ObjectId": "a\\u0000"}',
)
UNUSABLE_CERTIFICATES = {
    "a redirect": (RedirectResponse("https://evil.example/a.pem"), 503),
    "none there": (Response(status_code=404), 503),
    "a fault": (Response(status_code=500), 503),
    "a huge one": (Response(b"x" * 200_000), 503),
    "no certificate": (Response(b"<html>no certificate</html>"), 401),
}


class TestRefused:
    async def test_a_forgery_is_401_counted_and_not_stored(self, shop):
        for forgery in FORGERIES:
            response = await post(shop, notice(shop, permission="S03-1", unsigned=forgery))
            assert response.status_code == 401, forgery
        assert (await post(shop, notice(shop, permission="S03-1", key=signing_key("stranger")))).status_code == 401
        assert await inbox(shop) == []
        counted = f'signature_failures_total{{sender="amazon-pay"}} {len(FORGERIES) + 1}.0'
        assert counted in await metrics(shop)

    async def test_a_malformed_envelope_is_400(self, shop):
        assert [(await post(shop, body)).status_code for body in MALFORMED] == [400] * len(MALFORMED)

    async def test_a_signed_message_that_names_no_object_is_400(self, shop):
        for text in NAMELESS:
            response = await post(shop, signed(notice(shop, permission="S03-1"), Message=text))
            assert response.status_code == 400, text
        assert await inbox(shop) == []

    async def test_a_huge_body_is_413(self, shop):
        assert (await post(shop, b'{"Type": "' + b"x" * 300_000 + b'"}')).status_code == 413

    async def test_the_content_type_decides_nothing(self, shop):
        for content_type in ("application/json", "image/png", "text/html", ""):
            response = await post(shop, notice(shop, permission="S03-1"), **{"content-type": content_type})
            assert response.status_code == 200, content_type
            assert (await post(shop, b"<xml/>", **{"content-type": content_type})).status_code == 400

    async def test_an_unknown_account_is_404(self, shop):
        assert (await post(shop, notice(shop, permission="S03-1"), account="nobody")).status_code == 404

    async def test_only_post_is_answered(self, shop):
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{shop.app_url}/api/webhooks/amazon-pay/account-jp")).status_code == 405

    async def test_a_certificate_that_cannot_be_had_lets_amazon_send_again_and_a_false_one_does_not(self, shop):
        for name, (answer, status) in UNUSABLE_CERTIFICATES.items():
            async with allowed(shop, lambda _, answer=answer: answer) as url:
                response = await post(shop, signed(notice(shop, permission="S03-1"), SigningCertURL=url))
            assert response.status_code == status, name
        assert await inbox(shop) == []


class TestWhose:
    async def test_an_unknown_object_is_looked_for_and_then_ignored(self, shop):
        await post(shop, notice(shop, permission="S03-9999999-9999999"))
        await shop.work()
        assert [row.state for row in await inbox(shop)] == ["new"]
        await shop.later(minutes=5)
        assert [row.state for row in await inbox(shop)] == ["new"]
        await shop.later(minutes=6)
        [row] = await inbox(shop)
        assert (row.state, row.note) == ("ignored", "no payment of this tenant has this object")
        assert shop.amazon.calls == []
        assert (await shop.running.jobs.depth()).dead == 0

    async def test_another_merchants_object_is_ignored(self, shop):
        transaction = await shop.authorized()
        before, calls = shop.amounts(transaction), len(shop.amazon.calls)
        assert (await post(shop, notice(shop, merchant="ASTRANGER00001"))).status_code == 200
        await shop.work()
        [row] = await inbox(shop)
        assert (row.state, row.note) == ("ignored", "the object belongs to another merchant")
        assert len(shop.amazon.calls) == calls
        assert shop.amounts(transaction) == before

    async def test_an_account_of_the_same_tenant_may_receive_it(self, shop):
        await shop.authorized()
        await post(shop, notice(shop), account="account-na")
        await shop.work()
        assert [row.state for row in await inbox(shop)] == ["handled"]

    async def test_a_foreign_tenants_url_moves_nothing(self, shop):
        transaction = await shop.authorized()
        permission = permission_of(shop)
        before, calls = shop.amounts(transaction), len(shop.amazon.calls)
        await add_tenant(shop)
        shop.amazon.seller_central.close(permission)
        assert (await post(shop, notice(shop), account="account-foreign")).status_code == 200
        await shop.work()
        await shop.later(minutes=11)
        [row] = await inbox(shop)
        assert row.state == "ignored"
        assert len(shop.amazon.calls) == calls
        assert shop.amounts(transaction) == before


async def add_tenant(shop):
    """Another Saleor on the same app, with an account whose keys are the same merchant's."""
    api_url = "https://other.example/graphql/"
    database = shop.running.services.database

    def copy(session):
        [installation] = session.all(Statement(select(installations)))
        first = session.all(Statement(select(accounts)))[0]
        for table, row, changes in (
            (installations, installation, {"api_url": api_url}),
            (accounts, first, {"api_url": api_url, "id": "account-foreign"}),
        ):
            values = {column.name: getattr(row, column.name) for column in table.c} | changes
            session.execute(Statement(insert(table).values({name: bindparam(name) for name in values})), values)

    await database.run(copy)


async def metrics(shop):
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{shop.app_url}/metrics")).text
