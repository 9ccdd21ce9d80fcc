"""What a merchant may enter for an account, field by field: every fault is told at once, in the merchant's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from saleor_amazonpay.amazonpay import Environment, Region, environment_of, load_private_key
from saleor_amazonpay.amazonpay.carriers import carrier_code
from saleor_amazonpay.amazonpay.payloads import SOFT_DESCRIPTOR_LENGTH
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.errors import AppError, KeyUnusable
from saleor_amazonpay.handlers.session_events import origin_of
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage.accounts import Account, AccountOptions, DeliveryRestriction

MAX_NAME: Final = 100
MAX_NOTE: Final = 255
MAX_STORE_NAME: Final = 200
MAX_ORIGINS: Final = 50
MAX_ORIGIN: Final = 255
MAX_KEY: Final = 16_384
MAX_COUNTRIES: Final = 250
MAX_AREAS: Final = 500  # states and postal codes together, over all countries: the button carries them all

_MERCHANT_ID: Final = re.compile(r"A[A-Z0-9]{9,19}")
_STORE_ID: Final = re.compile(r"amzn1\.application-oa2-client\.[0-9a-zA-Z]{8,64}")
_PUBLIC_KEY_ID: Final = re.compile(r"[A-Za-z0-9-]{6,64}")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_STATE: Final = re.compile(r"[^\W_][\w .'-]{0,49}")
_ZIP_CODE: Final = re.compile(r"[A-Z0-9*?][A-Z0-9*? -]{0,11}")
_NO_ORIGIN: Final = marked("{entered} is no origin such as https://shop.example: scheme and host, nothing more.")
_APP_ID: Final = re.compile(r"[A-Za-z0-9+/=_-]{4,64}")
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class AccountErrorCode(StrEnum):
    """``WARNING`` is the only one with which the change was made."""

    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    NOT_CHANGEABLE = "NOT_CHANGEABLE"
    KEY_UNUSABLE = "KEY_UNUSABLE"
    ENVIRONMENT_MISMATCH = "ENVIRONMENT_MISMATCH"
    CHECK_FAILED = "CHECK_FAILED"
    HAS_PAYMENTS = "HAS_PAYMENTS"
    LOCKED = "LOCKED"
    INACTIVE = "INACTIVE"
    CONFLICT = "CONFLICT"
    CURRENCY_NOT_TAKEN = "CURRENCY_NOT_TAKEN"
    SALEOR_UNAVAILABLE = "SALEOR_UNAVAILABLE"
    AMAZON_PAY_UNAVAILABLE = "AMAZON_PAY_UNAVAILABLE"
    WARNING = "WARNING"


@dataclass(frozen=True, slots=True)
class FieldError:
    """``field`` is spelled as in the GraphQL input, e.g. ``options.softDescriptor``; None concerns them all."""

    field: str | None
    code: AccountErrorCode
    sentence: Message | str

    @property
    def message(self) -> str:
        return str(self.sentence)


class AccountErrors(AppError):
    """Nothing was changed; ``errors`` has one entry per fault."""

    status = 422
    code = "ACCOUNT_ERRORS"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFields:
    """What was entered. ``None`` was not: it stays as it is, or takes its default.

    ``options`` has the names of ``AccountOptions``; an empty text takes an option back.
    """

    name: str | None = None
    merchant_id: str | None = None
    store_id: str | None = None
    region: str | None = None
    environment: str | None = None
    public_key_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """An account's contents, each field valid by itself and with the others."""

    name: str
    merchant_id: str
    store_id: str
    region: Region
    environment: Environment
    public_key_id: str
    private_key: str = field(repr=False)
    options: AccountOptions


class _Fault(Exception):
    """Ends the check of one field."""

    def __init__(self, sentence: Message | str, code: AccountErrorCode = AccountErrorCode.INVALID) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence
        self.code = code


def validated(given: AccountFields, base: Account | None, *, allow_local_network: bool) -> Identity:
    """``base`` with what was given, or a new account.

    Raises:
        AccountErrors: one entry per faulty field.
    """
    form = _Form()
    name, merchant_id, store_id, public_key_id, region = (
        form.take(attribute, getattr(given, attribute), base, check) for attribute, check in _CHECKS.items()
    )
    environment = form.check("environment", lambda: _environment(given, base))
    private_key = form.check("privateKey", lambda: _private_key(given, base))
    options = _options(form, given.options, base, region, _Network(environment, allow_local_network))
    form.finish()
    return Identity(name, merchant_id, store_id, region, environment, public_key_id, private_key, options)


class _Form:
    """Collects the faults of all fields before any of them is reported."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def check(self, name: str, value: Callable[[], Any]) -> Any:
        """The value, or None where it is at fault; then ``finish`` raises."""
        try:
            return value()
        except _Fault as fault:
            self.errors.append(FieldError(name, fault.code, fault.sentence))
            return None

    def take(self, attribute: str, entered: str | None, base: Account | None, check: Callable[[str], Any]) -> Any:
        text = getattr(base, attribute) if entered is None and base is not None else (entered or "").strip()
        return self.check(camel(attribute), lambda: check(_required(text)))

    def finish(self) -> None:
        if self.errors:
            raise AccountErrors(self.errors)


def camel(name: str) -> str:
    """``store_id`` as ``storeId``."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _required(text: str) -> str:
    if not text:
        raise _Fault(Message("This is required."), AccountErrorCode.REQUIRED)
    return text


def _shaped(pattern: re.Pattern[str], message: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise _Fault(Message(message))
        return text

    return check


def _name(text: str) -> str:
    if len(text) > MAX_NAME or not text.isprintable():
        raise _Fault(Message("A name is one line of at most {limit} characters.", limit=MAX_NAME))
    return text


def _region(text: str) -> Region:
    try:
        return Region(text.lower())
    except ValueError:
        raise _Fault(Message("The region is one of NA, EU and JP.")) from None


_CHECKS: Final[Mapping[str, Callable[[str], Any]]] = {
    "name": _name,
    "merchant_id": _shaped(
        _MERCHANT_ID,
        marked("A merchant ID begins with A and has capital letters and digits only, e.g. A1B2C3D4E5F6G7."),
    ),
    "store_id": _shaped(
        _STORE_ID,
        marked("A store ID (client ID) begins with amzn1.application-oa2-client. Seller Central shows it."),
    ),
    "public_key_id": _shaped(
        _PUBLIC_KEY_ID,
        marked("A public key ID has letters, digits and hyphens, e.g. SANDBOX-AEXAMPLEKEYID. It is no key."),
    ),
    "region": _region,
}


def _environment(given: AccountFields, base: Account | None) -> Environment:
    """What the key id says is so; only older key ids say nothing."""
    key_id = (given.public_key_id or (base.public_key_id if base else "")).strip()
    named = environment_of(key_id)
    entered = (given.environment or "").strip().lower()
    if not entered:
        entered = named or (base.environment if base else "")
    if not entered:
        sentence = Message("The public key ID does not tell: choose SANDBOX or LIVE.")
        raise _Fault(sentence, AccountErrorCode.REQUIRED)
    try:
        chosen = Environment(entered)
    except ValueError:
        raise _Fault(Message("The environment is SANDBOX or LIVE.")) from None
    if named not in {None, chosen}:
        sentence = Message("The public key ID is for {named}, not for {chosen}.", named=named, chosen=chosen)
        raise _Fault(sentence, AccountErrorCode.ENVIRONMENT_MISMATCH)
    return chosen


def _private_key(given: AccountFields, base: Account | None) -> str:
    pem = (given.private_key or "").strip()
    if not pem and base is not None:
        return base.private_key
    if len(pem) > MAX_KEY:
        raise _Fault(Message("This is too long for a private key."), AccountErrorCode.KEY_UNUSABLE)
    try:
        load_private_key(pem)
    except KeyUnusable as error:
        code = AccountErrorCode.KEY_UNUSABLE if pem else AccountErrorCode.REQUIRED
        raise _Fault(error.sentence, code) from None
    return pem


@dataclass(frozen=True, slots=True)
class _Network:
    """Where plain http is right: on the developer's own machine, with the sandbox, or where everything is local."""

    environment: Environment | None
    allow_local: bool

    def allows_http(self, host: str | None) -> bool:
        return self.allow_local or (host in _LOCAL_HOSTS and self.environment is Environment.SANDBOX)


def _options(
    form: _Form, given: Mapping[str, Any], base: Account | None, region: Region | None, network: _Network
) -> AccountOptions:
    merged = msgspec.structs.replace(base.options if base else AccountOptions(), **_cleaned(given))
    for name, choices in _CHOICES.items():
        form.check(f"options.{camel(name)}", partial(_choice, getattr(merged, name), choices))
    for name, limit in _LENGTHS.items():
        form.check(f"options.{camel(name)}", partial(_short, getattr(merged, name), limit))
    if region is not None:
        form.check("options.softDescriptor", lambda: _soft_descriptor(merged, region))
        form.check("options.checkoutLanguage", lambda: _language(merged, region))
        form.check("options.recurringMonthlyLimit", lambda: _monthly_limit(merged, region))
    form.check("options.trustedApps", lambda: _app_ids(merged.trusted_apps))
    carrier = form.check("options.defaultCarrier", lambda: _carrier(merged.default_carrier))
    origins = form.check("options.allowedOrigins", lambda: _origins(merged.allowed_origins, network))
    restrictions = form.check("options.restrictions", lambda: _restrictions(merged.restrictions))
    return msgspec.structs.replace(
        merged, allowed_origins=origins or (), restrictions=restrictions or (), default_carrier=carrier
    )


def _cleaned(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _trimmed(value) for name, value in given.items() if value is not None}


def _trimmed(value: Any) -> Any:
    return value.strip() or None if isinstance(value, str) else value


_CHOICES: Final = {
    each.name: get_args(each.type)
    for each in msgspec.structs.fields(AccountOptions)
    if get_origin(each.type) is Literal
}
_LENGTHS: Final = {"store_name": MAX_STORE_NAME, "note_to_buyer": MAX_NOTE, "soft_descriptor": SOFT_DESCRIPTOR_LENGTH}


def _choice(value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        raise _Fault(Message("This is one of {choices}.", choices=", ".join(choices)))


def _short(text: str | None, limit: int) -> None:
    if text is not None and (len(text) > limit or not text.isprintable()):
        raise _Fault(Message("This is one line of at most {limit} characters.", limit=limit))


def _soft_descriptor(options: AccountOptions, region: Region) -> None:
    if options.soft_descriptor and region is Region.JP:
        raise _Fault(Message("In Japan Amazon fixes the text on the card statement; leave this empty."))


def _carrier(entered: str | None) -> str | None:
    """By Amazon's code or by its usual name; kept as the code."""
    if entered is None:
        return None
    code = carrier_code(entered)
    if code is None:
        raise _Fault(
            f"Amazon Pay knows no carrier {entered[:50]!r}; give one of its codes, such as TAQBIN_JP, SAGAWA, "
            "JAPAN_POST, UPS or DHL."
        )
    return code


def _language(options: AccountOptions, region: Region) -> None:
    if options.checkout_language and options.checkout_language not in region.languages:
        known = ", ".join(region.languages)
        raise _Fault(Message("The region {region} has {languages}.", region=region.upper(), languages=known))


def _monthly_limit(options: AccountOptions, region: Region) -> None:
    """In a currency that the region settles in; which of them is known only when an agreement is made."""
    if options.recurring_monthly_limit is None:
        return
    for currency in region.ledger_currencies:
        try:
            limit = Money.parse(options.recurring_monthly_limit, currency)
        except MoneyError:
            continue
        if limit.is_positive:
            return
    known = ", ".join(region.ledger_currencies)
    raise _Fault(Message("This is an amount in {currencies}, digits only.", currencies=known))


def _app_ids(entered: Sequence[str]) -> None:
    for text in entered:
        if not _APP_ID.fullmatch(text):
            raise _Fault(Message("{entered} is not {what}.", entered=repr(text[:50]), what=Message("the id of an app")))


def _restrictions(entered: Sequence[DeliveryRestriction]) -> tuple[DeliveryRestriction, ...]:
    restrictions = tuple(_restriction(each) for each in entered)
    countries = {each.country_code for each in restrictions}
    if len(countries) != len(restrictions):
        raise _Fault(Message("Each country is named once, with all its states and postal codes."))
    areas = sum(len(each.states_or_regions) + len(each.zip_codes) for each in restrictions)
    if len(restrictions) > MAX_COUNTRIES or areas > MAX_AREAS:
        sentence = marked("There can be {countries} countries and {areas} states and postal codes at most.")
        raise _Fault(Message(sentence, countries=MAX_COUNTRIES, areas=MAX_AREAS))
    return restrictions


def _restriction(entered: DeliveryRestriction) -> DeliveryRestriction:
    country = _matching(_COUNTRY, entered.country_code.strip().upper(), Message("a country code of two letters"))
    states = (_matching(_STATE, text.strip(), Message("a state or region")) for text in entered.states_or_regions)
    example = Message("a postal code such as 950*")
    zip_codes = (_matching(_ZIP_CODE, text.strip().upper(), example) for text in entered.zip_codes)
    return DeliveryRestriction(country, tuple(dict.fromkeys(states)), tuple(dict.fromkeys(zip_codes)))


def _matching(pattern: re.Pattern[str], text: str, what: Message) -> str:
    if not pattern.fullmatch(text):
        raise _Fault(Message("{entered} is not {what}.", entered=repr(text[:50]), what=what))
    return text


def _origins(entered: Sequence[str], network: _Network) -> tuple[str, ...]:
    """Each once, as a browser writes it."""
    if len(entered) > MAX_ORIGINS:
        raise _Fault(Message("There can be {limit} origins at most.", limit=MAX_ORIGINS))
    return tuple(dict.fromkeys(_origin(text.strip(), network) for text in entered))


def _origin(text: str, network: _Network) -> str:
    try:
        parts = urlsplit(text)
        origin, host = origin_of(text), parts.hostname
    except ValueError:
        raise _Fault(Message(_NO_ORIGIN, entered=repr(text[:MAX_ORIGIN]))) from None
    is_bare = parts.path in {"", "/"} and not (parts.query or parts.fragment or parts.username is not None)
    shown = f"[{host}]" if host and ":" in host else host or ""
    if parts.scheme not in {"https", "http"} or not is_bare or not _HOST.fullmatch(shown) or len(text) > MAX_ORIGIN:
        raise _Fault(Message(_NO_ORIGIN, entered=repr(text[:MAX_ORIGIN])))
    if parts.scheme == "http" and not network.allows_http(host):
        sentence = marked("{origin} must be https; plain http is for localhost with sandbox keys.")
        raise _Fault(Message(sentence, origin=origin))
    return origin
