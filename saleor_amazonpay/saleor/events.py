"""The webhooks as Saleor sends them: of payments, stored payment methods and shipments.

Each is the selection of ``webhooks/saleor/<event>/subscription.graphql``.

Bodies are decoded once, straight from the verified bytes into narrow structs; keys we did not ask for are skipped and
money never passes through a float. Names are Saleor's own, in snake_case. Source: saleor-contract.md §4.3, §6.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Raw, Struct

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ActionType
from saleor_amazonpay.errors import InvalidPayload
from saleor_amazonpay.saleor.errors import EmptyBody, PayloadErrors

_ZERO = Decimal(0)
# Bad UTF-8 inside a string is no DecodeError, and neither is ``data`` nested deeper than the interpreter can go.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Object(Struct, frozen=True, gc=False, rename="camel"):
    """Decoded JSON is a tree, so the cycle collector need not look at it."""


class Ref(_Object, frozen=True, gc=False):
    id: str


class Actor(_Object, frozen=True, gc=False):
    """A User, or an App."""

    id: str
    typename: str = msgspec.field(name="__typename", default="")


class Amount(_Object, frozen=True, gc=False):
    amount: Decimal


class CurrencyAmount(_Object, frozen=True, gc=False):
    amount: Decimal
    currency: str

    def money(self) -> Money:
        """The exact amount; raises MoneyError where it is none of that currency."""
        return Money.parse(self.amount, self.currency)


class TaxedMoney(_Object, frozen=True, gc=False):
    gross: CurrencyAmount


class Country(_Object, frozen=True, gc=False):
    code: str


class Address(_Object, frozen=True, gc=False):
    first_name: str
    last_name: str
    company_name: str
    street_address1: str
    street_address2: str
    city: str
    city_area: str
    postal_code: str
    country: Country
    country_area: str
    phone: str | None = None


class Channel(_Object, frozen=True, gc=False):
    """``countries`` are those of its shipping zones; asked for only where a button is made."""

    id: str
    slug: str
    currency_code: str = ""
    countries: tuple[Country, ...] | None = None

    @property
    def country_codes(self) -> tuple[str, ...] | None:
        return None if self.countries is None else tuple(country.code for country in self.countries)


class CoveredAmounts(_Object, frozen=True, gc=False):
    """What one transaction covers of its source, pending amounts included (saleor-contract.md §8)."""

    id: str
    authorized_amount: Amount
    authorize_pending_amount: Amount
    charged_amount: Amount
    charge_pending_amount: Amount

    @property
    def covered(self) -> Decimal:
        return (
            self.authorized_amount.amount
            + self.authorize_pending_amount.amount
            + self.charged_amount.amount
            + self.charge_pending_amount.amount
        )


class _Source(_Object, frozen=True, gc=False, tag_field="__typename"):
    id: str
    channel: Channel
    is_shipping_required: bool
    user: Ref | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None

    if TYPE_CHECKING:  # each kind of source has its own

        @property
        def due(self) -> CurrencyAmount:
            """What all transactions together have to cover."""

        @property
        def covering(self) -> tuple[CoveredAmounts, ...]: ...

    def outstanding_excluding(self, transaction_id: str) -> Decimal:
        """What is left for this transaction once all the others count; never below zero."""
        others = sum((one.covered for one in self.covering if one.id != transaction_id), _ZERO)
        return max(self.due.amount - others, _ZERO)


class Checkout(_Source, frozen=True, gc=False, tag="Checkout", kw_only=True):
    language_code: str
    email: str | None
    total_price: TaxedMoney
    checkout_transactions: tuple[CoveredAmounts, ...] | None

    @property
    def due(self) -> CurrencyAmount:
        return self.total_price.gross

    @property
    def covering(self) -> tuple[CoveredAmounts, ...]:
        return self.checkout_transactions or ()


class Order(_Source, frozen=True, gc=False, tag="Order", kw_only=True):
    number: str
    language_code_enum: str
    user_email: str | None
    total: TaxedMoney
    total_granted_refund: Amount
    transactions: tuple[CoveredAmounts, ...]

    @property
    def language_code(self) -> str:
        return self.language_code_enum

    @property
    def email(self) -> str | None:
        return self.user_email

    @property
    def due(self) -> CurrencyAmount:
        """Total less granted refunds: what core calls the amount to cover (saleor-contract.md §8)."""
        gross = self.total.gross
        return CurrencyAmount(max(gross.amount - self.total_granted_refund.amount, _ZERO), gross.currency)

    @property
    def covering(self) -> tuple[CoveredAmounts, ...]:
        return self.transactions


class Action(_Object, frozen=True, gc=False):
    amount: Decimal
    currency: str


class SessionAction(Action, frozen=True, gc=False, kw_only=True):
    action_type: ActionType


class Transaction(_Object, frozen=True, gc=False):
    id: str
    psp_reference: str = ""


class TransactionEvent(_Object, frozen=True, gc=False):
    id: str
    type: str | None
    idempotency_key: str | None
    created_at: datetime
    psp_reference: str
    amount: CurrencyAmount
    created_by: Actor | None = None


class OrderRef(_Object, frozen=True, gc=False):
    id: str
    number: str
    channel: Channel


class CheckoutRef(_Object, frozen=True, gc=False):
    id: str
    channel: Channel


class RequestedTransaction(_Object, frozen=True, gc=False):
    id: str
    psp_reference: str
    authorized_amount: Amount
    charged_amount: Amount
    events: tuple[TransactionEvent, ...]
    checkout: CheckoutRef | None = None
    order: OrderRef | None = None

    @property
    def channel(self) -> Channel | None:
        holder = self.order or self.checkout
        return holder.channel if holder else None


class GrantedRefund(_Object, frozen=True, gc=False):
    id: str
    amount: CurrencyAmount
    reason: str | None = None


class Event(_Object, frozen=True, gc=False, kw_only=True):
    """What every webhook carries. ``recipient`` is the app it was made for, not necessarily us: see ``checks``."""

    is_session: ClassVar[bool] = True
    is_asynchronous: ClassVar[bool] = False  # nobody reads the answer; 5xx brings the identical body again
    typename: str = msgspec.field(name="__typename")
    issued_at: datetime
    recipient: Ref | None
    version: str = ""
    issuing_principal: Actor | None = None
    errors: tuple[Any, ...] | None = None


class _WithAction(Event, frozen=True, gc=False, kw_only=True):
    action: Action

    def money(self) -> Money:
        """What is asked for; raises MoneyError where it is no amount of its currency."""
        return Money.parse(self.action.amount, self.action.currency)


class PaymentGatewayInitializeSession(Event, frozen=True, gc=False, kw_only=True):
    source_object: Checkout | Order
    amount: Decimal | None = None
    data: Raw = Raw(b"null")

    def money(self) -> Money:
        """What is asked for, or the source's whole amount; raises MoneyError as ``_WithAction.money``."""
        due = self.source_object.due
        return Money.parse(due.amount if self.amount is None else self.amount, due.currency)


class _TransactionSession(_WithAction, frozen=True, gc=False, kw_only=True):
    action: SessionAction
    transaction: Transaction
    merchant_reference: str
    source_object: Checkout | Order
    customer_ip_address: str | None = None
    data: Raw = Raw(b"null")

    @property
    def outstanding(self) -> Decimal:
        """What this transaction may cover of its source (DESIGN §6, case 1)."""
        return self.source_object.outstanding_excluding(self.transaction.id)


class TransactionInitializeSession(_TransactionSession, frozen=True, gc=False, kw_only=True):
    idempotency_key: str


class TransactionProcessSession(_TransactionSession, frozen=True, gc=False, kw_only=True):
    pass


class _TransactionRequested(_WithAction, frozen=True, gc=False, kw_only=True):
    """``idempotency_key`` is offered by no Saleor up to 3.24; where it comes, it is the request's identity."""

    is_session: ClassVar[bool] = False
    request_type: ClassVar[str]
    transaction: RequestedTransaction
    idempotency_key: str | None = None

    @property
    def request_events(self) -> tuple[TransactionEvent, ...]:
        """The events that may be this very request, newest first (DESIGN §4 rule 9).

        Same kind and amount, not yet given a reference, not younger than the payload.
        """
        matching = [event for event in self.transaction.events if self._may_be_this(event)]
        return tuple(sorted(matching, key=lambda event: event.created_at, reverse=True))

    def _may_be_this(self, event: TransactionEvent) -> bool:
        return (
            event.type == self.request_type
            and event.amount.amount == self.action.amount
            and not event.psp_reference
            and event.created_at <= self.issued_at
        )


class TransactionChargeRequested(_TransactionRequested, frozen=True, gc=False, kw_only=True):
    request_type: ClassVar[str] = "CHARGE_REQUEST"


class TransactionRefundRequested(_TransactionRequested, frozen=True, gc=False, kw_only=True):
    request_type: ClassVar[str] = "REFUND_REQUEST"
    granted_refund: GrantedRefund | None = None


class TransactionCancelationRequested(_TransactionRequested, frozen=True, gc=False, kw_only=True):
    request_type: ClassVar[str] = "CANCEL_REQUEST"


class _OfCustomer(Event, frozen=True, gc=False, kw_only=True):
    """About what a customer, who is logged in, keeps with us."""

    user: Ref
    channel: Channel


class ListStoredPaymentMethods(_OfCustomer, frozen=True, gc=False, kw_only=True):
    pass


class StoredPaymentMethodDeleteRequested(_OfCustomer, frozen=True, gc=False, kw_only=True):
    """``payment_method_id`` is our own id, without Saleor's prefix."""

    payment_method_id: str


class PaymentGatewayInitializeTokenizationSession(_OfCustomer, frozen=True, gc=False, kw_only=True):
    data: Raw = Raw(b"null")


class PaymentMethodInitializeTokenizationSession(_OfCustomer, frozen=True, gc=False, kw_only=True):
    data: Raw = Raw(b"null")
    payment_flow_to_support: str = "INTERACTIVE"


class PaymentMethodProcessTokenizationSession(_OfCustomer, frozen=True, gc=False, kw_only=True):
    """``id`` is what paymentMethodInitializeTokenization was answered, without Saleor's prefix."""

    id: str
    data: Raw = Raw(b"null")


class ShippedPiece(_Object, frozen=True, gc=False):
    """So many of an order line, in one fulfillment."""

    quantity: int
    order_line: Ref | None = None


class Fulfillment(_Object, frozen=True, gc=False):
    """``status``: FULFILLED, WAITING_FOR_APPROVAL, CANCELED, RETURNED, REFUNDED and further ones."""

    id: str
    status: str
    lines: tuple[ShippedPiece, ...] | None = None


class Parcel(Fulfillment, frozen=True, gc=False, kw_only=True):
    """The fulfillment an event is about; ``carrier`` is what staff or a shipping app wrote into its metadata."""

    tracking_number: str
    private_carrier: str | None = None
    public_carrier: str | None = None

    @property
    def carrier(self) -> str | None:
        return self.private_carrier or self.public_carrier or None


class OrderLine(_Object, frozen=True, gc=False):
    id: str
    quantity: int
    total_price: TaxedMoney


class PaidAmounts(_Object, frozen=True, gc=False):
    """One transaction of an order, of whichever app."""

    id: str
    charged_amount: Amount
    charge_pending_amount: Amount
    refunded_amount: Amount
    refund_pending_amount: Amount

    @property
    def paid(self) -> Decimal:
        """All that was or is being charged, given back or not."""
        return (
            self.charged_amount.amount
            + self.charge_pending_amount.amount
            + self.refunded_amount.amount
            + self.refund_pending_amount.amount
        )


class ShippedOrder(_Object, frozen=True, gc=False):
    id: str
    number: str
    total: TaxedMoney
    shipping_price: TaxedMoney
    lines: tuple[OrderLine, ...]
    fulfillments: tuple[Fulfillment, ...]
    transactions: tuple[PaidAmounts, ...]


class _FulfillmentEvent(Event, frozen=True, gc=False, kw_only=True):
    is_session: ClassVar[bool] = False
    is_asynchronous: ClassVar[bool] = True
    fulfillment: Parcel | None
    order: ShippedOrder | None


class FulfillmentCreated(_FulfillmentEvent, frozen=True, gc=False, kw_only=True):
    """A shipment without a tracking number is told by this one only."""


class FulfillmentApproved(_FulfillmentEvent, frozen=True, gc=False, kw_only=True):
    """What waited for approval leaves now; no other event follows."""


class FulfillmentTrackingNumberUpdated(_FulfillmentEvent, frozen=True, gc=False, kw_only=True):
    pass


class FulfillmentMetadataUpdated(_FulfillmentEvent, frozen=True, gc=False, kw_only=True):
    """Of whatever metadata, by whomever; of use is the carrier that is written after the tracking number."""


PAYMENT_EVENTS: Mapping[str, type[Event]] = {
    "payment_gateway_initialize_session": PaymentGatewayInitializeSession,
    "transaction_initialize_session": TransactionInitializeSession,
    "transaction_process_session": TransactionProcessSession,
    "transaction_charge_requested": TransactionChargeRequested,
    "transaction_refund_requested": TransactionRefundRequested,
    "transaction_cancelation_requested": TransactionCancelationRequested,
}
SHIPMENT_EVENTS: Mapping[str, type[_FulfillmentEvent]] = {
    "fulfillment_created": FulfillmentCreated,
    "fulfillment_approved": FulfillmentApproved,
    "fulfillment_tracking_number_updated": FulfillmentTrackingNumberUpdated,
    "fulfillment_metadata_updated": FulfillmentMetadataUpdated,
}
METHOD_EVENTS: Mapping[str, type[_OfCustomer]] = {
    "list_stored_payment_methods": ListStoredPaymentMethods,
    "stored_payment_method_delete_requested": StoredPaymentMethodDeleteRequested,
    "payment_gateway_initialize_tokenization_session": PaymentGatewayInitializeTokenizationSession,
    "payment_method_initialize_tokenization_session": PaymentMethodInitializeTokenizationSession,
    "payment_method_process_tokenization_session": PaymentMethodProcessTokenizationSession,
}
EVENTS: Mapping[str, type[Event]] = {**PAYMENT_EVENTS, **METHOD_EVENTS, **SHIPMENT_EVENTS}
"""By the name of the event's folder, which is also the ``Saleor-Event`` header."""

_DECODERS = {name: msgspec.json.Decoder(event_type) for name, event_type in EVENTS.items()}


class _OnlyErrors(Struct):
    errors: tuple[Any, ...] | None = None


def decode(event_name: str, body: bytes) -> Event:
    """The event of a verified body.

    Raises:
        EmptyBody: nothing was sent (Saleor's re-send after a 5xx).
        PayloadErrors: Saleor could not resolve all we asked for.
        InvalidPayload: not JSON, or not this event; the message names the field.
        KeyError: ``event_name`` is no event of ours.
    """
    if not body:
        raise EmptyBody("The body is empty.")
    decoder = _DECODERS[event_name]
    try:
        event = decoder.decode(body)
    except _UNREADABLE as error:
        _raise_payload_errors(_errors_in(body))
        raise InvalidPayload(f"The body is not a {event_name} event: {error}") from error
    _raise_payload_errors(event.errors)
    return event


def _errors_in(body: bytes) -> tuple[Any, ...] | None:
    try:
        return msgspec.json.decode(body, type=_OnlyErrors).errors
    except _UNREADABLE:
        return None


def _raise_payload_errors(errors: tuple[Any, ...] | None) -> None:
    blocking = [one for one in errors or () if not _is_about_granted_refund(one)]
    if blocking:
        raise PayloadErrors([str(one.get("message", one)) if isinstance(one, dict) else str(one) for one in blocking])


def _is_about_granted_refund(error: Any) -> bool:
    """Seen on 3.23 with every refund that is *not* for a granted one: fields of a missing object are resolved."""
    path = error.get("path") if isinstance(error, dict) else None
    return isinstance(path, list) and path[:2] == ["event", "grantedRefund"]
