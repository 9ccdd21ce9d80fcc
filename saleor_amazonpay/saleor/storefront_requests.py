"""What a shop's pages ask the app itself: checked field by field, then typed.

The shapes are those of ``webhooks/storefront/<endpoint>/request.schema.json`` (a test holds the two together).
Source: DESIGN §2 (URLs), §5; amazon-pay-cv2.md §11.1-11.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from saleor_amazonpay.saleor.data import PLACEMENTS, Placement
from saleor_amazonpay.saleor.shapes import URL, Choice, Flag, ListOf, Object, Text, checked

SCOPES: Final = ("name", "email", "phoneNumber", "billingAddress", "postalCode", "shippingAddress", "primeStatus")
MAX_BUYER_TOKEN: Final = 1000


class _Request(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Which shop asks: the tenant, and the channel whose account is meant."""

    saleor_api_url: str
    channel: str


class ButtonRequest(_Request, frozen=True, kw_only=True):
    """``amount`` is a decimal as text, of ``currency``; both or none."""

    amount: str | None = None
    currency: str | None = None
    is_shipping_required: bool = True
    placement: Placement | None = None
    language_code: str = ""


class SignInRequest(_Request, frozen=True, kw_only=True):
    sign_in_return_url: str
    sign_in_cancel_url: str | None = None
    scopes: tuple[str, ...] | None = None
    placement: Placement | None = None
    language_code: str = ""


class ExchangeRequest(_Request, frozen=True, kw_only=True):
    """``link``: the Amazon account shall be the one of the customer whose Saleor token comes with the request."""

    buyer_token: str
    link: bool = False


class UnlinkRequest(_Request, frozen=True, kw_only=True):
    pass


_API_URL: Final = Text(
    re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}/graphql/"),
    "Must be the API URL of your Saleor, e.g. https://shop.example/graphql/.",
    255,
)
_CHANNEL: Final = Text(re.compile(r"[A-Za-z0-9_-]{1,255}"), "Must be the slug of a channel.")
_LANGUAGE: Final = Text(
    re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}"), "Must be a language such as en, ja or de_DE."
)
_AMOUNT: Final = Text(
    re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?"), 'Must be an amount as a string, e.g. "500" or "12.00".'
)
_CURRENCY: Final = Text(re.compile(r"[A-Z]{3}"), "Must be a currency code of three capital letters.")
_TOKEN: Final = Text(
    re.compile(r"[!-~]{1,1000}"), "Must be the buyerToken from the query of your sign-in page's URL, decoded."
)
_WHO: Final = {"saleorApiUrl": _API_URL, "channel": _CHANNEL}
_REQUIRED: Final = tuple(_WHO)

_BUTTON: Final = Object(
    {
        **_WHO,
        "amount": _AMOUNT,
        "currency": _CURRENCY,
        "isShippingRequired": Flag(),
        "placement": Choice(PLACEMENTS),
        "languageCode": _LANGUAGE,
    },
    required=_REQUIRED,
)
_SIGN_IN: Final = Object(
    {
        **_WHO,
        "signInReturnUrl": URL,
        "signInCancelUrl": URL,
        "scopes": ListOf(Choice(SCOPES), len(SCOPES)),
        "placement": Choice(PLACEMENTS),
        "languageCode": _LANGUAGE,
    },
    required=(*_REQUIRED, "signInReturnUrl"),
)
_EXCHANGE: Final = Object({**_WHO, "buyerToken": _TOKEN, "link": Flag()}, required=(*_REQUIRED, "buyerToken"))
_UNLINK: Final = Object(_WHO, required=_REQUIRED)

_FLAGS: Final[Mapping[str, bool]] = {"true": True, "false": False}


def parse_button(query: Mapping[str, str]) -> ButtonRequest:
    """From the query of a GET. Raises DataErrors."""
    values: dict[str, Any] = {
        name: _FLAGS.get(text, text) if name == "isShippingRequired" else text for name, text in query.items()
    }
    return msgspec.convert(checked(_BUTTON, msgspec.json.encode(values), null={}, path="request"), ButtonRequest)


def parse_sign_in(body: bytes) -> SignInRequest:
    """Raises DataErrors."""
    return msgspec.convert(checked(_SIGN_IN, body, null={}, path="request"), SignInRequest)


def parse_exchange(body: bytes) -> ExchangeRequest:
    """Raises DataErrors."""
    return msgspec.convert(checked(_EXCHANGE, body, null={}, path="request"), ExchangeRequest)


def parse_unlink(body: bytes) -> UnlinkRequest:
    """Raises DataErrors."""
    return msgspec.convert(checked(_UNLINK, body, null={}, path="request"), UnlinkRequest)
