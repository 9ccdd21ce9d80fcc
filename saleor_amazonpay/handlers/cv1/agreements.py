"""A Billing Agreement of CV1 becomes an agreement of this app: charged, closed, updated and read as any other.

Source: amazon-pay-cv2.md §12 (the rows of Auto Pay), DESIGN §8.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from saleor_amazonpay.amazonpay import ChargePermission, Region
from saleor_amazonpay.domain.cv1.identifiers import Cv1Kind
from saleor_amazonpay.domain.cv1.states import cv1_word
from saleor_amazonpay.domain.money import Currency
from saleor_amazonpay.domain.states import ChargePermissionState, ChargePermissionType
from saleor_amazonpay.handlers.agreements import births, copies
from saleor_amazonpay.handlers.cv1.adopting import Outcome, Result
from saleor_amazonpay.handlers.cv1.finding import Request, account_of, find_order, reading_of
from saleor_amazonpay.handlers.cv1.reading import Refused, read
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose agreement it is, and where it is charged."""

    account: Account
    channel_slug: str
    customer_id: str
    order_number: str = ""


async def adopt(services: Services, api_url: str, request: Request, deadline: Deadline) -> list[Outcome]:
    """One outcome for each time the agreement is named.

    Raises:
        Refused: it is Closed, or nobody says whose it is.
        AppError: something is in the way now.
    """
    known = await services.database.read(
        lambda session: agreement_rows.by_permission(session, api_url, request.permission_id)
    )
    if known is not None:
        return _outcomes(request, Result.KNOWN, known.state, known.id)
    owner = await _owner(services, api_url, request)
    reading = await read(services.amazon(owner.account), request.permission_id, (), deadline)
    permission = reading.permission
    if permission.state == ChargePermissionState.CLOSED:
        raise Refused(
            "NOTHING_TO_MANAGE", f"{request.permission_id} is Closed or Canceled: nothing can be charged on it."
        )
    if request.is_dry_run:
        return _outcomes(request, Result.WOULD_ADOPT, permission.state, "", owner.order_number)
    agreement_id = await services.database.run(lambda session: _write(session, services, request, owner, permission))
    word = cv1_word(Cv1Kind.BILLING_AGREEMENT, permission.state, reading_of(services))
    note = "" if word == "Open" else f"It is {word}: it can be charged once the buyer has updated the payment method."
    return _outcomes(request, Result.ADOPTED, permission.state, agreement_id, owner.order_number, note)


def _outcomes(
    request: Request, result: Result, state: str, agreement_id: str, order_number: str = "", message: str = ""
) -> list[Outcome]:
    return [
        Outcome(
            id_.text, result, message=message, order_number=order_number, cv2_state=state, agreement_id=agreement_id
        )
        for id_ in request.ids
    ]


async def _owner(services: Services, api_url: str, request: Request) -> _Owner:
    """By the order the agreement was made with, where one is named; by customer and account otherwise."""
    customer_id = request.customer_id
    if customer_id and not _is_user_id(customer_id):
        raise Refused("NO_CUSTOMER", f"{customer_id!r} is not the id of a Saleor customer.")
    if request.order or request.external_reference:
        order = await find_order(services, api_url, request)
        account = await account_of(services, api_url, request, order.channel_slug)
        owner = _Owner(account, order.channel_slug, customer_id or order.customer_id or "", order.number)
    else:
        slug = await services.database.read(lambda session: _channel(session, services, api_url, request))
        owner = _Owner(await account_of(services, api_url, request, slug), slug, customer_id)
    if not owner.customer_id:
        raise Refused("NO_CUSTOMER", "Name the Saleor customer whose agreement it is, or an order of theirs.")
    return owner


def _channel(session: Session, services: Services, api_url: str, request: Request) -> str:
    """A channel whose account the agreement can be charged with."""
    id_ = request.ids[0]
    fitting = {
        account.id
        for account in account_rows.of_tenant(session, api_url, services.secrets)
        if (account.region, account.environment) == (id_.region, id_.environment)
        and request.account_id in {"", account.id}
    }
    for assignment in account_rows.assignments(session, api_url):
        if assignment.account_id in fitting:
            return assignment.channel_slug
    raise Refused("NO_CHANNEL", f"No channel has an account of region {id_.region} and environment {id_.environment}.")


def _is_user_id(text: str) -> bool:
    try:
        return base64.b64decode(text, validate=True).startswith(b"User:")
    except (ValueError, binascii.Error):
        return False


def _write(session: Session, services: Services, request: Request, owner: _Owner, permission: ChargePermission) -> str:
    """Born as any agreement is, and read at once: its state, its month's limit and its end are Amazon's own."""
    now = services.clock.now()
    born = births.agreement(
        api_url=owner.account.api_url,
        account_id=owner.account.id,
        channel_slug=owner.channel_slug,
        customer_id=owner.customer_id,
        charge_permission_id=request.permission_id,
        charge_permission_type=ChargePermissionType.RECURRING,
        currency=_currency(permission, owner.account),
        terms=None,
        now=now,
        agreed_at=permission.created or now,
    )
    births.insert(session, services, born)
    copies.write(session, owner.account.api_url, permission, now=now)
    return born.id


def _currency(permission: ChargePermission, account: Account) -> Currency:
    limit = permission.limits.amount_limit if permission.limits else None
    told = (limit and limit.currency_code) or permission.presentment_currency
    return Currency(told or Region(account.region).ledger_currencies[0])
