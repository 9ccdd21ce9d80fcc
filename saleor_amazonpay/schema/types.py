"""The types of the app's own GraphQL, Saleor's way: inputs, payloads with ``errors``, enums in capitals.

No type has a field for a private key or a token, so none can be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry

from saleor_amazonpay.amazonpay import Environment, Region
from saleor_amazonpay.domain.shipments import CaptureOnShipment
from saleor_amazonpay.domain.states import AfterPartialCapture
from saleor_amazonpay.handlers.account_fields import AccountErrorCode, AccountFields, FieldError
from saleor_amazonpay.handlers.accounts import AccountView, ChannelView, StoredKey
from saleor_amazonpay.storage.accounts import AccountOptions as StoredOptions
from saleor_amazonpay.storage.accounts import DeliveryRestriction as StoredRestriction
from saleor_amazonpay.storage.installations import Installation as StoredInstallation

strawberry.enum(Region, description="A region of Amazon Pay; it decides the currencies and languages.")
strawberry.enum(Environment, description="SANDBOX moves no real money.")
strawberry.enum(AccountErrorCode)
strawberry.enum(
    AfterPartialCapture, description="What becomes of the rest: KEEP it chargeable, or REAUTHORIZE it at once."
)


@strawberry.enum(description="LOCKED: the private key must be entered again. ARCHIVED: takes no new payments.")
class AccountState(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"
    LOCKED = "locked"


@strawberry.enum(description="AUTHORIZE_ONLY never captures at checkout, whatever the channel's strategy is.")
class CapturePolicy(StrEnum):
    FOLLOW_SALEOR = "followSaleor"
    AUTHORIZE_ONLY = "authorizeOnly"


@strawberry.enum(
    description="A buyer who paid at Amazon and never came back. AUTO: as the channel completes paid checkouts itself."
)
class AbandonedPaid(StrEnum):
    AUTO = "auto"
    COMPLETE = "complete"
    LEAVE = "leave"


@strawberry.enum(description="What is done before an authorization expires.")
class ExpiryPolicy(StrEnum):
    WARN = "warn"
    REAUTHORIZE = "reauthorize"
    CAPTURE = "capture"


@strawberry.enum(description="What becomes of money still held when an order is cancelled in Saleor.")
class OnOrderCancelled(StrEnum):
    NOTHING = "nothing"
    RELEASE = "release"


@strawberry.enum(
    description="How long it stays known who the buyer of an ended agreement was; never longer than the operator says."
)
class BuyerDataRetention(StrEnum):
    OPERATOR = "operator"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"


@strawberry.enum(
    description="Goods that go elsewhere than the buyer told Amazon are not covered by its guarantee. REFUSE the "
    "payment, or go on and WARN in the transaction's events."
)
class AddressMismatch(StrEnum):
    REFUSE = "refuse"
    WARN = "warn"


strawberry.enum(
    CaptureOnShipment,
    description="What a fulfillment captures. FULL: the order's whole rest with the first one. LINES: what its lines "
    "cost, shipping with the first, the rest with the last.",
)


@strawberry.enum
class ButtonColor(StrEnum):
    GOLD = "Gold"
    LIGHT_GRAY = "LightGray"
    DARK_GRAY = "DarkGray"


@strawberry.enum(description="Where the button stands, unless the storefront says.")
class Placement(StrEnum):
    HOME = "Home"
    PRODUCT = "Product"
    CART = "Cart"
    CHECKOUT = "Checkout"
    OTHER = "Other"


@strawberry.type(description="One thing that is wrong.")
class AccountError:
    field: str | None = strawberry.field(
        description="The input field, such as `options.softDescriptor`; null where it concerns all."
    )
    code: AccountErrorCode
    message: str

    @staticmethod
    def of(errors: Iterable[FieldError]) -> list[AccountError]:
        return [AccountError(field=error.field, code=error.code, message=error.message) for error in errors]


@strawberry.type(description="A country goods may go to; only to these states or postal codes, where any are named.")
class DeliveryRestriction:
    country_code: str
    states_or_regions: list[str]
    zip_codes: list[str]

    @staticmethod
    def of(stored: StoredRestriction) -> DeliveryRestriction:
        return DeliveryRestriction(
            country_code=stored.country_code,
            states_or_regions=list(stored.states_or_regions),
            zip_codes=list(stored.zip_codes),
        )


@strawberry.type
class AccountOptions:
    capture_policy: CapturePolicy
    after_partial_capture: AfterPartialCapture
    pending_authorization: bool
    abandoned_paid: AbandonedPaid
    expiry_policy: ExpiryPolicy
    give_back_surplus: bool = strawberry.field(description="Return at once what arrives when nobody needs it any more.")
    on_order_cancelled: OnOrderCancelled
    buyer_data_retention: BuyerDataRetention
    allowed_origins: list[str] = strawberry.field(description="Where a buyer may be sent, as `https://shop.example`.")
    address_mismatch: AddressMismatch
    restrictions: list[DeliveryRestriction] = strawberry.field(
        description="These of the channel's countries only; none: all of them."
    )
    restrict_po_boxes: bool = strawberry.field(description="In US, CA, GB, FR, DE, ES, PT, IT and AU.")
    restrict_packstations: bool = strawberry.field(description="In DE.")
    store_name: str | None = strawberry.field(description="Shown to the buyer; Amazon cuts it at 50 bytes.")
    note_to_buyer: str | None
    soft_descriptor: str | None = strawberry.field(description="On the card statement; up to 16 characters, not in JP.")
    button_color: ButtonColor
    placement: Placement
    checkout_language: str | None
    payment_method_on_file: bool = strawberry.field(description="Amazon has opened saved wallets to this merchant.")
    recurring_monthly_limit: str | None = strawberry.field(
        description="What an agreement takes in a month, where it is not Amazon's published figure."
    )
    trusted_apps: list[str] = strawberry.field(
        description="Ids of Saleor apps beside this one that may charge customers' agreements."
    )
    capture_on_shipment: CaptureOnShipment
    default_carrier: str | None = strawberry.field(
        description="Amazon's code of the carrier of parcels that name none; null: only those that name one are told."
    )

    @staticmethod
    def of(options: StoredOptions) -> AccountOptions:
        return AccountOptions(
            capture_policy=CapturePolicy(options.capture_policy),
            after_partial_capture=options.policy,
            pending_authorization=options.pending_authorization,
            abandoned_paid=AbandonedPaid(options.abandoned_paid),
            expiry_policy=ExpiryPolicy(options.expiry_policy),
            give_back_surplus=options.give_back_surplus,
            on_order_cancelled=OnOrderCancelled(options.on_order_cancelled),
            buyer_data_retention=BuyerDataRetention(options.buyer_data_retention),
            allowed_origins=list(options.allowed_origins),
            address_mismatch=AddressMismatch(options.address_mismatch),
            restrictions=[DeliveryRestriction.of(each) for each in options.restrictions],
            restrict_po_boxes=options.restrict_po_boxes,
            restrict_packstations=options.restrict_packstations,
            store_name=options.store_name,
            note_to_buyer=options.note_to_buyer,
            soft_descriptor=options.soft_descriptor,
            button_color=ButtonColor(options.button_color),
            placement=Placement(options.placement),
            checkout_language=options.checkout_language,
            payment_method_on_file=options.payment_method_on_file,
            recurring_monthly_limit=options.recurring_monthly_limit,
            trusted_apps=list(options.trusted_apps),
            capture_on_shipment=CaptureOnShipment(options.capture_on_shipment),
            default_carrier=options.default_carrier,
        )


@strawberry.type(description="A set of Amazon Pay keys with its options. The private key is never returned.")
class Account:
    id: strawberry.ID
    name: str
    merchant_id: str
    store_id: str
    region: Region
    environment: Environment
    public_key_id: str
    private_key_fingerprint: str
    options: AccountOptions
    state: AccountState
    has_payments: bool = strawberry.field(description="Then merchantId, region and environment never change.")
    channels: list[str] = strawberry.field(description="Slugs of the channels that use it.")
    notification_url: str = strawberry.field(description="What to enter in Seller Central as Instant Notification URL.")
    warnings: list[AccountError]
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(view: AccountView) -> Account:
        return Account(
            id=strawberry.ID(view.id),
            name=view.name,
            merchant_id=view.merchant_id,
            store_id=view.store_id,
            region=Region(view.region),
            environment=Environment(view.environment),
            public_key_id=view.public_key_id,
            private_key_fingerprint=view.private_key_fingerprint,
            options=AccountOptions.of(view.options),
            state=AccountState(view.state),
            has_payments=view.has_payments,
            channels=list(view.channels),
            notification_url=view.notification_url,
            warnings=AccountError.of(view.warnings),
            created_at=view.created_at,
            updated_at=view.updated_at,
        )


@strawberry.type(description="A channel of Saleor. Nothing blocks it: it takes Amazon Pay.")
class Channel:
    slug: str
    name: str | None
    currency_code: str | None
    country_code: str | None
    is_active: bool
    account_id: strawberry.ID | None
    account_name: str | None
    blockers: list[AccountError]

    @staticmethod
    def of(view: ChannelView) -> Channel:
        channel = view.channel
        return Channel(
            slug=view.slug,
            name=channel.name if channel else None,
            currency_code=channel.currency_code if channel else None,
            country_code=channel.country_code if channel else None,
            is_active=channel.is_active if channel else False,
            account_id=strawberry.ID(view.account_id) if view.account_id else None,
            account_name=view.account_name,
            blockers=AccountError.of(view.blockers),
        )


@strawberry.type(description="This app in this Saleor.")
class Installation:
    saleor_api_url: str
    app_id: strawberry.ID
    app_version: str
    saleor_version: str | None
    installed_at: datetime
    updated_at: datetime

    @staticmethod
    def of(stored: StoredInstallation) -> Installation:
        return Installation(
            saleor_api_url=stored.api_url,
            app_id=strawberry.ID(stored.app_id),
            app_version=stored.app_version,
            saleor_version=stored.saleor_version,
            installed_at=stored.installed_at,
            updated_at=stored.updated_at,
        )


@strawberry.input(description="Postal codes may have `*` for any characters and `?` for one, as in `950*`.")
class DeliveryRestrictionInput:
    country_code: str
    states_or_regions: list[str] = strawberry.field(default_factory=list)
    zip_codes: list[str] = strawberry.field(default_factory=list)

    def given(self) -> StoredRestriction:
        return StoredRestriction(self.country_code, tuple(self.states_or_regions), tuple(self.zip_codes))


@strawberry.input(description="What is left out stays as it is; an empty text takes an option back.")
class AccountOptionsInput:
    capture_policy: CapturePolicy | None = None
    after_partial_capture: AfterPartialCapture | None = None
    pending_authorization: bool | None = None
    abandoned_paid: AbandonedPaid | None = None
    expiry_policy: ExpiryPolicy | None = None
    give_back_surplus: bool | None = None
    on_order_cancelled: OnOrderCancelled | None = None
    buyer_data_retention: BuyerDataRetention | None = None
    allowed_origins: list[str] | None = None
    address_mismatch: AddressMismatch | None = None
    restrictions: list[DeliveryRestrictionInput] | None = None
    restrict_po_boxes: bool | None = None
    restrict_packstations: bool | None = None
    store_name: str | None = None
    note_to_buyer: str | None = None
    soft_descriptor: str | None = None
    button_color: ButtonColor | None = None
    placement: Placement | None = None
    checkout_language: str | None = None
    payment_method_on_file: bool | None = None
    recurring_monthly_limit: str | None = None
    trusted_apps: list[str] | None = None
    capture_on_shipment: CaptureOnShipment | None = None
    default_carrier: str | None = None

    def given(self) -> dict[str, Any]:
        return {each.name: _plain(value) for each in fields(self) if (value := getattr(self, each.name)) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, DeliveryRestrictionInput):
        return value.given()
    return tuple(map(_plain, value)) if isinstance(value, list) else value


@strawberry.input
class AccountCreateInput:
    name: str
    merchant_id: str
    store_id: str
    region: Region
    public_key_id: str
    private_key: str = strawberry.field(
        default="",
        description="PEM text, as Seller Central gave it. Stored encrypted. May be left out with `keyPairId`.",
    )
    key_pair_id: strawberry.ID | None = strawberry.field(default=None, description="Of `keyPairGenerate`.")
    environment: Environment | None = strawberry.field(
        default=None, description="Needed only where the public key ID does not begin with SANDBOX or LIVE."
    )
    options: AccountOptionsInput | None = None

    def given(self) -> AccountFields:
        return _given(self)

    def key_from(self) -> StoredKey | None:
        return StoredKey(pair_id=self.key_pair_id) if self.key_pair_id else None


@strawberry.input(description="What is left out stays as it is; an empty private key keeps the stored one.")
class AccountUpdateInput:
    name: str | None = None
    merchant_id: str | None = None
    store_id: str | None = None
    region: Region | None = None
    public_key_id: str | None = None
    private_key: str | None = None
    key_pair_id: strawberry.ID | None = strawberry.field(default=None, description="Of `keyPairGenerate`.")
    environment: Environment | None = None
    options: AccountOptionsInput | None = None

    def given(self) -> AccountFields:
        return _given(self)

    def key_from(self) -> StoredKey | None:
        return StoredKey(pair_id=self.key_pair_id) if self.key_pair_id else None


def _given(entered: AccountCreateInput | AccountUpdateInput) -> AccountFields:
    return AccountFields(
        name=entered.name,
        merchant_id=entered.merchant_id,
        store_id=entered.store_id,
        region=entered.region,
        environment=entered.environment,
        public_key_id=entered.public_key_id,
        private_key=entered.private_key,
        options=entered.options.given() if entered.options else {},
    )


@strawberry.type
class AccountCreate:
    account: Account | None
    errors: list[AccountError]


@strawberry.type
class AccountUpdate:
    account: Account | None
    errors: list[AccountError]


@strawberry.type(description="No errors: Amazon Pay accepts the keys.")
class AccountTest:
    account: Account | None
    errors: list[AccountError]


@strawberry.type(description="The account as it was.")
class AccountDelete:
    account: Account | None
    errors: list[AccountError]


@strawberry.type
class AccountArchive:
    account: Account | None
    errors: list[AccountError]


@strawberry.type
class ChannelAssign:
    channel: Channel | None
    errors: list[AccountError]


@strawberry.type
class ChannelUnassign:
    errors: list[AccountError]
