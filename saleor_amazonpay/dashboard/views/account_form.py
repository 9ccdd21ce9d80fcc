"""The form of an account: what is shown in it, and what of it becomes ``AccountFields``.

A field is named as in the GraphQL input, which is also how its faults are named: ``merchantId``,
``options.storeName``. What was entered comes back as it was when something is wrong with it, except the private key,
which never leaves the server again; the browser keeps it (``app.js``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, get_args, get_origin

import msgspec

from saleor_amazonpay.amazonpay import Region
from saleor_amazonpay.dashboard.pages import Form
from saleor_amazonpay.handlers.account_fields import AccountFields, FieldError, camel
from saleor_amazonpay.handlers.accounts import AccountView, StoredKey
from saleor_amazonpay.handlers.key_pairs import GeneratedPair
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage.accounts import AccountOptions, DeliveryRestriction

ATTRIBUTES: Final = {camel(name): name for name in ("name", "merchant_id", "store_id", "region", "environment")} | {
    "publicKeyId": "public_key_id"
}
_OPTIONS: Final = msgspec.structs.fields(AccountOptions)
_FLAGS: Final = frozenset(each.name for each in _OPTIONS if each.type is bool)
_LISTS: Final = ("allowed_origins", "trusted_apps")
_ROWS: Final = "restrictions"

CHOICES: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "capturePolicy": (
        ("followSaleor", marked("As the channel says: authorize or charge")),
        ("authorizeOnly", marked("Authorize only, even where the channel charges")),
    ),
    "afterPartialCapture": (
        ("keep", marked("Keep it chargeable; charge it when you capture again")),
        ("reauthorize", marked("Authorize it again at once")),
    ),
    "expiryPolicy": (
        ("warn", marked("Warn me in the Dashboard")),
        ("reauthorize", marked("Authorize again")),
        ("capture", marked("Capture what is authorized")),
    ),
    "abandonedPaid": (
        ("auto", marked("As the channel completes paid checkouts")),
        ("complete", marked("Complete the payment")),
        ("leave", marked("Let the payment lapse")),
    ),
    "onOrderCancelled": (
        ("nothing", marked("Keep it; I cancel or capture it myself")),
        ("release", marked("Release it within minutes")),
    ),
    "buyerDataRetention": (
        ("operator", marked("As the app's operator decided")),
        ("month", marked("30 days")),
        ("week", marked("7 days")),
        ("day", marked("1 day")),
    ),
    "addressMismatch": (
        ("refuse", marked("Refuse the payment")),
        ("warn", marked("Go on, and note it in the payment's events")),
    ),
    "captureOnShipment": (
        ("off", marked("Nothing; I capture myself")),
        ("full", marked("The whole rest of the order, with the first shipment")),
        ("lines", marked("What the shipped items cost; shipping with the first, the rest with the last")),
    ),
    "buttonColor": (("Gold", marked("Gold")), ("LightGray", marked("Light gray")), ("DarkGray", marked("Dark gray"))),
    "placement": (
        ("Home", marked("Home page")),
        ("Product", marked("Product page")),
        ("Cart", marked("Cart")),
        ("Checkout", marked("Checkout")),
        ("Other", marked("Elsewhere")),
    ),
}
"""What may be chosen, by option, and what each choice means."""

REGIONS: Final = (
    ("jp", marked("Japan (JPY)")),
    ("na", marked("North America (USD)")),
    ("eu", marked("Europe (EUR, GBP and more)")),
)


@dataclass(frozen=True, slots=True)
class Entered:
    """The form as it is shown: ``values`` by field name, lists as lines, rows of restrictions."""

    values: Mapping[str, str] = field(repr=False)
    flags: frozenset[str] = frozenset()
    rows: Sequence[DeliveryRestriction] = ()
    faults: Mapping[str, Sequence[Message | str]] = field(default_factory=dict)
    general: Sequence[FieldError] = ()
    as_of: str = ""
    pair: GeneratedPair | None = None
    key_of: str = ""

    def value(self, name: str) -> str:
        return self.values.get(name, "")


def blank() -> Entered:
    return of_options(AccountOptions(), {"region": ""})


def of_account(view: AccountView) -> Entered:
    """An account as it is now."""
    identity = {name: str(getattr(view, attribute)) for name, attribute in ATTRIBUTES.items()}
    entered = of_options(view.options, identity)
    return Entered(entered.values, entered.flags, entered.rows, as_of=view.updated_at.isoformat())


def of_options(options: AccountOptions, identity: Mapping[str, str]) -> Entered:
    values = dict(identity)
    for each in _OPTIONS:
        value = getattr(options, each.name)
        if each.name in _LISTS:
            values[_field(each.name)] = "\n".join(value)
        elif each.name != _ROWS and each.name not in _FLAGS:
            values[_field(each.name)] = value or ""
    flags = frozenset(_field(name) for name in _FLAGS if getattr(options, name))
    return Entered(values, flags, options.restrictions)


def of_form(
    form: Form, errors: Iterable[FieldError] = (), *, pair: GeneratedPair | None = None, key_of: str = ""
) -> Entered:
    """What was entered, as it was, each fault beside its field."""
    faults: dict[str, list[Message | str]] = {}
    for error in errors:
        faults.setdefault(error.field or "", []).append(error.sentence)
    return Entered(
        {name: value for name, value in form.fields if name != "privateKey"},
        frozenset(_field(name) for name in _FLAGS if form.has(_field(name))),
        _rows(form),
        faults,
        [error for error in errors if error.field in {None, "id"}],
        form.text("asOf"),
        pair,
        key_of or form.text("keyOf"),
    )


def fields_of(form: Form) -> AccountFields:
    """What was entered, for the rules. An option that the form does not have stays as it is."""
    identity: dict[str, Any] = {attribute: form.text(name) for name, attribute in ATTRIBUTES.items() if form.has(name)}
    return AccountFields(**identity, private_key=form.text("privateKey") or None, options=_options(form))


def key_from(form: Form) -> StoredKey | None:
    """Where the private key is when none was pasted: a pair generated here, or the account that is duplicated."""
    if form.text("keyPair"):
        return StoredKey(pair_id=form.text("keyPair"))
    return StoredKey(account_id=form.text("keyOf")) if form.text("keyOf") else None


def as_of(form: Form) -> datetime:
    """When the account that the form shows was last changed; a form that does not tell is older than any account."""
    try:
        return datetime.fromisoformat(form.text("asOf"))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _options(form: Form) -> dict[str, Any]:
    options: dict[str, Any] = {name: form.has(_field(name)) for name in _FLAGS}
    options[_ROWS] = _rows(form)
    for each in _OPTIONS:
        name = _field(each.name)
        if each.name in _LISTS and form.has(name):
            options[each.name] = tuple(line.strip() for line in form.text(name).splitlines() if line.strip())
        elif each.name not in options and form.has(name):
            options[each.name] = form.text(name)
    return options


def _rows(form: Form) -> tuple[DeliveryRestriction, ...]:
    columns = (form.all("restriction.country"), form.all("restriction.states"), form.all("restriction.zipCodes"))
    return tuple(
        DeliveryRestriction(country.strip(), _split(states), _split(codes))
        for country, states, codes in zip(*columns, strict=False)
        if (country + states + codes).strip()
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\u3001", ",").split(",") if part.strip())


def _field(name: str) -> str:
    return f"options.{camel(name)}"


def is_choice(name: str) -> bool:
    """Whether the option is one of a few words; a test compares ``CHOICES`` with the options."""
    kind = next(each.type for each in _OPTIONS if each.name == name)
    return get_origin(kind) is not None and set(get_args(kind)) == {value for value, _ in CHOICES[camel(name)]}


def languages() -> list[tuple[str, str]]:
    """Each region's checkout languages."""
    return [(code, f"{code} ({region.upper()})") for region in Region for code in region.languages]
