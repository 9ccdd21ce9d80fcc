"""The pages of subscriptions as a merchant uses them: with the Dashboard's token, in both languages."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import pytest

from tests.handlers.merchant import request
from tests.journeys.subscriptions import open_subscriptions


@pytest.fixture
async def subs(sqlite_url):
    async with open_subscriptions(sqlite_url) as subscriptions:
        yield subscriptions


async def ask(subs, method, path, form=None, language="en", *, page="subscriptions"):
    shop = subs.shop
    headers = {
        "HX-Request": "true",
        "Accept-Language": language,
        "Saleor-Api-Url": shop.saleor.api_url,
        "Authorization": f"Bearer {shop.saleor.make_dashboard_token(shop.saleor.superuser, shop.app)}",
    }
    return await request(method, f"{shop.app_url}/dashboard/{page}{path}", headers=headers, data=form or {})


POLICY = {"catchUp": "BILL_LATEST", "unavailable": "BILL_REST", "priceChange": "FOLLOW", "giveUp": "CANCEL"}
POLICY |= {"retryDays": "1, 3, 5", "graceDays": "14"}


MONTHLY = {"unit": "MONTH", "every": "1", **POLICY}


async def test_from_the_empty_list_to_the_end_of_a_subscription(subs):
    assert "No subscriptions" in (await ask(subs, "GET", "")).text
    form = {
        "agreementId": subs.agreement.id,
        "templateOrderId": subs.template.id,
        "unit": "MONTH",
        "every": "1",
        **POLICY,
    }
    wrong = await ask(subs, "POST", "/new", {**form, "every": "many", "time": "noon"})
    assert wrong.status_code == 422
    assert "A time of day is written like 09:00." in wrong.text
    assert "Bill every 1 to 12 months" in wrong.text
    made = await ask(subs, "POST", "/new", form)
    assert made.status_code == 204, made.text
    [schedule] = await subs.schedules()
    assert schedule.id in made.headers["hx-location"]
    subs.fail_next("SoftDeclined")
    await subs.until(schedule.id)
    page = (await ask(subs, "GET", f"/{schedule.id}")).text
    assert "Declined, tried again" in page
    assert f"your-account/ba/{subs.agreement.charge_permission_id}" in page
    assert "毎月" in (await ask(subs, "GET", "", language="ja")).text
    assert "支払いが一時的に拒否されました" in (await ask(subs, "GET", f"/{schedule.id}", language="ja")).text
    assert (await ask(subs, "POST", f"/{schedule.id}/retry")).status_code == 204
    await subs.bill()
    assert "Paid" in (await ask(subs, "GET", f"/{schedule.id}")).text
    for verb, state in (("pause", "paused"), ("resume", "active"), ("skip", "active"), ("cancel", "ended")):
        assert (await ask(subs, "POST", f"/{schedule.id}/{verb}")).status_code == 204
        assert (await subs.schedule(schedule.id)).state == state
    assert "お店が取り消しました。" in (await ask(subs, "GET", f"/{schedule.id}", language="ja")).text
    refused = await ask(subs, "POST", f"/{schedule.id}/resume")
    assert refused.status_code == 422
    assert "has ended" in refused.text


async def test_why_a_period_waits_and_what_happened_are_told_in_japanese_figures_included(subs):
    id_ = await subs.created(policy={"priceChange": "PAUSE"})
    await subs.until(id_)
    subs.template.lines[0].variant.prices["default-jp"] = Decimal(2500)
    await subs.until(id_)
    why = "注文の合計は 3000 JPY で、前回の 2980 JPY と異なります。"
    page = (await ask(subs, "GET", f"/{id_}", language="ja")).text
    assert page.count(why) == 4  # the schedule's, the period's, and with two events
    for happened in ("作成", "支払い済み", "お店の対応待ち", "一時停止中"):
        assert f"<strong>{happened}</strong>" in page
    assert "schedule." not in page
    assert "renewal." not in page
    assert why in (await ask(subs, "GET", "", language="ja", page="problems")).text
    english = (await ask(subs, "GET", f"/{id_}")).text
    assert "The order comes to 3000 JPY, the one before came to 2980 JPY." in english


async def test_agreements_and_what_happened_to_them_are_told_in_japanese(subs):
    id_ = await subs.created()
    await subs.until(id_)
    agreement, customer = subs.agreement, f"/customer?customerId={quote(subs.shop.saleor.customer.id)}"
    for path, page in ((f"/{id_}", "subscriptions"), (customer, "widgets")):
        shown = (await ask(subs, "GET", path, language="ja", page=page)).text
        assert ("請求可能" in shown, "Chargeable" in shown) == (True, False)
    subs.shop.amazon.buyer_account.break_payment_method(agreement.charge_permission_id)
    await ask(subs, "POST", f"/{agreement.id}/refresh", page="agreements")
    await ask(subs, "POST", f"/{agreement.id}/close", {"reason": "Moved abroad."}, page="agreements")
    assert "毎月" in (await ask(subs, "GET", "", language="ja", page="agreements")).text
    page = (await ask(subs, "GET", f"/{agreement.id}", language="ja", page="agreements")).text
    for told in (
        "購入者が同意しました。",
        "2980 JPY を請求しました。",
        "請求できなくなりました。購入者の対応が必要です。",
        "Amazon Pay に終了を依頼しました。",
        "Moved abroad.",
        "終了しました。",
    ):
        assert told in page, told
    for english in ("every month", "agreement:", "charged:", "payment:"):
        assert english not in page


async def test_an_order_is_named_by_its_number_or_its_id(subs):
    path, source = f"/{subs.agreement.id}/charge", subs.shop.saleor.create_order(user=subs.shop.saleor.customer)
    form = {"amount": "500", "idempotencyKey": "k-1"}
    for unknown in ("999999", "#", subs.agreement.id):
        refused = await ask(subs, "POST", path, {**form, "sourceId": unknown}, page="agreements")
        assert (refused.status_code, f"Saleor has no order {unknown}." in refused.text) == (422, True)
    with subs.shop.saleor.faults.during("unavailable"):
        refused = await ask(subs, "POST", path, {**form, "sourceId": source.number}, page="agreements")
        assert (refused.status_code, "Saleor cannot be asked now" in refused.text) == (422, True)
    assert source.transactions == []
    for named in (source.number, f"#{source.number}", source.id):  # the same order, and the same charge
        assert (await ask(subs, "POST", path, {**form, "sourceId": named}, page="agreements")).status_code == 204
    assert [subs.shop.amounts(it.id) for it in source.transactions] == [{"charged": Decimal(500)}]
    form = {"agreementId": subs.agreement.id, "templateOrderId": f"#{subs.template.number}", **MONTHLY}
    assert (await ask(subs, "POST", "/new", form)).status_code == 204
    assert (await subs.schedules())[0].template_order_id == subs.template.id


async def test_goods_are_chosen_on_the_page(subs):
    template = subs.shop.saleor.create_order(lines=[("BOX-1", 1), ("CUP-1", 3)], user=subs.shop.saleor.customer)
    id_ = await subs.created(templateOrderId=template.id)
    box, cup = (f"pieces:{line.id}" for line in template.lines)
    shown = (await ask(subs, "GET", f"/{id_}/edit", language="ja")).text
    assert "Tea cup 茶碗 (0" in shown
    assert "元の注文のすべての商品" in (await ask(subs, "GET", f"/{id_}", language="ja")).text
    form = {"templateOrderId": template.id, "nextDate": (await subs.schedule(id_)).next_date.isoformat(), **MONTHLY}
    for pieces, count in (({box: "", cup: "4"}, 4), ({box: "0", cup: "0"}, 0), ({box: "1", cup: "many"}, -1)):
        refused = await ask(subs, "POST", f"/{id_}/edit", {**form, **pieces})
        assert (refused.status_code, f"pieces can be billed, not {count}." in refused.text) == (422, True)
    assert (await ask(subs, "POST", f"/{id_}/edit", {**form, box: "0", cup: "2"})).status_code == 204
    assert [(it.quantity, it.name) for it in (await subs.schedule(id_)).lines] == [(2, "Tea cup 茶碗")]
    page = (await ask(subs, "GET", f"/{id_}")).text
    assert ("Tea cup 茶碗" in page, "all of the template order" in page) == (True, False)
    assert 'value="2"' in (await ask(subs, "GET", f"/{id_}/edit")).text
    with subs.shop.saleor.faults.during("unavailable"):
        assert box not in (await ask(subs, "GET", f"/{id_}/edit")).text
    assert (await ask(subs, "POST", f"/{id_}/edit", form)).status_code == 204  # as where they were not shown
    assert (await subs.schedule(id_)).lines is not None
    whole = {**form, "templateOrderId": subs.template.number, box: "0", cup: "2"}
    assert (await ask(subs, "POST", f"/{id_}/edit", whole)).status_code == 204
    known = await subs.schedule(id_)
    assert (known.template_order_id, known.lines) == (subs.template.id, None)


async def test_a_change_that_moves_no_date_leaves_the_periods_as_they_are(subs):
    id_ = await subs.created(nextDate="2027-01-31")
    shown = (await ask(subs, "GET", f"/{id_}/edit")).text
    assert 'value="2027-01-31"' in shown
    form = {
        "templateOrderId": subs.template.id,
        "amount": "1980",
        "unit": "MONTH",
        "every": "1",
        "nextDate": "2027-01-31",
        "time": "09:00",
        "timeZone": "Asia/Tokyo",
        **POLICY,
    }
    assert (await ask(subs, "POST", f"/{id_}/edit", form)).status_code == 204
    after = await subs.schedule(id_)
    assert (after.amount.amount, after.recurrence.anchor.isoformat(), after.next_number) == ("1980", "2027-01-31", 0)
    moved = await ask(subs, "POST", f"/{id_}/edit", {**form, "nextDate": "2027-02-30"})
    assert (moved.status_code, "is too far away" in moved.text) == (422, True)


async def test_settings_show_the_secret_once(subs):
    form = {**POLICY, "webhookUrl": "http://127.0.0.1:1/hook", "graceDays": "21"}
    saved = await ask(subs, "POST", "/settings", form)
    assert "whsec_" in saved.text
    again = (await ask(subs, "GET", "/settings")).text
    assert "whsec_" not in again
    assert 'value="21"' in again
    assert (await ask(subs, "POST", "/settings", {**form, "graceDays": "0"})).status_code == 422
    assert "cannot be reached" in (await ask(subs, "POST", "/settings/test")).text


async def test_what_is_not_there(subs):
    assert (await ask(subs, "GET", "/schedule-x")).status_code == 404
    assert (await ask(subs, "POST", "/schedule-x/pause")).status_code == 404
    vars(subs.shop.running.services.settings)["billing_schedules"] = False
    assert "BILLING_SCHEDULES" in (await ask(subs, "GET", "")).text
