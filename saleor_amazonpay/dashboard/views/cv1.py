"""Old orders: what an id of CV1 or Seller Central is and how it stands, and adopting the order it belongs to."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from saleor_amazonpay.dashboard.pages import Answer, Go, MenuEntry, Pages, Screen, Visit
from saleor_amazonpay.domain.cv1.calls import CALLS
from saleor_amazonpay.domain.cv1.states import SELLER_CENTRAL
from saleor_amazonpay.handlers.cv1 import explaining, rows
from saleor_amazonpay.handlers.cv1.adopting import Outcome, Result
from saleor_amazonpay.handlers.services import Deadline
from saleor_amazonpay.messages import Message, marked

pages = Pages()

_BUDGET: Final = 12.0  # seconds of reading at Amazon
_DONE: Final = frozenset({Result.ADOPTED, Result.KNOWN})


@pages.get("/old-orders", menu=MenuEntry(marked("Old orders"), order=80, icon="history"))
async def look_up(visit: Visit) -> Answer:
    return await _screen(visit, visit.query.text("id").strip())


@pages.post("/old-orders")
async def adopt(visit: Visit) -> Answer:
    """Take the order over by the id that was looked up and whatever else is named, each in a line."""
    form = visit.form
    given = [
        rows.Row(amazon_id=id_, order=form.text("order").strip(), customer=form.text("customer").strip())
        for id_ in dict.fromkeys([form.text("id").strip(), *form.text("more").split()])
        if id_
    ]
    deadline = Deadline(visit.services.clock, _BUDGET)
    outcomes = await rows.adopt_rows(visit.services, visit.tenant, given, deadline)
    wrong = [outcome for outcome in outcomes if outcome.result not in _DONE]
    if wrong or not outcomes:
        return await _screen(visit, form.text("id").strip(), wrong)
    return Go(f"/old-orders?{urlencode({'id': given[0].amazon_id})}", _done(outcomes[0]))


def _done(outcome: Outcome) -> Message:
    if outcome.agreement_id:
        return Message("The agreement can be billed from Saleor now.")
    return Message("Order {number} can be managed from Saleor now.", number=outcome.order_number)


async def _screen(visit: Visit, asked: str, wrong: list[Outcome] | None = None) -> Answer:
    deadline = Deadline(visit.services.clock, _BUDGET)
    found = await explaining.explain(visit.services, visit.tenant, asked, deadline) if asked else None
    return Screen(
        "old_orders.html",
        title=Message("Old orders"),
        status=422 if wrong else 200,
        asked=asked,
        found=found,
        wrong=wrong or [],
        form=visit.form,
        calls=CALLS,
        words=SELLER_CENTRAL,
    )
