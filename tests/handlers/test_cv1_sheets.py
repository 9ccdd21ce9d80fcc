"""A CSV of old ids as merchants have them: exported by spreadsheets, broken in places, and every line accounted for."""

from __future__ import annotations

import pytest

from saleor_amazonpay.errors import InvalidPayload
from saleor_amazonpay.handlers.cv1 import bulk, rows
from saleor_amazonpay.handlers.cv1.adopting import Outcome, Result
from saleor_amazonpay.handlers.cv1.rows import Row

ID = "S03-1234567-1234567"


class TestReading:
    @pytest.mark.parametrize(
        "content",
        [
            f"amazon_id,order\n{ID},7\n".encode(),
            f"\ufeffAmazon ID;Order\r\n{ID};7\r\n".encode(),
            f"order\tamazon_id\n7\t{ID}\n".encode("utf-16"),
            f'"amazon_id","order"\n"{ID}","7"\n\n'.encode(),
        ],
        ids=["plain", "excel", "unicode text", "quoted"],
    )
    def test_what_spreadsheets_write(self, content):
        sheet = bulk.read_sheet(content)
        assert [(row.amazon_id, row.order) for row in sheet.rows] == [(ID, "7")]
        assert not sheet.unreadable

    def test_every_broken_line_has_its_reason_and_the_others_are_read(self):
        lines = [
            b"amazon_id,order,note",
            b"S03-1234567-1234567,1,good",
            b"S03-1234567-1234568,\x83\x65,bad",  # Shift_JIS
            b'S03-1234567-1234569,"2,bad',
            b"S03-1234567-1234560,3",
            b"S03-1234567-1234561,4,good,more",
            b"S03-1234567-1234562,5,good",
        ]
        sheet = bulk.read_sheet(b"\n".join(lines))
        assert [row.line for row in sheet.rows] == [2, 7]
        reasons = {line: outcome.reason for line, outcome in sheet.unreadable.items()}
        assert reasons == {3: "ENCODING", 4: "QUOTING", 5: "COLUMNS", 6: "COLUMNS"}
        assert (sheet.size, sheet.ignored) == (6, ["note"])

    @pytest.mark.parametrize("content", [b"", b"order\n7\n", b"amazon_id,amazon_id\n", b"\x00\xff\n"])
    def test_a_file_without_a_header_is_none(self, content):
        with pytest.raises(InvalidPayload, match="amazon_id"):
            bulk.read_sheet(content)


class TestGrouping:
    def test_rows_of_an_order_reference_are_read_together_whatever_lies_between(self):
        given = [Row(ID, "7"), Row("S03-7654321-1234567", "8"), Row(f"{ID}-A123456"), Row(f" {ID}-R123456 ", "7")]
        groups, refused = rows.grouped(given, is_dry_run=False)
        assert [group.places for group in groups] == [[0, 2, 3], [1]]
        assert (groups[0].request.order, refused) == ("7", {})

    def test_a_row_that_contradicts_an_earlier_one_is_refused_alone(self):
        groups, refused = rows.grouped([Row(ID, "7"), Row(f"{ID}-A123456", "8")], is_dry_run=False)
        assert [group.places for group in groups] == [[0]]
        assert refused[1].reason == "CONTRADICTS"


class TestReport:
    def test_a_spreadsheet_runs_nothing_of_it(self):
        text = bulk.report({2: Outcome("=1+1", Result.REFUSED, "WRONG_LENGTH", "no")})
        assert text.splitlines()[1].startswith("2,'=1+1,refused")
