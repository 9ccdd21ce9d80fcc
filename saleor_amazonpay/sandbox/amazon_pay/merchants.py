"""Merchant accounts and their public keys. Source: amazon-pay-cv2.md §1.2."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from saleor_amazonpay.sandbox.amazon_pay.options import Environment, Region


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an object is: nothing is seen across merchants, nor between sandbox and live."""

    merchant_id: str
    environment: Environment
    region: Region

    @property
    def is_sandbox(self) -> bool:
        return self.environment == "sandbox"

    @property
    def release_environment(self) -> str:
        return "Sandbox" if self.is_sandbox else "Live"


@dataclass(slots=True)
class Merchant:
    """``is_provider``: a payment service provider, allowed the operations reserved for them."""

    merchant_id: str
    region: Region
    store_ids: set[str] = field(default_factory=set)
    ipn_url: str | None = None
    status: str = "Active"
    is_provider: bool = False


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``is_legacy``: an id without LIVE/SANDBOX prefix; the path says the environment then."""

    public_key_id: str
    merchant: Merchant
    environment: Environment
    key: RSAPublicKey
    is_legacy: bool

    def owner(self, environment: Environment | None = None) -> Owner:
        return Owner(self.merchant.merchant_id, environment or self.environment, self.merchant.region)


class Merchants:
    def __init__(self) -> None:
        self._merchants: dict[str, Merchant] = {}
        self._keys: dict[str, PublicKey] = {}

    def register(self, merchant_id: str, store_id: str, region: Region) -> Merchant:
        merchant = self._merchants.setdefault(merchant_id, Merchant(merchant_id, region))
        if merchant.region != region:
            raise ValueError(f"{merchant_id} is registered in region {merchant.region}.")
        merchant.store_ids.add(store_id)
        return merchant

    def add_key(
        self, merchant: Merchant, public_key_id: str, pem: str, environment: Environment, *, legacy: bool
    ) -> PublicKey:
        key = load_pem_public_key(pem.encode())
        if not isinstance(key, RSAPublicKey):
            raise TypeError("Amazon Pay takes RSA keys only.")
        prefixed = public_key_id.upper().startswith(("LIVE", "SANDBOX"))
        if legacy and prefixed:
            raise ValueError("A key id with a LIVE or SANDBOX prefix is no legacy key id.")
        if prefixed:
            environment = "live" if public_key_id.upper().startswith("LIVE") else "sandbox"
        self._keys[public_key_id] = PublicKey(public_key_id, merchant, environment, key, not prefixed)
        return self._keys[public_key_id]

    def remove_key(self, public_key_id: str) -> None:
        del self._keys[public_key_id]

    def key(self, public_key_id: str) -> PublicKey | None:
        return self._keys.get(public_key_id)

    def __getitem__(self, merchant_id: str) -> Merchant:
        return self._merchants[merchant_id]

    def get(self, merchant_id: str) -> Merchant | None:
        return self._merchants.get(merchant_id)
