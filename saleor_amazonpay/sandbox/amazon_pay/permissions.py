"""Charge permissions: balances, closing, the buyer's doings. Source: amazon-pay-cv2.md §3.8, §4.3, §4.7, §4.9, §6."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from saleor_amazonpay.domain.money import Money, total
from saleor_amazonpay.domain.states import ChargePermissionState, ChargePermissionType, ChargeState
from saleor_amazonpay.sandbox.amazon_pay import fields, wire
from saleor_amazonpay.sandbox.amazon_pay.agenda import add_months
from saleor_amazonpay.sandbox.amazon_pay.api_request import Answer, ApiRequest
from saleor_amazonpay.sandbox.amazon_pay.buyers import Card
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, ChargePermission, CheckoutSession, Document
from saleor_amazonpay.sandbox.amazon_pay.options import (
    BUYER_DETAILS_DAYS,
    EXTENDED_PERMISSION_MONTHS,
    LEDGER_CURRENCY,
    ON_FILE_LIMITS,
    OVERCHARGE_FLOOR,
    PERMISSION_DAYS,
    RECURRING_MONTHS,
    UTC_OFFSET_HOURS,
)
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.world import World, find

UPDATE_FIELDS: Final = Fields({"merchantMetadata": fields.METADATA, "recurringMetadata": fields.RECURRING})
CLOSE_FIELDS: Final = Fields({"closureReason": fields.text(255), "cancelPendingCharges": fields.boolean})

CANCELLABLE: Final = frozenset({ChargeState.AUTHORIZATION_INITIATED, ChargeState.AUTHORIZED})
REPAIRABLE: Final = frozenset(
    {
        "PaymentMethodInvalid",
        "PaymentMethodDeleted",
        "PaymentMethodExpired",
        "PaymentMethodNotAllowed",
        "PaymentMethodNotSet",
        "BillingAddressDeleted",
        "MFAFailed",
    }
)
"""Reasons of NonChargeable that the buyer can cure (§4.3)."""

IN_PROGRESS: Final = "ChargeInProgress"


class Permissions:
    def __init__(self, world: World) -> None:
        self._world = world

    # --- Endpoints ------------------------------------------------------------------------------------------------

    def get(self, request: ApiRequest) -> Answer:
        return Answer(200, self.document(self._find(request)))

    def update(self, request: ApiRequest) -> Answer:
        it, body = self._find(request), UPDATE_FIELDS(request.body)
        if it.state == ChargePermissionState.CLOSED:
            self._check_fills_gaps(it, body)
        it.document["merchantMetadata"] |= body.get("merchantMetadata", {})
        if "recurringMetadata" in body:
            it.document["recurringMetadata"] = wire.recurring(body["recurringMetadata"])
        return Answer(200, self.document(it))

    def close_requested(self, request: ApiRequest) -> Answer:
        it, body = self._find(request), CLOSE_FIELDS(request.body)
        if it.state == ChargePermissionState.CLOSED:
            self._check_repeatable(it)
            return Answer(200, self.document(it))
        cancel_pending = bool(body.get("cancelPendingCharges", False))
        self.close(it, request.simulation or "MerchantClosed", cancel_pending=cancel_pending)
        if request.simulation:
            self._world.announce_permission(it)
        return Answer(200, self.document(it))

    def document(self, it: ChargePermission) -> Document:
        document = wire.permission(it, self.balance(it), with_buyer=self._shows_buyer(it))
        if it.is_cv1 and it.is_one_time and self._is_open_as_the_faq_says(it):
            document["statusDetails"]["state"] = ChargePermissionState.NON_CHARGEABLE.value
        return document

    # --- Rules ----------------------------------------------------------------------------------------------------

    def start(self, session: CheckoutSession) -> ChargePermission:
        """The permission a completed session leaves behind."""
        if session.buyer is None or session.card is None:
            raise ApiProblem("InvalidCheckoutSessionStatus", "No buyer is associated with the Checkout Session.")
        permission_type = ChargePermissionType(session.permission_type)
        it = ChargePermission(
            permission_id=self._new_id(session, permission_type),
            owner=session.owner,
            permission_type=permission_type,
            limit=self._limit(session, permission_type),
            buyer=session.buyer,
            card=session.card,
            document={
                key: _copied(session.document[key]) for key in ("platformId", "merchantMetadata", "recurringMetadata")
            },
            scopes=session.scopes,
            created=self._world.now,
            updated=self._world.now,
            expires=self._expiry(permission_type, extended=bool(session.payment["extendExpiration"])),
            shipping_address=session.shipping_address,
            billing_address=session.billing_address,
        )
        return self.add(it)

    def add(self, it: ChargePermission) -> ChargePermission:
        self._world.permissions[it.permission_id] = it
        if it.expires is not None:
            self._world.agenda.at(it.expires, lambda: self._expire(it))
        return it

    def balance(self, it: ChargePermission) -> Money:
        """What can still be charged: of the order, or in this calendar month."""
        counted = it.charges if it.is_one_time else [c for c in it.charges if self._is_of_this_month(c)]
        rest = it.limit - total((charge.held for charge in counted), it.currency)
        return max(rest, Money.zero(it.currency))

    def check_chargeable(self, it: ChargePermission) -> None:
        """A balance used up by open charges is told by the amount, not by the state."""
        if it.state == ChargePermissionState.CHARGEABLE or it.reasons == (IN_PROGRESS,):
            return
        raise ApiProblem("InvalidChargePermissionStatus", f"The Charge Permission is {it.state}.")

    def review(self, it: ChargePermission) -> None:
        """Lets the state follow the balance, after anything happened to a charge."""
        if not it.is_one_time or it.state == ChargePermissionState.CLOSED or REPAIRABLE & set(it.reasons):
            return
        if it.is_cv1:
            self._review_cv1(it)
        elif it.captured >= it.limit:
            self._become(it, ChargePermissionState.CLOSED, ())
        elif self._world.options.charge_in_progress and not self.balance(it).is_positive:
            self._become(it, ChargePermissionState.NON_CHARGEABLE, (IN_PROGRESS,))
        else:
            self._become(it, ChargePermissionState.CHARGEABLE, ())

    def _review_cv1(self, it: ChargePermission) -> None:
        """Open stays Open while charges hold it; by the upgrade guide a successful capture closes it (§12)."""
        is_spent = it.captured >= it.limit if self._follows_the_faq else it.captured.is_positive
        if is_spent:
            self._become(it, ChargePermissionState.CLOSED, ())

    def _is_open_as_the_faq_says(self, it: ChargePermission) -> bool:
        return self._follows_the_faq and it.state == ChargePermissionState.CHARGEABLE

    @property
    def _follows_the_faq(self) -> bool:
        return self._world.options.cv1_order_reference_states == "faq"

    def prolong(self, it: ChargePermission) -> None:
        """A successful charge pushes a Recurring permission's end 13 months forward."""
        if it.permission_type == ChargePermissionType.RECURRING and it.state != ChargePermissionState.CLOSED:
            it.expires = add_months(self._world.now, RECURRING_MONTHS)
            self._world.agenda.at(it.expires, lambda: self._expire(it))

    def close(self, it: ChargePermission, reason: str, *, cancel_pending: bool) -> None:
        if cancel_pending:
            for charge in [charge for charge in it.charges if charge.state in CANCELLABLE]:
                charge.state, charge.reason = ChargeState.CANCELED, "ChargePermissionCanceled"
                charge.updated = self._world.now
                self._world.announce_charge(charge)
        self._become(it, ChargePermissionState.CLOSED, (reason,))

    def break_payment_method(self, it: ChargePermission, reason: str) -> None:
        """A hard decline, or the buyer's card is gone: nothing can be charged until the buyer has acted."""
        if reason not in REPAIRABLE:
            raise ValueError(f"{reason} is no reason a buyer can cure.")
        if it.state != ChargePermissionState.CLOSED and it.reasons != (reason,):
            self._become(it, ChargePermissionState.NON_CHARGEABLE, (reason,))
            self._world.announce_permission(it)

    def change_payment_method(self, it: ChargePermission, card: Card) -> None:
        """What the buyer does on the Amazon Pay page (§8.4)."""
        if it.state == ChargePermissionState.CLOSED:
            raise ApiProblem("InvalidChargePermissionStatus", "The Charge Permission is Closed.")
        it.card = card
        self._become(it, ChargePermissionState.CHARGEABLE, ())
        self.review(it)
        self._world.announce_permission(it)

    # --- Details --------------------------------------------------------------------------------------------------

    def _find(self, request: ApiRequest) -> ChargePermission:
        return find(self._world.permissions, request.ids["id"], request.owner)

    def _become(self, it: ChargePermission, state: ChargePermissionState, reasons: tuple[str, ...]) -> None:
        if (it.state, it.reasons) == (state, reasons):
            return
        it.state, it.reasons, it.updated = state, reasons, self._world.now
        if state == ChargePermissionState.CLOSED:
            it.closed = self._world.now

    def _expire(self, it: ChargePermission) -> None:
        if it.state == ChargePermissionState.CLOSED or it.expires is None or it.expires > self._world.now:
            return  # closed before, or prolonged since
        self._become(it, ChargePermissionState.CLOSED, ("Expired",))
        self._world.announce_permission(it)

    def _check_repeatable(self, it: ChargePermission) -> None:
        if not (self._world.options.idempotent_deletes and it.reasons == ("MerchantClosed",)):
            raise ApiProblem("InvalidChargePermissionStatus", "The Charge Permission is Closed.")

    def _check_fills_gaps(self, it: ChargePermission, body: Mapping[str, Any]) -> None:
        """A Closed permission takes only what is still null (§3.8)."""
        metadata = it.document["merchantMetadata"]
        changed = [key for key, value in body.get("merchantMetadata", {}).items() if metadata[key] not in {None, value}]
        if changed or "recurringMetadata" in body:
            raise ApiProblem("ChargePermissionNotModifiable", "The Charge Permission is Closed.")

    def _new_id(self, session: CheckoutSession, permission_type: ChargePermissionType) -> str:
        owner, lasting = session.owner, permission_type != ChargePermissionType.ONE_TIME
        taken = self._world.permissions
        return self._world.ids.permission(owner.region, owner.environment, lasting=lasting, taken=taken)

    def _limit(self, session: CheckoutSession, permission_type: ChargePermissionType) -> Money:
        amount: Money | None = session.payment["totalOrderAmount"] or session.payment["chargeAmount"]
        currency = amount.currency.value if amount else LEDGER_CURRENCY[session.owner.region]
        if permission_type == ChargePermissionType.RECURRING:
            return Money.parse(self._world.options.monthly_limits[currency], currency)
        if permission_type == ChargePermissionType.PAYMENT_METHOD_ON_FILE or amount is None:
            return Money.parse(ON_FILE_LIMITS[currency], currency)
        return _overcharge_limit(amount) if session.payment["allowOvercharge"] else amount

    def _expiry(self, permission_type: ChargePermissionType, *, extended: bool) -> datetime | None:
        if permission_type == ChargePermissionType.PAYMENT_METHOD_ON_FILE:
            return None
        if permission_type == ChargePermissionType.RECURRING:
            return add_months(self._world.now, RECURRING_MONTHS)
        if extended:
            return add_months(self._world.now, EXTENDED_PERMISSION_MONTHS)
        return self._world.now + timedelta(days=PERMISSION_DAYS)

    def _is_of_this_month(self, charge: Charge) -> bool:
        zone = timezone(timedelta(hours=UTC_OFFSET_HOURS[charge.owner.region]))
        then, now = charge.created.astimezone(zone), self._world.now.astimezone(zone)
        return (then.year, then.month) == (now.year, now.month)

    def _shows_buyer(self, it: ChargePermission) -> bool:
        """OneTime: 30 days; otherwise until 30 days after the end (§4.1)."""
        since = it.created if it.is_one_time else it.closed
        return since is None or self._world.now <= since + timedelta(days=BUYER_DETAILS_DAYS)


def _overcharge_limit(order: Money) -> Money:
    """900 % of the order or the region's floor, the larger (§4.7)."""
    floor = Money.parse(OVERCHARGE_FLOOR.get(order.currency, "0"), order.currency)
    return max(Money(order.minor * 9, order.currency), floor)


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value
