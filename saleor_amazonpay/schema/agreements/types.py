"""The types of agreements, Saleor's way."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum

import strawberry

from saleor_amazonpay.domain.states import ActionType, ChargeChannel, ChargeInitiator
from saleor_amazonpay.handlers.agreements.merchant import AgreementErrorCode, AgreementRefused, Charged, ChargeRequest
from saleor_amazonpay.schema.money import Money
from saleor_amazonpay.storage.agreements import Agreement as Stored
from saleor_amazonpay.storage.timeline import Entry

strawberry.enum(AgreementErrorCode)
strawberry.enum(
    ChargeInitiator,
    description="Who started a charge, as Amazon wants to know it: the customer or the merchant, scheduled or not.",
)
strawberry.enum(ChargeChannel, description="Where a charge was started.")
strawberry.enum(
    ActionType, name="AgreementChargeAction", description="AUTHORIZATION holds the amount, CHARGE takes it."
)


@strawberry.enum(description="As Amazon says: NON_CHARGEABLE until the buyer repairs the payment method.")
class AgreementState(StrEnum):
    CHARGEABLE = "Chargeable"
    NON_CHARGEABLE = "NonChargeable"
    CLOSED = "Closed"


@strawberry.type(description="One thing that is wrong; nothing was charged or changed.")
class AgreementError:
    field: str | None
    code: AgreementErrorCode
    message: str

    @staticmethod
    def of(refused: AgreementRefused) -> AgreementError:
        return AgreementError(field=refused.field, code=refused.error, message=refused.public_message)


@strawberry.type(description="Something that happened to an agreement.")
class AgreementEvent:
    at: datetime
    kind: str
    detail: str = strawberry.field(description="JSON.")

    @staticmethod
    def of(entry: Entry) -> AgreementEvent:
        return AgreementEvent(at=entry.at, kind=entry.kind, detail=json.dumps(entry.detail, ensure_ascii=False))


@strawberry.type(description="A customer's standing consent to be charged: one charge permission at Amazon.")
class Agreement:
    id: strawberry.ID = strawberry.field(description="Also the id of Saleor's stored payment method.")
    customer_id: strawberry.ID | None = strawberry.field(description="Saleor's user; null once it was erased.")
    account_id: strawberry.ID
    channel_slug: str = strawberry.field(description="Where the buyer agreed.")
    charge_permission_id: str
    charge_permission_type: str
    state: AgreementState
    is_closing: bool = strawberry.field(description="Asked to be ended; Amazon has not confirmed it yet.")
    reasons: list[str] = strawberry.field(description="Amazon's reason codes for the state.")
    payment_descriptor: str | None
    currency: str
    amount: Money | None = strawberry.field(description="Of each period, as agreed; null where it varies.")
    frequency_unit: str | None
    frequency_value: int | None
    amount_limit: Money | None = strawberry.field(description="What Amazon takes in a calendar month.")
    amount_balance: Money | None = strawberry.field(description="What was left of it when it was last read.")
    read_at: datetime
    expires_at: datetime | None = strawberry.field(description="Lapses then unless it is charged before.")
    lapses_soon: bool = strawberry.field(description="Within 30 days, unless it is charged.")
    last_charged_at: datetime | None
    manage_url: str | None = strawberry.field(description="Amazon's page for the buyer; null where none is published.")
    created_at: datetime
    events: list[AgreementEvent]

    @staticmethod
    def of(stored: Stored, *, lapses_soon: bool, manage_url: str | None, events: list[Entry]) -> Agreement:
        frequency = stored.frequency
        return Agreement(
            id=strawberry.ID(stored.id),
            customer_id=strawberry.ID(stored.customer_id) if stored.customer_id else None,
            account_id=strawberry.ID(stored.account_id),
            channel_slug=stored.channel_slug,
            charge_permission_id=stored.charge_permission_id,
            charge_permission_type=stored.charge_permission_type,
            state=AgreementState(stored.state),
            is_closing=stored.closing_since is not None and stored.state != AgreementState.CLOSED,
            reasons=list(stored.reasons),
            payment_descriptor=stored.payment_descriptor,
            currency=stored.currency,
            amount=Money.of(stored.amount) if stored.amount else None,
            frequency_unit=frequency.unit if frequency else None,
            frequency_value=frequency.value if frequency else None,
            amount_limit=Money.of(stored.amount_limit) if stored.amount_limit else None,
            amount_balance=Money.of(stored.amount_balance) if stored.amount_balance else None,
            read_at=stored.read_at,
            expires_at=stored.expires_at,
            lapses_soon=lapses_soon,
            last_charged_at=stored.last_charged_at,
            manage_url=manage_url,
            created_at=stored.created_at,
            events=[
                AgreementEvent(at=each.at, kind=each.kind, detail=json.dumps(each.detail, ensure_ascii=False))
                for each in events
            ],
        )


@strawberry.input(description="An order or checkout, and what of it is charged.")
class AgreementChargeInput:
    source_id: strawberry.ID = strawberry.field(description="Of an order or a checkout; or an order's number.")
    amount: str = strawberry.field(description='Major units, e.g. "500" or "12.00".')
    currency: str
    idempotency_key: str = strawberry.field(description="Yours: with the same key it is never charged twice.")
    action: ActionType = ActionType.CHARGE
    initiator: ChargeInitiator = ChargeInitiator.MERCHANT_RECURRING
    channel: ChargeChannel = ChargeChannel.WEB

    def given(self, agreement_id: str) -> ChargeRequest:
        return ChargeRequest(
            agreement_id=agreement_id,
            source_id=self.source_id,
            amount=self.amount,
            currency=self.currency,
            idempotency_key=self.idempotency_key,
            action=self.action,
            initiator=self.initiator,
            channel=self.channel,
        )


@strawberry.type(description="What came of a charge: a transaction of Saleor like any other.")
class AgreementChargeResult:
    transaction_id: strawberry.ID
    result: str = strawberry.field(description="The type of Saleor's event; *_ACTION_REQUIRED: reported later.")
    psp_reference: str
    message: str
    amount: Money

    @staticmethod
    def of(outcome: Charged) -> AgreementChargeResult:
        return AgreementChargeResult(
            transaction_id=strawberry.ID(outcome.transaction_id),
            result=outcome.result,
            psp_reference=outcome.psp_reference,
            message=outcome.message,
            amount=Money.of(outcome.amount),
        )


@strawberry.type(description="A decline is a charge with a *_FAILURE; errors say that nothing was tried.")
class AgreementCharge:
    charge: AgreementChargeResult | None
    errors: list[AgreementError]


@strawberry.type(description="What was the customer's, and is nobody's from now on.")
class CustomerErase:
    agreements: int = strawberry.field(description="Each was ended.")
    payments: int


@strawberry.type
class AgreementClose:
    agreement: Agreement | None
    errors: list[AgreementError]


@strawberry.type
class AgreementRefresh:
    agreement: Agreement | None
    errors: list[AgreementError]
