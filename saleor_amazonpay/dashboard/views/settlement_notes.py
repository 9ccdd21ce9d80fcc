"""What is said of settlement lines and rows, which are kept as English texts, in the reader's language."""

from __future__ import annotations

from typing import Final

from saleor_amazonpay.messages import Message, marked, recognized

NOTES: Final = (
    marked("No payment of this shop has it."),
    marked("It may belong to several payments: {payments}."),
    marked("The payment is in {currency}."),
    marked("It should be {amount}."),
    marked("{id} is not known here."),
    marked("The payment has no other {kind} of this amount."),
    marked("The other lines of settlement {settlement} come to {amount}."),
    marked("{kind} is no kind of transaction that is known here."),
    marked("The fees do not add up: {parts} in parts, {fee} in all."),
    marked("The line does not add up: {amount} less a fee of {fee} is not {net}."),
    marked("{text} is no time that can be read."),
    marked("{text} is no amount."),
    marked("{currency} is no currency Amazon Pay settles in."),
    marked("{value} has more decimals than {currency} allows ({count})."),
    marked("The file ends in the middle of this line."),
    marked("Cells are missing."),
    marked("There are more cells than columns."),
)
"""As ``handlers.settlements.matching`` and ``amazonpay.settlement`` word them; a test has all of them recognized."""


def noted(text: str) -> tuple[Message, ...]:
    """Several are kept in one text, a semicolon between them."""
    return tuple(recognized(part, NOTES) for part in text.split("; "))
