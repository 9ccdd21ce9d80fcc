"""Sign-in with Amazon: who the buyer is, told to the shop once, and linked to a customer by proof of both accounts.

Proof of the Amazon account is a buyerToken, which Amazon gives to the buyer's browser only; proof of the customer is
Saleor's own token, asked of Saleor. An e-mail address proves nothing: at the shop it may be unconfirmed, so whoever
registered with somebody's address first would be given that person's Amazon account.
Source: DESIGN §2; amazon-pay-cv2.md §11.
"""

from __future__ import annotations

import hashlib
from typing import Any

import structlog

from saleor_amazonpay.amazonpay import Buyer, requests
from saleor_amazonpay.amazonpay.payloads import SignInPayload, to_json
from saleor_amazonpay.errors import (
    AmazonPayRejected,
    AmazonPayUnavailable,
    AmazonPayUnresolved,
    ConflictError,
    RequestRejected,
    SaleorRefused,
)
from saleor_amazonpay.handlers import addresses, button
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import check_origins
from saleor_amazonpay.handlers.storefront import shops
from saleor_amazonpay.handlers.storefront.shops import Shop
from saleor_amazonpay.saleor.storefront_requests import ExchangeRequest, SignInRequest, UnlinkRequest
from saleor_amazonpay.storage import sign_in as sign_in_rows
from saleor_amazonpay.storage.engine import Session

log = structlog.get_logger(__name__)


class NotLoggedIn(RequestRejected):
    """Saleor knows nobody by the token that came with the request, or none came."""

    status = 401
    code = "NOT_LOGGED_IN"


class TokenTaken(ConflictError):
    """A buyerToken is taken once: what is seen in a browser's history or a log signs nobody in."""

    code = "BUYER_TOKEN_TAKEN"


class TokenInvalid(RequestRejected):
    code = "BUYER_TOKEN_INVALID"


class LinkedToAnother(ConflictError):
    """The Amazon account is another customer's; that customer has to unlink it first."""

    code = "LINKED_TO_ANOTHER_CUSTOMER"


async def begin(services: Services, asked: SignInRequest, origin: str | None) -> dict[str, Any]:
    """``amazonPay`` for Amazon's sign-in button; no CV2 call is made.

    Raises:
        UnknownShop, OriginNotAllowed: see ``shops.of``.
        DataErrors: a URL of an origin that is not the shop's.
    """
    shop = await shops.of(services, asked.saleor_api_url, asked.channel, origin)
    check_origins(
        shop.account,
        "request",
        signInReturnUrl=asked.sign_in_return_url,
        signInCancelUrl=asked.sign_in_cancel_url,
    )
    payload = SignInPayload(
        sign_in_return_url=asked.sign_in_return_url,
        sign_in_cancel_url=asked.sign_in_cancel_url,
        store_id=shop.account.store_id,
        sign_in_scopes=asked.scopes,  # type: ignore[arg-type]  # checked: each is one of SCOPES
    )
    shown = button.appearance(
        services,
        shop.account,
        currency=None,
        language=asked.language_code,
        product_type="SignIn",
        placement=asked.placement or "Other",
    )
    return shown | {"signInConfig": services.directory.signed_button(shop.account, to_json(payload).decode())}


async def exchange(
    services: Services, asked: ExchangeRequest, origin: str | None, customer_token: str | None, deadline: Deadline
) -> dict[str, Any]:
    """What Amazon tells of the buyer, and the customer that buyer is here.

    Raises:
        UnknownShop, OriginNotAllowed: see ``shops.of``.
        NotLoggedIn: ``link`` was asked for, and the customer is not proven.
        TokenTaken, TokenInvalid: of the buyerToken.
        LinkedToAnother: the Amazon account belongs to another customer; nothing was linked.
        AmazonPayUnavailable: not now; the token can be used again.
    """
    shop = await shops.of(services, asked.saleor_api_url, asked.channel, origin)
    customer_id = await _customer(services, shop, customer_token) if asked.link else None
    buyer = await _buyer(services, shop, asked.buyer_token, deadline)
    owner = await services.database.run(lambda session: _link(session, services, shop, buyer, customer_id))
    if customer_id is not None:
        log.info("buyer_linked", tenant=shop.installation.api_url, customer=customer_id)
    return {"buyer": _told(buyer), "customer": {"id": owner} if owner else None}


async def unlink(services: Services, asked: UnlinkRequest, origin: str | None, customer_token: str | None) -> int:
    """Forget the customer's Amazon accounts; how many there were.

    Raises:
        UnknownShop, OriginNotAllowed: see ``shops.of``.
        NotLoggedIn: the customer is not proven.
    """
    shop = await shops.of(services, asked.saleor_api_url, asked.channel, origin)
    customer_id = await _customer(services, shop, customer_token)
    api_url = shop.installation.api_url
    return await services.database.run(lambda session: sign_in_rows.unlink(session, api_url, customer_id))


async def _customer(services: Services, shop: Shop, token: str | None) -> str:
    """Whose token it is, by Saleor's own word: it knows which tokens it has taken back."""
    if not token:
        raise NotLoggedIn("Send the customer's Saleor token as Authorization: Bearer …")
    try:
        data = await services.saleor.execute("queries/me", api_url=shop.installation.api_url, token=token)
    except SaleorRefused as refusal:  # a token that is none, or none any more
        raise NotLoggedIn("The customer is not logged in at Saleor (any more).") from refusal
    customer = data.get("me")
    if not customer:
        raise NotLoggedIn("The customer is not logged in at Saleor (any more).")
    return str(customer["id"])


async def _buyer(services: Services, shop: Shop, token: str, deadline: Deadline) -> Buyer:
    """Taken before Amazon is asked, so that of two at once only one is told; given back if Amazon was not reached."""
    api_url, digest = shop.installation.api_url, hashlib.sha256(token.encode()).hexdigest()
    now = services.clock.now()
    if not await services.database.run(lambda session: sign_in_rows.take_token(session, api_url, digest, now)):
        raise TokenTaken("This buyerToken was used already. Show the sign-in button again.")
    try:
        request = requests.get_buyer(token)
        return (await services.amazon(shop.account).execute(request, budget=deadline.left)).value
    except AmazonPayRejected as refusal:
        raise TokenInvalid(
            "Amazon does not know this buyerToken (any more). Show the sign-in button again."
        ) from refusal
    except (AmazonPayUnavailable, AmazonPayUnresolved) as absence:
        await services.database.run(lambda session: sign_in_rows.give_token_back(session, api_url, digest))
        raise AmazonPayUnavailable("Amazon Pay does not answer now. Try again with the same buyerToken.") from absence


def _link(session: Session, services: Services, shop: Shop, buyer: Buyer, customer_id: str | None) -> str | None:
    """Link where asked to; the customer whose Amazon account this is, None for nobody's."""
    api_url, merchant_id, buyer_id = shop.installation.api_url, shop.account.merchant_id, buyer.buyer_id or ""
    if customer_id is None:
        return sign_in_rows.owner_of(session, api_url, merchant_id, buyer_id)
    if not sign_in_rows.link(session, api_url, merchant_id, buyer_id, customer_id, services.clock.now()):
        raise LinkedToAnother("This Amazon account is linked to another customer of the shop.")
    return customer_id


def _told(buyer: Buyer) -> dict[str, Any]:
    """Only what Amazon gave, which is what the signed scopes asked for; addresses as Saleor's mutations take them."""
    told: dict[str, Any] = {
        "buyerId": buyer.buyer_id,
        "name": buyer.name,
        "email": buyer.email,
        "phoneNumber": buyer.phone_number,
        "postalCode": buyer.postal_code,
        "countryCode": buyer.country_code,
        "primeMembershipTypes": buyer.prime_membership_types,
    }
    missing = []
    for name, given in (("shippingAddress", buyer.shipping_address), ("billingAddress", buyer.billing_address)):
        converted = addresses.to_saleor(given)
        told[name] = converted.address
        missing += [f"{name}.{field}" for field in converted.missing] if given else []
    return {name: value for name, value in told.items() if value is not None} | {"missingFields": missing}
