"""The app-hosted return page: Amazon sends the buyer here, the payment is completed, the buyer goes on to the shop.

It works in another browser, twice, late, or never: everything is in the payment and its session, nothing in a cookie.
The shop's address was checked against the allowed origins when the payment began, and only that one is used.
Source: DESIGN §5 (``returnUrl``), §6 cases 1 and 15.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote_plus

import structlog

from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import PaymentState
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.errors import AppError, RequestRejected
from saleor_amazonpay.handlers import apb_flow, completing, report_transaction_event
from saleor_amazonpay.handlers.completing import Obstacle
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor.shapes import DataErrors
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

log = structlog.get_logger(__name__)

PATH = "/api/checkout/return"
_REPORT_SECONDS = 4.0  # the buyer waits; what is not told by then is told by the job

_RESULTS = {
    Event.AUTHORIZATION_SUCCESS: "authorized",
    Event.CHARGE_SUCCESS: "charged",
    Event.AUTHORIZATION_REQUEST: "pending",
    Event.CHARGE_REQUEST: "pending",
    Event.AUTHORIZATION_FAILURE: "failed",
    Event.CHARGE_FAILURE: "failed",
    Event.AUTHORIZATION_ACTION_REQUIRED: "awaiting_buyer",
    Event.CHARGE_ACTION_REQUIRED: "awaiting_buyer",
}

_REASONS = {
    "Declined": "declined",
    "BuyerCanceled": "cancelled",
    "AmazonCanceled": "cancelled",
    "Expired": "expired",
}
"""What became of the session, where Amazon says more than that it failed."""


class UnknownReturn(RequestRejected):
    status = 404
    code = "UNKNOWN_RETURN"


def url(services: Services, payment_id: str) -> str:
    """Where Amazon sends the buyer of this payment; Amazon adds ``amazonCheckoutSessionId``."""
    return f"{services.settings.app_api_base_url}{PATH}?payment={payment_id}"


async def come_back(services: Services, payment_id: str, session_id: str, deadline: Deadline) -> str:
    """The shop's address to go on to, with ``transaction`` and ``result``.

    Raises:
        UnknownReturn: no such payment, or it has no page to return to.
    """
    payment = await services.database.read(lambda session: payment_rows.by_id(session, payment_id))
    if payment is None or payment.return_url is None:
        raise UnknownReturn("This link is not valid (any more). Go back to the shop and look at your order there.")
    try:
        result = await _complete(services, payment, session_id.lower(), deadline)
    except AppError as fault:
        log.warning("checkout_return_unfinished", payment=payment.id, code=fault.code)
        result = "processing"
    return _onward(payment, result)


async def _complete(services: Services, payment: Payment, session_id: str, deadline: Deadline) -> str:
    account = await services.directory.account(payment.api_url, payment.account_id)
    if payment.session_id is None and payment.is_undecided and payment.flow == "apb":
        try:
            payment = await apb_flow.recognize(services, account, payment, session_id, deadline)
        except DataErrors:
            return "invalid"
    if _ended_without_session(payment):
        await _tell_saleor(services, payment)
        return "failed"
    if payment.state == PaymentState.REPLACED or payment.session_id != session_id:
        return "invalid"
    outstanding = await _outstanding(services, payment)
    if outstanding is None:
        return "failed"
    completed = await completing.complete(services, account, payment, outstanding, deadline, waiting_caller=False)
    if isinstance(completed, Obstacle):
        return "failed"
    await _tell_saleor(services, payment)
    return _word(completed)


def _ended_without_session(payment: Payment) -> bool:
    """It was closed before the buyer came back: too late, or for another amount. The link itself is a good one."""
    return payment.state == PaymentState.FAILED and payment.session_id is None


async def _outstanding(services: Services, payment: Payment) -> Money | None:
    """What the source still needs, asked of Saleor; None when it is gone or cannot be paid like this."""
    tenant = await services.directory.tenant(payment.api_url)
    source = await services.saleor.transaction_source(
        payment.api_url, tenant.installation.token, payment.transaction_id
    )
    if source is None:
        return None
    try:
        return Money.parse(source.outstanding_excluding(payment.transaction_id), source.due.currency)
    except MoneyError:
        return None


async def _tell_saleor(services: Services, payment: Payment) -> None:
    try:
        async with asyncio.timeout(_REPORT_SECONDS):
            await report_transaction_event.deliver(services, payment.id)
    except (TimeoutError, AppError):
        log.info("report_left_to_the_job", payment=payment.id)


def _word(operation: Operation) -> str:
    result = _RESULTS[operation.result] if operation.result else "processing"
    return _REASONS.get(operation.reason_code or "", result) if result == "failed" else result


def _onward(payment: Payment, result: str) -> str:
    return with_query(payment.return_url or "", transaction=payment.transaction_id, result=result)


def with_query(address: str, **added: str) -> str:
    """The address with more in its query; what is there stays as it is, byte for byte."""
    head, hash_, fragment = address.partition("#")
    path, _, query = head.partition("?")
    more = "&".join(f"{name}={_quoted(value)}" for name, value in added.items())
    return f"{path}?{query}{'&' if query else ''}{more}{hash_}{fragment}"


def _quoted(text: str) -> str:
    """``quote_plus``, which looks at each character of an id that ends in ``=``."""
    return text.translate(_QUOTED) if text.isascii() else quote_plus(text)


_QUOTED = {code: quote_plus(chr(code)) for code in range(128)}
