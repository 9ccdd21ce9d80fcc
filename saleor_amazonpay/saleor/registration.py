"""Registration of an installation: the parts that only judge what Saleor sent.

The POST that brings the token is not signed, so anyone can make it; what proves it is that the token works at the API
URL it names (``SaleorClient.app_identity``). Source: saleor-contract.md §2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.saleor.outbound import Resolver, UrlProhibited, check_public_url, system_resolver

MAX_API_URL_LENGTH = 255
MAX_TOKEN_LENGTH = 1024
SUCCESS: dict[str, Any] = {"success": True}

_API_URL = re.compile(r"(https?)://([^/?#@\\\s]+)/graphql/")
_DEFAULT_PORT = {"https": ":443", "http": ":80"}


class RegistrationRefused(AppError):
    """Saleor shows ``public_message`` to the merchant and removes the app again."""

    status = 403
    code = "REGISTRATION_REFUSED"

    @property
    def body(self) -> dict[str, Any]:
        return {"success": False, "error": {"code": self.code, "message": self.public_message}}


class SaleorUrlProhibited(RegistrationRefused):
    status = 403
    code = "SALEOR_URL_PROHIBITED"


class UnknownAppId(RegistrationRefused):
    """The token resolves to no app at that URL."""

    status = 401
    code = "UNKNOWN_APP_ID"


class JwksNotAvailable(RegistrationRefused):
    status = 401
    code = "JWKS_NOT_AVAILABLE"


class StorageNotAvailable(RegistrationRefused):
    status = 503
    code = "APL_NOT_CONFIGURED"


@dataclass(frozen=True, slots=True)
class SaleorApiUrl:
    """A tenant's key: lower-case host, no default port, path ``/graphql/``."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def jwks_url(self) -> str:
        return self.url.removesuffix("/graphql/") + "/.well-known/jwks.json"


class _Body(msgspec.Struct):
    auth_token: str


def parse_auth_token(body: bytes) -> str:
    """The token of the registration's body.

    Raises:
        RegistrationRefused: there is none.
    """
    try:
        token = msgspec.json.decode(body, type=_Body).auth_token
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistrationRefused("The request holds no auth_token.") from error
    if not 0 < len(token) <= MAX_TOKEN_LENGTH or not token.isascii() or not token.isprintable():
        raise RegistrationRefused("The request holds no usable auth_token.")
    return token


async def validate_api_url(
    url: str,
    *,
    allowed_pattern: str | None = None,
    allow_local_network: bool = False,
    resolver: Resolver = system_resolver,
) -> SaleorApiUrl:
    """The API URL a registration names, if we may call it.

    ``allowed_pattern`` is a regular expression for the whole URL, or for the host (with port).

    Raises:
        SaleorUrlProhibited: not an https URL with path ``/graphql/``, not allowed, or leading inside.
    """
    match = _API_URL.fullmatch(url) if len(url) <= MAX_API_URL_LENGTH else None
    if match is None:
        raise SaleorUrlProhibited("The Saleor API URL must look like https://shop.example/graphql/.")
    scheme, authority = match[1], match[2].lower().removesuffix(_DEFAULT_PORT[match[1]])
    api_url = SaleorApiUrl(f"{scheme}://{authority}/graphql/")
    if allowed_pattern and not any(re.fullmatch(allowed_pattern, subject) for subject in (api_url.url, authority)):
        raise SaleorUrlProhibited("This Saleor may not install the app; the operator lists those that may.")
    try:
        await check_public_url(api_url.url, resolver, allow_local_network=allow_local_network)
    except UrlProhibited as error:
        raise SaleorUrlProhibited(error.public_message) from error
    return api_url
