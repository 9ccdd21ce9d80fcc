"""Payments: the list and its file, one payment with its story and buttons, where Saleor and Amazon differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from saleor_amazonpay.dashboard.pages import Answer, Download, Form, Go, MenuEntry, Pages, Screen, Visit
from saleor_amazonpay.dashboard.translations import Language
from saleor_amazonpay.dashboard.views import disputes
from saleor_amazonpay.dashboard.views.following import follow
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import OperationKind, PaymentStatus, StaffAction
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers import drift_report
from saleor_amazonpay.handlers.dashboard_users import PAYMENT_STAFF
from saleor_amazonpay.handlers.merchant_payments import actions, export, listing, story
from saleor_amazonpay.handlers.merchant_payments.actions import ActionRefused, Asked, OutcomeUnknown
from saleor_amazonpay.handlers.merchant_payments.listing import Entered, FilterInvalid
from saleor_amazonpay.handlers.merchant_payments.sentences import sentence_of
from saleor_amazonpay.handlers.merchant_payments.story import PaymentStory
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage.accounts import Account, Assignment
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payment_list import PaymentPage
from saleor_amazonpay.storage.timeline import Entry

pages = Pages()

STAFF: Final = PAYMENT_STAFF
"""Whoever may handle payments in Saleor may here; keys and accounts are for those who manage apps."""


@dataclass(frozen=True, slots=True)
class Word:
    """How a status is called, and its colour."""

    label: str
    tone: str


STATUSES: Final[Mapping[PaymentStatus, Word]] = {
    PaymentStatus.AWAITING_BUYER: Word(marked("Awaiting the buyer"), "neutral"),
    PaymentStatus.PROCESSING: Word(marked("Processing"), "info"),
    PaymentStatus.AUTHORIZED: Word(marked("Authorized"), "info"),
    PaymentStatus.PARTIALLY_CAPTURED: Word(marked("Partially captured"), "info"),
    PaymentStatus.CAPTURED: Word(marked("Captured"), "success"),
    PaymentStatus.PARTIALLY_REFUNDED: Word(marked("Partially refunded"), "warning"),
    PaymentStatus.REFUNDED: Word(marked("Refunded"), "neutral"),
    PaymentStatus.CANCELED: Word(marked("Canceled"), "neutral"),
    PaymentStatus.FAILED: Word(marked("Failed"), "critical"),
    PaymentStatus.REPLACED: Word(marked("Replaced by a newer one"), "neutral"),
}


OPERATIONS: Final[Mapping[OperationKind, str]] = {
    OperationKind.COMPLETE: marked("Payment"),
    OperationKind.CHARGE_AGREEMENT: marked("Charge of the agreement"),
    OperationKind.CHARGE: marked("Capture"),
    OperationKind.REFUND: marked("Refund"),
    OperationKind.CANCEL: marked("Release"),
    OperationKind.REAUTHORIZE: marked("Hold the rest again"),
    OperationKind.OVER_REFUND: marked("Refund more than was captured"),
}
"""How what is asked for is called; a staff action that moves money has the same value."""

AMOUNTS: Final[Mapping[str, str]] = {
    "authorized": marked("Authorized"),
    "charged": marked("Captured and kept"),
    "refunded": marked("Refunded"),
}
"""Saleor's names of the amounts that may differ."""

REPORTS: Final[Mapping[str, Word]] = {
    "due": Word(marked("To be told"), "info"),
    "delivered": Word(marked("Told"), "success"),
    "dropped": Word(marked("Known already"), "neutral"),
    "dead": Word(marked("Refused"), "critical"),
}


# --- the list -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shop:
    """What the filters offer."""

    accounts: Mapping[str, Account]
    channels: Sequence[str]


@pages.get("/payments", permissions=STAFF, menu=MenuEntry(marked("Payments"), order=40, icon="payments"))
async def listed(visit: Visit) -> Answer:
    shop, faults, page = await _shop(visit), {}, PaymentPage([], None)
    try:
        wanted = listing.read_filter(_entered(visit.query))
        page = await listing.listed(
            visit.services,
            visit.viewer.installation,
            wanted,
            search=visit.query.text("search"),
            after=visit.query.text("after"),
            size=listing.PAGE,
        )
    except FilterInvalid as wrong:
        faults = wrong.faults
    return Screen(
        "payments.html",
        title=Message("Payments"),
        status=422 if faults else 200,
        page=page,
        faults=faults,
        query=visit.query,
        is_filtered=_is_filtered(visit.query),
        next_page=_again(visit.query, after=str(page.after)) if page.after else None,
        export=_again(visit.query, after=""),
        accounts=shop.accounts,
        channels=shop.channels,
        currencies=[each.value for each in Currency],
        statuses=STATUSES,
    )


_FILTERS: Final = ("search", "status", "channel", "account", "currency", "fromDay", "toDay", "amountFrom", "amountTo")


def _entered(query: Form) -> Entered:
    return Entered(
        status=query.text("status"),
        channel=query.text("channel"),
        account_id=query.text("account"),
        currency=query.text("currency"),
        from_day=query.text("fromDay"),
        to_day=query.text("toDay"),
        amount_from=query.text("amountFrom"),
        amount_to=query.text("amountTo"),
        time_zone=query.text("zone", "UTC"),
    )


def _is_filtered(query: Form) -> bool:
    return any(query.text(name) for name in _FILTERS)


def _again(query: Form, **changes: str) -> str:
    """The same question with another page of answers."""
    asked = {name: query.text(name) for name in (*_FILTERS, "zone")} | changes
    return urlencode({name: value for name, value in asked.items() if value})


async def _shop(visit: Visit) -> Shop:
    services, tenant = visit.services, visit.tenant

    def look(session: Session) -> tuple[list[Account], list[Assignment]]:
        return account_rows.of_tenant(session, tenant, services.secrets), account_rows.assignments(session, tenant)

    accounts, assigned = await services.database.read(look)
    return Shop({each.id: each for each in accounts}, sorted({each.channel_slug for each in assigned}))


@pages.get("/payments/export", permissions=STAFF)
async def exported(visit: Visit) -> Answer:
    wanted = listing.read_filter(_entered(visit.query))
    bom = visit.query.has("bom")
    file = export.csv_file(visit.services, visit.viewer.installation, wanted, bom=bom)
    day = visit.services.clock.now().strftime("%Y-%m-%d")
    return Download(f"amazon-pay-payments-{day}.csv", file, "text/csv; charset=utf-8")


@pages.get("/payments/differences", permissions=STAFF)
async def differing(visit: Visit) -> Answer:
    count, found = await drift_report.of_tenant(visit.services, visit.tenant, limit=MOST_DIFFERENCES)
    return Screen(
        "payment_differences.html", title=Message("Where amounts differ"), count=count, found=found, amounts=AMOUNTS
    )


MOST_DIFFERENCES: Final = 100


# --- one payment --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """One button with what it may be for; ``fault`` is what was wrong with the last try."""

    action: StaffAction
    label: str
    hint: str
    most: Money | None
    path: str
    question: str
    is_danger: bool = False
    has_amount: bool = True
    entered: str = ""
    fault: Message | str | None = None


@dataclass(frozen=True, slots=True)
class _Button:
    label: str
    hint: str
    question: str
    is_danger: bool = False
    has_amount: bool = True


_BUTTONS: Final[Mapping[StaffAction, _Button]] = {
    StaffAction.CHARGE: _Button(
        marked("Capture"),
        marked(
            "Charges the buyer. Amazon Pay captures an authorization once; the rest is charged anew if you ask again."
        ),
        marked("Capture this amount from the buyer?"),
    ),
    StaffAction.REFUND: _Button(
        marked("Refund"),
        marked("Gives money back to the buyer. Amazon decides it minutes to hours later."),
        marked("Refund this amount to the buyer?"),
    ),
    StaffAction.CANCEL: _Button(
        marked("Cancel the authorization"),
        marked("Releases everything that is not captured, for good. What was captured can still be refunded."),
        marked("Release everything that is not captured? Nothing more can be charged then."),
        is_danger=True,
        has_amount=False,
    ),
    StaffAction.REAUTHORIZE: _Button(
        marked("Hold the rest again"),
        marked(
            "Asks Amazon Pay to hold what may still be charged. Amazon may decline; then it is no longer authorized."
        ),
        marked("Have Amazon Pay hold this amount again?"),
    ),
    StaffAction.OVER_REFUND: _Button(
        marked("Refund more than was captured"),
        marked("For a return's postage or as goodwill: Amazon Pay allows up to 15 % more, within its own limit."),
        marked("Refund more than the buyer paid? This money is yours, not the buyer's."),
        is_danger=True,
    ),
}


@pages.get("/payments/{payment_id}", permissions=STAFF)
async def one(visit: Visit) -> Answer:
    return await _page(visit)


async def _page(visit: Visit, *, failed: StaffAction | None = None, refusal: AppError | None = None) -> Screen:
    told = await story.tell(visit.services, visit.viewer.installation, visit.path["payment_id"])
    shown = refusal.sentence if refusal else None
    return Screen(
        "payment.html",
        title=_title(told),
        status=422 if refusal else 200,
        told=told,
        word=STATUSES[told.status],
        offers=offers(told, failed=failed, entered=visit.form.text("amount"), fault=shown),
        reports=REPORTS,
        notice=shown if failed not in _BUTTONS else None,
        form_id=uuid4().hex,
        happened=[_line(entry, visit.language) for entry in reversed(told.timeline)],
        base=f"/payments/{told.payment.id}",
        following=follow(visit, f"/payments/{told.payment.id}", [told]),
        operations=OPERATIONS,
        amounts=AMOUNTS,
        dispute_badge=disputes.badge,
    )


def _title(told: PaymentStory) -> Message:
    if told.order_number:
        return Message("Payment of order #{number}", number=told.order_number)
    return Message("Payment")


def offers(
    told: PaymentStory,
    *,
    failed: StaffAction | None = None,
    entered: str = "",
    fault: Message | str | None = None,
) -> list[Offer]:
    """The buttons that move money, of those that are possible now, and the one that has just failed."""
    chosen = [action for action in _BUTTONS if action in told.actions or action is failed]
    return [
        Offer(
            action=action,
            label=_BUTTONS[action].label,
            hint=_BUTTONS[action].hint,
            most=told.actions.get(action),
            path=f"/payments/{told.payment.id}/{action.value}",
            question=_BUTTONS[action].question,
            is_danger=_BUTTONS[action].is_danger,
            has_amount=_BUTTONS[action].has_amount,
            entered=entered if action is failed else "",
            fault=fault if action is failed else None,
        )
        for action in chosen
    ]


# --- what happened ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the timeline: what kind, in a sentence, and everything known of it."""

    at: datetime
    kind: str
    tone: str
    sentence: Message
    detail: Mapping[str, Any]


_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "request": (marked("Request"), "neutral"),
    "call": (marked("Amazon Pay"), "neutral"),
    "answer": (marked("Answer"), "neutral"),
    "decision": (marked("Decision"), "info"),
    "notification": (marked("Notification"), "neutral"),
    "report": (marked("Report"), "neutral"),
    "person": (marked("Staff"), "warning"),
}


def _line(entry: Entry, spoken: Language) -> Line:
    label, tone = _KINDS.get(entry.kind, (entry.kind, "neutral"))
    tone = "critical" if {"error", "refused", "postponed"} & entry.detail.keys() else tone
    return Line(entry.at, label, tone, _sentence(entry, spoken), entry.detail)


def _sentence(entry: Entry, spoken: Language) -> Message:
    """In the words of Amazon and Saleor, the same in every language; what Saleor was told, in the reader's."""
    detail = entry.detail
    about = (
        " ".join(str(detail[name]) for name in _ABOUT[entry.kind] if detail.get(name)) if entry.kind in _ABOUT else ""
    )
    if entry.kind == "report" and "postponed" in detail:
        return Message("Saleor could not take {what}; it is sent again.", what=about)
    if entry.kind == "report" and "refused" in detail:
        return Message("Saleor refused {what}.", what=about)
    if entry.kind == "person" and "refused" in detail:
        return Message("{what} was refused.", what=about)
    if entry.kind == "decision" and (kept := str(detail.get("message", ""))):
        told = sentence_of(kept)
        if spoken.knows(told.template):
            return Message("{what}", what=(about, told) if about else told)
    return Message("{what}", what=about or ", ".join(f"{name}: {value}" for name, value in detail.items()))


_ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "request": ("event", "amount"),
    "call": ("operation", "status", "reason_code", "error", "amazon_id", "amount"),
    "answer": ("result", "amount"),
    "decision": ("result", "amount"),
    "notification": ("object", "amazon_id"),
    "report": ("type", "amount"),
    "person": ("email", "action", "amount"),
}


# --- buttons ------------------------------------------------------------------------------------------------------

_DONE: Final[Mapping[StaffAction, Message]] = {
    StaffAction.REREAD: Message("The payment is as Amazon Pay has it now."),
    StaffAction.RESEND: Message("Saleor is told again."),
    StaffAction.CHARGE: Message("Saleor was asked to charge. The outcome appears below in a moment."),
    StaffAction.REFUND: Message("Saleor was asked to refund. The outcome appears below once Amazon has decided."),
    StaffAction.CANCEL: Message("Saleor was asked to release the authorization."),
    StaffAction.REAUTHORIZE: Message("Amazon Pay is asked to hold the rest."),
    StaffAction.OVER_REFUND: Message("The refund is sent. The outcome appears below once Amazon has decided."),
}


def _asked(visit: Visit) -> Asked:
    return Asked(visit.viewer, visit.path["payment_id"], visit.form.text("form"))


async def _pressed(visit: Visit, action: StaffAction) -> Answer:
    """Do it; the payment is shown again, with what stood in the way beside its button."""
    services, asked, amount = visit.services, _asked(visit), visit.form.text("amount")
    try:
        match action:
            case StaffAction.REREAD:
                await actions.reread(services, asked)
            case StaffAction.RESEND:
                await actions.resend(services, asked, visit.form.text("report"))
            case StaffAction.REAUTHORIZE | StaffAction.OVER_REFUND:
                await actions.begin_own(services, asked, action, amount)
            case _:
                await actions.ask_saleor(services, asked, action, amount)
    except (ActionRefused, OutcomeUnknown) as refusal:
        return await _page(visit, failed=action, refusal=refusal)
    return Go(_back(visit), _DONE[action], refresh=True)


def _back(visit: Visit) -> str:
    """The widget it was pressed in, else the payment."""
    back = visit.form.text("back")
    return back if back.startswith(ORDER_WIDGET) else f"/payments/{visit.path['payment_id']}"


ORDER_WIDGET: Final = "/widgets/order?orderId="


@pages.post("/payments/{payment_id}/reread", permissions=STAFF)
async def reread(visit: Visit) -> Answer:
    return await _pressed(visit, StaffAction.REREAD)


@pages.post("/payments/{payment_id}/resend", permissions=STAFF)
async def resend(visit: Visit) -> Answer:
    return await _pressed(visit, StaffAction.RESEND)


@pages.post("/payments/{payment_id}/charge", permissions=STAFF)
async def charge(visit: Visit) -> Answer:
    return await _pressed(visit, StaffAction.CHARGE)


@pages.post("/payments/{payment_id}/refund", permissions=STAFF)
async def refund(visit: Visit) -> Answer:
    return await _pressed(visit, StaffAction.REFUND)


@pages.post("/payments/{payment_id}/cancel", permissions=STAFF)
async def cancel(visit: Visit) -> Answer:
    return await _pressed(visit, StaffAction.CANCEL)


@pages.post("/payments/{payment_id}/reauthorize", permissions=STAFF)
async def reauthorize(visit: Visit) -> Answer:
    return await _pressed(visit, StaffAction.REAUTHORIZE)


@pages.post("/payments/{payment_id}/over_refund", permissions=STAFF)
async def over_refund(visit: Visit) -> Answer:
    return await _pressed(visit, StaffAction.OVER_REFUND)
