"""Sign-in with Amazon: a shop's page asks for the button, the buyer consents at Amazon, the shop learns who it is."""

from __future__ import annotations

import asyncio
import itertools
import json
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from saleor_amazonpay.handlers.sweeps import retention
from tests.journeys.helpers import mend, silence
from tests.journeys.shop import SHOP
from tests.saleor.test_storefront_requests import SCHEMAS

ACCOUNT_PAGE = f"{SHOP}/account"


async def post(shop, path, body, *, origin=SHOP, token=None):
    headers = {"Origin": origin} if origin else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(trust_env=False) as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await client.post(f"{shop.app_url}/storefront/{path}", content=content, headers=headers)


def asking(shop, **more):
    return {"saleorApiUrl": shop.saleor.api_url, "channel": "default-jp", **more}


async def button(shop, **more):
    return await post(shop, "sign-in", asking(shop, signInReturnUrl=ACCOUNT_PAGE, **more))


async def buyer_token(shop, buyer="taro", **more):
    """What Amazon puts into the query of the shop's account page."""
    config = (await button(shop, **more)).json()["amazonPay"]["signInConfig"]
    came_back = shop.amazon.buyer_signs_in(config, buyer)
    assert came_back.startswith(ACCOUNT_PAGE)
    return parse_qs(urlsplit(came_back).query)["buyerToken"][0]


async def exchange(shop, buyer_token, **more):
    customer = more.pop("customer", None)
    saleor_token = more.pop("token", None) or (shop.saleor.make_user_token(customer) if customer else None)
    return await post(shop, "sign-in/exchange", asking(shop, buyerToken=buyer_token, **more), token=saleor_token)


@pytest.fixture
def customer(shop):
    return shop.saleor.store.user_by_email("customer@example.com")


def codes(answer):
    return [error["code"] for error in answer.json()["errors"]]


class TestTheButton:
    async def test_is_signed_for_amazon_and_asks_for_what_the_shop_wants(self, shop):
        answer = await button(shop, scopes=["name", "email"], languageCode="ja")
        assert answer.status_code == 200
        SCHEMAS["sign_in"]["answer"].validate(answer.json())
        shown = answer.json()["amazonPay"]
        assert (shown["productType"], shown["checkoutLanguage"]) == ("SignIn", "ja_JP")
        assert json.loads(shown["signInConfig"]["payloadJSON"])["signInScopes"] == ["name", "email"]
        assert shop.amazon.calls == []

    async def test_may_be_asked_for_by_pages_of_the_shop_and_by_its_server(self, shop):
        for origin in (SHOP, None):
            answer = await post(shop, "sign-in", asking(shop, signInReturnUrl=ACCOUNT_PAGE), origin=origin)
            assert answer.status_code == 200
            assert answer.headers.get("access-control-allow-origin") == origin
            assert answer.headers["cache-control"] == "no-store"
            assert "set-cookie" not in answer.headers

    async def test_is_refused_to_pages_of_others(self, shop):
        for origin in ["https://evil.example", "null", f"{SHOP}.evil.example", "x" * 5000]:
            answer = await post(shop, "sign-in", asking(shop, signInReturnUrl=ACCOUNT_PAGE), origin=origin)
            assert (answer.status_code, codes(answer)) == (403, ["ORIGIN_NOT_ALLOWED"])
            assert "amazonPay" not in answer.json()

    async def test_leads_back_to_the_shop_only(self, shop):
        for field in ("signInReturnUrl", "signInCancelUrl"):
            asked = asking(shop, **{"signInReturnUrl": ACCOUNT_PAGE, field: "https://evil.example/"})
            answer = await post(shop, "sign-in", asked)
            assert answer.status_code == 400
            assert [error["field"] for error in answer.json()["errors"]] == [f"request.{field}"]

    async def test_is_had_by_no_shop_we_do_not_know(self, shop):
        for unknown in ({"saleorApiUrl": "https://else.example/graphql/"}, {"channel": "nowhere"}, {"channel": "eu"}):
            answer = await post(shop, "sign-in", asking(shop, signInReturnUrl=ACCOUNT_PAGE) | unknown)
            assert (answer.status_code, codes(answer)) == (404, ["UNKNOWN_SHOP"])

    async def test_a_browser_may_ask_whether_it_may_ask(self, shop):
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.options(
                f"{shop.app_url}/storefront/sign-in/exchange",
                headers={"Origin": SHOP, "Access-Control-Request-Headers": "content-type,authorization"},
            )
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type"
        assert "access-control-allow-credentials" not in answer.headers

    NONSENSE = (b"", b"{", b"[]", b"null", b'"\xff"', b"{}" + b" " * 20_000, b"[" * 5000, b'{"channel": "\\ud800"}')

    async def test_nonsense_is_told_so(self, shop):
        for path, body in itertools.product(("sign-in", "sign-in/exchange", "sign-in/unlink"), self.NONSENSE):
            answer = await post(shop, path, body)
            assert answer.status_code in {400, 413}
            assert all(error["message"] for error in answer.json()["errors"])
        assert shop.amazon.calls == []


class TestTheExchange:
    async def test_tells_what_the_scopes_asked_for_and_no_more(self, any_shop):
        shop = any_shop
        answer = await exchange(shop, await buyer_token(shop, scopes=["name", "email"]))
        assert answer.status_code == 200
        SCHEMAS["sign_in_exchange"]["answer"].validate(answer.json())
        told = answer.json()["buyer"]
        assert told.keys() == {"buyerId", "name", "email", "missingFields"}
        assert (told["name"], answer.json()["customer"]) == ("鈴木太郎", None)

    async def test_gives_addresses_in_saleors_form(self, shop):
        answer = await exchange(shop, await buyer_token(shop, scopes=["shippingAddress"]))
        SCHEMAS["sign_in_exchange"]["answer"].validate(answer.json())
        address = answer.json()["buyer"]["shippingAddress"]
        assert (address["countryArea"], address["city"], address["phone"]) == ("東京都", "目黒区", "+81312345678")

    async def test_takes_a_token_once(self, any_shop):
        shop = any_shop
        token = await buyer_token(shop)
        first, second = await asyncio.gather(exchange(shop, token), exchange(shop, token))
        assert sorted([first.status_code, second.status_code]) == [200, 409]
        third = await exchange(shop, token)
        assert (third.status_code, codes(third)) == (409, ["BUYER_TOKEN_TAKEN"])
        assert shop.amazon.count("get_buyer") == 1

    async def test_keeps_no_token_that_could_sign_anybody_in(self, shop):
        token = await buyer_token(shop)
        await exchange(shop, token)
        rows = await shop.running.services.database.read(
            lambda session: session.connection.execute("SELECT * FROM buyer_tokens").fetchall()
        )
        assert len(rows) == 1
        assert token not in str(rows)

    async def test_knows_a_token_that_is_none(self, shop):
        for token in ("nonsense", "A" * 1000, "../charges", "%2e%2e%2fcharges"):
            answer = await exchange(shop, token)
            assert (answer.status_code, codes(answer)) == (400, ["BUYER_TOKEN_INVALID"])

    async def test_asks_amazon_nothing_about_what_cannot_be_a_token(self, shop):
        for token in ("", "A" * 1001, "with space", "ñ", "new\nline"):
            answer = await exchange(shop, token)
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["field"] == "request.buyerToken"
        assert shop.amazon.count("get_buyer") == 0

    async def test_when_amazon_is_silent_the_token_can_be_used_again(self, shop):
        token = await buyer_token(shop)
        silence(shop, "get_buyer", status=503, times=10)
        silent = await exchange(shop, token)
        assert (silent.status_code, codes(silent)) == (503, ["AMAZON_PAY_UNAVAILABLE"])
        mend(shop)
        assert (await exchange(shop, token)).status_code == 200

    async def test_is_refused_to_pages_of_others_and_uses_no_token_up(self, shop):
        token = await buyer_token(shop)
        stolen = await post(shop, "sign-in/exchange", asking(shop, buyerToken=token), origin="https://evil.example")
        assert (stolen.status_code, codes(stolen)) == (403, ["ORIGIN_NOT_ALLOWED"])
        assert (await exchange(shop, token)).status_code == 200

    async def test_tokens_are_forgotten_after_a_time(self, shop):
        token = await buyer_token(shop)
        await exchange(shop, token)
        shop.clock.move(days=31)
        await retention.run(shop.running.services)
        assert (await exchange(shop, token)).status_code == 200  # the simulated Amazon never forgets


class TestLinking:
    async def test_a_customer_who_proves_both_accounts_is_known_by_either(self, shop, customer):
        linked = await exchange(shop, await buyer_token(shop), link=True, customer=customer)
        assert linked.json()["customer"] == {"id": customer.id}
        later = await exchange(shop, await buyer_token(shop))
        assert later.json()["customer"] == {"id": customer.id}
        stranger = await exchange(shop, await buyer_token(shop, "hanako"))
        assert stranger.json()["customer"] is None

    async def test_the_same_email_address_proves_nothing(self, shop):
        shop.saleor.store.user_by_email("customer@example.com").email = "taro.suzuki@example.com"
        assert (await exchange(shop, await buyer_token(shop))).json()["customer"] is None

    async def test_nobody_is_linked_who_is_not_logged_in(self, shop):
        bought = await buyer_token(shop)
        for token in (None, "nonsense", "a.b.c"):
            answer = await exchange(shop, bought, link=True, token=token)
            assert (answer.status_code, codes(answer)) == (401, ["NOT_LOGGED_IN"])
        assert (await exchange(shop, bought)).status_code == 200  # the token was not used up

    async def test_the_apps_own_token_is_nobody(self, shop):
        tenant = await shop.running.services.directory.tenant(shop.saleor.api_url)
        answer = await exchange(shop, await buyer_token(shop), link=True, token=tenant.installation.token)
        assert (answer.status_code, codes(answer)) == (401, ["NOT_LOGGED_IN"])

    async def test_an_amazon_account_belongs_to_one_customer(self, any_shop):
        shop = any_shop
        customer = shop.saleor.store.user_by_email("customer@example.com")
        other = shop.saleor.store.user_by_email("staff@example.com")
        await exchange(shop, await buyer_token(shop), link=True, customer=customer)
        taken = await exchange(shop, await buyer_token(shop), link=True, customer=other)
        assert (taken.status_code, codes(taken)) == (409, ["LINKED_TO_ANOTHER_CUSTOMER"])
        assert (await exchange(shop, await buyer_token(shop))).json()["customer"] == {"id": customer.id}

    async def test_a_customer_has_one_amazon_account_the_latest(self, shop, customer):
        await exchange(shop, await buyer_token(shop), link=True, customer=customer)
        again = await exchange(shop, await buyer_token(shop, "hanako"), link=True, customer=customer)
        assert again.json()["customer"] == {"id": customer.id}
        assert (await exchange(shop, await buyer_token(shop))).json()["customer"] is None

    async def test_a_customer_can_take_it_back(self, shop, customer):
        await exchange(shop, await buyer_token(shop), link=True, customer=customer)
        token = shop.saleor.make_user_token(customer)
        for expected in (1, 0):
            answer = await post(shop, "sign-in/unlink", asking(shop), token=token)
            SCHEMAS["sign_in_unlink"]["answer"].validate(answer.json())
            assert answer.json() == {"unlinked": expected, "errors": []}
        assert (await exchange(shop, await buyer_token(shop))).json()["customer"] is None
        refused = await post(shop, "sign-in/unlink", asking(shop))
        assert (refused.status_code, codes(refused)) == (401, ["NOT_LOGGED_IN"])

    async def test_when_saleor_is_away_nothing_is_decided(self, shop, customer):
        token = await buyer_token(shop)
        shop.saleor.faults.api("unavailable", "query Me")
        answer = await exchange(shop, token, link=True, customer=customer)
        assert (answer.status_code, codes(answer)) == (502, ["SALEOR_UNAVAILABLE"])
        assert (await exchange(shop, token, link=True, customer=customer)).status_code == 200
