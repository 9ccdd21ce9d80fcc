"""Every page refuses whoever is not a staff user of that very tenant with the page's permissions; the table of pages is
made from the routes, so that none can be forgotten."""

from __future__ import annotations

import re
import time

import pytest

from saleor_amazonpay.dashboard.headers import ancestors
from saleor_amazonpay.dashboard.routing import PAGES, routes
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.saleor.tokens import SigningKey
from saleor_amazonpay.sandbox.serving import listening
from saleor_amazonpay.settings import Settings

# What may be had without a token, and holds no data of anyone.
OPEN = {"/dashboard/static/{version}/{name:path}"}
TABLE = {f"{page.method} {page.path}": page for page in PAGES}

WRONG_CLAIMS = {
    "expired": {"exp": int(time.time()) - 31},
    "never expires": {"exp": None},
    "another audience": {"aud": "another.app"},
    "no audience": {"aud": None},
    "another app": {"app": "QXBwOjk5"},
    "another issuer": {"iss": "https://other.example/graphql/"},
    "a token for Saleor itself": {"type": "access"},
    "a customer": {"is_staff": False},
    "nobody": {"user_id": None},
}


def ask(dashboard, page, **options):
    path = re.sub(r"\{[^}]+\}", "x", page.path)
    return getattr(dashboard, page.method.lower())(path, **options)


class TestTable:
    def test_every_route_is_a_page_of_the_table_or_open_on_purpose(self):
        known = {f"/dashboard{'' if page.path == '/' else page.path}" for page in PAGES}
        assert {route.path for route in routes()} == known | OPEN | {"/dashboard/{rest:path}"}

    def test_no_page_asks_for_less_than_one_permission(self, record_property):
        for name, page in TABLE.items():
            line = (name.partition(" ")[2], page.method, ", ".join(page.permissions))
            record_property("table", ("Pages of the Dashboard: token, tenant and these permissions are checked", *line))
        assert [name for name, page in TABLE.items() if not page.permissions] == []

    def test_what_changes_something_is_not_a_get(self):
        assert {page.method for page in PAGES} <= {"GET", "POST"}


class TestEveryPage:
    async def test_refuses_without_a_token(self, dashboard):
        for page in PAGES:
            answer = await ask(dashboard, page, token="")
            assert answer.status_code == 401, page.path
            assert "Your session has ended" in answer.text

    @pytest.mark.parametrize("wrong", WRONG_CLAIMS)
    async def test_refuses_a_token_with_a_wrong_claim(self, dashboard, wrong):
        token = dashboard.merchant.token(**WRONG_CLAIMS[wrong])
        for page in PAGES:
            assert (await ask(dashboard, page, token=token)).status_code == 401, page.path

    async def test_refuses_a_user_without_one_of_its_permissions(self, dashboard):
        for page in PAGES:
            for lacked in page.permissions:
                granted = [name for name in ("MANAGE_APPS", "HANDLE_PAYMENTS", "MANAGE_ORDERS") if name != lacked]
                answer = await ask(dashboard, page, token=dashboard.merchant.token(user_permissions=granted))
                assert answer.status_code == 403, page.path
                assert lacked in answer.text

    async def test_refuses_the_token_of_another_tenant(self, dashboard):
        merchant, other = dashboard.merchant, SaleorStandIn(dashboard.merchant.clock)
        async with listening(other.app) as other.public_url:
            foreign = other.make_dashboard_token(
                other.superuser, await other.install_app(f"{merchant.url}/api/manifest")
            )
            for page in PAGES:
                assert (await ask(dashboard, page, token=foreign)).status_code == 401, page.path
                assert (await ask(dashboard, page, api_url=other.api_url)).status_code == 401, page.path
            await other.close()

    async def test_refuses_a_token_signed_by_anybody_else(self, dashboard):
        key, own = SigningKey(), dashboard.merchant.saleor.key
        key.kid = own.kid
        forged = key.encode(own.decode(dashboard.merchant.token()))
        for page in PAGES:
            assert (await ask(dashboard, page, token=forged)).status_code == 401, page.path

    async def test_refuses_what_a_page_of_another_site_sends(self, dashboard):
        for page in PAGES:
            answer = await ask(dashboard, page, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403, page.path

    async def test_answers_the_right_user_and_is_kept_by_nobody(self, dashboard):
        for page in PAGES:
            answer = await ask(dashboard, page)
            assert answer.status_code in {200, 204, 404, 422}, (page.path, answer.text)
            assert answer.headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


class TestRefusals:
    async def test_of_an_ended_session_says_what_to_do(self, dashboard):
        answer = await dashboard.get("/", token=dashboard.merchant.token(exp=1))
        assert "Open the app from the Saleor Dashboard again" in answer.text

    async def test_speak_japanese(self, dashboard):
        answer = await dashboard.get("/", token="", language="ja")
        assert answer.headers["content-language"] == "ja"
        assert "セッションが終了しました" in answer.text

    async def test_an_unknown_page_is_not_found_for_users_and_an_ended_session_for_strangers(self, dashboard):
        assert (await dashboard.get("/nothing/here")).status_code == 404
        assert (await dashboard.get("/nothing/here", token="")).status_code == 401

    async def test_a_fault_of_ours_is_told_by_a_reference_only(self, dashboard, monkeypatch):
        async def broken(*_):
            raise RuntimeError("secret detail")

        monkeypatch.setattr("saleor_amazonpay.dashboard.routing._visited", broken)
        answer = await dashboard.get("/")
        assert answer.status_code == 500
        assert "by the reference" in answer.text
        assert "secret detail" not in answer.text

    async def test_a_form_that_is_absurdly_large(self, dashboard):
        [page] = [page for page in PAGES if page.method == "POST"][:1] or [None]
        if page is not None:
            answer = await ask(dashboard, page, form={"x": "y" * 300_000})
            assert answer.status_code == 413


class TestShell:
    async def shell(self, merchant, api_url, path=""):
        from tests.handlers.merchant import request

        return await request(
            "GET", f"{merchant.url}/dashboard{path}", params={"saleorApiUrl": api_url, "theme": "dark"}
        )

    async def test_holds_nothing_of_anyone_and_may_be_framed_by_its_saleor_only(self, merchant):
        await merchant.create()
        answer = await self.shell(merchant, "https://shop.example/graphql/", "/accounts/x")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors https://shop.example http://localhost:* " in answer.headers["content-security-policy"]
        assert 'data-theme="dark"' in answer.text
        assert "Main" not in answer.text

    def test_a_dashboard_of_another_address_may_frame_it_if_the_operator_says_so(self):
        settings = Settings(
            secret_key="s" * 48, app_api_base_url="https://pay.example", dashboard_origins=("https://dash.example",)
        )
        assert ancestors(settings, "https://shop.example/graphql/") == "https://shop.example https://dash.example"
        assert ancestors(settings, "http://shop.example/graphql/") == "'none'"

    def test_a_saleor_that_may_not_install_the_app_may_not_frame_it(self):
        settings = Settings(
            secret_key="s" * 48,
            app_api_base_url="https://pay.example",
            allowed_domain_pattern=r"https://own\.example/graphql/",
        )
        assert ancestors(settings, "https://own.example/graphql/") == "https://own.example"
        assert ancestors(settings, "https://shop.example/graphql/") == "'none'"

    @pytest.mark.parametrize(
        "api_url",
        [
            "",
            "https://shop.example/",
            "https://a.example *;/graphql/",
            "https://a.example;script-src *;/graphql/",
            "javascript:alert(1)/graphql/",
            "https://a.example/graphql/\r\nX-Injected: 1",
            "https://user@a.example/graphql/",
        ],
    )
    async def test_of_no_saleor_may_be_framed_by_nobody(self, merchant, api_url):
        answer = await self.shell(merchant, api_url)
        assert answer.headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert "x-injected" not in answer.headers

    async def test_its_policy_allows_nothing_inline_and_nothing_from_elsewhere(self, merchant):
        policy = (await self.shell(merchant, merchant.tenant)).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'none'" in policy
        assert "unsafe" not in policy
        assert "*;" not in policy

    async def test_its_files_are_kept_for_ever_by_their_version(self, merchant):
        from saleor_amazonpay.dashboard import assets
        from tests.handlers.merchant import request

        folder = f"{merchant.url}/dashboard/static"
        current = await request("GET", f"{folder}/{assets.version()}/app.js")
        assert "immutable" in current.headers["cache-control"]
        assert (await request("GET", f"{folder}/older/app.js")).headers["cache-control"] == "no-store"
        assert (await request("GET", f"{folder}/older/../../../manifest.json")).status_code == 404
        assert (await request("GET", f"{folder}/older/vendor/SOURCE.md")).status_code == 404
