"""``saleor-amazonpay accounts …``: the rules of the Dashboard page, for operators and scripts.

Works beside a running ``serve``, on SQLite too; it notices within seconds.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import msgspec
import typer

from saleor_amazonpay import cli_account_keys
from saleor_amazonpay.cli_account_keys import KeyPair, PrivateKey
from saleor_amazonpay.cli_tenant import BY, Json, Reference, Tenant, done, errors_json, id_of_account, print_json, run
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers.account_fields import AccountFields, camel
from saleor_amazonpay.handlers.accounts import AccountView, ChannelView, StoredKey
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.storage.accounts import AccountOptions, DeliveryRestriction

app = typer.Typer(
    help="Amazon Pay accounts, and which channel uses which.", no_args_is_help=True, pretty_exceptions_enable=False
)


app.add_typer(cli_account_keys.app, name="keys")

SkipCheck = Annotated[
    bool, typer.Option("--skip-check", help="Store without trying the keys at Amazon Pay (set-up without a network).")
]
ChannelSlug = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's slug in Saleor.")]

_NAME = typer.Option("--name", help="What you call the account.")
_MERCHANT_ID = typer.Option("--merchant-id", help="From Seller Central, e.g. A1B2C3D4E5F6G7.")
_STORE_ID = typer.Option("--store-id", help="The store's client ID, amzn1.application-oa2-client.…")
_REGION = typer.Option("--region", help="na, eu or jp.")
_PUBLIC_KEY_ID = typer.Option("--public-key-id", help="e.g. SANDBOX-AEXAMPLEKEYID; it tells the environment.")

Environment = Annotated[
    str | None, typer.Option("--environment", help="sandbox or live; only for older key IDs that do not tell.")
]
AllowedOrigins = Annotated[
    list[str] | None,
    typer.Option("--allowed-origin", help="Where a buyer may be sent, e.g. https://shop.example; may be repeated."),
]
CapturePolicy = Annotated[str | None, typer.Option("--capture-policy", help="followSaleor or authorizeOnly.")]
AfterPartialCapture = Annotated[str | None, typer.Option("--after-partial-capture", help="keep or reauthorize.")]
PendingAuthorization = Annotated[
    bool | None,
    typer.Option("--pending-authorization/--no-pending-authorization", help="Let Amazon decide later than at once."),
]
AbandonedPaid = Annotated[
    str | None, typer.Option("--abandoned-paid", help="Buyers who paid and never came back: auto, complete or leave.")
]
ExpiryPolicy = Annotated[
    str | None, typer.Option("--expiry-policy", help="Before an authorization expires: warn, reauthorize or capture.")
]
GiveBackSurplus = Annotated[
    bool | None,
    typer.Option("--give-back-surplus/--keep-surplus", help="Return at once what arrives when nobody needs it."),
]
OnOrderCancelled = Annotated[
    str | None,
    typer.Option("--on-order-cancelled", help="What an order cancelled in Saleor still holds: nothing or release."),
]
BuyerDataRetention = Annotated[
    str | None,
    typer.Option(
        "--buyer-data-retention",
        help="How long buyers of ended agreements stay known: operator (its own setting), month, week or day.",
    ),
]
AddressMismatch = Annotated[
    str | None, typer.Option("--address-mismatch", help="Goods that go elsewhere than Amazon was told: refuse or warn.")
]
Restrictions = Annotated[
    list[str] | None,
    typer.Option(
        "--restriction",
        metavar="COUNTRY[/STATES[/CODES]]",
        help="Deliver only there: US, US/WA,OR or US//950*,951*; '' takes all back; may be repeated.",
    ),
]
RestrictPoBoxes = Annotated[bool | None, typer.Option("--restrict-po-boxes/--allow-po-boxes")]
RestrictPackstations = Annotated[bool | None, typer.Option("--restrict-packstations/--allow-packstations")]
StoreName = Annotated[str | None, typer.Option("--store-name", help="Shown to the buyer; Amazon cuts it at 50 bytes.")]
NoteToBuyer = Annotated[str | None, typer.Option("--note-to-buyer", help="Shown to the buyer; '' takes it back.")]
SoftDescriptor = Annotated[
    str | None, typer.Option("--soft-descriptor", help="On the card statement, up to 16 characters; not in Japan.")
]
ButtonColor = Annotated[str | None, typer.Option("--button-color", help="Gold, LightGray or DarkGray.")]
Placement = Annotated[str | None, typer.Option("--placement", help="Home, Product, Cart, Checkout or Other.")]
PaymentMethodOnFile = Annotated[
    bool | None,
    typer.Option(
        "--payment-method-on-file/--no-payment-method-on-file", help="Amazon has opened saved wallets to you."
    ),
]
RecurringMonthlyLimit = Annotated[
    str | None, typer.Option("--recurring-monthly-limit", help="Most per agreement and month, if not Amazon's figure.")
]
TrustedApps = Annotated[
    list[str] | None,
    typer.Option("--trusted-app", help="Id of another Saleor app that may charge agreements; may be repeated."),
]
CheckoutLanguage = Annotated[str | None, typer.Option("--checkout-language", help="e.g. de_DE; '' follows the buyer.")]
CaptureOnShipment = Annotated[
    str | None, typer.Option("--capture-on-shipment", help="What a fulfillment captures: off, full or lines.")
]
DefaultCarrier = Annotated[
    str | None,
    typer.Option("--default-carrier", help="Of parcels that name none, e.g. TAQBIN_JP, SAGAWA, UPS; '' takes it back."),
]


@app.command("list")
def list_(tenant: Tenant = None, as_json: Json = False) -> None:
    """List the accounts."""
    found = run(rules.accounts, tenant, as_json=as_json)
    if as_json:
        print_json([_account_json(view) for view in found])
        return
    typer.echo("\n\n".join(_account_text(view) for view in found) or "There are no Amazon Pay accounts yet.")


@app.command()
def add(
    name: Annotated[str, _NAME],
    merchant_id: Annotated[str, _MERCHANT_ID],
    store_id: Annotated[str, _STORE_ID],
    region: Annotated[str, _REGION],
    public_key_id: Annotated[str, _PUBLIC_KEY_ID],
    private_key: PrivateKey = None,
    key_pair: KeyPair = None,
    environment: Environment = None,
    allowed_origins: AllowedOrigins = None,
    capture_policy: CapturePolicy = None,
    after_partial_capture: AfterPartialCapture = None,
    pending_authorization: PendingAuthorization = None,
    abandoned_paid: AbandonedPaid = None,
    expiry_policy: ExpiryPolicy = None,
    give_back_surplus: GiveBackSurplus = None,
    on_order_cancelled: OnOrderCancelled = None,
    buyer_data_retention: BuyerDataRetention = None,
    address_mismatch: AddressMismatch = None,
    restrictions: Restrictions = None,
    restrict_po_boxes: RestrictPoBoxes = None,
    restrict_packstations: RestrictPackstations = None,
    store_name: StoreName = None,
    note_to_buyer: NoteToBuyer = None,
    soft_descriptor: SoftDescriptor = None,
    button_color: ButtonColor = None,
    placement: Placement = None,
    checkout_language: CheckoutLanguage = None,
    payment_method_on_file: PaymentMethodOnFile = None,
    recurring_monthly_limit: RecurringMonthlyLimit = None,
    trusted_apps: TrustedApps = None,
    capture_on_shipment: CaptureOnShipment = None,
    default_carrier: DefaultCarrier = None,
    skip_check: SkipCheck = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Add an account; its keys are tried at Amazon Pay before anything is stored."""
    given = _given(locals())

    async def work(services: Services, api_url: str) -> AccountView:
        return await rules.create(services, api_url, given, skip_check=skip_check, key_from=_generated(key_pair), by=BY)

    _show_account(run(work, tenant, as_json=as_json), as_json=as_json)


@app.command()
def update(
    account: Reference,
    name: Annotated[str | None, _NAME] = None,
    merchant_id: Annotated[str | None, _MERCHANT_ID] = None,
    store_id: Annotated[str | None, _STORE_ID] = None,
    region: Annotated[str | None, _REGION] = None,
    public_key_id: Annotated[str | None, _PUBLIC_KEY_ID] = None,
    private_key: PrivateKey = None,
    key_pair: KeyPair = None,
    environment: Environment = None,
    allowed_origins: AllowedOrigins = None,
    capture_policy: CapturePolicy = None,
    after_partial_capture: AfterPartialCapture = None,
    pending_authorization: PendingAuthorization = None,
    abandoned_paid: AbandonedPaid = None,
    expiry_policy: ExpiryPolicy = None,
    give_back_surplus: GiveBackSurplus = None,
    on_order_cancelled: OnOrderCancelled = None,
    buyer_data_retention: BuyerDataRetention = None,
    address_mismatch: AddressMismatch = None,
    restrictions: Restrictions = None,
    restrict_po_boxes: RestrictPoBoxes = None,
    restrict_packstations: RestrictPackstations = None,
    store_name: StoreName = None,
    note_to_buyer: NoteToBuyer = None,
    soft_descriptor: SoftDescriptor = None,
    button_color: ButtonColor = None,
    placement: Placement = None,
    checkout_language: CheckoutLanguage = None,
    payment_method_on_file: PaymentMethodOnFile = None,
    recurring_monthly_limit: RecurringMonthlyLimit = None,
    trusted_apps: TrustedApps = None,
    capture_on_shipment: CaptureOnShipment = None,
    default_carrier: DefaultCarrier = None,
    skip_check: SkipCheck = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Change what is given, and nothing else; with the private key a locked account is unlocked."""
    given = _given(locals())

    async def work(services: Services, api_url: str) -> AccountView:
        account_id = await id_of_account(services, api_url, account)
        return await rules.update(
            services, api_url, account_id, given, skip_check=skip_check, key_from=_generated(key_pair), by=BY
        )

    _show_account(run(work, tenant, as_json=as_json), as_json=as_json)


@app.command("test")
def try_(account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Try the stored keys of an account at Amazon Pay."""

    async def work(services: Services, api_url: str) -> AccountView:
        return await rules.test(services, api_url, await id_of_account(services, api_url, account))

    view = run(work, tenant, as_json=as_json)
    done(f"Amazon Pay accepts the keys of {view.name}.", _account_json(view), as_json=as_json)


@app.command()
def delete(account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Delete an account that has no payments."""

    async def work(services: Services, api_url: str) -> AccountView:
        return await rules.delete(services, api_url, await id_of_account(services, api_url, account), by=BY)

    view = run(work, tenant, as_json=as_json)
    done(f"Deleted {view.name}.", _account_json(view), as_json=as_json)


@app.command()
def archive(account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Take no new payments with an account; captures and refunds of old ones go on."""

    async def work(services: Services, api_url: str) -> AccountView:
        return await rules.archive(services, api_url, await id_of_account(services, api_url, account), by=BY)

    view = run(work, tenant, as_json=as_json)
    done(f"Archived {view.name}.", _account_json(view), as_json=as_json)


@app.command()
def restore(account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Use an archived account again, once Amazon Pay has accepted its keys; assign its channels anew."""

    async def work(services: Services, api_url: str) -> AccountView:
        return await rules.restore(services, api_url, await id_of_account(services, api_url, account), by=BY)

    view = run(work, tenant, as_json=as_json)
    _show_account(view, as_json=as_json)


@app.command()
def channels(tenant: Tenant = None, as_json: Json = False) -> None:
    """List Saleor's channels, the account each uses, and what keeps it from taking payments."""
    found = run(rules.channels, tenant, as_json=as_json)
    if as_json:
        print_json([_channel_json(view) for view in found])
        return
    typer.echo("\n".join(_channel_text(view) for view in found) or "That Saleor has no channels.")


@app.command()
def assign(channel: ChannelSlug, account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Let a channel use an account, in place of the one it used."""

    async def work(services: Services, api_url: str) -> ChannelView:
        account_id = await id_of_account(services, api_url, account)
        return await rules.assign(services, api_url, channel, account_id, by=BY)

    view = run(work, tenant, as_json=as_json)
    done(_channel_text(view), _channel_json(view), as_json=as_json)


@app.command()
def unassign(channel: ChannelSlug, tenant: Tenant = None, as_json: Json = False) -> None:
    """Let a channel offer Amazon Pay no more."""

    async def work(services: Services, api_url: str) -> None:
        await rules.unassign(services, api_url, channel, by=BY)

    run(work, tenant, as_json=as_json)
    done(f"{channel} offers Amazon Pay no more.", {"slug": channel}, as_json=as_json)


_IDENTITY = ("name", "merchant_id", "store_id", "region", "environment", "public_key_id")
_OPTIONS = tuple(each.name for each in msgspec.structs.fields(AccountOptions))


def _given(entered: dict[str, Any]) -> AccountFields:
    """The typed options, which are named as the fields they fill."""
    key = entered["private_key"]
    options = {name: entered[name] for name in _OPTIONS if entered[name] is not None}
    for name in ("allowed_origins", "trusted_apps"):
        if name in options:
            options[name] = tuple(filter(None, options[name]))
    if "restrictions" in options:
        options["restrictions"] = tuple(_restriction(text) for text in options["restrictions"] if text)
    identity = {name: entered[name] for name in _IDENTITY}
    return AccountFields(**identity, private_key=key.read() if key else None, options=options)


def _generated(key_pair: str | None) -> StoredKey | None:
    return StoredKey(pair_id=key_pair) if key_pair else None


def _restriction(text: str) -> DeliveryRestriction:
    country, states, codes = [*text.split("/", 2), "", ""][:3]
    return DeliveryRestriction(country, tuple(filter(None, states.split(","))), tuple(filter(None, codes.split(","))))


def _show_account(view: AccountView, *, as_json: bool) -> None:
    done(_account_text(view), _account_json(view), as_json=as_json)


def _account_text(view: AccountView) -> str:
    lines = {
        "id": view.id,
        "merchant ID": view.merchant_id,
        "store ID": view.store_id,
        "public key ID": view.public_key_id,
        "private key": f"fingerprint {view.private_key_fingerprint}",
        "channels": ", ".join(view.channels) or "none",
        "origins": ", ".join(view.options.allowed_origins) or "none",
        "notifications": view.notification_url,
    }
    head = f"{view.name} ({view.region.upper()}, {view.environment}, {view.state})"
    body = [f"  {label:<14} {value}" for label, value in lines.items()]
    return "\n".join([head, *body, *(f"  ! {warning.message}" for warning in view.warnings)])


def _channel_text(view: ChannelView) -> str:
    currency = view.channel.currency_code if view.channel else "-"
    blockers = [f"  ! {blocker.message}" for blocker in view.blockers]
    return "\n".join([f"{view.slug} ({currency}): {view.account_name or 'no account'}", *blockers])


def _account_json(view: AccountView) -> dict[str, Any]:
    document = {camel(each.name): getattr(view, each.name) for each in fields(view)}
    document["warnings"] = errors_json(view.warnings)
    options = {camel(name): getattr(view.options, name) for name in _OPTIONS}
    return {**document, "options": options}


def _channel_json(view: ChannelView) -> dict[str, Any]:
    return {
        "slug": view.slug,
        "currencyCode": view.channel.currency_code if view.channel else None,
        "accountId": view.account_id,
        "accountName": view.account_name,
        "blockers": errors_json(view.blockers),
    }
