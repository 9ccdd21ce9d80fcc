"""A dispute answered with files, and payouts with report schedules, as the merchant does it in both languages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from saleor_amazonpay.domain.disputes import MAX_FILE_BYTES
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.handlers.disputes import answering
from tests.browser.dashboard.conftest import PHONE
from tests.handlers.merchant import MERCHANT_ID

pytestmark = pytest.mark.browser

PDF = b"%PDF-1.7 receipt"
ADOPT = "mutation($input: Cv1AdoptInput!) {cv1Adopt(input: $input) {outcomes {result} errors {code message}}}"


@dataclass(frozen=True)
class Words:
    """What the page says, in one language."""

    title: str
    kind: str
    file: str
    add: str
    added: str
    remove: str
    removed: str
    none_of_these: str
    too_large: str
    twice: str
    send: str
    sent: str
    looked_into: str
    over: str
    no_time: str


WORDS = {
    "en": Words(
        title="Dispute {}",
        kind="What it is",
        file="File",
        add="Add",
        added="Added. It is sent once you send your answer.",
        remove="Remove",
        removed="Removed.",
        none_of_these="is none of these, or is not what its name says.",
        too_large="A file has at most 5 MB.",
        twice="This very piece is gathered already.",
        send="Send the answer",
        sent="Your answer was sent.",
        looked_into="Amazon Pay looks into it",
        over="The time for an answer is over.",
        no_time="The time is over",
    ),
    "ja": Words(
        title="異議申し立て {}",
        kind="種類",
        file="ファイル",
        add="追加",
        added="追加しました。回答を送信するまで Amazon Pay には提出されません。",
        remove="削除する",
        removed="削除しました。",
        none_of_these="内容が拡張子と一致しません。",
        too_large="ファイルは 5 MB までです。",
        twice="同じ証拠がすでに追加されています。",
        send="回答を送信",
        sent="回答を送信しました。",
        looked_into="Amazon Pay が確認中",
        over="回答期限を過ぎています。",
        no_time="期限切れ",
    ),
}


@pytest.fixture(scope="module")
async def shop(merchant):
    """An account, and orders of CV1's time to be disputed."""
    made = await merchant.create(name="Japan")
    await merchant.assign("default-jp", made.id)
    merchant.amazon.url = merchant.settings.amazon_pay_api_url  # files are brought to it
    return merchant


async def disputed(merchant, until=None):
    """A fresh dispute of a captured charge, known to the app; to be answered ``until`` then."""
    reference = merchant.amazon.cv1.order_reference(MERCHANT_ID, Money.parse(3500, "JPY"))
    capture = merchant.amazon.cv1.capture(merchant.amazon.cv1.authorize(reference))
    order = merchant.saleor.create_order()
    given = {"ids": [reference, capture], "order": order.id}
    outcomes = (await merchant.graphql(ADOPT, input=given))["cv1Adopt"]
    assert outcomes["errors"] == [], outcomes
    dispute_id = merchant.amazon.open_chargeback(capture, reason="ProductNotReceived")
    if until is not None:
        merchant.amazon._world.disputes[dispute_id].deadline = until
    await answering.look_up(merchant.services, merchant.tenant, dispute_id)
    return dispute_id


def contested(merchant, dispute_id):
    return [
        call.body["merchantEvidences"]
        for call in merchant.amazon.calls
        if call.operation == "contest_dispute" and dispute_id in call.path
    ]


async def choose(opened, words, name, content):
    await opened.app.get_by_label(words.file, exact=True).set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    await opened.click(words.add)


async def test_a_dispute_leads_whoever_handles_payments_to_its_payment(open_dashboard_of, shop):
    dispute_id = await disputed(shop)
    opened = await open_dashboard_of(shop, f"/disputes/{dispute_id}", user_permissions=["HANDLE_PAYMENTS"])
    await opened.title(f"Dispute {dispute_id}")
    charge = opened.app.get_by_role("definition").get_by_role("link")
    charge_id = await charge.inner_text()
    await charge.click()
    await opened.app.get_by_role("heading", level=1, name="Payment").wait_for()
    await opened.app.get_by_role("cell", name=charge_id, exact=True).first.wait_for()


@pytest.mark.parametrize("language", WORDS)
async def test_evidence_is_added_refused_and_sent(open_dashboard_of, shop, language):
    words, dispute_id = WORDS[language], await disputed(shop)
    before = shop.amazon.count("upload_file")
    opened = await open_dashboard_of(shop, f"/disputes/{dispute_id}", language=language)
    await opened.title(words.title.format(dispute_id))

    for name, content in (("virus.exe", b"MZ"), ("receipt.pdf", b"\x89PNG\r\n\x1a\n")):
        await choose(opened, words, name, content)
        refused = opened.app.get_by_role("alert").filter(has_text=words.none_of_these)
        await refused.filter(has_text=name).wait_for()  # of this file, not of the one before
    await opened.picture(f"evidence-refused-{language}")
    await choose(opened, words, "large.pdf", b"%PDF-" + b"0" * MAX_FILE_BYTES)
    await opened.app.get_by_text(words.too_large).wait_for()
    assert shop.amazon.count("upload_file") == before

    await opened.app.get_by_label(words.kind, exact=True).select_option("Receipt")
    await choose(opened, words, "receipt.pdf", PDF)
    await opened.notified(words.added)
    await opened.app.get_by_text("receipt.pdf", exact=False).first.wait_for()
    await opened.app.get_by_label(words.kind, exact=True).select_option("Receipt")
    await choose(opened, words, "receipt.pdf", PDF)
    await opened.app.get_by_text(words.twice, exact=True).wait_for()
    await opened.picture(f"evidence-twice-{language}")
    await choose(opened, words, "other.pdf", PDF + b" 2")
    await opened.app.get_by_role("button", name=words.remove, exact=True).nth(1).wait_for()
    assert await opened.stumbling_blocks() == []
    await opened.picture(f"evidence-gathered-{language}")
    await opened.app.get_by_role("button", name=words.remove, exact=True).first.click()
    await opened.notified(words.removed)

    await opened.click(words.send)
    await opened.app.locator("#ask button[value=yes]").click()
    await opened.notified(words.sent)
    await opened.app.get_by_text(words.looked_into, exact=True).wait_for()
    assert await opened.app.get_by_role("button", name=words.send, exact=True).count() == 0
    [pieces] = contested(shop, dispute_id)
    assert [(each["evidenceType"], bool(each["fileId"])) for each in pieces] == [("Receipt", True)]
    assert shop.amazon.count("upload_file") == before + 2


@pytest.mark.parametrize("language", WORDS)
async def test_after_the_deadline_nothing_is_taken_any_more(open_dashboard_of, shop, language):
    until = shop.clock.now() + timedelta(seconds=5)
    words, dispute_id = WORDS[language], await disputed(shop, until)
    before = shop.amazon.count("upload_file")
    opened = await open_dashboard_of(shop, f"/disputes/{dispute_id}", language=language, theme="dark", viewport=PHONE)
    await opened.title(words.title.format(dispute_id))
    await opened.app.get_by_role("button", name=words.add, exact=True).wait_for()
    await asyncio.sleep(max(0.0, (until - shop.clock.now()).total_seconds()) + 0.1)
    await choose(opened, words, "receipt.pdf", PDF)
    await opened.app.get_by_text(words.over).wait_for()
    await opened.app.get_by_text(words.no_time, exact=True).wait_for()
    assert await opened.app.get_by_role("button", name=words.add, exact=True).count() == 0
    await opened.picture(f"evidence-late-{language}")
    assert shop.amazon.count("upload_file") == before
    assert contested(shop, dispute_id) == []


async def test_payouts_are_checked_and_a_report_is_scheduled(open_dashboard_of, shop):
    await disputed(shop)  # something was captured
    shop.amazon.seller_central.disburse(MERCHANT_ID)
    opened = await open_dashboard_of(shop, "/settlements")
    await opened.title("Settlements")
    await opened.click("Payouts and report schedules", role="link")
    await opened.title("Payouts and report schedules")
    await opened.app.get_by_text("No lines imported", exact=True).first.wait_for()
    await opened.app.get_by_label("Settlement report").select_option("P7D")
    await opened.click("Schedule the report")
    await opened.notified("Scheduled.")
    await opened.app.get_by_role("cell", name="Every 7 days", exact=True).wait_for()
    assert await opened.stumbling_blocks() == []
    await opened.picture("payouts-en")
    phone = await open_dashboard_of(shop, "/settlements/payouts", language="ja", theme="dark", viewport=PHONE)
    await phone.title("振込とレポートの定期作成")
    await phone.app.get_by_role("cell", name="7 日ごと", exact=True).wait_for()
    assert await phone.stumbling_blocks() == []
    await phone.picture("payouts-ja-phone")
    await phone.click("終了")
    await phone.app.locator("#ask button[value=yes]").click()
    await phone.notified("定期作成を終了しました。")
    await phone.app.get_by_text("定期作成されるレポートはありません。", exact=True).wait_for()
