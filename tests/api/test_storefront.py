from __future__ import annotations

import re
import shutil
import subprocess

import httpx2
import pytest
from starlette.applications import Starlette

from saleor_amazonpay import resources
from saleor_amazonpay.api import storefront

KIT = resources._PACKAGE / "storefront"
PATHS = ("/storefront/amazon-pay.js", "/storefront/amazon-pay.d.ts")


@pytest.fixture
async def http():
    transport = httpx2.ASGITransport(app=Starlette(routes=storefront.routes))
    async with httpx2.AsyncClient(transport=transport, base_url="https://app.example") as client:
        yield client


class TestTheKitsRoutes:
    @pytest.mark.parametrize("path", PATHS)
    async def test_serve_the_file_as_it_is(self, http, path):
        response = await http.get(path)
        assert response.status_code == 200
        assert response.content == (KIT / path.rpartition("/")[2]).read_bytes()

    async def test_let_any_shop_import_the_module(self, http):
        response = await http.get(PATHS[0], headers={"Origin": "https://shop.example"})
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "set-cookie" not in response.headers

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
    async def test_answer_304_to_who_has_it(self, http, form):
        etag = (await http.get(PATHS[0])).headers["etag"]
        response = await http.get(PATHS[0], headers={"If-None-Match": form.format(etag)})
        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["etag"] == etag

    async def test_give_the_file_to_who_has_another(self, http):
        response = await http.get(PATHS[0], headers={"If-None-Match": '"another"'})
        assert response.status_code == 200

    async def test_give_each_file_its_own_etag(self, http):
        assert len({(await http.get(path)).headers["etag"] for path in PATHS}) == len(PATHS)


class TestTheKit:
    def test_declares_the_type_of_everything_it_exports(self):
        exported = re.findall(
            r"^export (?:async )?(?:function|class) (\w+)", (KIT / "amazon-pay.js").read_text("utf-8"), re.MULTILINE
        )
        declared = re.findall(
            r"^export declare (?:function|class) (\w+)", (KIT / "amazon-pay.d.ts").read_text("utf-8"), re.MULTILINE
        )
        assert sorted(exported) == sorted(declared)

    def test_has_each_message_in_both_languages(self):
        script = f"""
        import {{messages}} from {str(KIT / "amazon-pay.js")!r};
        console.log(JSON.stringify([messages("en-US"), messages("ja-JP"), messages("xx")].map(Object.keys)));
        """
        node = shutil.which("node")
        if node is None:
            pytest.fail("Node is missing; tests/system-packages.sh installs it.")
        run = subprocess.run(
            [node, "--input-type=module", "-e", script], capture_output=True, text=True, timeout=30, check=False
        )
        assert run.returncode == 0, run.stderr
        english, japanese, other = re.findall(r"\[([^\[\]]+)\]", run.stdout)
        assert english == japanese == other

    @pytest.mark.parametrize(
        ("type_", "status", "outcome"),
        [
            ("CHARGE_SUCCESS", None, "paid"),
            ("AUTHORIZATION_SUCCESS", None, "paid"),
            ("AUTHORIZATION_REQUEST", None, "pending"),
            ("CHARGE_ACTION_REQUIRED", "processing", "processing"),
            ("CHARGE_ACTION_REQUIRED", "awaiting_buyer", "action_required"),
            ("CHARGE_FAILURE", None, "failed"),
        ],
    )
    def test_tells_what_an_event_means_to_the_buyer(self, type_, status, outcome):
        script = f"""
        import {{outcomeOf}} from {str(KIT / "amazon-pay.js")!r};
        process.stdout.write(outcomeOf({{type: {type_!r}}}, {{status: {(status or "")!r}}}));
        """
        run = subprocess.run(
            ["node", "--input-type=module", "-e", script], capture_output=True, text=True, timeout=30, check=False
        )
        assert run.stdout == outcome, run.stderr
