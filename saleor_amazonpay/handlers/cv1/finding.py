"""What is read about one Order Reference before anything is changed, and whatever forbids adopting it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from saleor_amazonpay.amazonpay import Charge
from saleor_amazonpay.domain.cv1 import limits
from saleor_amazonpay.domain.cv1 import states as cv1
from saleor_amazonpay.domain.cv1.identifiers import Cv1Id, Cv1Kind
from saleor_amazonpay.domain.money import Currency, Money, MoneyError, total
from saleor_amazonpay.domain.states import ChargeState
from saleor_amazonpay.handlers.cv1.reading import Reading, Refused, read
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor import adoption as saleor
from saleor_amazonpay.saleor.adoption import AdoptableOrder
from saleor_amazonpay.storage.accounts import Account

_HELD: Final = frozenset({ChargeState.AUTHORIZED, ChargeState.CAPTURE_INITIATED})
_ENDED: Final = frozenset({ChargeState.DECLINED, ChargeState.CANCELED})


@dataclass(frozen=True, slots=True)
class Request:
    """Ids of one Order Reference and the Saleor order they paid for, named in one of Saleor's three ways.

    ``order`` is Saleor's id or number. ``transaction_id``: one that was imported with the order, to be taken over
    instead of a new one. ``account_id``: where it is not the account of the order's channel. ``customer_id``: whose
    agreement it is.
    """

    ids: Sequence[Cv1Id]
    order: str = ""
    external_reference: str = ""
    transaction_id: str = ""
    account_id: str = ""
    customer_id: str = ""
    is_dry_run: bool = False

    @property
    def permission_id(self) -> str:
        return self.ids[0].permission_id


@dataclass(frozen=True, slots=True)
class Found:
    """``notes`` by id: worth knowing, and no reason to refuse."""

    order: AdoptableOrder
    account: Account
    reading: Reading
    notes: Mapping[str, str] = field(default_factory=dict)

    def is_empty(self, request: Request) -> bool:
        """Amazon refused every id that was named."""
        return all(id_.text in self.reading.refused for id_ in request.ids)


async def find(services: Services, api_url: str, request: Request, deadline: Deadline) -> Found:
    """The order in Saleor and its objects at Amazon.

    Raises:
        Refused: the order or account does not fit, or Amazon does not know the Order Reference.
        AmazonPayUnavailable, SaleorUnavailable: ask again later.
    """
    order = await find_order(services, api_url, request)
    account = await account_of(services, api_url, request, order.channel_slug)
    reading = await read(services.amazon(account), request.permission_id, request.ids, deadline)
    found = Found(order, account, reading, dict(_notes(services, request, reading)))
    try:
        _check(request, found)
    except MoneyError as wrong:
        raise Refused("CURRENCY", str(wrong)) from wrong
    return found


async def find_order(services: Services, api_url: str, request: Request) -> AdoptableOrder:
    named = request.order or request.external_reference
    if not named:
        raise Refused("NO_ORDER", "No Saleor order is named for it.")
    tenant = await services.directory.tenant(api_url)
    order = await saleor.find_order(
        services.saleor,
        api_url,
        tenant.installation.token,
        order=request.order,
        external_reference=request.external_reference,
    )
    if order is None:
        raise Refused("NO_ORDER", f"Saleor has no order {named!r}.")
    return order


async def account_of(services: Services, api_url: str, request: Request, channel_slug: str) -> Account:
    """The account named, or the channel's; it must be of the id's region and environment."""
    if request.account_id:
        account = await services.directory.account(api_url, request.account_id)
    else:
        account = await services.directory.account_for_channel(api_url, channel_slug)
    id_ = request.ids[0]
    for reason, its, the_accounts in (
        ("WRONG_ENVIRONMENT", id_.environment, account.environment),
        ("WRONG_REGION", id_.region, account.region),
    ):
        if its != the_accounts:
            raise Refused(reason, f"{id_.text} is of {its}; the account {account.name!r} is of {the_accounts}.")
    return account


def _notes(services: Services, request: Request, reading: Reading) -> Iterator[tuple[str, str]]:
    state = reading.permission.state
    word = cv1.cv1_word(Cv1Kind.ORDER_REFERENCE, state, reading_of(services))
    if word == "Suspended":
        reasons = ", ".join(reading.permission.reason_codes) or "no reason given"
        yield request.permission_id, f"Suspended ({reasons}): a charge is tried all the same when it is asked for."
    for id_ in request.ids:
        charge = reading.charges.get(id_.cv2_id)
        if charge is not None and charge.state in _ENDED:
            yield id_.text, f"It has ended: {charge.reason_code or charge.state}."


def reading_of(services: Services) -> cv1.OrderReferenceReading:
    """Which of Amazon's two documents the operator believes about Order References."""
    return cv1.OrderReferenceReading(services.settings.cv1_order_reference_states)


def _check(request: Request, found: Found) -> None:
    """Raise Refused for what would give Saleor wrong amounts, or nothing to do."""
    if found.is_empty(request):
        return
    permission, charges = found.reading.permission, found.reading.charges.values()
    limit = permission.limits.amount_limit if permission.limits else None
    prices = [price for price in (limit, *(charge.charge_amount for charge in charges)) if price is not None]
    foreign = {price.currency_code for price in prices} - {found.order.currency, None}
    if foreign:
        raise Refused(
            "CURRENCY", f"The order is in {found.order.currency}, its payment in {', '.join(map(str, foreign))}."
        )
    used = total(map(used_by, charges), Currency(found.order.currency))
    if limit is not None and limit.amount is not None and used > limits.over_amount_limit(limit.money()):
        raise Refused(
            "ADDS_UP_TO_TOO_MUCH",
            f"What is named adds up to {used}, more than the {limit.money()} of the Order Reference allows; an "
            "authorization and its capture are perhaps both named, under different numbers: name the capture.",
        )
    if permission.state not in cv1.CHARGED_ON and all(is_over(charge) for charge in charges):
        raise Refused(
            "NOTHING_TO_MANAGE",
            f"{request.permission_id} is {permission.state} ({', '.join(permission.reason_codes) or 'no reason'}), "
            "nothing named under it is authorized or captured. If something is, name its authorization or capture.",
        )


def used_by(charge: Charge) -> Money:
    """What a charge holds or has captured; nothing once it has ended without a capture."""
    if charge.charge_amount is None:
        raise MoneyError("The charge has no amount.")
    amount = charge.charge_amount.money()
    if charge.state in _HELD:
        return amount
    if charge.capture_amount is not None and charge.capture_amount.amount is not None:
        return charge.capture_amount.money()
    return amount if charge.state == ChargeState.CAPTURED else Money.zero(amount.currency)


def is_over(charge: Charge) -> bool:
    """Nothing was captured by it, and nothing will be."""
    return charge.state in _ENDED and not used_by(charge).is_positive


def as_captured(charge: Charge) -> Charge:
    """A Capture that CV1 closed (refunded to the limit) reads Canceled; its money was captured all the same (§12)."""
    status = charge.status_details
    if status is None or charge.state != ChargeState.CANCELED or not used_by(charge).is_positive:
        return charge
    captured = msgspec.structs.replace(status, state=ChargeState.CAPTURED.value)
    return msgspec.structs.replace(charge, status_details=captured)
