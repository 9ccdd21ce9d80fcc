"""What Amazon answers, read leniently: unknown keys are ignored, every value may be missing or null.

Amounts come as text or as number and become exact ``Decimal``; states and reasons stay text (see ``states``).
Source: amazon-pay-cv2.md §3.4-3.13 and §16.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from saleor_amazonpay.domain.money import Money, MoneyError

_TIMESTAMP_FORMATS: Final = ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H-%M-%SZ")


def parse_timestamp(text: str) -> datetime:
    """Amazon's UTC time, basic (``20190714T155300Z``) as answers have it, or one of the forms its documents show.

    Raises:
        ValueError: none of them.
    """
    for form in _TIMESTAMP_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"{text[:40]!r} is not a timestamp of Amazon Pay.")


def _moment(text: str | None) -> datetime | None:
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object of the wire; attributes are its keys in snake_case."""


class Price(Model, frozen=True, kw_only=True, rename="camel"):
    amount: Decimal | None = None
    currency_code: str | None = None

    def money(self) -> Money:
        """The exact amount.

        Raises:
            MoneyError: amount or currency is missing, or the amount does not fit the currency.
        """
        if self.amount is None or self.currency_code is None:
            raise MoneyError("The answer holds no amount.")
        return Money.parse(self.amount, self.currency_code)


class StatusReason(Model, frozen=True, kw_only=True, rename="camel"):
    reason_code: str | None = None
    reason_description: str | None = None


class StatusDetails(Model, frozen=True, kw_only=True, rename="camel"):
    """``reasons`` is filled on a Charge Permission, ``reason_code`` everywhere else."""

    state: str | None = None
    reason_code: str | None = None
    reason_description: str | None = None
    reasons: list[StatusReason | None] | None = None
    resolution: str | None = None
    last_updated_timestamp: str | None = None

    @property
    def last_updated(self) -> datetime | None:
        return _moment(self.last_updated_timestamp)

    @property
    def reason_codes(self) -> tuple[str, ...]:
        """Every reason given, whichever way this kind of object gives it."""
        listed = [reason.reason_code for reason in self.reasons or () if reason is not None]
        return tuple(code for code in (self.reason_code, *listed) if code)


class Stateful(Model, frozen=True, kw_only=True, rename="camel"):
    """An object with a state; ``state`` and ``reason_code`` are ``""`` where Amazon gives none."""

    status_details: StatusDetails | None = None
    creation_timestamp: str | None = None
    expiration_timestamp: str | None = None
    release_environment: str | None = None

    @property
    def state(self) -> str:
        return (self.status_details and self.status_details.state) or ""

    @property
    def reason_codes(self) -> tuple[str, ...]:
        return self.status_details.reason_codes if self.status_details else ()

    @property
    def reason_code(self) -> str:
        return next(iter(self.reason_codes), "")

    @property
    def last_updated(self) -> datetime | None:
        return self.status_details.last_updated if self.status_details else None

    @property
    def created(self) -> datetime | None:
        return _moment(self.creation_timestamp)

    @property
    def expires(self) -> datetime | None:
        return _moment(self.expiration_timestamp)


class Address(Model, frozen=True, kw_only=True, rename="camel"):
    """Japanese addresses have no city, county or district; lines are filled as each buyer likes (§11.3)."""

    address_id: str | None = None
    name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    county: str | None = None
    district: str | None = None
    state_or_region: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone_number: str | None = None


class Buyer(Model, frozen=True, kw_only=True, rename="camel"):
    """The buyer of a session or permission, or the whole answer of Get Buyer."""

    buyer_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    prime_membership_types: list[str | None] | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None


class Constraint(Model, frozen=True, kw_only=True, rename="camel"):
    constraint_id: str | None = None
    description: str | None = None


class PaymentPreference(Model, frozen=True, kw_only=True, rename="camel"):
    payment_descriptor: str | None = None


class MerchantMetadata(Model, frozen=True, kw_only=True, rename="camel"):
    merchant_reference_id: str | None = None
    merchant_store_name: str | None = None
    note_to_buyer: str | None = None
    custom_information: str | None = None


class WebCheckoutDetails(Model, frozen=True, kw_only=True, rename="camel"):
    checkout_review_return_url: str | None = None
    checkout_result_return_url: str | None = None
    checkout_cancel_url: str | None = None
    checkout_error_url: str | None = None
    checkout_mode: str | None = None
    amazon_pay_redirect_url: str | None = None


class PaymentDetails(Model, frozen=True, kw_only=True, rename="camel"):
    payment_intent: str | None = None
    can_handle_pending_authorization: bool | None = None
    charge_amount: Price | None = None
    total_order_amount: Price | None = None
    soft_descriptor: str | None = None
    presentment_currency: str | None = None
    allow_overcharge: bool | None = None
    extend_expiration: bool | None = None


class Frequency(Model, frozen=True, kw_only=True, rename="camel"):
    unit: str | None = None
    value: str | int | None = None


class RecurringMetadata(Model, frozen=True, kw_only=True, rename="camel"):
    frequency: Frequency | None = None
    amount: Price | None = None


class Limits(Model, frozen=True, kw_only=True, rename="camel"):
    """``amount_balance`` is what can still be charged; for a Recurring permission, this calendar month."""

    amount_limit: Price | None = None
    amount_balance: Price | None = None


class Preferred(Stateful, frozen=True, kw_only=True, rename="camel"):
    """What a session and the permission that grows out of it have in common."""

    charge_permission_id: str | None = None
    charge_permission_type: str | None = None
    platform_id: str | None = None
    buyer: Buyer | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    payment_preferences: list[PaymentPreference | None] | None = None
    merchant_metadata: MerchantMetadata | None = None
    recurring_metadata: RecurringMetadata | None = None

    @property
    def payment_descriptor(self) -> str | None:
        """The text that names the buyer's payment method, to be shown as it is."""
        descriptors = [each.payment_descriptor for each in self.payment_preferences or () if each is not None]
        return next(iter(descriptors), None)


class CheckoutSession(Preferred, frozen=True, kw_only=True, rename="camel"):
    checkout_session_id: str | None = None
    web_checkout_details: WebCheckoutDetails | None = None
    product_type: str | None = None
    payment_details: PaymentDetails | None = None
    order_type: str | None = None
    charge_id: str | None = None
    constraints: list[Constraint | None] | None = None
    store_id: str | None = None
    checkout_button_text: str | None = None
    supplementary_data: str | None = None
    shipping_address_list: list[str | None] | None = None

    @property
    def amazon_pay_redirect_url(self) -> str | None:
        """Where to send the buyer; filled once no constraint is left."""
        return self.web_checkout_details.amazon_pay_redirect_url if self.web_checkout_details else None

    @property
    def constraint_ids(self) -> tuple[str, ...]:
        ids = [each.constraint_id for each in self.constraints or () if each is not None]
        return tuple(each for each in ids if each)

    @property
    def shipping_addresses(self) -> tuple[Address, ...]:
        """The addresses of ``PayAndShipMultiAddress``, which Amazon sends as JSON inside strings (§3.4)."""
        return tuple(msgspec.json.decode(each, type=Address) for each in self.shipping_address_list or () if each)


class ChargePermission(Preferred, frozen=True, kw_only=True, rename="camel"):
    charge_permission_reference_id: str | None = None
    limits: Limits | None = None
    presentment_currency: str | None = None


class Charge(Stateful, frozen=True, kw_only=True, rename="camel"):
    charge_id: str | None = None
    charge_permission_id: str | None = None
    charge_amount: Price | None = None
    capture_amount: Price | None = None
    refunded_amount: Price | None = None
    converted_amount: Decimal | Price | None = None
    conversion_rate: Decimal | None = None
    soft_descriptor: str | None = None
    merchant_metadata: MerchantMetadata | None = None
    channel: str | None = None
    charge_initiator: str | None = None
    platform_id: str | None = None
    web_checkout_details: WebCheckoutDetails | None = None


class Refund(Stateful, frozen=True, kw_only=True, rename="camel"):
    refund_id: str | None = None
    charge_id: str | None = None
    refund_amount: Price | None = None
    soft_descriptor: str | None = None


class DeliveryDetail(Model, frozen=True, kw_only=True, rename="camel"):
    tracking_number: str | None = None
    carrier_code: str | None = None


class DeliveryTrackers(Model, frozen=True, kw_only=True, rename="camel"):
    amazon_order_reference_id: str | None = None
    charge_permission_id: str | None = None
    delivery_details: list[DeliveryDetail | None] | None = None


class AuthorizationToken(Model, frozen=True, kw_only=True, rename="camel"):
    authorization_token: str | None = None

    def __repr__(self) -> str:
        return "AuthorizationToken()"


class Report(Model, frozen=True, kw_only=True, rename="camel"):
    """The answer of Create Report holds ``report_id`` only."""

    report_id: str | None = None
    report_type: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    created_time: str | None = None
    processing_status: str | None = None
    processing_start_time: str | None = None
    processing_end_time: str | None = None
    report_document_id: str | None = None


class Reports(Model, frozen=True, kw_only=True, rename="camel"):
    reports: list[Report] | None = None
    next_token: str | None = None


class ReportDocument(Model, frozen=True, kw_only=True, rename="camel"):
    """``url`` is pre-signed and valid for 30 seconds."""

    report_document_id: str | None = None
    url: str | None = None
    compression_algorithm: str | None = None


class ReportSchedule(Model, frozen=True, kw_only=True, rename="camel"):
    report_schedule_id: str | None = None
    report_type: str | None = None
    schedule_frequency: str | None = None
    next_report_creation_time: str | None = None


class ReportSchedules(Model, frozen=True, kw_only=True, rename="camel"):
    report_schedules: list[ReportSchedule] | None = None


class Disbursement(Model, frozen=True, kw_only=True, rename="camel"):
    seller_id: str | None = None
    settlement_id: str | None = None
    amazon_disbursement_reference_id: str | None = None
    amount: Decimal | None = None
    currency_code: str | None = None
    transaction_time: str | None = None


class Disbursements(Model, frozen=True, kw_only=True, rename="camel"):
    disbursements: list[Disbursement] | None = None
    next_token: str | None = None


class MerchantEvidence(Model, frozen=True, kw_only=True, rename="camel"):
    evidence_type: str | None = None
    file_id: str | None = None
    evidence_text: str | None = None


class Dispute(Stateful, frozen=True, kw_only=True, rename="camel"):
    """``merchant_response_deadline`` as Amazon gives it: milliseconds since 1970, or a timestamp."""

    dispute_id: str | None = None
    charge_id: str | None = None
    dispute_type: str | None = None
    dispute_amount: Price | None = None
    filing_reason: str | None = None
    resolution_authority: str | None = None
    merchant_evidences: list[MerchantEvidence | None] | None = None
    merchant_response_deadline: int | str | None = None

    @property
    def respond_by(self) -> datetime | None:
        deadline = self.merchant_response_deadline
        if isinstance(deadline, int) or (deadline and deadline.isdigit()):
            return datetime.fromtimestamp(int(deadline) / 1000, UTC)
        return _moment(deadline)

    @property
    def resolution(self) -> str:
        return (self.status_details and self.status_details.resolution) or ""


class File(Model, frozen=True, kw_only=True, rename="camel"):
    """``url`` takes the file itself by PUT, until ``url_expiration_timestamp``."""

    id: str | None = None
    type: str | None = None
    purpose: str | None = None
    url: str | None = None
    size: int | str | None = None
    upload_timestamp: str | int | None = None
    url_expiration_timestamp: str | int | None = None
