"""An account as a file, without its secrets: to look at, to keep, to take to another installation."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from saleor_amazonpay.dashboard.views import account_form
from saleor_amazonpay.dashboard.views.account_form import Entered
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.accounts import AccountView
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage.accounts import AccountOptions

FORMAT: Final = "saleor-amazonpay/account"
VERSION: Final = 1


class NotAnAccount(AppError):
    """``sentence`` says what the file is not."""

    status = 422
    code = "NOT_AN_ACCOUNT"


class _Document(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    format: str
    version: int
    name: str = ""
    merchant_id: str = ""
    store_id: str = ""
    region: str = ""
    environment: str = ""
    public_key_id: str = ""
    options: AccountOptions = AccountOptions()


class _Head(msgspec.Struct):
    format: str
    version: int


def written(view: AccountView) -> bytes:
    """JSON, laid out to be read. There is no field for a private key, so none can be in it."""
    document = _Document(
        format=FORMAT,
        version=VERSION,
        name=view.name,
        merchant_id=view.merchant_id,
        store_id=view.store_id,
        region=view.region,
        environment=view.environment,
        public_key_id=view.public_key_id,
        options=view.options,
    )
    return msgspec.json.format(msgspec.json.encode(document)) + b"\n"


def read(text: str) -> Entered:
    """The form of a new account, filled; whether its contents are right is checked when it is saved.

    Raises:
        NotAnAccount: no such file, one of a later version, or one with a field of the wrong kind.
    """
    try:
        head = msgspec.json.decode(text.encode(), type=_Head)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise NotAnAccount(Message("This is not the file of an exported account.")) from error
    if head.format != FORMAT:
        raise NotAnAccount(Message("This is not the file of an exported account."))
    if head.version != VERSION:
        raise NotAnAccount(
            Message(
                "The file has version {version}; this app reads version {known}.", version=head.version, known=VERSION
            )
        )
    return _entered(text)


def _entered(text: str) -> Entered:
    try:
        document = msgspec.json.decode(text.encode(), type=_Document)
    except msgspec.ValidationError as error:
        raise NotAnAccount(Message("The file was changed: {fault}", fault=str(error))) from error
    identity: dict[str, Any] = {
        name: getattr(document, attribute) for name, attribute in account_form.ATTRIBUTES.items()
    }
    return account_form.of_options(document.options, identity)
