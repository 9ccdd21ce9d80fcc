"""Charges: authorize, capture, cancel, and how Amazon decides. Source: amazon-pay-cv2.md §3.9, §4.4, §4.7, §9."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ChargePermissionType, ChargeState
from saleor_amazonpay.sandbox.amazon_pay import fields, wire
from saleor_amazonpay.sandbox.amazon_pay.api_request import Answer, ApiRequest
from saleor_amazonpay.sandbox.amazon_pay.buyers import CONFIRMED_BY_BUYER
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, ChargePermission
from saleor_amazonpay.sandbox.amazon_pay.options import (
    AUTHORIZATION_DAYS,
    LARGEST_AMOUNT,
    MAX_OPEN_CHARGES,
    SYNCHRONOUS_CAPTURE_DAYS,
)
from saleor_amazonpay.sandbox.amazon_pay.permissions import CANCELLABLE, Permissions
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.world import World, find

CREATE_FIELDS: Final = Fields(
    {
        "chargePermissionId": fields.text(64),
        "chargeAmount": fields.price,
        "captureNow": fields.boolean,
        "canHandlePendingAuthorization": fields.boolean,
        "softDescriptor": fields.SOFT_DESCRIPTOR,
        "merchantMetadata": fields.METADATA,
        "providerMetadata": fields.PROVIDER,
        "platformId": fields.text(64),
        "chargeInitiator": fields.one_of("CITU", "MITU", "CITR", "MITR"),
        "channel": fields.one_of("Web", "Phone", "App", "Alexa", "PointOfSale", "FireTv", "Offline", "Amazon"),
        "webCheckoutDetails": Fields({"checkoutResultReturnUrl": fields.url}),
    },
    required=("chargePermissionId", "chargeAmount"),
)
CAPTURE_FIELDS: Final = Fields(
    {"captureAmount": fields.price, "softDescriptor": fields.SOFT_DESCRIPTOR}, required=("captureAmount",)
)
CANCEL_FIELDS: Final = Fields({"cancellationReason": fields.text(255)})
UPDATE_FIELDS: Final = Fields(
    {
        "statusDetails": Fields(
            {"state": fields.one_of("Canceled"), "reasonCode": fields.one_of("ExpiredUnused")},
            required=("state", "reasonCode"),
        )
    },
    required=("statusDetails",),
)

DECLINES: Final = frozenset({"SoftDeclined", "HardDeclined", "AmazonRejected", "TransactionTimedOut"})
"""A synchronous decline is an error 422 with one of these, and leaves no charge behind (§3.9)."""

PENDING: Final = "AuthorizationInitiated"
CAPTURE_LATER: Final = "CaptureInitiated"

_PENDING_RESULT: Final[Mapping[str, ChargeState]] = {
    "PendingThenAuthorized": ChargeState.AUTHORIZED,
    "PendingThenDeclined": ChargeState.DECLINED,
}
_WITHOUT_PENDING: Final[Mapping[str, str]] = {
    "PendingThenAuthorized": "TransactionTimedOut",
    "PendingThenDeclined": "HardDeclined",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeTerms:
    amount: Money
    capture_now: bool = False
    can_be_pending: bool = False
    simulation: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)


class Charges:
    def __init__(self, world: World, permissions: Permissions) -> None:
        self._world = world
        self._permissions = permissions

    # --- Endpoints ------------------------------------------------------------------------------------------------

    def create(self, request: ApiRequest) -> Answer:
        body = CREATE_FIELDS(request.body)
        permission = find(self._world.permissions, body["chargePermissionId"], request.owner)
        terms = ChargeTerms(
            amount=body["chargeAmount"],
            capture_now=body.get("captureNow", False),
            can_be_pending=body.get("canHandlePendingAuthorization", False),
            simulation=request.simulation,
            document=body,
        )
        return Answer(201, wire.charge(self.start(permission, terms)))

    def get(self, request: ApiRequest) -> Answer:
        return Answer(200, wire.charge(self._find(request)))

    def capture_requested(self, request: ApiRequest) -> Answer:
        it, body = self._find(request), CAPTURE_FIELDS(request.body)
        self.capture(it, body["captureAmount"], request.simulation)
        if "softDescriptor" in body:
            it.document["softDescriptor"] = body["softDescriptor"]
        return Answer(200, wire.charge(it))

    def cancel_requested(self, request: ApiRequest) -> Answer:
        it = self._find(request)
        CANCEL_FIELDS(request.body)
        repeated = it.state == ChargeState.CANCELED and it.reason == "MerchantCanceled"
        if not (repeated and self._world.options.idempotent_deletes):
            self.cancel(it, "MerchantCanceled")
        return Answer(200, wire.charge(it))

    def update(self, request: ApiRequest) -> Answer:
        """For payment service providers, which let an authorization expire early."""
        if not request.merchant.is_provider:
            raise ApiProblem("UnauthorizedAccess", "Only payment service providers may update a charge.")
        it = self._find(request)
        self.cancel(it, UPDATE_FIELDS(request.body)["statusDetails"]["reasonCode"])
        return Answer(200, wire.charge(it))

    # --- Rules ----------------------------------------------------------------------------------------------------

    def check(self, permission: ChargePermission, amount: Money) -> None:
        """Everything that forbids a new charge of ``amount``, in the order in which Amazon would tell."""
        if amount.currency != permission.currency:
            raise ApiProblem("CurrencyMismatch", f"The Charge Permission is in {permission.currency}.")
        if not amount.is_positive:
            raise ApiProblem("InvalidParameterValue", "The amount of a charge is more than zero.")
        self._permissions.check_chargeable(permission)
        if permission.is_one_time and len(permission.open_charges) >= MAX_OPEN_CHARGES:
            raise ApiProblem("TransactionCountExceeded", f"{MAX_OPEN_CHARGES} charges are open.")
        if is_too_large(amount):
            raise ApiProblem("TransactionAmountExceeded", "The amount is larger than any single charge may be.")
        if amount > self._permissions.balance(permission):
            raise self._over_balance(permission)

    def start(self, permission: ChargePermission, terms: ChargeTerms) -> Charge:
        """A new charge, decided at once unless it may be pending and card or simulation make it so.

        Raises:
            ApiProblem: forbidden, or declined.
        """
        if terms.document.get("softDescriptor") and not terms.capture_now:
            raise ApiProblem("InvalidParameterCombination", "softDescriptor needs captureNow.")
        self.check(permission, terms.amount)
        is_confirmed_by_buyer = self._asks_buyer(permission, terms)
        result = self._decide(permission, terms)
        it = self._add(permission, terms)
        if is_confirmed_by_buyer:
            it.captures_at_once = terms.capture_now
            urls = terms.document["webCheckoutDetails"]
            redirect = f"{self._world.url}/confirm/{it.charge_id}"
            it.document["webCheckoutDetails"] = {**urls, "amazonPayRedirectUrl": redirect}
        elif result is None:
            self._authorize(it, terms)
        else:
            seconds = self._world.options.authorization_seconds
            self._world.agenda.after(seconds, lambda: self._settle_authorization(it, terms, result))
        self._permissions.review(permission)
        self._world.announce_charge(it)
        return it

    def capture(self, it: Charge, amount: Money, simulation: str | None = None) -> None:
        """Once per charge; what is not captured is released."""
        if it.state != ChargeState.AUTHORIZED:
            raise ApiProblem("InvalidChargeStatus", f"The charge is {it.state}.")
        if amount.currency != it.amount.currency:
            raise ApiProblem("CurrencyMismatch", f"The charge is in {it.amount.currency}.")
        if not amount.is_positive:
            raise ApiProblem("InvalidParameterValue", "The amount of a capture is more than zero.")
        if amount > it.amount:
            raise ApiProblem("TransactionAmountExceeded", "The amount is larger than the charge.")
        if simulation in {"AmazonRejected", "ProcessingFailure"}:
            raise ApiProblem(str(simulation), "The simulation code asked for this.")
        self._capture(it, amount, later=simulation == CAPTURE_LATER or self._is_late(it))
        self._world.announce_charge(it)

    def cancel(self, it: Charge, reason: str) -> None:
        if it.state not in CANCELLABLE:
            raise ApiProblem("InvalidChargeStatus", f"The charge is {it.state}.")
        self._become(it, ChargeState.CANCELED, reason)
        self._world.announce_charge(it)

    def confirm(self, it: Charge, *, is_passed: bool) -> str:
        """The buyer is through with the additional check; where the browser goes then (§6.7)."""
        if it.state == ChargeState.AUTHORIZATION_INITIATED:
            if is_passed:
                self._authorize(it, ChargeTerms(amount=it.amount, capture_now=it.captures_at_once))
            else:
                self._become(it, ChargeState.DECLINED, "MFAFailed")
                self._permissions.break_payment_method(it.permission, "MFAFailed")
            self._world.announce_charge(it)
        return str(it.document["webCheckoutDetails"]["checkoutResultReturnUrl"])

    # --- Details --------------------------------------------------------------------------------------------------

    def _asks_buyer(self, permission: ChargePermission, terms: ChargeTerms) -> bool:
        """Raises ApiProblem: the buyer has to confirm, and there is no page to come back to."""
        is_on_file = permission.permission_type == ChargePermissionType.PAYMENT_METHOD_ON_FILE
        is_at_amazon = "chargePermissionId" not in terms.document  # a checkout session's own charge
        if not is_on_file or is_at_amazon or permission.card.charge != CONFIRMED_BY_BUYER:
            return False
        urls = terms.document.get("webCheckoutDetails") or {}
        if not urls.get("checkoutResultReturnUrl"):
            raise ApiProblem("MFANotCompleted", "The buyer has to confirm this payment.")
        return True

    def _find(self, request: ApiRequest) -> Charge:
        return find(self._world.charges, request.ids["id"], request.owner)

    def _over_balance(self, permission: ChargePermission) -> ApiProblem:
        if permission.permission_type == ChargePermissionType.ONE_TIME:
            return ApiProblem("TransactionAmountExceeded", "The amount is larger than the balance.")
        return ApiProblem(
            "PeriodicAmountExceeded",
            "You've exceeded the monthly limit for the Charge Permission and must wait until the next month to charge "
            "this buyer.",
        )

    def _decide(self, permission: ChargePermission, terms: ChargeTerms) -> ChargeState | None:
        """``None``: authorized at once; a state: pending until then. Raises the synchronous decline."""
        if terms.simulation == PENDING and not terms.can_be_pending:
            raise ApiProblem("InvalidSandboxSimulationSpecified", "canHandlePendingAuthorization is not set.")
        if terms.simulation == CAPTURE_LATER and not terms.capture_now:
            raise ApiProblem("InvalidSandboxSimulationSpecified", "captureNow is not set.")
        outcome = terms.simulation or permission.card.charge
        if outcome == PENDING:
            return ChargeState.AUTHORIZED
        if outcome in _PENDING_RESULT and terms.can_be_pending:
            return _PENDING_RESULT[outcome]
        decline = _WITHOUT_PENDING.get(outcome, outcome)
        if decline in DECLINES:
            self._after_decline(permission, decline)
            raise ApiProblem(decline, "The payment was not authorized.")
        return None

    def _after_decline(self, permission: ChargePermission, reason: str) -> None:
        if reason == "HardDeclined":
            self._permissions.break_payment_method(permission, "PaymentMethodInvalid")

    def _add(self, permission: ChargePermission, terms: ChargeTerms) -> Charge:
        world = self._world
        it = Charge(
            charge_id=world.ids.child(permission.permission_id, "C", world.charges),
            permission=permission,
            amount=terms.amount,
            document=dict(terms.document),
            created=world.now,
            updated=world.now,
            expires=world.now + timedelta(days=AUTHORIZATION_DAYS[permission.owner.environment]),
            state=ChargeState.AUTHORIZATION_INITIATED,
            captured=Money.zero(terms.amount.currency),
        )
        return self.add(it)

    def add(self, it: Charge) -> Charge:
        self._world.charges[it.charge_id] = it
        it.permission.charges.append(it)
        self._world.agenda.at(it.expires, lambda: self._expire(it))
        return it

    def _authorize(self, it: Charge, terms: ChargeTerms) -> None:
        it.authorized = self._world.now
        self._become(it, ChargeState.AUTHORIZED)
        self._permissions.prolong(it.permission)
        if terms.capture_now:
            self._capture(it, it.amount, later=terms.simulation == CAPTURE_LATER)

    def _settle_authorization(self, it: Charge, terms: ChargeTerms, result: ChargeState) -> None:
        if it.state != ChargeState.AUTHORIZATION_INITIATED:
            return  # cancelled meanwhile
        if result == ChargeState.DECLINED:
            self._become(it, ChargeState.DECLINED, "HardDeclined")
            self._after_decline(it.permission, "HardDeclined")
        else:
            self._authorize(it, terms)
        self._permissions.review(it.permission)
        self._world.announce_charge(it)

    def _capture(self, it: Charge, amount: Money, *, later: bool) -> None:
        it.capturing = amount
        if later:
            self._become(it, ChargeState.CAPTURE_INITIATED)
            self._world.agenda.after(self._world.options.capture_seconds, lambda: self._settle_capture(it))
        else:
            self._captured(it, amount)

    def _settle_capture(self, it: Charge) -> None:
        if it.state == ChargeState.CAPTURE_INITIATED and it.capturing is not None:
            self._captured(it, it.capturing)
            self._world.announce_charge(it)

    def _captured(self, it: Charge, amount: Money) -> None:
        it.captured = amount
        self._become(it, ChargeState.CAPTURED)
        self._permissions.prolong(it.permission)

    def _expire(self, it: Charge) -> None:
        if it.state in CANCELLABLE:
            self.cancel(it, "ExpiredUnused")

    def _is_late(self, it: Charge) -> bool:
        since = it.authorized or it.created
        return self._world.now > since + timedelta(days=SYNCHRONOUS_CAPTURE_DAYS)

    def _become(self, it: Charge, state: ChargeState, reason: str | None = None) -> None:
        it.state, it.reason, it.updated = state, reason, self._world.now
        self._permissions.review(it.permission)


def is_too_large(amount: Money) -> bool:
    largest = LARGEST_AMOUNT.get(amount.currency)
    return largest is not None and amount > Money.parse(largest, amount.currency)
