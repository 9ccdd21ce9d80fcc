from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.amazonpay.settlement import LineKind, NotASettlementFile, read_settlement

COLUMNS = (
    "TransactionPostedDate,SettlementId,AmazonTransactionId,SellerReferenceId,TransactionType,AmazonOrderReferenceId,"
    "SellerOrderId,StoreName,CurrencyCode,TransactionDescription,TransactionAmount,TransactionPercentageFee,"
    "TransactionFixedFee,TotalTransactionFee,NetTransactionAmount"
)
CAPTURE = (
    "2026-05-18T15:48:50-0000,5044561311,P01-2400747-7777779-C084595,R-1,Capture,P01-2400747-7777779,1001,Tea,USD,,"
    '"1,234.50",-35.80,-0.30,-36.10,1198.40'
)
REFUND = (
    "2026-05-19T15:48:50-0000,5044561311,P01-2400747-7777779-R000001,R-2,Refund,P01-2400747-7777779,1001,Tea,USD,,"
    "-34.50,1.00,0,1.00,-33.50"
)
FLAT = f"{COLUMNS}\r\n{CAPTURE}\r\n{REFUND}\r\n"


class TestShapes:
    def test_amazons_flat_file(self):
        file = read_settlement(FLAT.encode())
        capture, refund = file.lines
        assert (capture.kind, capture.amount.amount, capture.fee.amount, capture.net.amount) == (
            LineKind.CAPTURE, "1234.50", "36.10", "1198.40",
        )  # fmt: skip
        assert (refund.kind, refund.amount.amount, refund.fee.amount) == (LineKind.REFUND, "-34.50", "-1.00")
        assert (capture.faults, refund.faults, file.faults, file.unknown_columns) == ((), (), [], [])
        assert capture.posted_at.isoformat() == "2026-05-18T15:48:50+00:00"

    def test_tabs_with_words_about_the_report_before_the_columns_and_columns_nobody_knows(self):
        rows = (
            "SettlementStartDate=2026-05-01T00:00:00+0000\tSettlementEndDate=2026-05-14T00:00:00+0000",
            "SellerId=A1XX111XXX111XX",
            "TransactionType\tPresentmentAmount\tTransactionAmount\tCurrencyCode\tAmazonTransactionId\tNewColumn",
            "Capture\t10.00 EUR\t10.00\tEUR\tP02-1-1-C000001\twhatever",
            "Carryover\t\t-3.50\tEUR\t\t",
        )
        file = read_settlement("".join(f"{row}\n" for row in rows).encode("utf-16"))
        assert file.about["SettlementEndDate"] == "2026-05-14T00:00:00+0000"
        assert file.about["SellerId"] == "A1XX111XXX111XX"
        assert file.unknown_columns == ["PresentmentAmount", "NewColumn"]
        assert [line.kind for line in file.lines] == [LineKind.CAPTURE, LineKind.CARRYOVER]
        assert file.lines[0].raw["NewColumn"] == "whatever"

    def test_japanese_in_shift_jis(self):
        text = (
            "取引日時,決済番号,Amazon取引ID,取引の種類,注文番号,通貨コード,取引金額,手数料,入金額\r\n"
            '2026/05/18 10:00:00,77,P03-1-1-C000001,売上請求,1001,JPY,"￥3,500",140,"￥3,360"\r\n'
            "2026/05/19 10:00:00,77,P03-1-1-R000001,返金,1001,JPY,△500,0,△500\r\n"
            "2026/05/20 10:00:00,77,,振込,,JPY,-2860,0,-2860\r\n"
        )
        file = read_settlement(text.encode("cp932"))
        assert [(line.kind, line.amount.minor, line.fee.minor) for line in file.lines] == [
            (LineKind.CAPTURE, 3500, 140),
            (LineKind.REFUND, -500, 0),
            (LineKind.TRANSFER, -2860, 0),
        ]
        assert file.faults == []

    def test_semicolons_and_decimal_commas(self):
        text = "TransactionType;TransactionAmount;CurrencyCode;TotalTransactionFee\nCapture;1.234,50;EUR;12,30\n"
        [line] = read_settlement(text.encode()).lines
        assert (line.amount.amount, line.fee.amount, line.net.amount) == ("1234.50", "12.30", "1222.20")


class TestWrong:
    def test_a_file_that_breaks_off_keeps_what_was_whole(self):
        file = read_settlement(FLAT[:-60].encode())
        assert len(file.lines) == 1
        assert file.faults[0].message == "The file ends in the middle of this line."
        assert file.faults[0].number == 3

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            (CAPTURE.replace("1198.40", "1200.00"), "does not add up"),
            (CAPTURE.replace("-0.30", "-0.40"), "fees do not add up"),
            (CAPTURE.replace("Capture", "Lottery"), "no kind of transaction"),
            (CAPTURE.replace("2026-05-18T15:48:50-0000", "yesterday"), "no time that can be read"),
        ],
    )
    def test_a_line_with_a_fault_is_kept_and_says_so(self, wrong, told):
        [line] = read_settlement(f"{COLUMNS}\n{wrong}\n".encode()).lines
        assert any(told in fault for fault in line.faults), line.faults

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            (CAPTURE.replace('"1,234.50"', "much"), "is no amount"),
            (CAPTURE.replace('"1,234.50"', "1.2345"), "USD"),
            (CAPTURE.replace("USD", "XYZ"), "no currency"),
            (CAPTURE.replace(",Tea", ""), "Cells are missing"),
            (CAPTURE + ",more", "more cells"),
        ],
    )
    def test_a_row_that_is_no_line_is_a_fault(self, wrong, told):
        file = read_settlement(f"{COLUMNS}\n{wrong}\n{REFUND}\n".encode())
        assert (len(file.lines), [told in fault.message for fault in file.faults]) == (1, [True])

    @pytest.mark.parametrize(
        "content", [b"", b"<html>Expired</html>", b"a,b,c\n1,2,3\n", b"TransactionType,CurrencyCode,StoreName\n"]
    )
    def test_what_is_no_settlement(self, content):
        with pytest.raises(NotASettlementFile):
            read_settlement(content)

    @given(st.lists(st.text(alphabet='0a,"\n\r-.', max_size=40), max_size=20))
    def test_every_row_is_a_line_or_a_fault(self, rows):
        text = f"{COLUMNS}\n" + "".join(f"{row}\n" for row in rows)
        file = read_settlement(text.encode())
        assert {line.number for line in file.lines}.isdisjoint(fault.number for fault in file.faults)
