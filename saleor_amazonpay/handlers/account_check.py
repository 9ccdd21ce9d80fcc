"""The live check of an account's keys: the Create Checkout Session that Amazon's own plugins make.

A session that nobody opens costs nothing and expires by itself. Source: amazon-pay-cv2.md §3.4, §7.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from saleor_amazonpay.amazonpay import Environment, ReasonCode, Region, requests
from saleor_amazonpay.amazonpay.payloads import CheckoutSessionPayload, WebCheckoutDetails
from saleor_amazonpay.errors import AmazonPayError, AmazonPayRejected, KeyUnusable
from saleor_amazonpay.handlers.account_fields import AccountErrorCode, FieldError
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage.accounts import Account

CHECK_SECONDS: Final = 10.0

_UNKNOWN_KEY: Final = marked(
    "Amazon Pay knows no public key ID {public_key_id} in the region {region} ({environment}). "
    "Check the ID and the region."
)
_WRONG_KEY: Final = marked(
    "The private key does not belong to the public key ID {public_key_id}. "
    "If it does, this server's clock is wrong: it says {now}."
)
_STORE: Final = marked(
    "Amazon Pay does not accept the store ID (client ID) {store_id}, or {return_url} as an address of that store. "
    "Compare with {seller_central}."
)
_FAULTS: Final[Mapping[str, tuple[str | None, str]]] = {
    ReasonCode.INVALID_REQUEST_SIGNATURE: (
        "privateKey",
        _WRONG_KEY,
    ),
    ReasonCode.INVALID_AUTHENTICATION: ("publicKeyId", _UNKNOWN_KEY),
    ReasonCode.UNAUTHORIZED_ACCESS: ("publicKeyId", _UNKNOWN_KEY),
    ReasonCode.INVALID_ACCOUNT_STATUS: (
        "merchantId",
        marked("Amazon says that the Amazon Pay account is not active. Finish its registration at {seller_central}."),
    ),
    ReasonCode.INVALID_PARAMETER_VALUE: ("storeId", _STORE),
    ReasonCode.INVALID_PARAMETER_COMBINATION: ("storeId", _STORE),
    ReasonCode.INVALID_HEADER_VALUE: (
        None,
        marked("Amazon Pay did not accept the request's time; this server says {now}."),
    ),
}
"""What the merchant is told, by reason code: the field and the message."""
_TOLD: Final = marked("{reason} (Amazon Pay: {code})")


async def fault_of(services: Services, account: Account) -> FieldError | None:
    """What is wrong with the account's keys, or None: a session could be made with them."""
    return_url = _return_url(services, account)
    request = requests.create_checkout_session(
        CheckoutSessionPayload(
            web_checkout_details=WebCheckoutDetails(checkout_review_return_url=return_url), store_id=account.store_id
        ),
        idempotency_key=secrets.token_hex(16),
    )
    try:
        client = services.directory.client_of(
            account.public_key_id, account.private_key, Region(account.region), Environment(account.environment)
        )
        await client.execute(request, budget=CHECK_SECONDS)
    except KeyUnusable as error:
        return FieldError("privateKey", AccountErrorCode.KEY_UNUSABLE, error.sentence)
    except AmazonPayRejected as error:
        return _explained(services, account, error, return_url)
    except AmazonPayError as error:
        sentence = Message("The keys could not be tried: {reason} Nothing was saved.", reason=error.public_message)
        return FieldError(None, AccountErrorCode.AMAZON_PAY_UNAVAILABLE, sentence)
    return None


def _return_url(services: Services, account: Account) -> str:
    origins = account.options.allowed_origins
    return f"{origins[0] if origins else services.settings.app_api_base_url}/"


def _explained(services: Services, account: Account, error: AmazonPayRejected, return_url: str) -> FieldError:
    name, template = _FAULTS.get(error.reason_code, (None, None))
    reason = (
        Message(
            template,
            public_key_id=account.public_key_id,
            store_id=account.store_id,
            region=account.region.upper(),
            environment=account.environment,
            seller_central=Region(account.region).seller_central_url,
            return_url=return_url,
            now=services.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC"),
        )
        if template
        else error.public_message
    )
    code = error.reason_code or f"HTTP {error.http_status}"
    return FieldError(name, AccountErrorCode.CHECK_FAILED, Message(_TOLD, reason=reason, code=code))
