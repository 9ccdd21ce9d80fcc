"""Which goods of its template order a schedule bills: all of them, or so many pieces of the lines that were chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from saleor_amazonpay.domain.billing import ChosenLine
from saleor_amazonpay.handlers.billing.fields import BillingErrorCode, Faults, LineFields
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.renewal_orders import TemplateOrder

FIELD = "lines"


def choose(template: TemplateOrder, given: Sequence[LineFields]) -> TemplateOrder:
    """The order with only these of its goods; with all of them where nothing is named, or everything.

    Raises:
        BillingErrors: a line it does not have, or not so many pieces.
    """
    faults = Faults()
    ordered = {line.id: line for line in template.lines}
    named = Counter(line.order_line_id for line in given)
    for line in given:
        known = ordered.get(line.order_line_id)
        if known is None:
            message = Message("Order {number} has no line {id}.", number=template.number, id=line.order_line_id[:80])
            faults.add(FIELD, message, BillingErrorCode.NOT_FOUND)
        elif not 1 <= line.quantity <= known.ordered:
            message = Message(
                "Of {name}, 1 to {most} pieces can be billed, not {count}.",
                name=known.name,
                most=known.ordered,
                count=line.quantity,
            )
            faults.add(FIELD, message)
        elif named[line.order_line_id] > 1:
            faults.add(FIELD, Message("Name each line once: {name}.", name=known.name))
    faults.raise_any()
    wanted = {line.order_line_id: line.quantity for line in given}
    is_whole = wanted in ({}, {line.id: line.ordered for line in template.lines})
    return template if is_whole else template.only(wanted)


def gone(template: TemplateOrder, chosen: Sequence[ChosenLine]) -> list[str]:
    """Names of what was chosen and is not in the order any more, or not so often."""
    ordered = {line.id: line.ordered for line in template.lines}
    return [line.name for line in chosen if ordered.get(line.order_line_id, 0) < line.quantity]


def only(template: TemplateOrder, chosen: Sequence[ChosenLine] | None) -> TemplateOrder:
    """The order with what was chosen of it; None: all of it."""
    return template if chosen is None else template.only({line.order_line_id: line.quantity for line in chosen})


def of(template: TemplateOrder) -> tuple[ChosenLine, ...] | None:
    """What is kept of a choice; None: all, whatever the order has on the day."""
    if template.is_whole:
        return None
    return tuple(ChosenLine(line.id, line.quantity, line.name) for line in template.lines)
