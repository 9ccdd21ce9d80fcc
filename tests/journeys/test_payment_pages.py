"""The pages of payments and the widgets, asked for over HTTP as the browser does."""

from __future__ import annotations

import csv
import io
import re

import pytest

from saleor_amazonpay.handlers.merchant_payments import listing
from saleor_amazonpay.storage import drift
from saleor_amazonpay.storage.drift import Difference
from saleor_amazonpay.storage.engine import Statement
from saleor_amazonpay.storage.tables import payments
from tests.handlers.merchant import request
from tests.journeys.helpers import captured, payment_of, refunded, settle
from tests.journeys.test_merchant_payments import charged, yen


class Pages:
    def __init__(self, shop) -> None:
        self.shop = shop

    async def ask(self, method, path, *, language="en", claims=(), **options):
        token = self.shop.saleor.make_dashboard_token(self.shop.saleor.superuser, self.shop.app, **dict(claims))
        headers = {
            "HX-Request": "true",
            "Accept-Language": language,
            "Saleor-Api-Url": self.shop.saleor.api_url,
            "Authorization": f"Bearer {token}",
        }
        return await request(method, f"{self.shop.app_url}/dashboard{path}", headers=headers, **options)

    async def get(self, path, **options):
        answer = await self.ask("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def press(self, path, **form):
        """A button of the page: its form is read from the page that is shown."""
        answer = await self.ask("POST", path, data={"form": "form-1", **form})
        await settle(self.shop)
        return answer


@pytest.fixture
async def pages(shop):
    return Pages(shop)


async def path_of(shop, transaction):
    return f"/payments/{(await payment_of(shop, transaction)).id}"


class TestList:
    async def test_is_empty_at_first(self, pages):
        assert "No payments yet" in await pages.get("/payments")
        assert "支払いはまだありません" in await pages.get("/payments", language="ja")

    async def test_shows_searches_and_filters(self, shop, pages):
        transaction = await charged(shop, "3000")
        path = await path_of(shop, transaction)
        for query in (
            "",
            f"?search={transaction}",
            "?status=captured&amountFrom=3000&amountTo=3,000",
            "?channel=default-jp",
        ):
            assert f'href="/dashboard{path}"' in await pages.get(f"/payments{query}"), query
        for query in ("?search=nobody", "?status=refunded", "?amountFrom=3001", "?toDay=2020-01-01"):
            assert "No payment matches" in await pages.get(f"/payments{query}"), query

    async def test_says_beside_the_field_what_cannot_be_read(self, pages):
        answer = await pages.ask("GET", "/payments?fromDay=yesterday&amountTo=much&after=x")
        assert answer.status_code == 422
        assert 'id="fromDay-fault"' in answer.text
        assert 'id="amountTo-fault"' in answer.text

    async def test_older_ones_are_on_the_next_page(self, shop, pages, monkeypatch):
        first, second = (
            await path_of(shop, await shop.authorized("3000")),
            await path_of(shop, await shop.authorized("3000")),
        )
        monkeypatch.setattr(listing, "PAGE", 1)
        text = await pages.get("/payments")
        assert second in text
        assert first not in text
        [after] = re.findall(r"after=([\w-]+)", text)
        assert first in await pages.get(f"/payments?after={after}")

    async def test_as_a_file(self, shop, pages):
        transaction = await charged(shop, "3000")
        answer = await pages.ask("GET", "/payments/export?bom=1&status=captured")
        assert answer.headers["content-disposition"].startswith('attachment; filename="amazon-pay-payments-')
        [line] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        assert line["saleor_transaction_id"] == transaction
        assert (await pages.ask("GET", "/payments/export?fromDay=x")).status_code == 422

    @pytest.mark.parametrize("page", ["payments", "agreements", "disputes"])
    async def test_is_open_to_whoever_handles_payments(self, pages, page):
        granted = {"user_permissions": ["HANDLE_PAYMENTS"]}
        answer = await pages.ask("GET", f"/{page}", claims=granted)
        assert answer.status_code == 200
        assert f'href="/dashboard/{page}"' in answer.text
        assert 'href="/dashboard/accounts"' not in answer.text


class TestFollowing:
    """A page that shows something undecided asks for itself again, ever more rarely and not for ever."""

    async def begun(self, shop, pages):
        transaction = await charged(shop, "3000")
        path = await path_of(shop, transaction)
        answer = await pages.ask("POST", f"{path}/refund", data={"form": "form-1", "amount": "400"})
        assert answer.status_code == 204
        return path

    async def test_from_the_press_of_a_button_to_the_outcome(self, shop, pages):
        path = await self.begun(shop, pages)
        moving = await pages.get(path)
        assert f'hx-get="/dashboard{path}?looks=1" hx-trigger="load delay:2s' in moving
        assert "This page follows by itself." in moving
        assert "結果待ち" in await pages.get(path, language="ja")
        await settle(shop)
        settled = await pages.get(f"{path}?looks=1")
        assert "data-follow" not in settled
        assert "It is done." in settled
        assert "完了しました" in await pages.get(path, language="ja")
        shop.clock.move(minutes=16)
        assert "It is done." not in await pages.get(path)

    async def test_before_saleor_has_sent_what_it_was_asked(self, shop, pages):
        shop.saleor.faults.webhook("lost-request", "TRANSACTION_REFUND_REQUESTED")
        path = await self.begun(shop, pages)
        text = await pages.get(path)
        assert "data-follow" in text
        assert "Not decided yet" in text
        shop.clock.move(seconds=31)
        assert "data-follow" not in await pages.get(path)

    async def test_what_did_not_succeed_is_told(self, shop, pages):
        transaction = await shop.authorized("3000")
        path = await path_of(shop, transaction)
        await pages.press(f"{path}/charge", amount="500")
        [permission] = shop.amazon.audit()["permissions"]
        shop.amazon.buyer_account.break_payment_method(permission["chargePermissionId"])
        await pages.press(f"{path}/charge", form="form-2", amount="300")
        text = await pages.get(path)
        assert "It did not succeed." in text
        assert "完了できませんでした" in await pages.get(path, language="ja")

    @pytest.mark.parametrize(("looks", "delay"), [("0", "2s"), ("5", "5s"), ("10", "15s"), ("39", "30s"), ("x", "2s")])
    async def test_ever_more_rarely(self, shop, pages, looks, delay):
        path = await self.begun(shop, pages)
        assert f"load delay:{delay}" in await pages.get(f"{path}?looks={looks}")

    @pytest.mark.parametrize("looks", ["40", "999"])
    async def test_and_not_for_ever(self, shop, pages, looks):
        path = await self.begun(shop, pages)
        text = await pages.get(f"{path}?looks={looks}")
        assert "hx-get" not in text
        assert "Look again" in text

    async def test_the_widget_of_an_order_as_well(self, shop, pages):
        """A refund is for Amazon to decide, so it is under way until time passes; a charge may be done at once."""
        shop.flow("default-jp", "CHARGE")
        checkout = shop.saleor.create_checkout("default-jp")
        path = await path_of(shop, await shop.pay(checkout.id))
        order = await shop.saleor.storefront.checkout_complete(checkout.id)
        await settle(shop)
        widget = f"/widgets/order?orderId={order.order_id}"
        assert "data-follow" not in await pages.get(widget)
        await pages.ask("POST", f"{path}/refund", data={"form": "form-1", "amount": "100"})
        assert "&amp;looks=1" in await pages.get(widget)
        await settle(shop)
        assert "data-follow" not in await pages.get(widget)


class TestPayment:
    async def test_tells_money_expiry_and_what_happened(self, shop, pages):
        transaction = await shop.authorized("3000")
        text = await pages.get(await path_of(shop, transaction))
        for shown in ("Authorization ends", "data-until=", "complete_checkout_session", "Capture", transaction):
            assert shown in text, shown
        assert "Refund more" not in text
        japanese = await pages.get(await path_of(shop, transaction), language="ja")
        assert "オーソリの有効期限" in japanese

    async def test_a_refusal_with_figures_is_told_in_the_readers_language(self, shop, pages):
        transaction = await shop.authorized("3000")
        await shop.saleor.staff.request_cancel(transaction, 1000)
        await settle(shop)
        path = await path_of(shop, transaction)
        assert "releases only the whole rest (3000 JPY); 1000 JPY was asked for" in await pages.get(path)
        japanese = await pages.get(path, language="ja")
        assert re.search("Amazon Pay で取り消せるのは残額の全額.3000 JPY.のみです.取り消し額: 1000 JPY", japanese)

    async def test_its_buttons(self, shop, pages):
        transaction = await shop.authorized("3000")
        path = await path_of(shop, transaction)
        answer = await pages.press(f"{path}/charge", amount="1000")
        assert (answer.status_code, "Saleor was asked to charge" in answer.headers["hx-trigger"]) == (204, True)
        assert (await pages.press(f"{path}/refund", form="form-2", amount="400")).status_code == 204
        assert (await pages.press(f"{path}/over_refund", form="form-3", amount="750")).status_code == 204
        assert (await pages.press(f"{path}/reauthorize", form="form-4", amount="500")).status_code == 204
        assert (await pages.press(f"{path}/cancel", form="form-5")).status_code == 204
        assert (await pages.press(f"{path}/reread")).status_code == 204
        assert (captured(shop), refunded(shop)) == (1000, 1150)
        assert shop.amounts(transaction) == {"charged": -150, "refunded": 1150, "canceled": 2000}

    async def test_what_stands_in_the_way_is_said_beside_the_button(self, shop, pages):
        path = await path_of(shop, await shop.authorized("3000"))
        answer = await pages.press(f"{path}/charge", amount="9000")
        assert answer.status_code == 422
        assert 'id="charge-fault" role="alert">At most 3000 JPY is possible now.' in answer.text
        assert 'value="9000"' in answer.text
        answer = await pages.press(f"{path}/resend")
        assert "There is no such report" in answer.text

    async def test_what_is_not_decided_yet_is_said(self, shop, pages):
        transaction = await charged(shop, "3000")
        path = await path_of(shop, transaction)
        assert "Not decided yet" not in await pages.get(path)
        await shop.saleor.staff.request_refund(transaction, 700)
        assert "Not decided yet" in await pages.get(path)
        await settle(shop)
        assert "Not decided yet" not in await pages.get(path)

    async def test_a_request_that_never_came_is_done_now(self, shop, pages):
        transaction = await charged(shop, "3000")
        shop.saleor.faults.webhook("lost-request", "TRANSACTION_REFUND_REQUESTED")
        await shop.saleor.staff.request_refund(transaction, 700)
        path = await path_of(shop, transaction)
        assert "Do it now" in await pages.get(path)
        await pages.press(f"{path}/refund", amount="700")
        assert "Do it now" not in await pages.get(path)
        assert refunded(shop) == 700

    async def test_script_in_what_others_wrote_is_text(self, shop, pages):
        transaction = await shop.authorized("3000")
        path, services = await path_of(shop, transaction), shop.running.services
        services.chronicle.note(path.removeprefix("/payments/"), "answer", result="<script>x</script>")
        text = await pages.get(path)
        assert "<script>x" not in text
        assert "&lt;script&gt;x" in text


class TestDifferences:
    async def test_are_listed_with_both_sides(self, shop, pages):
        assert "Everything agrees" in await pages.get("/payments/differences")
        transaction = await charged(shop, "3000")
        payment, now = await payment_of(shop, transaction), shop.clock.now()
        found = [Difference("charged", yen(2999), yen(3000))]
        await shop.running.services.database.run(lambda session: drift.save(session, payment, found, now))
        text = await pages.get("/payments/differences")
        assert 'value="2999"' in text
        assert f"/payments/{payment.id}" in text


class TestWidgets:
    async def test_of_an_order(self, shop, pages):
        checkout = shop.saleor.create_checkout("default-jp")
        shop.flow("default-jp", "AUTHORIZATION")
        transaction = await shop.pay(checkout.id)
        order = await shop.saleor.storefront.checkout_complete(checkout.id)
        text = await pages.get(f"/widgets/order?orderId={order.order_id}")
        path = await path_of(shop, transaction)
        assert 'class="widget"' in text
        assert "Authorized" in text
        assert f'data-dashboard="/extensions/app/{shop.app.id.replace("=", "%3D")}{path}"' in text
        back = f"/widgets/order?orderId={order.order_id}"
        answer = await pages.press(f"{path}/reread", back=back)
        assert back in answer.headers["hx-location"]
        assert "dashboard:refresh" in answer.headers["hx-trigger"]
        for elsewhere in ("https://evil.example/", "//evil.example", "/accounts"):
            answer = await pages.press(f"{path}/reread", back=elsewhere)
            assert "evil" not in answer.headers["hx-location"]

    async def test_of_an_order_paid_otherwise(self, pages):
        for query in ("", "?orderId=T3JkZXI6eA==", "?orderId=%00"):
            assert "no payment with Amazon Pay" in await pages.get(f"/widgets/order{query}")

    async def test_of_a_customer(self, shop, pages):
        assert "has not paid" in await pages.get("/widgets/customer?customerId=VXNlcjo5OQ==")
        assert "has not paid" in await pages.get("/widgets/customer")
        transaction = await charged(shop, "3000")
        change = Statement(payments.update().values(customer_id="VXNlcjo3"))
        await shop.running.services.database.run(lambda session: session.execute(change))
        assert await path_of(shop, transaction) in await pages.get("/widgets/customer?customerId=VXNlcjo3")
        assert "has not paid" in await pages.get("/widgets/customer?customerId=VXNlcjo4")
