"""More than the app can answer, and senders that take their time: refused politely, and money requests never."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from saleor_amazonpay import bodies
from tests.journeys.helpers import CHARGE, captured, lost_request, send_again, settle

GATEWAY_INITIALIZE = "PAYMENT_GATEWAY_INITIALIZE_SESSION"


@pytest.fixture
def impatient_shop(shop):
    """All places are taken for as long as the test wants; no session event waits for its turn."""
    admission = shop.running.admission
    admission._at_once, admission._patience, admission._longest = 1, -1.0, 0.1
    return shop


async def test_session_events_are_refused_fast_and_a_charge_is_not(impatient_shop):
    shop = impatient_shop
    transaction = await shop.authorized()
    session_event = shop.saleor.deliveries_of(GATEWAY_INITIALIZE)[-1]
    charge = await lost_request(shop, "CHARGE", transaction, Decimal(100))
    shop.running.admission.busy += 1  # somebody works, and works
    crowd = [send_again(shop, session_event) for _ in range(40)]
    *answers, charged = await asyncio.gather(*crowd, send_again(shop, charge))

    assert {answer.status for answer in answers} == {503}
    refused = answers[0]
    assert refused.json is None
    assert b"ask again" in refused.answer
    assert charged.status == 200
    await settle(shop, transaction)
    assert captured(shop) == 100
    assert shop.running.services.metrics.render().count(b'outcome="overloaded"') > 0

    shop.running.admission.busy -= 1
    assert (await send_again(shop, session_event)).status == 200


async def test_a_flood_of_charges_is_answered_one_and_all(impatient_shop):
    shop = impatient_shop
    transaction = await shop.authorized()
    charge = await lost_request(shop, "CHARGE", transaction, Decimal(100))
    answers = await asyncio.gather(*(send_again(shop, charge) for _ in range(25)))
    assert {answer.status for answer in answers} == {200}
    await settle(shop, transaction)
    assert captured(shop) == 100


async def test_every_place_is_given_back(shop):
    """Whatever comes of a request: answered, refused, forged, broken off."""
    transaction = await shop.authorized()
    charge = await lost_request(shop, "CHARGE", transaction, Decimal(100))
    await asyncio.gather(*(send_again(shop, charge) for _ in range(30)))
    await asyncio.gather(*(send_again(shop, charge, saleor_signature="a..b") for _ in range(30)))
    url = urlsplit(shop.app_url)
    for _ in range(10):
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(
            b"POST /api/webhooks/saleor/transaction-charge-requested HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
        )
        await writer.drain()
        writer.close()
    for _ in range(200):
        if shop.running.admission.busy == 0:
            break
        await asyncio.sleep(0.02)
    assert (shop.running.admission.busy, shop.running.admission.waiting) == (0, 0)


@pytest.mark.parametrize(
    "path",
    ["/api/webhooks/saleor/transaction-charge-requested", "/api/webhooks/amazon-pay/account-jp", "/api/register"],
)
async def test_a_body_that_never_ends_is_given_up(shop, monkeypatch, path):
    monkeypatch.setattr(bodies, "SLOWEST_SECONDS", 0.2)
    url = urlsplit(shop.app_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    name = CHARGE.lower()
    head = f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nSaleor-Event: {name}\r\nContent-Length: 1000\r\n"
    writer.write(f"{head}Saleor-Api-Url: {shop.saleor.api_url}\r\nSaleor-Signature: a..b\r\n\r\n{{".encode())
    answer = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert answer.split()[1] == b"408"
