"""Settlement: reports come from Amazon, every line finds its payment, what does not agree is told and never dropped."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from saleor_amazonpay.handlers.settlements import asking, importing
from saleor_amazonpay.sandbox.amazon_pay import reports
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage import settlements as rows
from tests.journeys.agreements import agreed, cart, pay_stored
from tests.journeys.cv1.helpers import MERCHANT, OldOrder, yen
from tests.journeys.helpers import charges, payment_of, refunds, settle
from tests.journeys.pages import ask, graphql
from tests.journeys.test_refunding import charged

HEAD = "TransactionType,AmazonTransactionId,AmazonOrderReferenceId,CurrencyCode,TransactionAmount,TotalTransactionFee\n"


async def account(shop):
    shop.amazon.url = shop.amazon_url  # documents are named by it
    [found] = await asking.accounts_of(shop.running.services, shop.saleor.api_url, "jp")
    return found


async def reported(shop, days=30):
    """Amazon makes a report, and it is fetched."""
    services, now = shop.running.services, shop.clock.now()
    await asking.create(services, await account(shop), now - timedelta(days=days), now + timedelta(minutes=1))
    shop.clock.move(minutes=10)
    return await asking.fetch(services, shop.saleor.api_url, "jp")


async def given(shop, text, name="settlement.csv"):
    content = text if isinstance(text, bytes) else text.encode()
    return await importing.take_file(shop.running.services, await account(shop), name, content)


async def lines_of(shop, report):
    _, lines = await asking.report(shop.running.services, shop.saleor.api_url, report.report_id)
    return lines


async def told(shop):
    services = shop.running.services
    found = await services.database.read(lambda s: problem_rows.of_tenant(s, shop.saleor.api_url))
    return [problem.message for problem in found if problem.key.startswith("settlement-")]


class TestFetched:
    async def test_captures_and_refunds_agree_and_nothing_is_imported_twice(self, any_shop):
        shop = any_shop
        transaction, total = await charged(shop)
        await shop.saleor.staff.request_refund(transaction, Decimal(500))
        await shop.until(lambda: bool(refunds(shop, "Refunded")))
        await shop.until(lambda: shop.amounts(transaction) == {"charged": total - 500, "refunded": Decimal(500)})
        [report] = await reported(shop)
        assert (report.state, report.line_count, report.matched) == ("imported", 2, 2)
        [sums] = report.totals
        assert (sums.captured, sums.refunded, sums.net) == (int(total), -500, int(total) - 500)
        assert await asking.fetch(shop.running.services, shop.saleor.api_url) == []
        assert await told(shop) == []

    async def test_a_document_whose_address_ran_out_is_asked_for_again(self, shop, monkeypatch):
        await charged(shop)
        download, tries = shop.running.services.files.download, []

        async def late(url, *, max_bytes):
            tries.append(url)
            if len(tries) == 1:
                shop.clock.move(seconds=31)
            return await download(url, max_bytes=max_bytes)

        monkeypatch.setattr(type(shop.running.services.files), "download", staticmethod(late))
        [report] = await reported(shop)
        assert (report.line_count, len(set(tries))) == (1, 2)

    async def test_the_daily_job_imports_by_itself(self, shop):
        await charged(shop)
        services, now = shop.running.services, shop.clock.now()
        await asking.create(services, await account(shop), now - timedelta(days=1), now + timedelta(minutes=1))
        shop.clock.move(minutes=10)
        await importing.run(services)
        found = await services.database.read(lambda s: rows.page(s, shop.saleor.api_url))
        assert [report.matched for report in found] == [1]

    async def test_schedules_and_payouts(self, shop):
        await charged(shop)
        services, jp = shop.running.services, await account(shop)
        made = await asking.schedule(services, jp, "P1D")
        assert [one.id for one in await asking.schedules(services, jp)] == [made]
        await asking.unschedule(services, jp, made)
        assert await asking.schedules(services, jp) == []
        again = await asking.schedule(services, jp, "P1D")  # at the same minute
        assert [one.id for one in await asking.schedules(services, jp)] == [again]
        paid = shop.amazon.seller_central.disburse(jp.merchant_id)
        [seen] = await asking.disbursements(services, jp, shop.clock.now() - timedelta(days=1))
        assert (seen.amount, seen.settled) == (paid.amount, None)
        await give_lines_of(shop, paid)
        [seen] = await asking.disbursements(services, jp, shop.clock.now() - timedelta(days=1))
        assert (seen.settled, seen.difference.minor) == (paid.amount, 0)


async def give_lines_of(shop, paid, less=0):
    """A report with the one charge of a payout's settlement."""
    [charge] = charges(shop)
    head = HEAD.replace("CurrencyCode", "CurrencyCode,SettlementId")
    amount = paid.amount.minor - less
    await given(shop, f"{head}Capture,{charge['chargeId']},,JPY,{paid.settlement_id},{amount},0\n")


FREQUENCY = "mutation($id: ID!, $often: ReportFrequency!) {settlementScheduleCreate(accountId: $id, frequency: $often) {schedules {id frequency reportType nextAt} errors {code}}}"
CANCEL = "mutation($id: ID!, $schedule: ID!) {settlementScheduleCancel(accountId: $id, id: $schedule) {schedules {id} errors {code message}}}"
PAYOUTS = "query($id: ID!) {settlementPayouts(accountId: $id) {payouts {settlementId amount {amount currency} settled {amount} difference {amount}} errors {code}}}"


class TestPayoutsAndSchedulesShown:
    async def test_on_the_page_in_both_languages_and_as_csv(self, shop):
        await charged(shop)
        jp = await account(shop)
        page = (await ask(shop, "GET", "/settlements/payouts")).text
        assert "Nothing was paid out in this time." in page
        assert "No report is scheduled." in page
        made = await ask(shop, "POST", "/settlements/schedules", data={"account": "account-jp", "frequency": "P7D"})
        assert made.status_code == 204, made.text
        [schedule] = await asking.schedules(shop.running.services, jp)
        paid = shop.amazon.seller_central.disburse(jp.merchant_id)
        page = (await ask(shop, "GET", "/settlements/payouts?account=account-jp")).text
        assert schedule.id in page
        assert "Every 7 days" in page
        assert "No lines imported" in page
        await give_lines_of(shop, paid, less=5)
        japanese = (await ask(shop, "GET", "/settlements/payouts?account=account-jp", language="ja")).text
        for words in ("振込とレポートの定期作成", "7 日ごと", "不一致", paid.settlement_id):
            assert words in japanese
        payouts = await ask(shop, "GET", "/settlements/payouts/csv?account=account-jp")
        columns, row = payouts.content.decode("utf-8-sig").splitlines()
        assert columns == "paid_at,settlement_id,reference_id,currency,amount,lines_come_to,difference"
        assert row.endswith(f",JPY,{paid.amount.amount},{paid.amount.minor - 5},5")
        schedules = await ask(shop, "GET", "/settlements/schedules/csv?account=account-jp")
        assert (
            schedules.content.decode("utf-8-sig")
            .splitlines()[1]
            .startswith(f"{schedule.id},_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SANDBOX_SETTLEMENT_DATA_,P7D,20")
        )
        done = await ask(shop, "POST", f"/settlements/schedules/{schedule.id}/cancel", data={"account": "account-jp"})
        assert done.status_code == 204, done.text
        assert await asking.schedules(shop.running.services, jp) == []

    async def test_on_the_page_what_is_wrong_is_said(self, shop):
        await account(shop)
        refused = await ask(
            shop, "POST", "/settlements/schedules", data={"account": "account-jp", "frequency": "hourly"}
        )
        assert (refused.status_code, "The frequency is one of" in refused.text) == (422, True)
        gone = await ask(shop, "POST", "/settlements/schedules/x/cancel", data={"account": "account-jp"})
        assert gone.status_code == 422
        unknown = await ask(shop, "GET", "/settlements/payouts/csv?account=nobodys")
        assert (unknown.status_code, "There is no such Amazon Pay account." in unknown.text) == (422, True)
        shop.amazon.faults.add(Fault(operation="get_disbursements", status=503, times=50))
        absent = await ask(shop, "GET", "/settlements/payouts")
        assert (absent.status_code, 'class="notice critical"' in absent.text) == (200, True)
        assert "Nothing was paid out" not in absent.text

    async def test_over_graphql(self, shop):
        await charged(shop)
        jp = await account(shop)
        made = (await graphql(shop, FREQUENCY, id="account-jp", often="P14D"))["settlementScheduleCreate"]
        [schedule] = made["schedules"]
        assert (schedule["frequency"], made["errors"]) == ("P14D", [])
        again = (await graphql(shop, FREQUENCY, id="account-jp", often="P1D"))["settlementScheduleCreate"]
        assert [one["frequency"] for one in again["schedules"]] == ["P1D"]  # one schedule for a type
        [schedule] = again["schedules"]
        listed = await graphql(shop, '{settlementSchedules(accountId: "account-jp") {schedules {id} errors {code}}}')
        assert listed["settlementSchedules"] == {"schedules": [{"id": schedule["id"]}], "errors": []}
        ended = (await graphql(shop, CANCEL, id="account-jp", schedule=schedule["id"]))["settlementScheduleCancel"]
        assert ended == {"schedules": [], "errors": []}
        [error] = (await graphql(shop, CANCEL, id="account-jp", schedule="x"))["settlementScheduleCancel"]["errors"]
        assert error["message"]
        paid = shop.amazon.seller_central.disburse(jp.merchant_id)
        await give_lines_of(shop, paid)
        [payout] = (await graphql(shop, PAYOUTS, id="account-jp"))["settlementPayouts"]["payouts"]
        assert (payout["settlementId"], payout["settled"]["amount"], payout["difference"]["amount"]) == (
            paid.settlement_id, paid.amount.amount, "0",
        )  # fmt: skip
        stranger = (await graphql(shop, PAYOUTS, id="another-tenants"))["settlementPayouts"]
        assert stranger == {"payouts": [], "errors": [{"code": "NOT_FOUND"}]}

    async def test_an_amount_that_is_none_is_shown_as_it_came(self, shop, monkeypatch):
        await charged(shop)
        jp = await account(shop)
        paid = shop.amazon.seller_central.disburse(jp.merchant_id)
        monkeypatch.setattr(
            reports,
            "_disbursement",
            lambda it: {"settlementId": it.settlement_id, "amount": "12.345", "currencyCode": "JPY"},
        )
        [seen] = await asking.disbursements(shop.running.services, jp, shop.clock.now() - timedelta(days=1))
        assert (seen.amount, seen.amount_text, seen.difference) == (None, "12.345 JPY", None)
        page = (await ask(shop, "GET", "/settlements/payouts")).text
        assert "12.345 JPY" in page
        assert "Cannot be read" in page
        assert "12.345 JPY" in (await ask(shop, "GET", "/settlements/payouts/csv")).text
        assert paid.settlement_id in page


class TestDiffering:
    async def test_each_kind_of_difference_is_told_and_none_is_dropped(self, shop):
        transaction, total = await charged(shop)
        [charge] = charges(shop)
        permission, charge_id = charge["chargePermissionId"], charge["chargeId"]
        report = await given(
            shop,
            HEAD
            + f"Capture,{charge_id},{permission},JPY,{total + 1},0\n"
            + f"Refund,{permission}-R000009,{permission},JPY,-5,0\n"
            + "Capture,P03-9999999-9999999-C000001,P03-9999999-9999999,JPY,100,0\n"
            + "Lottery,,,JPY,7,0\n"
            + "Carryover,,,JPY,-7,0\n"
            + "Capture,x,y,JPY,a lot,0\n"
            + f"Capture,{charge_id}",
        )
        states = [(line.kind, line.match) for line in await lines_of(shop, report)]
        assert states == [
            ("Capture", "differs"),
            ("Refund", "differs"),
            ("Capture", "unmatched"),
            ("Other", "differs"),
            ("Carryover", "account"),
        ]
        assert [fault["number"] for fault in report.faults] == [7, 8]
        [message] = await told(shop)
        assert "3 lines differ; 1 belong to no payment; 2 rows cannot be read" in message
        found = await asking.differences(shop.running.services, shop.saleor.api_url)
        assert len(found.lines) == 4
        assert transaction

    async def test_what_was_captured_and_is_not_in_the_report(self, shop):
        await charged(shop)
        [charge] = charges(shop)
        start, end = shop.clock.now() - timedelta(days=1), shop.clock.now() + timedelta(days=1)
        about = f"SettlementStartDate,{start:%Y%m%dT%H%M%SZ}\nSettlementEndDate,{end:%Y%m%dT%H%M%SZ}\n"
        report = await given(shop, about + HEAD + "Carryover,,,JPY,1,0\n")
        assert report.missing == [charge["chargeId"]]

    async def test_another_tenant_sees_nothing(self, shop):
        await charged(shop)
        [report] = await reported(shop)
        services = shop.running.services
        assert (
            await services.database.read(lambda s: rows.get(s, "https://other.example/graphql/", report.report_id))
            is None
        )


PLAIN = "TransactionType,AmazonTransactionId,AmazonOrderReferenceId,SellerReferenceId,SellerOrderId,CurrencyCode,TransactionAmount\n"


async def old_payment(shop, seller_order_id, amount=3500):
    """An order of CV1's time, captured there and adopted here; the old shop called it ``seller_order_id``."""
    order = shop.saleor.create_order()
    reference = shop.amazon.cv1.order_reference(MERCHANT, yen(amount), seller_order_id=seller_order_id)
    authorization = shop.amazon.cv1.authorize(reference)
    capture = shop.amazon.cv1.capture(authorization)
    old = OldOrder(shop, order.id, reference)
    await old.adopt(reference, capture)
    return old, capture, authorization


class TestWithoutAmazonsIds:
    async def test_a_line_of_cv1s_time_is_found_by_the_old_shops_number_or_saleors(self, any_shop):
        shop = any_shop
        old, _, _ = await old_payment(shop, "EC-77")
        payment = await payment_of(shop, old.transaction)
        for cells in (",EC-77", ",#EC-77", f",{payment.order_number}", f"{old.transaction},", "EC-77,"):
            [line] = await lines_of(shop, await given(shop, f"{PLAIN}Capture,,,{cells},JPY,3500\n"))
            assert (line.match, line.payment_id, line.difference) == ("matched", payment.id, None), cells
        assert await told(shop) == []

    async def test_a_capture_named_by_its_cv1_authorization(self, shop):
        _, _, authorization = await old_payment(shop, "EC-77")
        assert authorization[20] == "A"
        [line] = await lines_of(shop, await given(shop, f"{PLAIN}Capture,{authorization},,,,JPY,3500\n"))
        assert line.match == "matched"

    async def test_a_charge_made_later_is_found_by_the_reference_it_carries(self, any_shop):
        shop = any_shop
        transaction = await shop.authorized()
        [charge] = charges(shop)
        shop.amazon._world.charges[charge["chargeId"]].document["merchantMetadata"] = {
            "merchantReferenceId": "BY-HAND-9", "merchantStoreName": None, "noteToBuyer": None, "customInformation": None,
        }  # fmt: skip
        await shop.saleor.staff.request_charge(transaction)
        payment = await payment_of(shop, transaction)
        [line] = await lines_of(
            shop, await given(shop, f"{PLAIN}Capture,,,BY-HAND-9,,JPY,{int(payment.amount.minor)}\n")
        )
        assert (line.match, line.payment_id) == ("matched", payment.id)

    async def test_a_charge_of_seller_central_that_is_not_known_here_is_shown_at_its_order(self, shop):
        old, _, _ = await old_payment(shop, "EC-77")
        payment = await payment_of(shop, old.transaction)
        text = f"{PLAIN}Capture,P03-0000000-0000000-C000009,,,EC-77,JPY,3500\n"
        [line] = await lines_of(shop, await given(shop, text))
        assert (line.match, line.payment_id) == ("differs", payment.id)
        assert "C000009 is not known here" in line.difference

    async def test_several_payments_of_one_number_are_never_guessed(self, any_shop):
        shop = any_shop
        one, _, _ = await old_payment(shop, "EC-77")
        two, _, _ = await old_payment(shop, "EC-77")
        payments = [(await payment_of(shop, old.transaction)).id for old in (one, two)]
        report = await given(shop, f"{PLAIN}Capture,,,,EC-77,JPY,3500\nRefund,,,,EC-77,JPY,-10\n")
        lines = await lines_of(shop, report)
        assert [(line.match, line.payment_id, sorted(line.candidates)) for line in lines] == [
            ("ambiguous", None, sorted(payments))
        ] * 2
        assert one.transaction in lines[0].difference
        assert (report.ambiguous, report.unmatched) == (2, 0)
        assert "2 may belong to several payments" in (await told(shop))[0]
        page = (await ask(shop, "GET", f"/settlements/{report.report_id}")).text
        assert "Several payments could have it" in page
        assert all(f"/payments/{payment}" in page for payment in payments)
        [first, _] = (
            await graphql(shop, f'{{settlementLines(reportId: "{report.report_id}") {{match candidates paymentId}}}}')
        )["settlementLines"]
        assert (first["match"], sorted(first["candidates"]), first["paymentId"]) == (
            "ambiguous", sorted(payments), None,
        )  # fmt: skip

    async def test_only_one_of_them_has_a_movement_of_that_amount_that_no_other_line_has_taken(self, any_shop):
        shop = any_shop
        one, _, _ = await old_payment(shop, "EC-77", 3000)
        two, capture, _ = await old_payment(shop, "EC-77", 3500)
        ids = [(await payment_of(shop, old.transaction)).id for old in (one, two)]
        text = (
            f"{PLAIN}Capture,,,,EC-77,JPY,3000\nCapture,,,,EC-77,JPY,3500\n"
            f"Capture,{capture},,,,JPY,3500\nCapture,,,,EC-77,JPY,3000\n"
        )
        lines = await lines_of(shop, await given(shop, text))
        assert [(line.match, line.payment_id) for line in lines] == [
            ("matched", ids[0]),  # the one of 3,000
            ("ambiguous", None),  # the 3,500 are the next line's, which names them
            ("matched", ids[1]),
            ("ambiguous", None),  # the 3,000 are the first line's
        ]

    async def test_one_payment_cannot_be_settled_twice_by_amount(self, shop):
        old, capture, _ = await old_payment(shop, "EC-77")
        start, end = shop.clock.now() - timedelta(days=1), shop.clock.now() + timedelta(days=1)
        about = f"SettlementStartDate,{start:%Y%m%dT%H%M%SZ}\nSettlementEndDate,{end:%Y%m%dT%H%M%SZ}\n"
        report = await given(shop, f"{about}{PLAIN}" + "Capture,,,,EC-77,JPY,3500\n" * 2)
        first, second = await lines_of(shop, report)
        assert (first.match, second.match) == ("matched", "differs")
        assert "has no other capture of this amount" in second.difference
        assert capture not in report.missing
        assert old.transaction

    async def test_purchases_that_share_an_agreement(self, any_shop):
        shop = any_shop
        made = await agreed(shop)
        permission = made.charge_permission_id
        again = await pay_stored(shop, cart(shop).id, made.id)
        payment = await payment_of(shop, again.transaction_id)
        total = payment.amount.minor
        text = (
            f"{PLAIN}Capture,,{permission},,,JPY,{total}\nCapture,,{permission},{again.transaction_id},,JPY,{total}\n"
        )
        lines = await lines_of(shop, await given(shop, text))
        assert [(line.match, line.payment_id) for line in lines] == [("ambiguous", None), ("matched", payment.id)]

    async def test_another_tenants_payment_is_no_candidate(self, shop):
        old, _, _ = await old_payment(shop, "EC-77")
        found = await shop.running.services.database.read(
            lambda s: payment_rows.by_reference(s, "https://other.example/graphql/", "EC-77", limit=5)
        )
        assert found == []
        assert old.transaction


class TestWhatWasPaidOut:
    HEAD = "SettlementId,TransactionType,AmazonTransactionId,CurrencyCode,TransactionAmount,TotalTransactionFee\n"

    async def test_a_payout_that_is_not_what_its_lines_come_to_is_told(self, shop):
        _, total = await charged(shop)
        [charge] = charges(shop)
        lines = f"9,Capture,{charge['chargeId']},JPY,{total},100\n"
        for paid in (total - 100, -(total - 100)):
            report = await given(shop, f"{self.HEAD}{lines}9,Transfer,,JPY,{paid},0\n")
            assert (report.matched, report.differing) == (1, 0)
        report = await given(shop, f"{self.HEAD}{lines}9,Transfer,,JPY,{total},0\n")
        [_, transfer] = await lines_of(shop, report)
        assert transfer.match == "differs"
        assert "settlement 9 come to" in transfer.difference
        assert "1 lines differ" in (await told(shop))[0]


class TestShown:
    async def test_the_page_csv_and_graphql(self, shop):
        _, total = await charged(shop)
        [charge] = charges(shop)
        await settle(shop)
        text = HEAD + f"Capture,{charge['chargeId']},,JPY,{total},140\nCapture,=cmd,,JPY,5,0\n"
        wrong = await ask(
            shop, "POST", "/settlements/import", data={"account": "account-jp"}, files={"file": ("a.csv", b"no")}
        )
        assert (wrong.status_code, "is no settlement file" in wrong.text) == (422, True)
        done = await ask(
            shop,
            "POST",
            "/settlements/import",
            data={"account": "account-jp"},
            files={"file": ("a.csv", text.encode())},
        )
        assert done.status_code == 204, done.text
        assert "1 difference" in (await ask(shop, "GET", "/settlements")).text
        [report] = (await graphql(shop, "{settlementReports {id unmatched totals {fees {amount}}}}"))[
            "settlementReports"
        ]
        page = (await ask(shop, "GET", f"/settlements/{report['id']}")).text
        assert "Belongs to no payment" in page
        assert "該当する支払いなし" in (await ask(shop, "GET", f"/settlements/{report['id']}", language="ja")).text
        everything = (await ask(shop, "GET", f"/settlements/{report['id']}?show=all")).text
        assert charge["chargeId"] in everything
        csv = await ask(shop, "GET", f"/settlements/{report['id']}/csv")
        assert csv.content.startswith(b"\xef\xbb\xbfline,kind")
        assert "'=cmd" in csv.text
        differing = await graphql(shop, "{settlementDifferences {lines {number match} payments {transactionId}}}")
        assert differing["settlementDifferences"] == {"lines": [{"number": 3, "match": "unmatched"}], "payments": []}
        fetched = await graphql(shop, "mutation {settlementFetch {reports {id} error}}")
        assert fetched["settlementFetch"] == {"reports": [], "error": None}
