"""Everything a whole demo printed, logged, answered and stored, searched for what must not be there."""

from __future__ import annotations

import io
import json
import re

import httpx2
import pytest
from rich.console import Console

from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.observability.logging import configure
from saleor_amazonpay.sandbox import demo
from saleor_amazonpay.sandbox import world as worlds
from saleor_amazonpay.sandbox.amazon_pay.buyers import TEST_BUYERS

BUDGET = 4.0  # Amazon falls silent for twice as long
ACCOUNTS = "{ accounts { id name merchantId storeId publicKeyId privateKeyFingerprint } channels { slug } installation { appId } }"
# The buyer's own browser is told its checkout session and who signed in, and signs payments with the address it gave.
PLACES_FOR_BUYERS = re.compile(r"/((payment-gateway|transaction)-initialize-session|storefront/sign-in/exchange)$")


class Recorder:
    """Between the server and the app: every answer with its path."""

    def __init__(self, app):
        self.app = app
        self.answers = []

    async def __call__(self, scope, receive, send):
        chunks = []

        async def recording(message):
            if message["type"] == "http.response.start":
                chunks.extend(b"%s: %s\n" % header for header in message["headers"])
            chunks.append(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, recording)
        finally:
            if scope["type"] == "http":
                self.answers.append((scope["path"], b"".join(chunks)))


@pytest.fixture
async def run(tmp_path, monkeypatch):
    """A demo from beginning to end, with what came out of it."""
    recorders, log, printed = [], io.BytesIO(), io.StringIO()
    private, public = generate_key_pair()
    watching = worlds._watching

    def recorded(app, *rest):
        recorders.append(Recorder(app))
        return watching(recorders[-1], *rest)

    monkeypatch.setattr(demo, "_STILL_LOOKS", 1)  # under which step a call is told is nothing to wait for here
    monkeypatch.setattr(worlds, "_watching", recorded)
    monkeypatch.setattr(worlds, "generate_key_pair", lambda: (private, public))
    configure(log_format="json", log_level="DEBUG", stream=log)
    async with worlds.world(tmp_path, answer_budget_seconds=BUDGET) as made:
        outcomes = await demo.tell(made, Console(file=printed, width=200))
        assert [outcome.shortfall for outcome in outcomes if outcome.shortfall] == []
        token = made.saleor.make_dashboard_token(made.saleor.superuser, made.installed)
        await look_around(made, token)
        services = made.running.services
        [app] = made.saleor.store.apps
        secrets = {
            "the app's token at Saleor": app.token,
            "SECRET_KEY": services.settings.secret_key.get_secret_value(),
            "a person's token": token,
        } | {f"line {number} of the private key": line for number, line in enumerate(pem_lines(private))}
        yield {
            "answers": [answer for recorder in recorders for answer in recorder.answers],
            "log": log.getvalue().decode(),
            "printed": printed.getvalue() + repr(services.settings) + repr(services) + str(services),
            "database": b"".join(path.read_bytes() for path in tmp_path.glob("app.db*")),
            "secrets": secrets,
        }


def pem_lines(pem):
    """The base64 inside, but for the first line: it says only that this is an RSA key."""
    return [line for line in pem.splitlines() if "-----" not in line][1:]


async def look_around(made, token):
    """What a merchant, an operator and a stranger may ask, right and wrong."""
    headers = {"Authorization": f"Bearer {token}", "Saleor-Api-Url": made.saleor.api_url}
    async with httpx2.AsyncClient(base_url=made.app_url, trust_env=False) as client:
        for path in ("/api/manifest", "/health/live", "/health/ready", "/metrics", "/dashboard", "/nowhere"):
            await client.get(path, headers=headers)
        answer = await client.post("/graphql", headers=headers, json={"query": ACCOUNTS})
        assert answer.json()["data"]["accounts"], answer.text
        wrong = {"query": "mutation($key: String!) { accountUpdate(id: $key) }", "variables": {"key": token}}
        await client.post("/graphql", headers=headers, json=wrong)
        await client.post("/graphql", headers={**headers, "Authorization": f"Bearer {token}x"}, json=wrong)
        await client.post("/api/register", json={"auth_token": token}, headers=headers)


def test_a_search_would_find_one():
    """The search below is only worth what it can find."""
    private, _ = generate_key_pair()
    assert all(line in json.dumps(private) for line in pem_lines(private))
    assert len(pem_lines(private)) > 20


async def test_nothing_leaves(run):
    answers = b"\n".join(body for _, body in run["answers"]).decode("utf-8", "replace")
    assert len(run["answers"]) > 50
    assert len(run["log"].splitlines()) > 50
    for name, secret in run["secrets"].items():
        for where in ("log", "printed"):
            assert secret not in run[where], f"{name} is in the {where}"
        assert secret not in answers, f"{name} is in an answer"
        assert secret.encode() not in run["database"], f"{name} is in the database"

    for buyer in TEST_BUYERS:
        for address in buyer.addresses:
            for text in (buyer.email, buyer.name, address["addressLine1"], address["phoneNumber"]):
                if not text:
                    continue
                assert text not in run["log"], f"{text} is in the log"
                for path, body in run["answers"]:
                    if not PLACES_FOR_BUYERS.search(path):
                        assert text.encode() not in body, f"{text} is in the answer of {path}"
