"""What the Dashboard shows beside an order and a customer: the same payments, in small.

Mounts ``ORDER_DETAILS_WIDGETS`` and ``CUSTOMER_DETAILS_WIDGETS`` (Saleor 3.22+); the Dashboard adds ``orderId`` or
``customerId`` to the address. Source: saleor-contract.md §1, §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from saleor_amazonpay.dashboard.pages import Answer, Pages, Screen, Visit
from saleor_amazonpay.dashboard.views import disputes
from saleor_amazonpay.dashboard.views.agreements import word_of
from saleor_amazonpay.dashboard.views.following import follow
from saleor_amazonpay.dashboard.views.payments import AMOUNTS, OPERATIONS, ORDER_WIDGET, STAFF, STATUSES, Word
from saleor_amazonpay.handlers.merchant_payments import listing, story
from saleor_amazonpay.handlers.merchant_payments.story import PaymentStory
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payment_list import PaymentFilter

pages = Pages()

_FEW: Final = 5
_LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A payment of the order. ``page`` is where the Dashboard shows it in full."""

    told: PaymentStory
    word: Word
    base: str
    page: str
    form_id: str


@pages.get("/widgets/order", permissions=STAFF, frame="widget")
async def of_order(visit: Visit) -> Answer:
    services, installation = visit.services, visit.viewer.installation
    order_id = visit.query.text("orderId")[:_LONGEST_ID]
    ids: Sequence[str] = ()
    if order_id:
        found = await services.saleor.transactions_of_order(installation.api_url, installation.token, order_id)
        ids = await listing.of_transactions(services, installation.api_url, found)
    stories = [await story.tell(services, installation, id_) for id_ in ids[:_FEW]]
    return Screen(
        "order_widget.html",
        title=Message("Amazon Pay"),
        stories=[_shown(visit, told) for told in stories],
        back=ORDER_WIDGET + quote(order_id, safe=""),
        following=follow(visit, ORDER_WIDGET + quote(order_id, safe=""), stories),
        operations=OPERATIONS,
        amounts=AMOUNTS,
        dispute_badge=disputes.badge,
        dispute_page=lambda id_: _in_dashboard(visit, f"/disputes/{id_}"),
    )


def _shown(visit: Visit, told: PaymentStory) -> Shown:
    base = f"/payments/{told.payment.id}"
    return Shown(told, STATUSES[told.status], base, _in_dashboard(visit, base), uuid4().hex)


def _in_dashboard(visit: Visit, path: str) -> str:
    """The Dashboard's own address of a page of this app."""
    return f"/extensions/app/{quote(visit.viewer.installation.app_id, safe='')}{path}"


@pages.get("/widgets/customer", permissions=STAFF, frame="widget")
async def of_customer(visit: Visit) -> Answer:
    services, installation = visit.services, visit.viewer.installation
    customer_id = visit.query.text("customerId")[:_LONGEST_ID]
    payments = await listing.listed(
        services, installation, PaymentFilter(customer_id=customer_id or "nobody"), size=_FEW
    )

    def look(session: Session) -> Sequence[Agreement]:
        return agreement_rows.of_customer(session, installation.api_url, customer_id)

    agreements = await services.database.read(look) if customer_id else ()
    return Screen(
        "customer_widget.html",
        title=Message("Amazon Pay"),
        agreements=[(each, word_of(each)) for each in agreements],
        payments=payments.payments,
        has_more=payments.after is not None,
        statuses=STATUSES,
        page_of=lambda id_: _in_dashboard(visit, f"/payments/{id_}"),
        agreement_page=lambda id_: _in_dashboard(visit, f"/agreements/{id_}"),
    )
