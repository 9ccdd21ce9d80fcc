"""FULFILLMENT_CREATED, _APPROVED, _TRACKING_NUMBER_UPDATED and _METADATA_UPDATED: one story.

Saleor sends several of them for one shipment, and again for an unchanged number; each is read as the state of the whole
order, so that a repeat changes nothing. Metadata may be anybody's and change years later: they name a carrier and never
cause a capture. An order without a payment of ours is none of our business, and neither are transactions of other apps
on it. Source: saleor-contract.md §10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from saleor_amazonpay.amazonpay.carriers import carrier_code
from saleor_amazonpay.domain.money import MoneyError
from saleor_amazonpay.domain.states import PaymentState
from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.handlers.shipments import captures, trackers
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.events import (
    FulfillmentApproved,
    FulfillmentCreated,
    FulfillmentMetadataUpdated,
    FulfillmentTrackingNumberUpdated,
    Parcel,
    ShippedOrder,
)
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.installations import Installation
from saleor_amazonpay.storage.payments import Payment

FulfillmentEvent = (
    FulfillmentCreated | FulfillmentApproved | FulfillmentTrackingNumberUpdated | FulfillmentMetadataUpdated
)

log = structlog.get_logger(__name__)

SHIPPED = "FULFILLED"


@dataclass(frozen=True, slots=True)
class Ours:
    """A payment of the order, and the account it was made with."""

    payment: Payment
    account: Account


async def handle(services: Services, installation: Installation, event: FulfillmentEvent) -> None:
    """Write down what the shipment asks for; jobs do it."""
    parcel, order = event.fulfillment, event.order
    if parcel is None or order is None or parcel.status != SHIPPED:
        return  # not approved yet, or taken back: another event will tell
    ours = await _ours(services, installation.api_url, order)
    if not ours:
        return
    if isinstance(event, FulfillmentMetadataUpdated):
        await services.database.run(lambda session: _track_all(session, services, ours, parcel, order))
    else:
        await services.database.run(lambda session: _write(session, services, ours, parcel, order))


async def _ours(services: Services, api_url: str, order: ShippedOrder) -> list[Ours]:
    """The order's payments that hold or held money, in Saleor's order; failed attempts are no payments."""

    def look(session: Session) -> list[Payment]:
        found = (payment_rows.find(session, api_url, transaction.id) for transaction in order.transactions)
        return [payment for payment in found if payment is not None and payment.state == PaymentState.ACTIVE]

    ours = []
    for payment in await services.database.read(look):
        try:
            account = await services.directory.account(api_url, payment.account_id)
        except ConfigurationError as locked:
            log.warning("shipment_of_unusable_account", payment=payment.id, code=locked.code)
            continue
        ours.append(Ours(payment, account))
    return ours


def _track_all(session: Session, services: Services, ours: Sequence[Ours], parcel: Parcel, order: ShippedOrder) -> None:
    for one in ours:
        _track(session, services, one, parcel, order)


def _write(session: Session, services: Services, ours: Sequence[Ours], parcel: Parcel, order: ShippedOrder) -> None:
    _track_all(session, services, ours, parcel, order)
    try:
        captures.capture(session, services, [(one.payment.id, one.account) for one in ours], parcel, order)
    except MoneyError as wrong:
        sentence = Message(
            "Order {order} was shipped and not charged: Saleor's amounts cannot be read. {fault}",
            order=order.number,
            fault=str(wrong),
        )
        key = problems.key_of("shipment", ours[0].payment.id)
        problems.raise_in(session, services, ours[0].payment.api_url, key, sentence)


def _track(session: Session, services: Services, one: Ours, parcel: Parcel, order: ShippedOrder) -> None:
    number, permission_id = parcel.tracking_number.strip(), one.payment.charge_permission_id
    if not number or permission_id is None:
        return
    named = (parcel.carrier or "").strip()
    code = carrier_code(named) if named else one.account.options.default_carrier
    if code is not None:
        trackers.announce(session, services, one.payment, parcel.id, order.number, number, code)
    elif named:
        sentence = Message(
            "Amazon Pay knows no carrier {carrier}: the buyer of order {order} is not told of the parcel {parcel}. "
            "Write one of Amazon's carrier codes into the fulfillment's metadata (amazonPay.carrierCode).",
            carrier=repr(named[:60]),
            order=order.number,
            parcel=number[:60],
        )
        problems.raise_in(session, services, one.payment.api_url, trackers.problem_key(one.account.id), sentence)
