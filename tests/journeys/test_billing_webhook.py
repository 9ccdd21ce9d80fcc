"""The merchant's own endpoint: signed, in order, until it answers; never an address inside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from saleor_amazonpay.domain.billing import Policy
from saleor_amazonpay.handlers.billing import outgoing
from saleor_amazonpay.sandbox.serving import listening
from saleor_amazonpay.storage.billing import events as event_rows
from tests.journeys.subscriptions import ERRORS, open_subscriptions

UPDATE = f"""mutation($url: String, $new: Boolean!, $policy: BillingPolicyInput) {{
  it: billingSettingsUpdate(webhookUrl: $url, newSecret: $new, policy: $policy) {{
    settings {{ webhookUrl hasWebhookSecret policy {{ graceDays }} }} webhookSecret {ERRORS} }} }}"""


@dataclass
class Endpoint:
    """Answers with ``statuses`` in turn, then 204; keeps what it was sent."""

    statuses: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request):
        self.received.append((dict(request.headers), await request.body()))
        status = self.statuses.pop(0) if self.statuses else 204
        return Response(status_code=status, headers={"location": "http://127.0.0.1:1/"} if status == 302 else None)

    @property
    def types(self):
        return [json.loads(body)["type"] for _, body in self.received]

    @asynccontextmanager
    async def listening(self):
        async with listening(Starlette(routes=[Route("/hook", self.take, methods=["POST"])])) as url:
            yield f"{url}/hook"


@pytest.fixture
async def subs(sqlite_url):
    async with open_subscriptions(sqlite_url) as subscriptions:
        yield subscriptions


async def update(subs, url=None, *, new=False, policy=None):
    return (await subs.graphql(UPDATE, url=url, new=new, policy=policy))["it"]


def is_signed(secret, headers, body):
    """As any Standard Webhooks library verifies it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{made}"


async def test_an_event_whose_job_was_lost_is_told_all_the_same(subs):
    endpoint = Endpoint()
    async with endpoint.listening() as url:
        await update(subs, url)
        await subs.created()
        services = subs.shop.running.services
        await services.database.run(lambda session: session.connection.execute("DELETE FROM jobs"))
        await subs.shop.work()
        assert endpoint.types == []
        await subs.later(minutes=1)
        assert endpoint.types == ["schedule.created"]


class TestDelivering:
    async def test_every_event_comes_signed_and_in_order(self, subs):
        endpoint = Endpoint()
        async with endpoint.listening() as url:
            secret = (await update(subs, url))["webhookSecret"]
            id_ = await subs.created()
            subs.fail_next("SoftDeclined")
            await subs.until(id_)
            await subs.later(days=1)
        assert endpoint.types == ["schedule.created", "renewal.declined", "renewal.billed"]
        assert all(is_signed(secret, *each) for each in endpoint.received)
        assert len({headers["webhook-id"] for headers, _ in endpoint.received}) == 3
        declined = json.loads(endpoint.received[1][1])["data"]
        assert declined["scheduleId"] == id_
        assert declined["reasonCode"] == "SoftDeclined"
        assert declined["paymentPageUrl"].endswith(subs.agreement.charge_permission_id)
        assert declined["nextAttemptAt"] > declined["period"]
        assert b"customer@example.com" not in b"".join(body for _, body in endpoint.received)

    @pytest.mark.parametrize("status", [500, 404, 302])
    async def test_what_was_not_taken_comes_again_and_holds_up_the_rest(self, subs, status):
        endpoint = Endpoint([status, status])
        async with endpoint.listening() as url:
            await update(subs, url)
            id_ = await subs.created()
            await subs.shop.work()
            await subs.act("Pause", id_)
            await subs.shop.work()
            assert set(endpoint.types) == {"schedule.created"}
            await subs.later(minutes=5)
            await subs.later(minutes=5)
        assert endpoint.types == ["schedule.created"] * 3 + ["schedule.paused"]
        assert len({headers["webhook-id"] for headers, _ in endpoint.received}) == 2

    async def test_it_is_down_for_good(self, subs, monkeypatch):
        monkeypatch.setattr(outgoing, "MOST_ATTEMPTS", 3)
        await update(subs, "http://127.0.0.1:1/hook")
        id_ = await subs.created()
        for _ in range(4):
            await subs.later(hours=7)
        history = await subs.shop.running.services.database.read(lambda s: event_rows.of_schedule(s, id_, limit=9))
        assert [(it.state, it.attempts) for it in history] == [("dead", 3)]
        shown = {problem.key for app in subs.shop.saleor.store.apps for problem in app.problems}
        assert "billing-webhook" in shown

    async def test_a_test_message(self, subs):
        endpoint = Endpoint([418])
        query = f"mutation {{ it: billingWebhookTest {{ status {ERRORS} }} }}"
        assert (await subs.graphql(query))["it"]["errors"][0]["code"] == "REQUIRED"
        async with endpoint.listening() as url:
            secret = (await update(subs, url))["webhookSecret"]
            assert (await subs.graphql(query))["it"] == {"status": 418, "errors": []}
        assert endpoint.types == ["billing.test"]
        assert is_signed(secret, *endpoint.received[0])
        assert "cannot be reached" in (await subs.graphql(query))["it"]["errors"][0]["message"]


class TestChoosing:
    async def test_the_secret_is_shown_once_and_made_anew_on_request(self, subs):
        first = await update(subs, "http://127.0.0.1:1/hook")
        assert first["webhookSecret"].startswith("whsec_")
        assert (await update(subs))["webhookSecret"] is None
        second = await update(subs, new=True)
        assert second["webhookSecret"] not in {None, first["webhookSecret"]}
        assert (await update(subs, ""))["settings"] == {
            "webhookUrl": None,
            "hasWebhookSecret": False,
            "policy": {"graceDays": Policy().dunning.grace_days},
        }

    async def test_new_schedules_begin_with_the_policy_and_old_ones_keep_theirs(self, subs):
        old = await subs.created()
        await update(subs, policy={"graceDays": 30})
        await subs.act("Cancel", old)
        new = await subs.created()
        assert (await subs.schedule(old)).policy.dunning.grace_days == 14
        assert (await subs.schedule(new)).policy.dunning.grace_days == 30

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/hook",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest",
            "ftp://x",
            "x",
            "https://u:p@h/",
            "https://h/" + "x" * 2048,
        ],
    )
    async def test_an_address_inside_is_refused(self, subs, url):
        vars(subs.shop.running.services.settings)["allow_local_network"] = False
        refused = await update(subs, url)
        assert [(it["field"], it["code"]) for it in refused["errors"]] == [("webhookUrl", "INVALID")]

    async def test_an_address_that_leads_inside_later_is_not_called(self, subs):
        """The client itself checks where it connects (saleor/outbound.py)."""
        endpoint = Endpoint()
        async with endpoint.listening() as url:
            await update(subs, url)
            await subs.created()
            transport = subs.shop.running.services.http._transport
            transport._allow_local_network = False
            await subs.shop.work()
        assert endpoint.received == []

    def test_a_known_signature(self):
        """The example of the Standard Webhooks specification's own libraries."""
        made = outgoing.signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            datetime.fromtimestamp(1614265330, UTC),
            b'{"test": 2432232314}',
        )
        assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
