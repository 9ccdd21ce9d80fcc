"""A whole CSV of CV1 ids adopted: four orders at a time, at the rate Amazon leaves to background work.

Nothing is kept about the run: what is done is known by the payments themselves, so the same file given again goes on
where the last run ended, however it ended. Every row gets its outcome, also the unreadable ones.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from saleor_amazonpay.errors import InvalidPayload
from saleor_amazonpay.handlers.cv1 import rows as one_by_one
from saleor_amazonpay.handlers.cv1.adopting import LEASE, Outcome, Result
from saleor_amazonpay.handlers.cv1.rows import COLUMNS, Group, Row
from saleor_amazonpay.handlers.rate_limits import background
from saleor_amazonpay.handlers.services import Deadline, Services

ID_COLUMN: Final = "amazon_id"
REPORT_COLUMNS: Final = (
    "line",
    ID_COLUMN,
    "result",
    "reason",
    "message",
    "transaction",
    "order_number",
    "cv2_state",
    "agreement",
)

_WORKERS: Final = 4
_PASSES: Final = 3  # rows that something was in the way of are tried again, after a lease could have run out
_BUDGET: Final = 900.0  # seconds for one order: mostly waiting for its turn at Amazon
_DELIMITERS: Final = ",;\t"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_FORMULA: Final = ("=", "+", "-", "@")  # what a spreadsheet would run


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read. ``unreadable`` by line; ``ignored`` are columns nobody asked for."""

    rows: Sequence[Row]
    unreadable: Mapping[int, Outcome]
    ignored: Sequence[str] = ()

    @property
    def size(self) -> int:
        return len(self.rows) + len(self.unreadable)


@dataclass(slots=True)
class Tally:
    """How far a run is, in rows."""

    total: int
    done: int = 0
    by_result: dict[Result, int] = field(default_factory=dict)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        self.done += len(outcomes)
        for outcome in outcomes:
            self.by_result[outcome.result] = self.by_result.get(outcome.result, 0) + 1


def read_sheet(content: bytes) -> Sheet:
    """The rows of a CSV: comma, semicolon or tab, UTF-8 or UTF-16, one id a line.

    Raises:
        InvalidPayload: there is no header with the column ``amazon_id``.
    """
    if content.startswith(_UTF_16):
        content = content.decode("utf-16", "replace").encode()
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    header, delimiter = _header(lines[0] if lines else b"")
    rows: list[Row] = []
    unreadable: dict[int, Outcome] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        read = _row(line, number, header, delimiter)
        if isinstance(read, Row):
            rows.append(read)
        else:
            unreadable[number] = read
    return Sheet(rows, unreadable, [name for name in header if name not in {ID_COLUMN, *COLUMNS}])


def _header(line: bytes) -> tuple[list[str], str]:
    text = line.decode("utf-8", "replace")
    delimiter = max(_DELIMITERS, key=text.count)
    names = [name.strip().lower().replace(" ", "_") for name in next(csv.reader([text], delimiter=delimiter), [])]
    if names.count(ID_COLUMN) != 1:
        raise InvalidPayload(
            f"The first line must name the columns, {ID_COLUMN} once among them, and may name {', '.join(COLUMNS)}."
        )
    return names, delimiter


def _row(line: bytes, number: int, header: Sequence[str], delimiter: str) -> Row | Outcome:
    try:
        text = line.decode("utf-8")
        fields = next(csv.reader([text], delimiter=delimiter, strict=True))
    except UnicodeDecodeError:
        return _unreadable(line, "ENCODING", "The line is not UTF-8; save the file as CSV UTF-8.")
    except csv.Error as fault:
        return _unreadable(line, "QUOTING", f"The line's quotes do not fit: {fault}.")
    if len(fields) != len(header):
        return _unreadable(line, "COLUMNS", f"The line has {len(fields)} columns, the header {len(header)}.")
    given = dict(zip(header, fields, strict=True))
    wanted = {name: given.get(name, "").strip() for name in COLUMNS}
    return Row(given[ID_COLUMN].strip(), **wanted, line=number)


def _unreadable(line: bytes, reason: str, message: str) -> Outcome:
    return Outcome(line.decode("utf-8", "replace")[:60], Result.REFUSED, reason, message)


async def adopt_sheet(
    services: Services,
    api_url: str,
    sheet: Sheet,
    *,
    is_dry_run: bool,
    progress: Callable[[Tally], None] = lambda _tally: None,
) -> dict[int, Outcome]:
    """The outcome of every line, by its number."""
    groups, outcomes = one_by_one.grouped(sheet.rows, is_dry_run=is_dry_run)
    tally = Tally(sheet.size)
    tally.add([*sheet.unreadable.values(), *outcomes.values()])
    waiting = groups
    with background():
        for left in range(_PASSES - 1, -1, -1):
            waiting = await _pass(services, api_url, waiting, outcomes, tally, progress, is_last=not left)
            if not waiting:
                break
            await services.clock.sleep(LEASE.total_seconds())
    by_line = {sheet.rows[place].line: outcome for place, outcome in outcomes.items()}
    return dict(sorted({**sheet.unreadable, **by_line}.items()))


async def _pass(
    services: Services,
    api_url: str,
    groups: Sequence[Group],
    outcomes: dict[int, Outcome],
    tally: Tally,
    progress: Callable[[Tally], None],
    *,
    is_last: bool,
) -> list[Group]:
    """Adopt the groups; those that something was in the way of come back, unless it was the last time."""
    again: list[Group] = []
    queue = iter(groups)  # shared: each worker takes the next one

    async def work() -> None:
        for group in queue:
            deadline = Deadline(services.clock, _BUDGET)
            done = await one_by_one.adopt_group(services, api_url, group, deadline)
            if not is_last and any(outcome.result is Result.LATER for outcome in done):
                again.append(group)
                continue
            outcomes.update(zip(group.places, done, strict=True))
            tally.add(done)
            progress(tally)

    async with asyncio.TaskGroup() as workers:
        for _ in range(_WORKERS):
            workers.create_task(work())
    return again


def report(outcomes: Mapping[int, Outcome]) -> str:
    """A CSV with a row for each line of the file."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(REPORT_COLUMNS)
    writer.writerows(_report_row(line, outcome) for line, outcome in outcomes.items())
    return out.getvalue()


def _report_row(line: int, outcome: Outcome) -> Iterator[str]:
    yield str(line)
    values = (
        outcome.id,
        outcome.result.value,
        outcome.reason,
        outcome.message,
        outcome.transaction_id,
        outcome.order_number,
        outcome.cv2_state,
        outcome.agreement_id,
    )
    for value in values:
        yield f"'{value}" if value.startswith(_FORMULA) else value
