"""Payments in the app's own GraphQL: the list, one payment's story, and what staff can do with it.

Every mutation takes a ``requestId`` of the caller's choice: the same one on the same payment is acted on once.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import strawberry
from strawberry.scalars import JSON

from saleor_amazonpay.domain import money
from saleor_amazonpay.domain.states import PaymentStatus, StaffAction
from saleor_amazonpay.errors import AppError, ConflictError
from saleor_amazonpay.handlers.merchant_payments import actions, listing
from saleor_amazonpay.handlers.merchant_payments import story as stories
from saleor_amazonpay.handlers.merchant_payments.actions import ActionRefused, Asked, OutcomeUnknown
from saleor_amazonpay.handlers.merchant_payments.listing import Entered, FilterInvalid
from saleor_amazonpay.handlers.merchant_payments.story import ChargeStory, PaymentStory, PaymentUnknown
from saleor_amazonpay.schema.drift import DriftDifference
from saleor_amazonpay.schema.money import Money
from saleor_amazonpay.schema.resolvers import Info
from saleor_amazonpay.storage.payment_list import MAX_PAGE, ListedPayment
from saleor_amazonpay.storage.reports import Report

# ruff: noqa: A002 - id and filter are what GraphQL calls them

strawberry.enum(PaymentStatus, description="What a payment has come to.")
strawberry.enum(StaffAction, name="PaymentAction", description="What staff can do with a payment.")


@strawberry.enum
class PaymentErrorCode(StrEnum):
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    REFUSED = "REFUSED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


def _maybe(given: money.Money | None) -> Money | None:
    return Money.of(given) if given is not None else None


@strawberry.type(description="A payment as the list shows it; sums are Amazon's, as last read.")
class PaymentLine:
    id: strawberry.ID
    transaction_id: strawberry.ID
    order_number: str | None
    status: PaymentStatus
    amount: Money
    captured: Money
    refunded: Money
    channel_slug: str
    account_id: strawberry.ID
    charge_permission_id: str | None
    created_at: datetime

    @staticmethod
    def of(line: ListedPayment) -> PaymentLine:
        return PaymentLine(
            id=strawberry.ID(line.id),
            transaction_id=strawberry.ID(line.transaction_id),
            order_number=line.order_number,
            status=line.status,
            amount=Money.of(line.amount),
            captured=Money.of(line.captured),
            refunded=Money.of(line.refunded),
            channel_slug=line.channel_slug,
            account_id=strawberry.ID(line.account_id),
            charge_permission_id=line.charge_permission_id,
            created_at=line.created_at,
        )


@strawberry.type(
    description="Newest first. A page with a rare filter may be short, even empty, and go on: `searchedTo` says how "
    "far back it has looked."
)
class PaymentList:
    nodes: list[PaymentLine]
    end_cursor: str | None = strawberry.field(
        description="Give it as `after` for the next page; null: this is the last."
    )
    searched_to: datetime | None


@strawberry.input(description="All that is given must hold.")
class PaymentFilterInput:
    status: PaymentStatus | None = None
    channel: str | None = None
    account_id: strawberry.ID | None = None
    customer_id: strawberry.ID | None = None
    currency: str | None = None
    from_day: str | None = strawberry.field(default=None, description="As in 2026-04-01.")
    to_day: str | None = strawberry.field(default=None, description="The last day, included.")
    time_zone: str | None = strawberry.field(default=None, description="Whose days: Asia/Tokyo; UTC by default.")
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None

    def entered(self) -> Entered:
        given = {
            name: _text(value) for name in Entered.__dataclass_fields__ if (value := getattr(self, name)) is not None
        }
        return Entered(**given)


def _text(value: object) -> str:
    return value.value if isinstance(value, StrEnum) else str(value)


@strawberry.type
class PaymentRefund:
    id: strawberry.ID
    state: str
    reason_code: str | None
    amount: Money
    created_at: datetime


@strawberry.type(description="One of Amazon's charges. `beyond`: the most one refund may be with Amazon's allowance.")
class PaymentCharge:
    id: strawberry.ID
    state: str
    reason_code: str | None
    amount: Money
    captured: Money
    refundable: Money
    refunds_left: int
    beyond: Money
    created_at: datetime
    expires_at: datetime | None
    refunds: list[PaymentRefund]

    @staticmethod
    def of(charge: ChargeStory) -> PaymentCharge:
        return PaymentCharge(
            id=strawberry.ID(charge.charge_id),
            state=charge.state,
            reason_code=charge.reason_code,
            amount=Money.of(charge.amount),
            captured=Money.of(charge.captured),
            refundable=Money.of(charge.refundable),
            refunds_left=charge.refunds_left,
            beyond=Money.of(charge.beyond),
            created_at=charge.created_at,
            expires_at=charge.expires_at,
            refunds=[
                PaymentRefund(
                    id=strawberry.ID(each.refund_id),
                    state=each.state,
                    reason_code=each.reason_code,
                    amount=Money.of(each.amount),
                    created_at=each.created_at,
                )
                for each in charge.refunds
            ],
        )


@strawberry.type(
    description="An event told, or owed, to Saleor. State: due, delivered, dropped (Saleor had it) or dead."
)
class PaymentReport:
    id: strawberry.ID
    type: str
    reference: str
    amount: Money
    state: str
    due_at: datetime
    attempts: int
    last_error: str | None

    @staticmethod
    def of(report: Report) -> PaymentReport:
        return PaymentReport(
            id=strawberry.ID(report.id),
            type=report.fact.type.value,
            reference=report.fact.reference,
            amount=Money.of(report.fact.amount),
            state=report.state,
            due_at=report.due_at,
            attempts=report.attempts,
            last_error=report.last_error,
        )


@strawberry.type(
    description="Kind: request, call, answer, decision, report, notification or person. The detail differs with it."
)
class PaymentTimelineEntry:
    at: datetime
    kind: str
    detail: JSON


@strawberry.type(description="`most`: the largest amount; null where there is no amount to it.")
class PaymentOffer:
    action: StaffAction
    most: Money | None


@strawberry.type(description="One payment in full.")
class Payment:
    id: strawberry.ID
    transaction_id: strawberry.ID
    order_id: strawberry.ID | None
    order_number: str | None
    status: PaymentStatus
    flow: str
    channel_slug: str
    account_id: strawberry.ID
    charge_permission_id: str | None
    charge_permission_state: str | None
    charge_permission_expires_at: datetime | None
    authorization_expires_at: datetime | None
    amount: Money
    held: Money
    authorized: Money
    captured: Money
    refunded: Money
    refundable: Money
    released: Money
    captures_left: int
    actions: list[PaymentOffer]
    charges: list[PaymentCharge]
    reports: list[PaymentReport]
    timeline: list[PaymentTimelineEntry]
    differences: list[DriftDifference]
    seller_central_url: str | None
    created_at: datetime

    @staticmethod
    def of(told: PaymentStory) -> Payment:
        payment, balances = told.payment, told.balances
        return Payment(
            id=strawberry.ID(payment.id),
            transaction_id=strawberry.ID(payment.transaction_id),
            order_id=strawberry.ID(told.order_id) if told.order_id else None,
            order_number=told.order_number,
            status=told.status,
            flow=payment.flow,
            channel_slug=payment.channel_slug,
            account_id=strawberry.ID(payment.account_id),
            charge_permission_id=payment.charge_permission_id,
            charge_permission_state=payment.charge_permission_state,
            charge_permission_expires_at=payment.charge_permission_expires_at,
            authorization_expires_at=told.authorization_expires_at,
            amount=Money.of(payment.amount),
            held=Money.of(balances.held),
            authorized=Money.of(balances.authorized),
            captured=Money.of(balances.captured),
            refunded=Money.of(balances.refunded),
            refundable=Money.of(balances.refundable),
            released=Money.of(payment.released),
            captures_left=told.limits.captures_left,
            actions=[PaymentOffer(action=action, most=_maybe(most)) for action, most in told.actions.items()],
            charges=[PaymentCharge.of(each) for each in told.charges],
            reports=[PaymentReport.of(each) for each in told.reports],
            timeline=[
                PaymentTimelineEntry(at=each.at, kind=each.kind, detail=JSON(each.detail)) for each in told.timeline
            ],
            differences=[DriftDifference.stored(each) for each in told.differences],
            seller_central_url=told.seller_central_url,
            created_at=payment.created_at,
        )


@strawberry.type(description="`field` is the argument to correct, if any is.")
class PaymentError:
    field: str | None
    code: PaymentErrorCode
    message: str


@strawberry.type(description="The payment as it is now; what was asked for may still be under way.")
class PaymentChange:
    payment: Payment | None
    errors: list[PaymentError]


_CODES = {
    ActionRefused: PaymentErrorCode.REFUSED,
    PaymentUnknown: PaymentErrorCode.NOT_FOUND,
    OutcomeUnknown: PaymentErrorCode.OUTCOME_UNKNOWN,
}


async def payments(
    info: Info,
    filter: PaymentFilterInput | None = None,
    search: str = "",
    first: int = listing.PAGE,
    after: str = "",
) -> PaymentList:
    it = info.context
    wanted = listing.read_filter((filter or PaymentFilterInput()).entered())
    if not 0 < first <= MAX_PAGE:
        raise FilterInvalid({"first": listing.page_size_fault()})
    page = await listing.listed(it.services, it.viewer.installation, wanted, search=search, after=after, size=first)
    return PaymentList(
        nodes=[PaymentLine.of(line) for line in page.payments],
        end_cursor=str(page.after) if page.after else None,
        searched_to=page.searched_to,
    )


async def payment(info: Info, id: strawberry.ID) -> Payment | None:
    it = info.context
    try:
        return Payment.of(await stories.tell(it.services, it.viewer.installation, id))
    except PaymentUnknown:
        return None


async def payment_charge(
    info: Info, id: strawberry.ID, request_id: str, amount: Decimal | None = None
) -> PaymentChange:
    asked = _asked(info, id, request_id)
    return await _change(
        info, asked, actions.ask_saleor(info.context.services, asked, StaffAction.CHARGE, _amount(amount))
    )


async def payment_refund(
    info: Info, id: strawberry.ID, request_id: str, amount: Decimal | None = None
) -> PaymentChange:
    asked = _asked(info, id, request_id)
    return await _change(
        info, asked, actions.ask_saleor(info.context.services, asked, StaffAction.REFUND, _amount(amount))
    )


async def payment_cancel(info: Info, id: strawberry.ID, request_id: str) -> PaymentChange:
    asked = _asked(info, id, request_id)
    return await _change(info, asked, actions.ask_saleor(info.context.services, asked, StaffAction.CANCEL))


async def payment_reauthorize(
    info: Info, id: strawberry.ID, request_id: str, amount: Decimal | None = None
) -> PaymentChange:
    asked = _asked(info, id, request_id)
    doing = actions.begin_own(info.context.services, asked, StaffAction.REAUTHORIZE, _amount(amount))
    return await _change(info, asked, doing)


async def payment_refund_beyond(info: Info, id: strawberry.ID, request_id: str, amount: Decimal) -> PaymentChange:
    asked = _asked(info, id, request_id)
    doing = actions.begin_own(info.context.services, asked, StaffAction.OVER_REFUND, _amount(amount))
    return await _change(info, asked, doing)


async def payment_reread(info: Info, id: strawberry.ID) -> PaymentChange:
    asked = _asked(info, id, "reread")
    return await _change(info, asked, actions.reread(info.context.services, asked))


async def payment_report_resend(info: Info, id: strawberry.ID, report_id: strawberry.ID | None = None) -> PaymentChange:
    asked = _asked(info, id, "resend")
    return await _change(info, asked, actions.resend(info.context.services, asked, report_id or ""))


def _asked(info: Info, payment_id: str, form_id: str) -> Asked:
    return Asked(info.context.viewer, payment_id, form_id)


def _amount(given: Decimal | None) -> str:
    return "" if given is None else str(given)


async def _change(info: Info, asked: Asked, doing: Awaitable[None]) -> PaymentChange:
    it, errors = info.context, []
    try:
        await doing
    except (ActionRefused, PaymentUnknown, OutcomeUnknown) as refusal:
        errors = [_error(refusal)]
    try:
        told = await stories.tell(it.services, it.viewer.installation, asked.payment_id)
    except PaymentUnknown:
        return PaymentChange(payment=None, errors=errors)
    return PaymentChange(payment=Payment.of(told), errors=errors)


def _error(refusal: AppError | ConflictError) -> PaymentError:
    code = _CODES.get(type(refusal), PaymentErrorCode.REFUSED)
    return PaymentError(field=getattr(refusal, "field", None), code=code, message=refusal.public_message)


@strawberry.type
class PaymentQuery:
    payments: PaymentList = strawberry.field(
        resolver=payments,
        description="Payments of this Saleor. `search` finds them by order number or by any id of Saleor or Amazon.",
    )
    payment: Payment | None = strawberry.field(
        resolver=payment, description="One payment with all that happened; null where there is none of that id."
    )


@strawberry.type
class PaymentMutation:
    payment_charge: PaymentChange = strawberry.mutation(
        resolver=payment_charge, description="Have Saleor ask for a charge; without an amount, of all there is."
    )
    payment_refund: PaymentChange = strawberry.mutation(
        resolver=payment_refund, description="Have Saleor ask for a refund; without an amount, of all there is."
    )
    payment_cancel: PaymentChange = strawberry.mutation(
        resolver=payment_cancel, description="Have Saleor ask for the release of everything not captured."
    )
    payment_reauthorize: PaymentChange = strawberry.mutation(
        resolver=payment_reauthorize, description="Hold at Amazon again what may still be charged."
    )
    payment_refund_beyond: PaymentChange = strawberry.mutation(
        resolver=payment_refund_beyond,
        description="Refund more than was captured, within Amazon's allowance (`beyond` of a charge).",
    )
    payment_reread: PaymentChange = strawberry.mutation(
        resolver=payment_reread, description="Read the payment from Amazon and tell Saleor what it does not know."
    )
    payment_report_resend: PaymentChange = strawberry.mutation(
        resolver=payment_report_resend, description="Send one report again, or all that Saleor has not taken."
    )
