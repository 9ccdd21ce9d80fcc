"""What the old API left behind at Amazon: every kind of CV1 object in every state, readable through CV2.

The objects are the same ones CV2 knows; what is CV1's about them is their ids (an Authorization's has an ``A`` that no
CV2 call takes), what an Order Reference reads as, and the XML of its notifications. Source: amazon-pay-cv2.md §12,
§13.2, §8.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Final

from saleor_amazonpay.domain.cv1 import states as cv1
from saleor_amazonpay.domain.cv1.identifiers import Cv1Id, Cv1Kind, authorization_id_of, charge_id_of
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ChargePermissionState, ChargePermissionType, ChargeState, RefundState
from saleor_amazonpay.sandbox.amazon_pay import wire
from saleor_amazonpay.sandbox.amazon_pay.agenda import add_months
from saleor_amazonpay.sandbox.amazon_pay.buyers import CARDS
from saleor_amazonpay.sandbox.amazon_pay.charges import Charges
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, ChargePermission, Refund
from saleor_amazonpay.sandbox.amazon_pay.options import (
    AUTHORIZATION_DAYS,
    PERMISSION_DAYS,
    RECURRING_MONTHS,
    Environment,
)
from saleor_amazonpay.sandbox.amazon_pay.permissions import Permissions
from saleor_amazonpay.sandbox.amazon_pay.refunds import refund_ceiling
from saleor_amazonpay.sandbox.amazon_pay.world import World

_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    # an Order Reference's or agreement's state in CV1: reasons of the permission
    "Suspended": ("PaymentMethodInvalid",),
    "Canceled": ("MerchantClosed",),
    "Closed": ("MerchantClosed",),
    "Open": (),
}
DRAFT: Final = "Draft"


class Cv1Objects:
    """Makes history: objects appear as they were left, without the calls that would have made them.

    Ids are returned as CV1 wrote them. A Draft exists for CV1 alone: CV2 does not find it (the documents are silent).
    """

    def __init__(self, world: World, permissions: Permissions, charges: Charges) -> None:
        self._world = world
        self._permissions = permissions
        self._charges = charges

    def order_reference(
        self,
        merchant_id: str,
        amount: Money,
        state: str = "Open",
        *,
        environment: Environment = "sandbox",
        seller_order_id: str | None = None,
    ) -> str:
        """``state``: Draft, Open, Suspended, Canceled or Closed."""
        return self._permission(merchant_id, amount, state, environment, seller_order_id, lasting=False)

    def billing_agreement(
        self, merchant_id: str, monthly: Money, state: str = "Open", *, environment: Environment = "sandbox"
    ) -> str:
        """``state`` as of an Order Reference; ``monthly`` is the cap of a calendar month."""
        return self._permission(merchant_id, monthly, state, environment, None, lasting=True)

    def charge_agreement(self, agreement_id: str, amount: Money, state: str = "Open") -> tuple[str, str]:
        """AuthorizeOnBillingAgreement: an Order Reference that is Closed from the start, and its authorization."""
        agreement = self._world.permissions[agreement_id]
        owner = agreement.owner
        reference_id = self.order_reference(owner.merchant_id, amount, "Closed", environment=owner.environment)
        return reference_id, self.authorize(reference_id, amount, state)

    def authorize(
        self, order_reference_id: str, amount: Money | None = None, state: str = "Open", reason: str | None = None
    ) -> str:
        """``state``: Pending, Open, Declined or Closed, the last with its ``reason`` in CV1's words."""
        permission = self._world.permissions[order_reference_id]
        cv2_state = cv1.authorization(state, reason)
        taken = amount or permission.limit
        captured = taken if cv2_state is ChargeState.CAPTURED else Money.zero(taken.currency)
        charge = self._charge(permission, taken, cv2_state, captured)
        charge.reason = _CHARGE_REASONS.get(reason or state)
        self._permissions.review(permission)
        return authorization_id_of(charge.charge_id)

    def capture(self, authorization_id: str, amount: Money | None = None, state: str = "Completed") -> str:
        """``state``: Pending, Completed, Declined, or Closed, which is refunded to the limit."""
        charge = self._world.charges[charge_id_of(authorization_id)]
        taken = amount or charge.amount
        charge.state, charge.capturing = cv1.CAPTURE[state], taken
        charge.reason = _CHARGE_REASONS.get(state) if state == "Declined" else None
        if state in {"Completed", "Closed"}:
            charge.captured = taken
        if state == "Closed":
            self._refund(charge, refund_ceiling(taken), RefundState.REFUNDED)
        charge.updated = self._world.now
        self._permissions.review(charge.permission)
        return charge.charge_id

    def refund(self, capture_id: str, amount: Money | None = None, state: str = "Completed") -> str:
        """``state``: Pending, Completed or Declined."""
        charge = self._world.charges[capture_id]
        return self._refund(charge, amount or charge.captured, cv1.REFUND[state]).refund_id

    def decide(self, cv1_id: str, state: str) -> None:
        """What was Pending is decided now, and notified: an authorization, capture or refund, in CV1's words."""
        id_ = Cv1Id.parse(cv1_id)
        if id_.kind is Cv1Kind.REFUND:
            refund = self._world.refunds[cv1_id]
            refund.state, refund.updated = cv1.REFUND[state], self._world.now
            self._world.announce_refund(refund)
            return
        charge = self._world.charges[id_.cv2_id]
        if id_.kind is Cv1Kind.CAPTURE:
            self.capture(cv1_id, charge.capturing, state)
        else:
            charge.state, charge.updated = cv1.authorization(state), self._world.now
            charge.reason = _CHARGE_REASONS.get(state)
        self._world.announce_charge(charge)

    # --- Details --------------------------------------------------------------------------------------------------

    def _permission(
        self,
        merchant_id: str,
        amount: Money,
        state: str,
        environment: Environment,
        seller_order_id: str | None,
        *,
        lasting: bool,
    ) -> str:
        world = self._world
        owner = Owner(merchant_id, environment, world.merchants[merchant_id].region)
        permission_id = world.ids.permission(owner.region, owner.environment, lasting=lasting, taken=world.permissions)
        if state == DRAFT:
            return permission_id
        buyer, now = world.buyers.of(owner.region)[0], world.now
        it = ChargePermission(
            permission_id=permission_id,
            owner=owner,
            permission_type=ChargePermissionType.RECURRING if lasting else ChargePermissionType.ONE_TIME,
            limit=amount,
            buyer=buyer,
            card=CARDS["1111"],
            document={
                "platformId": None,
                "merchantMetadata": wire.metadata({"merchantReferenceId": seller_order_id}),
                "recurringMetadata": None,
            },
            scopes=None,
            created=now,
            updated=now,
            expires=add_months(now, RECURRING_MONTHS) if lasting else now + timedelta(days=PERMISSION_DAYS),
            shipping_address=buyer.addresses[0],
            is_cv1=True,
            state=cv1.BILLING_AGREEMENT[state],
            reasons=_REASONS[state],
            closed=now if cv1.BILLING_AGREEMENT[state] is ChargePermissionState.CLOSED else None,
        )
        return self._permissions.add(it).permission_id

    def _charge(self, permission: ChargePermission, amount: Money, state: ChargeState, captured: Money) -> Charge:
        world, now = self._world, self._world.now
        return self._charges.add(
            Charge(
                charge_id=world.ids.child(permission.permission_id, "C", world.charges),
                permission=permission,
                amount=amount,
                document={},
                created=now,
                updated=now,
                expires=now + timedelta(days=AUTHORIZATION_DAYS[permission.owner.environment]),
                state=state,
                captured=captured,
                authorized=now,
            )
        )

    def _refund(self, charge: Charge, amount: Money, state: RefundState) -> Refund:
        world, now = self._world, self._world.now
        refund = Refund(
            refund_id=world.ids.child(charge.permission.permission_id, "R", world.refunds),
            charge=charge,
            amount=amount,
            created=now,
            updated=now,
            state=state,
            reason="AmazonRejected" if state is RefundState.DECLINED else None,
        )
        world.refunds[refund.refund_id] = refund
        charge.refunds.append(refund)
        return refund


_CHARGE_REASONS: Final[Mapping[str, str]] = {
    # CV1's reason, or state: CV2's reason of the charge
    "Declined": "HardDeclined",
    "ExpiredUnused": "ExpiredUnused",
    "SellerClosed": "MerchantCanceled",
    "AmazonClosed": "AmazonCanceled",
    "Closed": "MerchantCanceled",
}

_NOTIFICATIONS: Final[Mapping[Cv1Kind, tuple[str, str, str, str]]] = {
    # kind: NotificationType, root element, details element, id element
    Cv1Kind.ORDER_REFERENCE: (
        "OrderReferenceNotification",
        "OrderReferenceNotification",
        "OrderReference",
        "AmazonOrderReferenceId",
    ),
    Cv1Kind.BILLING_AGREEMENT: (
        "BillingAgreementNotification",
        "BillingAgreementNotification",
        "BillingAgreement",
        "AmazonBillingAgreementId",
    ),
    Cv1Kind.AUTHORIZATION: (
        "PaymentAuthorize",
        "AuthorizationNotification",
        "AuthorizationDetails",
        "AmazonAuthorizationId",
    ),
    Cv1Kind.CAPTURE: ("PaymentCapture", "CaptureNotification", "CaptureDetails", "AmazonCaptureId"),
    Cv1Kind.REFUND: ("PaymentRefund", "RefundNotification", "RefundDetails", "AmazonRefundId"),
}
_NAMESPACE: Final = "https://mws.amazonservices.com/ipn/OffAmazonPayments/2013-01-01"


def cv1_message(world: World, merchant_id: str, object_id: str) -> str:
    """The inner message of a CV1 notification: JSON around XML, with what CV2 no longer tells left out."""
    id_ = Cv1Id.parse(object_id)
    type_, root, details, name = _NOTIFICATIONS[id_.kind]
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{_NAMESPACE}"><{details}>'
        f"<{name}>{object_id}</{name}>"
        f"<CreationTimestamp>{world.now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</CreationTimestamp>"
        f"</{details}></{root}>"
    )
    return json.dumps(
        {
            "NotificationReferenceId": world.ids.uuid(),
            "NotificationType": type_,
            "SellerId": merchant_id,
            "ReleaseEnvironment": id_.environment.capitalize(),
            "Version": "2013-01-01",
            "NotificationData": xml,
        }
    )
