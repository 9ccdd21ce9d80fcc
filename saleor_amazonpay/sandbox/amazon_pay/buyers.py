"""Test buyers, their address books and wallets. Sources: amazon-pay-cv2.md §9.2 (cards), §11.3 (addresses)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

_ADDRESS_KEYS: Final = (
    "name",
    "addressLine1",
    "addressLine2",
    "addressLine3",
    "city",
    "county",
    "district",
    "stateOrRegion",
    "postalCode",
    "countryCode",
    "phoneNumber",
)

Address = dict[str, str | None]


def address(**parts: str) -> Address:
    """Every key is there; what is not given is null."""
    unknown = parts.keys() - set(_ADDRESS_KEYS)
    if unknown:
        raise ValueError(f"Not fields of an address: {', '.join(sorted(unknown))}.")
    return {key: parts.get(key) for key in _ADDRESS_KEYS}


@dataclass(frozen=True, slots=True)
class Card:
    """A simulated card: how the session ends (``session_reason``) and how a charge is decided (``charge``)."""

    ending: str
    brand: str
    session_reason: str | None = None
    charge: str = "Approved"

    @property
    def is_asynchronous(self) -> bool:
        return self.charge.startswith("Pending")


CONFIRMED_BY_BUYER: Final = "ConfirmedByBuyer"
"""Not one of Amazon's sandbox cards: each charge of a saved wallet with it has to be confirmed by the buyer (§6.7)."""

CARDS: Final[Mapping[str, Card]] = {
    card.ending: card
    for card in (
        Card("1111", "Visa"),
        Card("0005", "Amex"),
        Card("4444", "Mastercard"),
        Card("9424", "Discover"),
        Card("0000", "JCB"),
        Card("1212", "Diners"),
        Card("3064", "Visa", session_reason="BuyerCanceled"),
        Card("3434", "Visa", session_reason="Declined", charge="HardDeclined"),
        Card("0701", "Visa", charge="PendingThenAuthorized"),
        Card("4354", "Visa", charge="PendingThenDeclined"),
        Card("3220", "Visa", charge=CONFIRMED_BY_BUYER),
    )
}


@dataclass(frozen=True, slots=True)
class Buyer:
    """A person with an Amazon account; ``key`` is a short name for tests, never shown to merchants."""

    key: str
    region: str
    name: str
    email: str
    phone_number: str
    addresses: Sequence[Address]
    billing_address: Address | None = None
    prime_membership_types: tuple[str, ...] | None = None


_TARO = Buyer(
    "taro",
    "jp",
    "鈴木太郎",
    "taro.suzuki@example.com",
    "0312345678",
    (
        address(
            name="鈴木太郎",
            addressLine1="下目黒1-8-1",
            addressLine2="アルコタワー",
            city="目黒区",
            stateOrRegion="東京都",
            postalCode="153-0064",
            countryCode="JP",
            phoneNumber="0312345678",
        ),
        address(
            name="鈴木太郎",
            addressLine1="大阪市北区梅田3丁目1番3号",
            addressLine2="ノースゲートビルディング28F",  # noqa: RUF001 - Japanese
            addressLine3="株式会社サンプル",
            stateOrRegion="大阪府",
            postalCode="5300001",
            countryCode="JP",
            phoneNumber="06-1234-5678",
        ),
    ),
)
_HANAKO = Buyer(
    "hanako",
    "jp",
    "佐藤 花子",
    "hanako.sato@example.com",
    "08012345678",
    (
        address(
            name="佐藤 花子",
            addressLine1="札幌市中央区北１条西２丁目",
            stateOrRegion="北海道",
            postalCode="060-0001",
            countryCode="JP",
            phoneNumber="08012345678",
        ),
    ),
)
_SUSIE = Buyer(
    "susie",
    "na",
    "Susie Smith",
    "susie.smith@example.com",
    "2065550100",
    (
        address(
            name="Susie Smith",
            addressLine1="10 Ditka Ave",
            addressLine2="Suite 2500",
            city="Chicago",
            stateOrRegion="IL",
            postalCode="60602",
            countryCode="US",
            phoneNumber="3125550100",
        ),
    ),
)
_ERIKA = Buyer(
    "erika",
    "eu",
    "Erika Mustermann",
    "erika.mustermann@example.com",
    "08912345678",
    (
        address(
            name="Erika Mustermann",
            addressLine1="Domagkstraße 28",
            city="München",
            postalCode="80807",
            countryCode="DE",
            phoneNumber="08912345678",
        ),
    ),
)
_OLIVER = Buyer(
    "oliver",
    "eu",
    "Oliver Smith",
    "oliver.smith@example.com",
    "02079460000",
    (
        address(
            name="Oliver Smith",
            addressLine1="1 Principal Place",
            addressLine2="Worship Street",
            city="London",
            postalCode="EC2A 2FA",
            countryCode="GB",
            phoneNumber="02079460000",
        ),
    ),
)
TEST_BUYERS: Final = (_TARO, _HANAKO, _SUSIE, _ERIKA, _OLIVER)

_DESCRIPTOR_WITHOUT_CARD: Final = "Your selected Amazon payment method"


def payment_descriptor(card: Card, region: str) -> str:
    """Japan shows no brand and no digits (§11.3)."""
    return _DESCRIPTOR_WITHOUT_CARD if region == "jp" else f"{card.brand} ****{card.ending} (Amazon Pay)"


class Buyers:
    """The people who can sign in; tests add their own."""

    def __init__(self) -> None:
        self._buyers = {buyer.key: buyer for buyer in TEST_BUYERS}

    def add(self, buyer: Buyer) -> Buyer:
        self._buyers[buyer.key] = buyer
        return buyer

    def __getitem__(self, key: str) -> Buyer:
        return self._buyers[key]

    def get(self, key: str | None) -> Buyer | None:
        return self._buyers.get(key or "")

    def of(self, region: str) -> list[Buyer]:
        return [buyer for buyer in self._buyers.values() if buyer.region == region]

    def with_address(self, key: str, new: Address) -> Buyer:
        """Adds to the address book, in front."""
        buyer = self._buyers[key]
        return self.add(replace(buyer, addresses=(new, *buyer.addresses)))
