"""appInstall, registration, tokens, webhooks of the app, problems (contract §1-3, §9)."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from saleor_amazonpay.sandbox.saleor.clients import GraphQLFailed
from saleor_amazonpay.sandbox.saleor.installation import InstallationFailed, InvalidManifest, satisfies

APP = "{app{id isActive permissions{code} webhooks{id name syncEvents{eventType} asyncEvents{eventType}} tokens{authToken}}}"


class TestInstall:
    async def test_the_manifest_is_fetched_with_the_schema_version(self, shop: Any) -> None:
        assert shop.stub.manifest_headers["saleor-schema-version"] == "3.23"

    async def test_the_app_sees_itself_with_its_token(self, shop: Any) -> None:
        seen = (await shop.standin.staff.execute(APP, token=shop.installed.token))["app"]
        assert (seen["id"], seen["isActive"]) == (shop.installed.id, True)
        assert "HANDLE_PAYMENTS" in [each["code"] for each in seen["permissions"]]
        assert seen["tokens"] == [{"authToken": shop.installed.token[-4:]}]
        events = {each["name"]: (each["syncEvents"], each["asyncEvents"]) for each in seen["webhooks"]}
        assert events["ORDER_FULLY_PAID"] == ([], [{"eventType": "ORDER_FULLY_PAID"}])
        assert events["TRANSACTION_CHARGE_REQUESTED"] == ([{"eventType": "TRANSACTION_CHARGE_REQUESTED"}], [])

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (Response(status_code=500), "App internal error (500). Try later or contact with app support."),
            (JSONResponse({"error": {"message": "Not this shop"}}, 403), "Not this shop"),
        ],
    )
    async def test_a_refused_token_removes_the_app_and_keeps_the_message(
        self, standin: Any, stub_listening: Any, answer: Response, message: str
    ) -> None:
        stub_listening.registration = answer
        with pytest.raises(InstallationFailed, match=message[:15]):
            await standin.install_app(f"{stub_listening.url}/manifest")
        assert standin.store.apps == []
        assert [(each.status, each.message) for each in standin.store.installations] == [("FAILED", message)]

    async def test_a_redirect_counts_as_registered(self, standin: Any, stub_listening: Any) -> None:
        stub_listening.registration = RedirectResponse("/elsewhere")
        assert (await standin.install_app(f"{stub_listening.url}/manifest")).token

    async def test_nobody_there_is_said_so(self, standin: Any) -> None:
        with pytest.raises(InstallationFailed, match="Failed to connect to app"):
            await standin.install_app("http://127.0.0.1:9/manifest")

    @pytest.mark.parametrize(
        ("broken", "message"),
        [
            (
                {"webhooks": [{"name": "w", "targetUrl": "x", "query": "subscription{event{nothing}}"}]},
                "not valid: Cannot",
            ),
            ({"permissions": ["RULE_THE_WORLD"]}, "permissions"),
            ({"id": ""}, "Field required: id"),
            ({"id": "saleor.io.gift-card-payment-gateway"}, "identifier"),
            ({"requiredSaleorVersion": ">=4"}, "requiredSaleorVersion"),
            (
                {"webhooks": [{"name": "w", "targetUrl": "x", "query": "{", "syncEvents": ["NOPE"]}]},
                "Invalid syncEvents",
            ),
            ({"extensions": [{"label": "a", "url": "/a", "mount": "m", "permissions": ["MANAGE_APPS"]}]}, "permission"),
        ],
    )
    async def test_a_wrong_manifest_is_refused(
        self, standin: Any, stub_listening: Any, broken: dict[str, Any], message: str
    ) -> None:
        stub_listening.manifest = broken
        with pytest.raises(InvalidManifest, match=message):
            await standin.install_app(f"{stub_listening.url}/manifest")
        assert stub_listening.registered == []

    async def test_a_very_wrong_manifest_stays_pending_for_ever(self, standin: Any, stub_listening: Any) -> None:
        stub_listening.queries = dict.fromkeys(stub_listening.queries, "noSuchField")
        with pytest.raises(InvalidManifest):
            await standin.install_app(f"{stub_listening.url}/manifest")
        assert [(each.status, each.message) for each in standin.store.installations] == [("PENDING", None)]

    async def test_an_identifier_is_installed_once_and_again_after_deletion(self, shop: Any) -> None:
        with pytest.raises(InvalidManifest, match="identifier"):
            await shop.standin.install_app(f"{shop.stub.url}/manifest")
        shop.standin.delete_app(shop.standin.find_app(shop.installed.id))
        again = await shop.standin.install_app(f"{shop.stub.url}/manifest")
        assert again.id != shop.installed.id
        assert again.token != shop.installed.token

    async def test_by_the_api_it_happens_in_the_background(self, standin: Any, stub_listening: Any) -> None:
        document = """mutation($url: String!) { appInstall(input: {
          appName: "Pay", manifestUrl: $url, permissions: [HANDLE_PAYMENTS]}) {appInstallation{status} errors{code}} }"""
        token = standin.make_user_token(standin.superuser)
        made = await standin.staff.execute(document, {"url": f"{stub_listening.url}/manifest"}, token=token)
        assert made["appInstall"]["appInstallation"]["status"] == "PENDING"
        await standin.settle()
        assert [app.name for app in standin.store.apps] == ["Pay"]
        assert standin.store.installations == []

    async def test_staff_without_permission_may_not(self, standin: Any) -> None:
        document = 'mutation { appInstall(input: {appName: "x", manifestUrl: "x"}) {errors{code}} }'
        token = standin.make_user_token(standin.user("staff@example.com"))
        with pytest.raises(GraphQLFailed) as denied:
            await standin.staff.execute(document, token=token)
        assert denied.value.code == "PermissionDenied"

    async def test_deletion_is_told_the_app(self, shop: Any) -> None:
        shop.standin.delete_app(shop.standin.find_app(shop.installed.id))
        await shop.standin.settle()
        (told,) = shop.stub.of("APP_DELETED")
        assert told.body["app"]["id"] == shop.installed.id


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (">=3.21 <4", True),
        ("^3.20", True),
        ("~3.22", False),
        (">=3.24", False),
        ("3.23", True),
        ("<3 || >=3.23.28", True),
    ],
)
def test_version_ranges(wanted: str, fits: bool) -> None:
    assert satisfies("3.23.28", wanted) is fits


class TestOwnWebhooks:
    async def test_an_app_changes_its_own_webhooks(self, shop: Any) -> None:
        run, token = shop.standin.staff.execute, shop.installed.token
        create = """mutation($url: String!) { webhookCreate(input: {name: "n", targetUrl: $url, query:
          "subscription{event{...on OrderUpdated{order{id}}}}"}) {webhook{id asyncEvents{eventType}} errors{code}} }"""
        made = (await run(create, {"url": f"{shop.stub.url}/hook/x"}, token=token))["webhookCreate"]["webhook"]
        assert made["asyncEvents"] == [{"eventType": "ORDER_UPDATED"}]
        update = """mutation($id: ID!, $query: String!) { webhookUpdate(id: $id, input: {query: $query}) {
          webhook{subscriptionQuery} errors{code} } }"""
        bad = await run(update, {"id": made["id"], "query": "subscription{event{nothing}}"}, token=token)
        assert bad["webhookUpdate"]["errors"] == [{"code": "GRAPHQL_ERROR"}]
        delete = "mutation($id: ID!) { webhookDelete(id: $id) {errors{code}} }"
        await run(delete, {"id": made["id"]}, token=token)
        assert made["id"] not in [each.id for each in shop.standin.find_app(shop.installed.id).webhooks]


class TestProblems:
    CREATE = """mutation($key: String!, $message: String!) { appProblemCreate(input: {
      key: $key, message: $message, criticalThreshold: 2}) {appProblem{count isCritical} errors{field code}} }"""

    async def _create(self, shop: Any, key: str, message: str = "Look here") -> Any:
        sent = {"key": key, "message": message}
        return (await shop.standin.staff.execute(self.CREATE, sent, token=shop.installed.token))["appProblemCreate"]

    async def test_the_same_key_counts_up_within_the_hour(self, shop: Any) -> None:
        assert (await self._create(shop, "key"))["appProblem"] == {"count": 1, "isCritical": False}
        assert (await self._create(shop, "key"))["appProblem"] == {"count": 2, "isCritical": True}
        shop.clock.move(hours=2)
        assert (await self._create(shop, "key"))["appProblem"] == {"count": 1, "isCritical": False}

    async def test_too_short_is_refused(self, shop: Any) -> None:
        assert (await self._create(shop, "key", "x"))["errors"] == [{"field": "message", "code": "INVALID"}]

    async def test_the_app_dismisses_by_key(self, shop: Any) -> None:
        await self._create(shop, "key")
        dismiss = 'mutation { appProblemDismiss(input: {byApp: {keys: ["key"]}}) {errors{code}} }'
        await shop.standin.staff.execute(dismiss, token=shop.installed.token)
        assert shop.standin.find_app(shop.installed.id).problems == []


class TestTokens:
    async def test_a_user_logs_in(self, standin: Any) -> None:
        document = 'mutation { tokenCreate(email: "customer@example.com", password: "customer") {token errors{code}} }'
        token = (await standin.staff.execute(document))["tokenCreate"]["token"]
        assert (await standin.staff.execute("{me{email}}", token=token))["me"]["email"] == "customer@example.com"

    async def test_an_expired_token_is_an_error(self, standin: Any, clock: Any) -> None:
        token = standin.make_user_token(standin.customer)
        clock.move(days=2)
        with pytest.raises(GraphQLFailed, match="Signature has expired"):
            await standin.staff.execute("{me{email}}", token=token)

    async def test_the_dashboard_token_has_saleors_claims(self, shop: Any) -> None:
        token = shop.standin.make_dashboard_token(shop.standin.superuser, shop.installed)
        claims = shop.standin.key.decode(token)
        assert (claims["type"], claims["owner"], claims["app"]) == ("thirdparty", "saleor", shop.installed.id)
        assert (claims["iss"], claims["exp"] - claims["iat"]) == (shop.standin.api_url, 300)
        assert set(claims["permissions"]) < set(claims["user_permissions"])
        changed = shop.standin.make_dashboard_token(shop.standin.superuser, shop.installed, iss="else", app=None)
        assert (shop.standin.key.decode(changed)["iss"], "app" in shop.standin.key.decode(changed)) == ("else", False)

    async def test_with_it_one_may_do_what_both_may(self, shop: Any) -> None:
        token = shop.standin.make_dashboard_token(shop.standin.superuser, shop.installed)
        with pytest.raises(GraphQLFailed):
            await shop.standin.staff.execute("{apps(first: 1){totalCount}}", token=token)

    async def test_metadata_of_oneself_needs_no_permission(self, shop: Any) -> None:
        document = """mutation($id: ID!) { updatePrivateMetadata(id: $id, input: [{key: "k", value: "v"}]) {
          item{privateMetadata{key value}} errors{code} } }"""
        seen = await shop.standin.staff.execute(document, {"id": shop.installed.id}, token=shop.installed.token)
        assert seen["updatePrivateMetadata"]["item"]["privateMetadata"] == [{"key": "k", "value": "v"}]
