"""Whose a notification on a standing permission is: several payments share it, and the agreement has it.

Source: DESIGN §6 cases 5 and 16; amazon-pay-cv2.md §8.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.errors import AmazonPayError, AmazonPayRejected
from saleor_amazonpay.handlers.agreements import looking
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.notifications import Received
from saleor_amazonpay.storage.payments import Payment

_FINDERS: Mapping[str, Callable[[Session, str, str], Payment | None]] = {
    "CHARGE": payment_rows.by_charge,
    "REFUND": payment_rows.by_refund,
}


def agreement_of(session: Session, received: Received) -> Agreement | None:
    """The agreement the notification's permission belongs to, if it is a standing one."""
    permission_id = received.charge_permission_id or received.object_id
    return agreement_rows.by_permission(session, received.api_url, permission_id)


def is_about_itself(known: Agreement, received: Received) -> bool:
    """The buyer changed the card, or somebody ended it: no payment is named."""
    return received.object_id == known.charge_permission_id


def payment_of(session: Session, received: Received) -> Payment | None:
    """The one payment that has the very charge or refund; the permission alone would name any of them."""
    find = _FINDERS.get(received.object_type)
    return find(session, received.api_url, received.object_id) if find else None


async def payment_of_unknown_refund(
    services: Services, known: Agreement, received: Received, deadline: Deadline
) -> Payment | None:
    """A refund made in Seller Central names its charge only when it is read.

    Raises:
        RetryLater: Amazon cannot be asked now.
    """
    if received.object_type != "REFUND":
        return None
    account = await services.directory.account(known.api_url, known.account_id)
    request = requests.get_refund(received.object_id)
    try:
        refund = (await services.amazon(account).execute(request, budget=deadline.left)).value
    except AmazonPayRejected:
        return None
    except AmazonPayError as absence:
        raise RetryLater(None, f"Amazon Pay cannot be read: {absence.code}") from absence
    charge_id = refund.charge_id or ""
    return await services.database.read(lambda session: payment_rows.by_charge(session, known.api_url, charge_id))


async def look(services: Services, known: Agreement, deadline: Deadline) -> None:
    """Raises RetryLater: Amazon cannot be asked now."""
    await looking.look(services, known.id, deadline)
