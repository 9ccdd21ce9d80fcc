"""The rest of the API: sign-in, delivery trackers, delegation, merchant accounts, in-store.

Source: amazon-pay-cv2.md §3.11, §3.14-3.16, §11.1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from saleor_amazonpay.amazonpay.carriers import carriers
from saleor_amazonpay.sandbox.amazon_pay import fields, wire
from saleor_amazonpay.sandbox.amazon_pay.api_request import Answer, ApiRequest
from saleor_amazonpay.sandbox.amazon_pay.buyers import Buyer
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.merchants import Merchant, Owner
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.world import World, find

SIGN_IN_FIELDS: Final = Fields(
    {
        "signInReturnUrl": fields.url,
        "signInCancelUrl": fields.url,
        "storeId": fields.text(128),
        "signInScopes": fields.list_of(
            fields.one_of(
                "name", "email", "phoneNumber", "billingAddress", "postalCode", "shippingAddress", "primeStatus"
            )
        ),
    },
    required=("signInReturnUrl", "storeId"),
)
TRACKER_FIELDS: Final = Fields(
    {
        "amazonOrderReferenceId": fields.text(64),
        "chargePermissionId": fields.text(64),
        "deliveryDetails": fields.list_of(
            Fields(
                {"trackingNumber": fields.text(64), "carrierCode": fields.text(64)},
                required=("trackingNumber", "carrierCode"),
            )
        ),
    },
    required=("deliveryDetails",),
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """One consent given on the sign-in page."""

    buyer: Buyer
    owner: Owner
    scopes: frozenset[str] | None


class Accounts:
    def __init__(self, world: World) -> None:
        self._world = world
        self._sign_ins: dict[str, SignIn] = {}
        self._tracked: set[str] = set()
        self._accounts: dict[str, Mapping[str, Any]] = {}

    # --- Sign-in --------------------------------------------------------------------------------------------------

    def sign_in(self, buyer: Buyer, owner: Owner, scopes: frozenset[str] | None) -> str:
        """A buyer token, as the browser carries it to ``signInReturnUrl``."""
        token = self._world.ids.text(96)
        self._sign_ins[token] = SignIn(buyer, owner, scopes)
        return token

    def get_buyer(self, request: ApiRequest) -> Answer:
        known = self._sign_ins.get(request.ids["id"])
        if known is None or known.owner != request.owner:
            raise ApiProblem("InvalidParameterValue", "The buyer token is not valid.")
        return Answer(200, wire.sign_in_buyer(known.buyer, known.owner, known.scopes))

    # --- Delivery trackers ----------------------------------------------------------------------------------------

    def track_delivery(self, request: ApiRequest) -> Answer:
        """A tracking number can be used once, and the carrier must be one of Amazon's list."""
        body = TRACKER_FIELDS(request.body)
        permission_id = body.get("chargePermissionId") or body.get("amazonOrderReferenceId")
        if permission_id is None:
            raise fields.missing("chargePermissionId")
        find(self._world.permissions, permission_id, request.owner)
        numbers = [detail["trackingNumber"] for detail in body["deliveryDetails"]]
        if not numbers or self._tracked & set(numbers):
            raise ApiProblem("InvalidParameterValue", "The tracking number was used before, or none was given.")
        if unknown := {detail["carrierCode"] for detail in body["deliveryDetails"]} - carriers().keys():
            raise ApiProblem("InvalidParameterValue", f"The carrier code {min(unknown)} is not supported.")
        self._tracked |= set(numbers)
        document = {
            "amazonOrderReferenceId": body.get("amazonOrderReferenceId"),
            "chargePermissionId": body.get("chargePermissionId"),
            "deliveryDetails": body["deliveryDetails"],
        }
        return Answer(200, document)

    # --- Delegation -----------------------------------------------------------------------------------------------

    def get_authorization_token(self, request: ApiRequest) -> Answer:
        """A token to act for the merchant in the query; live only."""
        if request.owner.is_sandbox:
            raise ApiProblem("UnsupportedOperation", "There are no authorization tokens in the sandbox.")
        merchant_id = request.query.get("merchantId")
        if not merchant_id:
            raise fields.missing("merchantId")
        if self._world.merchants.get(merchant_id) is None:
            raise ApiProblem("InvalidAuthorizationToken", "The merchant has not granted anything.")
        return Answer(200, {"authorizationToken": _token(merchant_id)})

    def delegating(self, token: str) -> Merchant:
        """The merchant an ``x-amz-pay-authtoken`` speaks for."""
        try:
            payload = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
            merchant = self._world.merchants.get(payload["merchantId"])
        except (IndexError, KeyError, TypeError, ValueError):
            merchant = None
        if merchant is None or _token(merchant.merchant_id) != token:
            raise ApiProblem("InvalidAuthorizationToken", "The authorization token is not valid.")
        return merchant

    # --- Merchant accounts (solution providers) -------------------------------------------------------------------

    def register(self, request: ApiRequest) -> Answer:
        if "uniqueReferenceId" not in request.body:
            raise fields.missing("uniqueReferenceId")
        account_id = "A" + self._world.ids.text(13)
        self._accounts[account_id] = request.body
        document = {"uniqueReferenceId": request.body["uniqueReferenceId"], "merchantAccountId": account_id}
        return Answer(201, document)

    def update(self, request: ApiRequest) -> Answer:
        self._account(request)
        return Answer(204, None)

    def delete(self, request: ApiRequest) -> Answer:
        del self._accounts[self._account(request)]
        return Answer(202, {})

    def claim(self, request: ApiRequest) -> Answer:
        """303 with the page on which the merchant takes the account over."""
        account_id = self._account(request)
        location = f"{self._world.url}/claim/{account_id}"
        return Answer(303, None, {"location": location})

    def _account(self, request: ApiRequest) -> str:
        if request.ids["id"] not in self._accounts:
            raise ApiProblem("ResourceNotFound", f"{request.ids['id']} was not found.")
        return request.ids["id"]

    # --- In-store -------------------------------------------------------------------------------------------------

    def merchant_scan(self, request: ApiRequest) -> Answer:
        """Not for web shops: answers in the documented shape and touches nothing else (§3.16)."""
        owner, ids = request.owner, self._world.ids
        taken = self._world.permissions
        return Answer(
            200, {"chargePermissionId": ids.permission(owner.region, owner.environment, lasting=False, taken=taken)}
        )

    def in_store_charge(self, request: ApiRequest) -> Answer:
        permission_id = _required(request.body, "chargePermissionId")
        charge_id = self._world.ids.child(permission_id, "C", self._world.charges)
        return Answer(200, {"chargeId": charge_id, "chargeStatus": {"state": "Completed"}})

    def in_store_refund(self, request: ApiRequest) -> Answer:
        charge_id = _required(request.body, "chargeId")
        refund_id = self._world.ids.child(charge_id.rpartition("-")[0], "R", self._world.refunds)
        return Answer(200, {"refundId": refund_id, "refundStatus": {"state": "Pending"}})


def _required(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise fields.missing(name)
    return value


def _token(merchant_id: str) -> str:
    """The shape of a JWT; its signature is the simulator's own business."""
    parts = ({"alg": "HS256"}, {"merchantId": merchant_id}, {"signed": "simulator"})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join(encoded)
