"""A click on the button: the signed configuration is checked and becomes a session.

Source: amazon-pay-cv2.md §2.4, §5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from saleor_amazonpay.sandbox.amazon_pay import fields, signatures
from saleor_amazonpay.sandbox.amazon_pay.accounts import SIGN_IN_FIELDS
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner, PublicKey
from saleor_amazonpay.sandbox.amazon_pay.objects import CheckoutSession
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.sessions import PRODUCT_TYPES, Sessions, with_parameter
from saleor_amazonpay.sandbox.amazon_pay.world import World


@dataclass(frozen=True, slots=True)
class ButtonConfig:
    """``createCheckoutSessionConfig`` or ``signInConfig``; ``sandbox`` matters for legacy keys only."""

    payload_json: str
    signature: str
    public_key_id: str
    algorithm: str
    sandbox: bool | None = None

    @classmethod
    def parse(cls, config: Mapping[str, str]) -> ButtonConfig:
        for key in ("payloadJSON", "signature", "publicKeyId"):
            if not config.get(key):
                raise fields.missing(key)
        sandbox = config.get("sandbox")
        return cls(
            config["payloadJSON"],
            config["signature"],
            config["publicKeyId"],
            config.get("algorithm") or signatures.DEFAULT_ALGORITHM,
            None if sandbox is None else str(sandbox).lower() == "true",
        )


@dataclass(frozen=True, slots=True)
class SignInRequest:
    owner: Owner
    address: str
    cancel_url: str | None
    scopes: frozenset[str] | None

    def return_url(self, token: str) -> str:
        return with_parameter(self.address, "buyerToken", token)


class Buttons:
    def __init__(self, world: World, sessions: Sessions) -> None:
        self._world = world
        self._sessions = sessions

    def checkout(self, config: ButtonConfig, product_type: str) -> CheckoutSession:
        if product_type not in PRODUCT_TYPES:
            raise ApiProblem("InvalidParameterValue", "The value of productType is not known.")
        key, payload = self._verified(config)
        return self._sessions.create(_owner(config, key), key.merchant, payload, product_type)

    def sign_in(self, config: ButtonConfig) -> SignInRequest:
        key, payload = self._verified(config)
        body = SIGN_IN_FIELDS(payload)
        if body["storeId"] not in key.merchant.store_ids:
            raise ApiProblem("InvalidParameterValue", "The value of storeId is not a store of this merchant.")
        owner = _owner(config, key)
        if not owner.is_sandbox:
            fields.check_https({"signInReturnUrl": body["signInReturnUrl"]}, "signInConfig")
        scopes = frozenset(body["signInScopes"]) if "signInScopes" in body else None
        return SignInRequest(owner, body["signInReturnUrl"], body.get("signInCancelUrl"), scopes)

    def _verified(self, config: ButtonConfig) -> tuple[PublicKey, Mapping[str, Any]]:
        """The signature is over the exact text, and never expires."""
        key = self._world.merchants.key(config.public_key_id)
        if key is None:
            raise ApiProblem("InvalidAuthentication", "The public key id is unknown.")
        if key.merchant.status != "Active":
            raise ApiProblem("InvalidAccountStatus", f"The merchant account is {key.merchant.status}.")
        signatures.check_payload(key.key, config.algorithm, config.payload_json, config.signature)
        try:
            payload = json.loads(config.payload_json, parse_float=Decimal)
        except ValueError:
            raise ApiProblem("InvalidRequestFormat", "payloadJSON is not JSON.") from None
        return key, payload


def _owner(config: ButtonConfig, key: PublicKey) -> Owner:
    if not key.is_legacy or config.sandbox is None:
        return key.owner()
    return key.owner("sandbox" if config.sandbox else "live")
