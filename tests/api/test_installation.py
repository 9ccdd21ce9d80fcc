from __future__ import annotations

import json

import pytest

from saleor_amazonpay import __version__
from saleor_amazonpay.handlers import installing
from saleor_amazonpay.sandbox.saleor.installation import InstallationFailed
from tests.handlers.merchant import request


async def get(merchant, path, **headers):
    return await request("GET", f"{merchant.url}{path}", headers=headers)


async def post(merchant, body, **headers):
    known = {"Saleor-Api-Url": merchant.tenant, "Saleor-Schema-Version": "3.23"}
    return await request("POST", f"{merchant.url}/api/register", content=body, headers={**known, **headers})


class TestManifest:
    async def test_points_to_this_deployment(self, merchant):
        manifest = (await get(merchant, "/api/manifest")).json()
        assert (manifest["id"], manifest["version"]) == (merchant.settings.manifest_app_id, __version__)
        assert manifest["audience"] == merchant.settings.manifest_app_id
        assert manifest["tokenTargetUrl"] == f"{merchant.url}/api/register"
        assert manifest["webhooks"]
        assert all(webhook["targetUrl"].startswith(merchant.url) for webhook in manifest["webhooks"])

    async def test_caches_keep_one_for_each_saleor_version(self, merchant):
        response = await get(merchant, "/api/manifest", **{"Saleor-Schema-Version": "3.21"})
        assert response.headers["vary"] == "Saleor-Schema-Version"

    async def test_its_logo_is_a_png_at_the_address_it_names(self, merchant):
        manifest = (await get(merchant, "/api/manifest")).json()
        response = await request("GET", manifest["brand"]["logo"]["default"])
        assert response.headers["content-type"] == "image/png"
        assert response.content.startswith(b"\x89PNG")


class TestRegister:
    async def test_a_token_that_works_is_a_success(self, merchant):
        response = await post(merchant, json.dumps({"auth_token": merchant.app.token}).encode())
        assert (response.status_code, response.json()) == (200, {"success": True})

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 403, "REGISTRATION_REFUSED"),
            (b"{}", 403, "REGISTRATION_REFUSED"),
            (b'{"auth_token": "made-up"}', 401, "UNKNOWN_APP_ID"),
            (b'{"auth_token": "%b"}' % (b"x" * 20_000), 413, "BODY_TOO_LARGE"),
        ],
    )
    async def test_a_refusal_has_the_form_that_saleor_reads(self, merchant, body, status, code):
        response = await post(merchant, body)
        assert response.status_code == status
        refusal = response.json()
        assert refusal["success"] is False
        assert refusal["error"]["code"] == code
        assert 0 < len(refusal["error"]["message"]) <= 255

    async def test_a_request_that_names_no_saleor_is_refused(self, merchant):
        response = await post(merchant, b'{"auth_token": "x"}', **{"Saleor-Api-Url": ""})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "SALEOR_URL_PROHIBITED")

    async def test_the_merchant_reads_the_reason_in_saleor(self, merchant):
        merchant.saleor.key.jwks = dict
        with pytest.raises(InstallationFailed, match="public keys"):
            await merchant.install_again()
        assert merchant.saleor.store.installations[-1].message.startswith("Saleor's public keys")

    async def test_a_fault_of_ours_tells_no_details(self, merchant, monkeypatch):
        async def broken(*_args, **_named):
            raise RuntimeError("inner workings")

        monkeypatch.setattr(installing, "register", broken)
        response = await post(merchant, b'{"auth_token": "x"}')
        assert response.status_code == 500
        assert response.json()["error"]["code"] == "REGISTER_HANDLER_HOOK_ERROR"
        assert "inner workings" not in response.text

    async def test_it_is_not_asked_for(self, merchant):
        assert (await get(merchant, "/api/register")).status_code == 405
