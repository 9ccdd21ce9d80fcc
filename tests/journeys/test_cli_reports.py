"""``saleor-amazonpay reports`` as it is typed, beside a running app on the same SQLite file: every subcommand."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from saleor_amazonpay import cli_reports
from saleor_amazonpay.cli import app
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from tests.journeys.helpers import charges
from tests.journeys.test_refunding import charged

HEAD = "TransactionType,AmazonTransactionId,SellerOrderId,CurrencyCode,TransactionAmount,TotalTransactionFee,NetTransactionAmount\n"


@pytest.fixture
def reports(shop, sqlite_url, monkeypatch):
    """Types ``saleor-amazonpay reports …``; the command has a thread and an event loop of its own."""
    monkeypatch.setattr("saleor_amazonpay.observability.logging.configure", lambda **_: None)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    shop.amazon.url = shop.amazon_url  # documents are named by it
    environment = {
        "SECRET_KEY": "s" * 48,
        "ALLOW_LOCAL_NETWORK": "true",
        "DATABASE_URL": sqlite_url,
        "APP_API_BASE_URL": shop.app_url,
        "AMAZON_PAY_API_URL": shop.amazon_url,
        "RATE_LIMIT_FACTOR": "1000",
    }

    async def run(*arguments, expect=0):
        done = await asyncio.to_thread(CliRunner().invoke, app, ["reports", *map(str, arguments)], env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == expect, done.output
        assert "Traceback" not in done.output
        return done

    yield run
    structlog.reset_defaults()


async def captured_at(shop):
    """A capture in full: its charge and amount in yen. No time passes: a command has the machine's own."""
    _, total = await charged(shop)
    [charge] = charges(shop)
    return charge["chargeId"], int(total)


def written(tmp_path, text, name="settlement.csv"):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


class TestReports:
    async def test_made_fetched_listed_shown_and_written_as_csv(self, shop, reports):
        charge, total = await captured_at(shop)
        made = (await reports("create", "--account", "jp", "--days", "30")).stdout
        assert made.startswith("Amazon Pay makes report ")
        shop.clock.move(minutes=10)
        fetched = await reports("fetch")
        assert "1 lines: 0 differ, 0 ambiguous, 0 unmatched, 0 unreadable" in fetched.stdout
        assert f"captured {total} JPY" in fetched.stdout
        assert (await reports("fetch", "--account", "account-jp")).stdout == "Nothing new.\n"
        [report] = json.loads((await reports("list", "--json")).stdout)
        assert (report["matched"], report["totals"][0]["captured"]) == (1, f"{total} JPY")
        assert report["reportId"] in (await reports("list")).stdout
        shown = json.loads((await reports("show", report["reportId"], "--json")).stdout)
        assert (shown["report"]["lines"], shown["differences"]) == (1, [])
        sheet = (await reports("csv", report["reportId"])).stdout_bytes
        assert sheet.startswith(b"\xef\xbb\xbfline,kind,")
        assert charge in sheet.decode("utf-8-sig")
        assert (await reports("differences")).stdout == "Everything agrees.\n"

    async def test_nothing_yet(self, reports):
        assert (await reports("list")).stdout == "No report is imported yet.\n"
        assert json.loads((await reports("fetch", "--json")).stdout) == []

    async def test_create_as_json_names_the_report(self, reports):
        assert json.loads((await reports("create", "--account", "jp", "--json")).stdout)["reportId"]


class TestFiles:
    async def test_a_file_is_one_report_however_often(self, shop, reports, tmp_path):
        charge, total = await captured_at(shop)
        file = written(tmp_path, f"{HEAD}Capture,{charge},,JPY,{total},140,{total - 140}\n")
        for _ in range(2):
            assert "1 lines: 0 differ" in (await reports("import", "--account", "jp", file)).stdout
        assert len(json.loads((await reports("list", "--json")).stdout)) == 1

    async def test_one_that_breaks_off_says_where(self, shop, reports, tmp_path):
        charge, total = await captured_at(shop)
        text = f"{HEAD}Capture,{charge},,JPY,{total},140,{total - 140}\nRefund,{charge},,JP"
        [report] = json.loads((await reports("import", "--account", "jp", written(tmp_path, text), "--json")).stdout)
        [fault] = report["faults"]
        assert (fault["number"], fault["message"]) == (3, "The file ends in the middle of this line.")
        assert (report["lines"], report["matched"]) == (1, 1)
        shown = (await reports("show", report["reportId"])).stdout
        assert "row 3: The file ends in the middle of this line." in shown

    async def test_unknown_columns_are_named(self, shop, reports, tmp_path):
        charge, total = await captured_at(shop)
        text = f"{HEAD[:-1]},Mood,Weather\nCapture,{charge},,JPY,{total},0,{total},good,rain\n"
        done = await reports("import", "--account", "jp", written(tmp_path, text))
        assert "unknown columns: Mood, Weather" in done.stdout

    @pytest.mark.parametrize(
        ("row", "told"),
        [
            ("Capture,{charge},,JPY,{total},140,{total}", "does not add up"),
            ("Capture,{charge},,JPY,1,0,1", "It should be"),
            ("Capture,P03-9999999-9999999-C000001,,JPY,1,0,1", "No payment of this shop has it."),
            ("Lottery,,,JPY,1,0,1", "no kind of transaction"),
        ],
    )
    async def test_what_does_not_add_up_is_told_and_fails_differences(self, shop, reports, tmp_path, row, told):
        charge, total = await captured_at(shop)
        file = written(tmp_path, HEAD + row.format(charge=charge, total=total) + "\n")
        [report] = json.loads((await reports("import", "--account", "jp", file, "--json")).stdout)
        assert told in (await reports("show", report["reportId"])).stdout
        told_of = await reports("differences", expect=1)
        assert told in told_of.stdout
        [line] = json.loads((await reports("differences", "--json", expect=1)).stdout)["lines"]
        assert (line["report"], told in line["difference"]) == (report["reportId"], True)

    @pytest.mark.parametrize("content", [b"", b"<html>Your session has expired</html>", b"a,b,c\n1,2,3\n", b"\x00\xff"])
    async def test_what_is_no_settlement_is_refused_and_leaves_nothing(self, reports, tmp_path, content):
        refused = await reports("import", "--account", "jp", written(tmp_path, content), expect=1)
        assert "settlement.csv is no settlement file." in refused.stderr
        assert (await reports("list")).stdout == "No report is imported yet.\n"

    async def test_a_file_that_is_not_there(self, reports, tmp_path):
        assert "does not exist" in (await reports("import", "--account", "jp", tmp_path / "no.csv", expect=2)).output


class TestAtAmazon:
    async def test_a_schedule_from_its_beginning_to_its_end(self, reports):
        assert (await reports("schedules", "--account", "jp")).stdout == "No report is scheduled.\n"
        assert (await reports("schedule", "--account", "jp", "--frequency", "P7D")).stdout.startswith("Scheduled as ")
        [schedule] = json.loads((await reports("schedules", "--account", "jp", "--json")).stdout)
        assert schedule["frequency"] == "P7D"
        assert f"{schedule['id']}  P7D  _GET_FLAT_FILE" in (await reports("schedules", "--account", "jp")).stdout
        sheet = (await reports("schedules", "--account", "jp", "--csv")).stdout_bytes.decode("utf-8-sig")
        assert sheet.splitlines()[0] == "schedule_id,report_type,frequency,next_at"
        replaced = json.loads((await reports("schedule", "--account", "jp", "--frequency", "P1D", "--json")).stdout)
        assert (await reports("unschedule", "--account", "jp", replaced["reportScheduleId"])).stdout == "Ended.\n"
        assert json.loads((await reports("schedules", "--account", "jp", "--json")).stdout) == []

    async def test_payouts_beside_their_lines(self, shop, reports, tmp_path):
        charge, total = await captured_at(shop)
        assert (await reports("disbursements", "--account", "jp")).stdout == "Nothing was paid out.\n"
        paid = shop.amazon.seller_central.disburse("AJPMERCHANT000")
        assert "no lines imported" in (await reports("disbursements", "--account", "jp")).stdout
        head = HEAD.replace("CurrencyCode", "SettlementId,CurrencyCode")
        text = f"{head}Capture,{charge},,{paid.settlement_id},JPY,{total},40,{total - 40}\n"
        await reports("import", "--account", "jp", written(tmp_path, text))
        [payout] = json.loads((await reports("disbursements", "--account", "jp", "--json")).stdout)
        assert (payout["amount"], payout["settled"], payout["difference"]) == (
            f"{total} JPY", f"{total - 40} JPY", "40 JPY",
        )  # fmt: skip
        sheet = (await reports("disbursements", "--account", "jp", "--csv")).stdout_bytes.decode("utf-8-sig")
        assert sheet.splitlines()[1].endswith(f",JPY,{total},{total - 40},40")
        assert paid.amount.decimal == Decimal(total)


class TestRefused:
    @pytest.mark.parametrize(
        ("typed", "code", "told"),
        [
            (("fetch", "--account", "nobody's"), 1, "There is no such Amazon Pay account."),
            (("show", "nothing"), 1, "There is no such settlement report here."),
            (("csv", "nothing"), 1, "There is no such settlement report here."),
            (("schedule", "--account", "jp", "--frequency", "hourly"), 1, "The frequency is one of PT5M, "),
            (("unschedule", "--account", "jp", "x"), 1, "does not know this object"),
            (("create", "--account", "jp", "--days", "91"), 2, "Invalid value"),
            (("disbursements",), 2, "--account"),
            (("list", "--tenant", "https://other.example/graphql/"), 1, "other.example"),
        ],
    )
    async def test_says_why(self, reports, typed, code, told):
        done = await reports(*typed, expect=code)
        assert told in done.output

    async def test_when_amazon_is_away(self, shop, reports):
        shop.amazon.faults.add(Fault(operation="get_reports", status=503, times=99))
        assert (await reports("fetch", expect=1)).stderr.strip()
        refused = json.loads((await reports("fetch", "--json", expect=1)).stdout)
        assert refused["errors"]


def test_every_subcommand_has_its_case():
    text = Path(__file__).read_text("utf-8")
    names = {command.name or command.callback.__name__ for command in cli_reports.app.registered_commands}
    assert {name for name in names if f'reports("{name}"' not in text} == set()
