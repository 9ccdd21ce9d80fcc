"""Settlement files read: every line becomes one entry or one fault, none is dropped.

Amazon's files come in several shapes: comma, tab or semicolon, with lines about the whole report before the columns or
without, UTF-8 or Shift_JIS, columns and kinds of transactions in English or Japanese. The columns are found by their
names, in any order; columns nobody knows are told, and kept with the line. Source: amazon-pay-cv2.md §3.12; English
names are Amazon's documented ones, Japanese ones are not documented [D] and can be added to the tables here.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from saleor_amazonpay.domain.money import Currency, Money, MoneyError

MOST_LINES: Final = 200_000
_ENOUGH: Final = 3  # known names that make a row the row of columns


class LineKind(StrEnum):
    CAPTURE = "Capture"
    REFUND = "Refund"
    CHARGEBACK = "Chargeback"
    CLAIM = "A-to-z Guarantee"
    AUTHORIZATION = "Authorization"
    TRANSFER = "Transfer"
    CARRYOVER = "Carryover"
    RESERVE = "Reserve"
    ADJUSTMENT = "Adjustment"
    FEE = "Fee"
    OTHER = "Other"


OF_A_PAYMENT: Final = frozenset({LineKind.CAPTURE, LineKind.REFUND, LineKind.CHARGEBACK, LineKind.CLAIM})
"""What belongs to one payment; the other kinds are between Amazon and the merchant's account."""

_COLUMNS: Final[Mapping[str, str]] = {
    alias: name
    for name, aliases in {
        "posted_at": "transactionposteddate transactiondate posteddate 取引日時 取引日 計上日 処理日",
        "settlement_id": "settlementid 決済id 決済番号",
        "transaction_id": "amazontransactionid transactionid chargeid 取引id amazon取引id トランザクションid",
        "reference": "sellerreferenceid merchantreferenceid chargereferenceid 出品者参照id 販売事業者参照id 参照id",
        "kind": "transactiontype 取引の種類 取引種別 取引タイプ トランザクションの種類",
        "permission_id": "amazonorderreferenceid chargepermissionid orderreferenceid amazonリファレンスid 注文参照id",
        "order_number": "sellerorderid merchantorderid 出品者注文id 販売事業者注文番号 注文番号",
        "store": "storename ストア名 店舗名",
        "currency": "currencycode currency 通貨 通貨コード",
        "description": "transactiondescription description 説明 取引の説明",
        "amount": "transactionamount amount 取引金額 金額",
        "percentage_fee": "transactionpercentagefee 料率手数料 手数料率分",
        "fixed_fee": "transactionfixedfee 固定手数料",
        "fee": "totaltransactionfee totalfee 手数料合計 手数料",
        "net": "nettransactionamount netamount 純額 差引金額 入金額",
    }.items()
    for alias in aliases.split()
}
_NEEDED: Final = ("kind", "amount", "currency")

_KINDS: Final[Mapping[str, LineKind]] = {
    alias: kind
    for kind, aliases in {
        LineKind.CAPTURE: "capture charge 売上請求 キャプチャ 請求 売上",
        LineKind.REFUND: "refund 返金",
        LineKind.CHARGEBACK: "chargeback chargebackrefund dispute チャージバック",
        LineKind.CLAIM: "atoz atozguarantee atozguaranteeclaim claim guaranteerefund マーケットプレイス保証 保証申請",
        LineKind.AUTHORIZATION: "authorization authexpired authcancelled オーソリ",
        LineKind.TRANSFER: "transfer disbursement payout 振込 支払い 入金",
        LineKind.CARRYOVER: "carryover previousbalance 繰越 繰り越し",
        LineKind.RESERVE: "reserve accountreserve reservedebit reservecredit 留保金 引当金",
        LineKind.ADJUSTMENT: "adjustment 調整",
        LineKind.FEE: "fee chargebackfee authorizationfee miscellaneousfees 手数料",
    }.items()
    for alias in aliases.split()
}

_TIME_FORMS: Final = ("%Y-%m-%dT%H:%M:%S%z", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """``fee`` is what Amazon kept (a cost is positive); ``raw`` the cells by the file's own column names."""

    number: int
    kind: LineKind
    kind_text: str
    posted_at: datetime | None
    settlement_id: str
    transaction_id: str
    reference: str
    permission_id: str
    order_number: str
    amount: Money
    fee: Money
    net: Money
    description: str
    raw: Mapping[str, str] = field(repr=False)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is no line: where it stands, what is wrong with it, and the row itself."""

    number: int
    message: str
    row: str


@dataclass(frozen=True, slots=True)
class SettlementFile:
    """``about`` is what the file says of itself before its columns, e.g. SettlementStartDate."""

    lines: Sequence[SettlementLine]
    faults: Sequence[Fault]
    unknown_columns: Sequence[str]
    about: Mapping[str, str]


class NotASettlementFile(ValueError):
    """No row names the columns of a settlement; the message says what was looked for."""


def read_settlement(content: bytes) -> SettlementFile:
    """Raises NotASettlementFile: empty, or without the columns that make a line."""
    text = _decoded(content)
    rows = _rows(text)
    about: dict[str, str] = {}
    for index, (number, row) in enumerate(rows):
        names = [_COLUMNS.get(_folded(cell)) for cell in row]
        if sum(name is not None for name in names) >= _ENOUGH:
            missing = [name for name in _NEEDED if name not in names]
            if missing:
                raise NotASettlementFile(f"The columns of line {number} lack {', '.join(missing)}.")
            whole = text.endswith(("\n", "\r"))
            return _read(rows[index + 1 :], row, names, about, is_whole=whole)
        about |= _about(row)
    raise NotASettlementFile(
        "No line names the columns of a settlement, such as TransactionType and TransactionAmount."
    )


def _decoded(content: bytes) -> str:
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp932", "replace")


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Each row with the number of its line; empty ones are none."""
    head = next((line for line in text.splitlines() if _known_names(line) >= _ENOUGH), "")
    delimiter = max("\t,;", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)][: MOST_LINES + 50]


def _known_names(line: str) -> int:
    return sum(_folded(cell) in _COLUMNS for cell in re.split(r"[\t,;]", line))


def _about(row: Sequence[str]) -> Mapping[str, str]:
    """``Name,value``, ``Name=value`` or ``Name: value``; several in a row."""
    pairs = [re.split(r"\s*[=:]\s*", cell.strip(), maxsplit=1) for cell in row if cell.strip()]
    if all(len(pair) == 1 for pair in pairs):
        return {row[0].strip().lstrip("#").strip(): row[1].strip()} if len(row) > 1 else {}
    return {pair[0].lstrip("#").strip(): pair[1] for pair in pairs if len(pair) > 1}


def _read(
    rows: Sequence[tuple[int, list[str]]],
    header: Sequence[str],
    names: Sequence[str | None],
    about: Mapping[str, str],
    *,
    is_whole: bool,
) -> SettlementFile:
    lines: list[SettlementLine] = []
    faults: list[Fault] = []
    for place, (number, row) in enumerate(rows):
        is_last = place == len(rows) - 1
        if len(row) < len(header):
            cut = "The file ends in the middle of this line." if is_last and not is_whole else "Cells are missing."
            faults.append(Fault(number, cut, ",".join(row)[:500]))
            continue
        cells = {name: cell.strip() for name, cell in zip(names, row, strict=False) if name is not None}
        raw = dict(zip(header, row, strict=False))
        if len(row) > len(header):
            faults.append(Fault(number, "There are more cells than columns.", ",".join(row)[:500]))
            continue
        try:
            lines.append(_line(number, cells, raw))
        except (MoneyError, ValueError) as wrong:
            faults.append(Fault(number, str(wrong), ",".join(row)[:500]))
    unknown = [title for title, name in zip(header, names, strict=True) if name is None]
    return SettlementFile(lines, faults, unknown, about)


def _line(number: int, cells: Mapping[str, str], raw: Mapping[str, str]) -> SettlementLine:
    currency = cells["currency"].upper()
    if currency not in {each.value for each in Currency}:
        raise ValueError(f"{cells['currency']!r} is no currency Amazon Pay settles in.")
    amount = _money(cells["amount"], currency)
    fee, net, faults = _fee_and_net(cells, amount, currency)
    kind_text = cells["kind"]
    kind = _KINDS.get(_folded(kind_text), LineKind.OTHER)
    if kind is LineKind.OTHER:
        faults = (*faults, f"{kind_text!r} is no kind of transaction that is known here.")
    moment, fault = _moment(cells.get("posted_at", ""))
    return SettlementLine(
        number=number,
        kind=kind,
        kind_text=kind_text,
        posted_at=moment,
        settlement_id=cells.get("settlement_id", ""),
        transaction_id=cells.get("transaction_id", ""),
        reference=cells.get("reference", ""),
        permission_id=cells.get("permission_id", ""),
        order_number=cells.get("order_number", ""),
        amount=amount,
        fee=fee,
        net=net,
        description=cells.get("description", ""),
        raw=raw,
        faults=(*faults, *fault),
    )


def _fee_and_net(cells: Mapping[str, str], amount: Money, currency: str) -> tuple[Money, Money, tuple[str, ...]]:
    """The fee as a cost, whichever sign the file gives it; a line that does not add up says so."""
    nothing = Money.zero(amount.currency)
    given = {name: _money(cells[name], currency) for name in ("fee", "percentage_fee", "fixed_fee") if cells.get(name)}
    parts = sum((given[name] for name in ("percentage_fee", "fixed_fee") if name in given), nothing)
    fee = given.get("fee", parts)
    net = _money(cells["net"], currency) if cells.get("net") else None
    faults: list[str] = []
    if "fee" in given and {"percentage_fee", "fixed_fee"} & given.keys() and fee != parts:
        faults.append(f"The fees do not add up: {parts} in parts, {fee} in all.")
    if net is None:
        cost = nothing - fee if fee < nothing else fee
        return cost, amount - cost, tuple(faults)
    cost = amount - net
    if cost not in {fee, nothing - fee}:
        faults.append(f"The line does not add up: {amount} less a fee of {fee} is not {net}.")
        cost = nothing - fee if fee < nothing else fee
    return cost, net, tuple(faults)


def _money(text: str, currency: str) -> Money:
    """``1,200``, ``￥1,200``, ``-12.34``, ``12,34``, ``(5.00)``, ``△500``."""
    plain = unicodedata.normalize("NFKC", text).strip()
    is_negative = plain.startswith(("-", "△", "▲", "\N{MINUS SIGN}")) or (plain.startswith("(") and plain.endswith(")"))
    plain = re.sub(r"[^\d.,]", "", plain)
    if re.fullmatch(r"\d{1,3}(\.\d{3})*,\d{2}", plain):
        plain = plain.replace(".", "").replace(",", ".")
    plain = plain.replace(",", "")
    if not plain:
        raise MoneyError(f"{text!r} is no amount.")
    return Money.parse(f"-{plain}" if is_negative else plain, currency)


def _moment(text: str) -> tuple[datetime | None, tuple[str, ...]]:
    if not text:
        return None, ()
    plain = text.removesuffix(" UTC").replace("Z", "+00:00")
    for form in _TIME_FORMS:
        try:
            found = datetime.strptime(plain, form)  # noqa: DTZ007 - a form without a zone means UTC
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC), ()
    return None, (f"{text!r} is no time that can be read.",)


def _folded(text: str) -> str:
    return re.sub(r"[\s_/()・-]+", "", unicodedata.normalize("NFKC", text)).strip("\"'").casefold()
