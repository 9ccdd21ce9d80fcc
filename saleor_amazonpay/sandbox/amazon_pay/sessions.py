"""Checkout sessions: made, filled, approved by the buyer, completed. Source: amazon-pay-cv2.md §3.3-3.7, §4.2, §5."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ChargePermissionType, ChargeState, CheckoutSessionState, PaymentIntent
from saleor_amazonpay.sandbox.amazon_pay import fields, wire
from saleor_amazonpay.sandbox.amazon_pay.api_request import Answer, ApiRequest
from saleor_amazonpay.sandbox.amazon_pay.buyers import Address, Buyer, Card
from saleor_amazonpay.sandbox.amazon_pay.buyers import address as full_address
from saleor_amazonpay.sandbox.amazon_pay.charges import PENDING, Charges, ChargeTerms, is_too_large
from saleor_amazonpay.sandbox.amazon_pay.delivery import SPECIFICATIONS, is_deliverable
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.merchants import Merchant, Owner
from saleor_amazonpay.sandbox.amazon_pay.objects import CheckoutSession, Document
from saleor_amazonpay.sandbox.amazon_pay.options import CURRENCIES, SESSION_HOURS
from saleor_amazonpay.sandbox.amazon_pay.permissions import Permissions
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.world import World, find

_PERMISSION_TYPE: Final = fields.one_of(*ChargePermissionType)
_UPDATABLE_PAYMENT: Final[Mapping[str, fields.Check]] = {
    "paymentIntent": fields.one_of(*PaymentIntent),
    "canHandlePendingAuthorization": fields.boolean,
    "chargeAmount": fields.price,
    "totalOrderAmount": fields.price,
    "presentmentCurrency": fields.text(3),
    "softDescriptor": fields.SOFT_DESCRIPTOR,
    "estimateOrderTotal": fields.price,
}
_PAYMENT: Final = Fields(
    {**_UPDATABLE_PAYMENT, "allowOvercharge": fields.boolean, "extendExpiration": fields.boolean},
)
_LATER: Final[Mapping[str, fields.Check]] = {
    "merchantMetadata": fields.METADATA,
    "platformId": fields.text(64),
    "providerMetadata": fields.PROVIDER,
    "supplementaryData": fields.text(),
    "recurringMetadata": fields.RECURRING,
    "chargePermissionType": _PERMISSION_TYPE,
}
CREATE_FIELDS: Final = Fields(
    {
        **_LATER,
        "webCheckoutDetails": Fields(
            {
                "checkoutReviewReturnUrl": fields.url,
                "checkoutResultReturnUrl": fields.url,
                "checkoutCancelUrl": fields.url,
                "checkoutErrorUrl": fields.url,
                "checkoutMode": fields.one_of("ProcessOrder"),
            }
        ),
        "storeId": fields.text(128),
        "scopes": fields.list_of(
            fields.one_of(
                "name", "email", "phoneNumber", "billingAddress", "postalCode", "shippingAddress", "primeStatus"
            )
        ),
        "paymentMethodOnFileMetadata": Fields({"setupOnly": fields.boolean}),
        "chargePermissionId": fields.text(64),
        "deliverySpecifications": SPECIFICATIONS,
        "paymentDetails": _PAYMENT,
        "addressDetails": fields.ADDRESS,
        "processorSpecifications": fields.anything,
    },
    required=("webCheckoutDetails", "storeId"),
)
UPDATE_FIELDS: Final = Fields(
    {
        **_LATER,
        "webCheckoutDetails": Fields({"checkoutReviewReturnUrl": fields.url, "checkoutResultReturnUrl": fields.url}),
        "paymentDetails": Fields(_UPDATABLE_PAYMENT),
        "multiAddressesCheckoutMetadata": fields.list_of(
            Fields({"addressId": fields.text(64), "price": fields.price}, required=("addressId",))
        ),
    }
)
COMPLETE_FIELDS: Final = Fields({"chargeAmount": fields.price, "totalOrderAmount": fields.price})
FINALIZE_FIELDS: Final = Fields(
    {
        "shippingAddress": fields.ADDRESS,
        "billingAddress": fields.ADDRESS,
        "chargeAmount": fields.price,
        "totalOrderAmount": fields.price,
        "paymentIntent": fields.one_of(*PaymentIntent),
        "canHandlePendingAuthorization": fields.boolean,
        "supplementaryData": fields.text(),
    },
    required=("chargeAmount", "paymentIntent"),
)

PRODUCT_TYPES: Final = ("PayAndShip", "PayOnly", "PayAndShipMultiAddress")
_SHIPPED: Final = frozenset({"PayAndShip", "PayAndShipMultiAddress"})
_APB_ADDRESS: Final[Mapping[str, tuple[str, ...]]] = {
    "na": ("name", "addressLine1", "postalCode", "countryCode", "phoneNumber", "city", "stateOrRegion"),
    "eu": ("name", "addressLine1", "postalCode", "countryCode", "phoneNumber", "city"),
    "jp": ("name", "addressLine1", "postalCode", "countryCode", "phoneNumber", "stateOrRegion"),
}
_ENDED_BY_CODE: Final = frozenset({"BuyerCanceled", "AmazonCanceled", "Declined"})


class Sessions:
    def __init__(self, world: World, permissions: Permissions, charges: Charges) -> None:
        self._world = world
        self._permissions = permissions
        self._charges = charges

    # --- Endpoints ------------------------------------------------------------------------------------------------

    def create_requested(self, request: ApiRequest) -> Answer:
        return Answer(201, self.document(self.create(request.owner, request.merchant, request.body)))

    def get(self, request: ApiRequest) -> Answer:
        return Answer(200, self.document(self._find(request)))

    def update(self, request: ApiRequest) -> Answer:
        """Refused once the buyer has paid: Amazon holds the amount then (no source; the careful reading)."""
        it = self._find(request)
        body = UPDATE_FIELDS(request.body)
        if it.state != CheckoutSessionState.OPEN or it.is_approved:
            raise ApiProblem("InvalidCheckoutSessionStatus", f"The Checkout Session is {it.state}.")
        document = _merged(it.document, body)
        self._check(it.owner, document)
        it.document, it.updated = document, self._world.now
        return Answer(200, self.document(it))

    def complete(self, request: ApiRequest) -> Answer:
        it, body = self._find(request), COMPLETE_FIELDS(request.body)
        self._check_open(it)
        if self.constraints(it) or not it.is_approved:
            raise ApiProblem("InvalidCheckoutSessionStatus", "The buyer has not finished the checkout.")
        _check_amounts(it, body)
        if request.simulation in _ENDED_BY_CODE:
            self.end(it, str(request.simulation))
            self._check_open(it)
        return self._finish(it, request.simulation)

    def finalize(self, request: ApiRequest) -> Answer:
        """Instead of Complete where the page itself ran the checkout (§3.7)."""
        it, body = self._find(request), FINALIZE_FIELDS(request.body)
        self._check_open(it)
        if it.buyer is None:
            raise ApiProblem("InvalidCheckoutSessionStatus", wire.CONSTRAINTS["BuyerNotAssociated"])
        _check_finalized_address(it, body)
        for key in ("chargeAmount", "totalOrderAmount"):
            _check_same(it.payment[key], body.get(key), optional=it.payment[key] is None)
        payment = {key: body[key] for key in _UPDATABLE_PAYMENT if key in body}
        document = _merged(it.document, {"paymentDetails": payment}) | {"cartDetails": None}
        self._check(it.owner, document)
        it.document = document
        return self._finish(it, request.simulation)

    def document(self, it: CheckoutSession) -> Document:
        return wire.session(it, self.constraints(it), self.redirect_url(it))

    # --- Rules ----------------------------------------------------------------------------------------------------

    def create(
        self, owner: Owner, merchant: Merchant, body: Mapping[str, Any], product_type: str | None = None
    ) -> CheckoutSession:
        clean = CREATE_FIELDS(body)
        if clean["storeId"] not in merchant.store_ids:
            raise ApiProblem("InvalidParameterValue", "The value of storeId is not a store of this merchant.")
        document = wire.session_document(clean)
        _check_urls(owner, clean["webCheckoutDetails"])
        self._check(owner, document)
        now = self._world.now
        it = CheckoutSession(
            session_id=self._world.ids.uuid(),
            owner=owner,
            document=document,
            scopes=frozenset(clean["scopes"]) if "scopes" in clean else None,
            product_type=product_type,
            created=now,
            updated=now,
            expires=now + timedelta(hours=SESSION_HOURS),
        )
        if it.is_apb:
            _check_apb(it, clean.get("addressDetails"))
        self._world.sessions[it.session_id] = it
        self._world.agenda.at(it.expires, lambda: self.end(it, "Expired"))
        return it

    def constraints(self, it: CheckoutSession) -> list[str]:
        """What still keeps the session from ``amazonPayRedirectUrl``, in alphabetical order."""
        if it.state != CheckoutSessionState.OPEN:
            return []
        recurring = it.permission_type == ChargePermissionType.RECURRING
        unmet = {
            "BuyerNotAssociated": it.buyer is None,
            "ChargeAmountNotSet": it.payment["chargeAmount"] is None and not it.is_set_up_only,
            "CheckoutResultReturnUrlNotSet": it.urls["checkoutResultReturnUrl"] is None,
            "PaymentIntentNotSet": it.payment["paymentIntent"] is None,
            "RecurringFrequencyNotSet": recurring and not (it.document["recurringMetadata"] or {}).get("frequency"),
        }
        return [name for name, is_unmet in unmet.items() if is_unmet]

    def redirect_url(self, it: CheckoutSession) -> str | None:
        if it.state != CheckoutSessionState.OPEN or self.constraints(it):
            return None
        return f"{self._world.url}/pay/{it.session_id}"

    # --- The buyer's steps on Amazon's pages ----------------------------------------------------------------------

    def associate(self, it: CheckoutSession, buyer: Buyer, card: Card, address: Address | None) -> None:
        """The buyer has signed in and chosen; with APB the shop's address stays (§5.4).

        Raises:
            ApiProblem: the session is over, or the shop does not deliver to that address (§5.6).
        """
        self._check_open(it)
        if it.product_type in _SHIPPED and not it.is_apb:
            it.shipping_address = self._reached(it, address or buyer.addresses[0])
        it.buyer, it.card, it.updated = buyer, card, self._world.now
        it.billing_address = self._billing(it, buyer)

    def delivers_to(self, it: CheckoutSession, address: Address) -> bool:
        return is_deliverable(it.document["deliverySpecifications"], address)

    def _reached(self, it: CheckoutSession, address: Address) -> Address:
        if not self.delivers_to(it, address):
            raise ApiProblem("InvalidParameterValue", "The shop does not deliver to this address.")
        return address

    def approve(self, it: CheckoutSession) -> str:
        """The buyer presses the last button. Returns where the browser goes.

        In the sandbox a declining card ends the session and the buyer is sent back all the same (§9.3).

        Raises:
            ApiProblem: the page cannot be used (constraints left, session over).
        """
        self._check_open(it)
        if self.constraints(it) or it.card is None:
            raise ApiProblem("InvalidCheckoutSessionStatus", "The Checkout Session has constraints.")
        reason = self.decline_of(it)
        if reason is None:
            it.is_approved, it.updated = True, self._world.now
        else:
            self.end(it, reason)
        return self.result_url(it)

    def decline_of(self, it: CheckoutSession) -> str | None:
        """How the chosen card ends the session, if it does.

        The cards that are decided later need Authorize and canHandlePendingAuthorization (§9.2); without, no source
        says which error comes: here the session is declined.
        """
        if it.card is None:
            return None
        can_wait = it.intent == PaymentIntent.AUTHORIZE and it.payment["canHandlePendingAuthorization"]
        return "Declined" if it.card.is_asynchronous and not can_wait else it.card.session_reason

    def cancel(self, it: CheckoutSession) -> str:
        """The buyer gives up. Returns where the browser goes: the cancel URL, else back to the shop's page."""
        self._check_open(it)
        self.end(it, "BuyerCanceled")
        return it.urls["checkoutCancelUrl"] or self.review_url(it) or self.result_url(it)

    def review_url(self, it: CheckoutSession) -> str | None:
        address = it.urls["checkoutReviewReturnUrl"]
        return with_parameter(address, "amazonCheckoutSessionId", it.session_id) if address else None

    def result_url(self, it: CheckoutSession) -> str:
        return with_parameter(it.urls["checkoutResultReturnUrl"], "amazonCheckoutSessionId", it.session_id)

    def end(self, it: CheckoutSession, reason: str) -> None:
        if it.state == CheckoutSessionState.OPEN:
            it.state, it.reason, it.updated = CheckoutSessionState.CANCELED, reason, self._world.now

    # --- Details --------------------------------------------------------------------------------------------------

    def _find(self, request: ApiRequest) -> CheckoutSession:
        return find(self._world.sessions, request.ids["id"], request.owner)

    def _check_open(self, it: CheckoutSession) -> None:
        if it.state == CheckoutSessionState.COMPLETED:
            raise ApiProblem("InvalidCheckoutSessionStatus", "The Checkout Session is Completed.")
        if it.state == CheckoutSessionState.CANCELED:
            status = self._world.options.canceled_session_status
            raise ApiProblem("CheckoutSessionCanceled", "The Checkout Session is Canceled.", status=status)

    def _check(self, owner: Owner, document: Document) -> None:
        """Rules between the fields, for a new session and after each update."""
        payment = document["paymentDetails"]
        intent, amount, whole = payment["paymentIntent"], payment["chargeAmount"], payment["totalOrderAmount"]
        with_capture = intent == PaymentIntent.AUTHORIZE_WITH_CAPTURE
        if with_capture and payment["canHandlePendingAuthorization"]:
            raise ApiProblem("InvalidParameterCombination", "A charge captured at once cannot be pending.")
        if payment["softDescriptor"] and intent and not with_capture:
            raise ApiProblem("InvalidParameterCombination", "softDescriptor needs AuthorizeWithCapture.")
        self._check_currencies(owner, payment)
        if amount and whole and whole < amount:
            raise ApiProblem("InvalidParameterValue", "totalOrderAmount is less than chargeAmount.")
        if amount and (is_too_large(amount) or (not amount.is_positive and not _may_be_zero(document))):
            raise ApiProblem("InvalidParameterValue", "The value of chargeAmount is out of range.")

    def _check_currencies(self, owner: Owner, payment: Document) -> None:
        prices = [payment[key] for key in ("chargeAmount", "totalOrderAmount") if payment[key]]
        named = {price.currency.value for price in prices} | {payment["presentmentCurrency"]} - {None}
        if len(named) > 1:
            raise ApiProblem("CurrencyMismatch", "The currencies of one Checkout Session differ.")
        if named - CURRENCIES[owner.region]:
            raise ApiProblem("InvalidParameterValue", f"{named.pop()} is not taken in this region.")

    def _billing(self, it: CheckoutSession, buyer: Buyer) -> Address | None:
        """With the scope, and for PayOnly (§3.4, §11.2)."""
        if it.product_type != "PayOnly" and "billingAddress" not in (it.scopes or ()):
            return None
        return buyer.billing_address or buyer.addresses[0]

    def _finish(self, it: CheckoutSession, simulation: str | None) -> Answer:
        """Permission and charge come into being; on a refused charge neither does."""
        permission = self._permissions.start(it)
        charge = None
        if it.intent not in {None, PaymentIntent.CONFIRM} and not it.is_set_up_only:
            try:
                charge = self._charges.start(permission, _terms(it, simulation))
            except ApiProblem:
                del self._world.permissions[permission.permission_id]
                raise
        it.state, it.updated = CheckoutSessionState.COMPLETED, self._world.now
        it.permission_id = permission.permission_id
        it.charge_id = charge.charge_id if charge else None
        is_pending = charge is not None and charge.state == ChargeState.AUTHORIZATION_INITIATED
        return Answer(202 if is_pending else 200, self.document(it))


def with_parameter(address: str, name: str, value: str) -> str:
    """``address`` with one more query parameter; what was there stays (§5.7)."""
    parts = urlsplit(address)
    query = "&".join(filter(None, (parts.query, urlencode({name: value}))))
    return urlunsplit(parts._replace(query=query))


def _terms(it: CheckoutSession, simulation: str | None) -> ChargeTerms:
    payment = it.payment
    return ChargeTerms(
        amount=payment["chargeAmount"],
        capture_now=it.intent == PaymentIntent.AUTHORIZE_WITH_CAPTURE,
        can_be_pending=bool(payment["canHandlePendingAuthorization"]),
        simulation=simulation if simulation == PENDING else None,
        document={
            "merchantMetadata": it.document["merchantMetadata"],
            "providerMetadata": it.document["providerMetadata"],
            "softDescriptor": payment["softDescriptor"],
            "platformId": it.document["platformId"],
        },
    )


def _may_be_zero(document: Document) -> bool:
    """A free trial: a recurring agreement without a first charge (§6.1)."""
    lasting = document["chargePermissionType"] != ChargePermissionType.ONE_TIME
    return lasting and document["paymentDetails"]["paymentIntent"] in {None, PaymentIntent.CONFIRM}


def _merged(document: Document, body: Mapping[str, Any]) -> Document:
    """Partial update: keys not sent stay. A copy, so that a refused update changes nothing."""
    merged = dict(document)
    for key, value in body.items():
        merged[key] = {**(merged[key] or {}), **value} if isinstance(value, Mapping) else value
    merged["recurringMetadata"] = wire.recurring(merged["recurringMetadata"])
    return merged


def _check_urls(owner: Owner, urls: Document) -> None:
    if not owner.is_sandbox:
        fields.check_https({key: urls[key] for key in urls if key != "checkoutMode"}, "webCheckoutDetails")
    if "checkoutMode" not in urls and "checkoutReviewReturnUrl" not in urls:
        raise fields.missing("webCheckoutDetails.checkoutReviewReturnUrl")


def _check_apb(it: CheckoutSession, address: Mapping[str, Any] | None) -> None:
    """Everything must be known at the click (§5.4)."""
    if it.urls["checkoutReviewReturnUrl"]:
        raise ApiProblem("InvalidParameterCombination", "ProcessOrder has no checkoutReviewReturnUrl.")
    if it.urls["checkoutResultReturnUrl"] is None:
        raise fields.missing("webCheckoutDetails.checkoutResultReturnUrl")
    for key in ("paymentIntent", "chargeAmount"):
        if it.payment[key] is None and not it.is_set_up_only:
            raise fields.missing(f"paymentDetails.{key}")
    if it.product_type in _SHIPPED:
        it.shipping_address = _shop_address(it.owner.region, address)


def _shop_address(region: str, given: Mapping[str, Any] | None) -> Address:
    """The address typed in the shop; trimmed, postal code and country in upper case."""
    if given is None:
        raise fields.missing("addressDetails")
    trimmed = {key: value.strip() for key, value in given.items()}
    for key in _APB_ADDRESS[region]:
        if not trimmed.get(key):
            raise fields.missing(f"addressDetails.{key}")
    trimmed |= {key: trimmed[key].upper() for key in ("postalCode", "countryCode")}
    district = {"district": trimmed.pop("districtOrCounty")} if "districtOrCounty" in trimmed else {}
    return full_address(**trimmed, **district)


def _check_amounts(it: CheckoutSession, body: Mapping[str, Any]) -> None:
    if it.is_set_up_only:
        return
    if "chargeAmount" not in body:
        raise fields.missing("chargeAmount")
    _check_same(it.payment["chargeAmount"], body["chargeAmount"])
    if "totalOrderAmount" in body:
        _check_same(it.payment["totalOrderAmount"], body["totalOrderAmount"])


def _check_same(expected: Money | None, given: Money | None, *, optional: bool = False) -> None:
    if optional or expected is None is given:
        return
    if expected is not None and given is not None and expected.currency != given.currency:
        raise ApiProblem("CurrencyMismatch", f"The Checkout Session is in {expected.currency}.")
    if expected != given:
        raise ApiProblem("AmountMismatch", "The amount differs from the Checkout Session's.")


def _check_finalized_address(it: CheckoutSession, body: Mapping[str, Any]) -> None:
    key = "shippingAddress" if it.product_type in _SHIPPED else "billingAddress"
    if key not in body:
        raise fields.missing(key)
    if key == "shippingAddress" and it.shipping_address is not None:
        differing = [name for name, value in body[key].items() if it.shipping_address.get(name) != value]
        if differing:
            raise ApiProblem("InvalidParameterValue", f"shippingAddress.{differing[0]} is not the buyer's choice.")
