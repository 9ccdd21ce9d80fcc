from __future__ import annotations

import pytest

from saleor_amazonpay.saleor.registration import (
    JwksNotAvailable,
    RegistrationRefused,
    SaleorUrlProhibited,
    StorageNotAvailable,
    UnknownAppId,
    parse_auth_token,
    validate_api_url,
)


async def public(host, port):
    return ["93.184.215.14"]


async def inside(host, port):
    return ["10.1.2.3"]


class TestApiUrl:
    @pytest.mark.parametrize(
        ("url", "stored"),
        [
            ("https://shop.example/graphql/", "https://shop.example/graphql/"),
            ("https://SHOP.example:443/graphql/", "https://shop.example/graphql/"),
            ("https://shop.example:8443/graphql/", "https://shop.example:8443/graphql/"),
        ],
    )
    async def test_it_is_stored_in_one_form(self, url, stored):
        api_url = await validate_api_url(url, resolver=public)
        assert str(api_url) == stored
        assert api_url.jwks_url == stored.replace("graphql/", ".well-known/jwks.json")

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "",
                "https://shop.example",
                "https://shop.example/",
                "https://shop.example/graphql",
                "shop.example/graphql/",
            ),
            *(
                "https://shop.example/x/graphql/",
                "https://shop.example/graphql/?a=b",
                "https://shop.example/graphql/#x",
            ),
            *(
                "http://shop.example/graphql/",
                "https://user:pw@shop.example/graphql/",
                "https://shop.example\\@x/graphql/",
            ),
            *("https://evil.example?/graphql/", "https://evil.example#/graphql/", "https://shop.example/graphql/\n"),
            *("https://shop.example:0/graphql/", "https://127.0.0.1/graphql/", "https://2130706433/graphql/"),
            "https://" + "a" * 250 + ".example/graphql/",
        ],
    )
    async def test_any_other_form_is_prohibited(self, url):
        with pytest.raises(SaleorUrlProhibited):
            await validate_api_url(url, resolver=public)

    async def test_a_name_that_leads_inside_is_prohibited(self):
        with pytest.raises(SaleorUrlProhibited):
            await validate_api_url("https://shop.example/graphql/", resolver=inside)

    async def test_development_may_be_plain_http_on_loopback(self):
        url = "http://127.0.0.1:8000/graphql/"
        assert str(await validate_api_url(url, allow_local_network=True, resolver=public)) == url
        with pytest.raises(SaleorUrlProhibited):
            await validate_api_url(url, resolver=public)

    @pytest.mark.parametrize("pattern", [r".*\.saleor\.cloud", r"https://[a-z]+\.saleor\.cloud/graphql/"])
    async def test_the_operators_pattern_must_match_host_or_url_in_full(self, pattern):
        await validate_api_url("https://shop.saleor.cloud/graphql/", allowed_pattern=pattern, resolver=public)
        for host in ("shop.saleor.cloud.evil.example", "shop.example"):
            with pytest.raises(SaleorUrlProhibited):
                await validate_api_url(f"https://{host}/graphql/", allowed_pattern=pattern, resolver=public)


class TestToken:
    def test_it_is_read_from_the_body(self):
        assert parse_auth_token(b'{"auth_token": "Ww1NKDxuDddL6Ez", "more": 1}') == "Ww1NKDxuDddL6Ez"

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"{}", b"[]", b'{"auth_token": ""}', b'{"auth_token": 1}', b'{"auth_token": "a\\nb"}', b"\xff"),
            b'{"auth_token": "%b"}' % (b"x" * 1025),
        ],
    )
    def test_a_body_without_a_usable_one_is_refused(self, body):
        with pytest.raises(RegistrationRefused):
            parse_auth_token(body)


class TestRefusals:
    @pytest.mark.parametrize(
        ("refusal", "status", "code"),
        [
            (SaleorUrlProhibited, 403, "SALEOR_URL_PROHIBITED"),
            (UnknownAppId, 401, "UNKNOWN_APP_ID"),
            (JwksNotAvailable, 401, "JWKS_NOT_AVAILABLE"),
            (StorageNotAvailable, 503, "APL_NOT_CONFIGURED"),
        ],
    )
    def test_saleor_can_show_the_reason(self, refusal, status, code):
        refused = refusal("Why.")
        assert refused.status == status
        assert refused.body == {"success": False, "error": {"code": code, "message": "Why."}}
