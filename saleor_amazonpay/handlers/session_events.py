"""What initialize and process have in common: refusals, origins, and the answer an operation makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.balances import Balances
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import OperationState
from saleor_amazonpay.domain.transitions import SESSION_ACTION_REQUIRED, SESSION_FAILURE
from saleor_amazonpay.handlers import links
from saleor_amazonpay.saleor.answers import SessionAnswer
from saleor_amazonpay.saleor.events import TransactionInitializeSession, TransactionProcessSession
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.operations import Operation
from saleor_amazonpay.storage.payments import Payment

PAYMENT_METHOD = "Amazon Pay"
SessionEvent = TransactionInitializeSession | TransactionProcessSession


def refused(
    api_url: str, event: SessionEvent, message: str, errors: Sequence[DataError] = (), **data: Any
) -> SessionAnswer:
    """A final failure: the storefront goes on with a new transactionInitialize."""
    listed = [error.as_json() for error in errors] or [{"code": "FAILED", "message": message}]
    data = {"status": "failed", "reasonCode": None, "errors": listed, **data}
    return SessionAnswer(
        result=SESSION_FAILURE[event.action.action_type],
        psp_reference=keys.reference("refused", api_url, event.transaction.id, event.issued_at.isoformat()),
        amount=_exact_amount(event),
        message=message,
        data=data,
    )


def _exact_amount(event: SessionEvent) -> Money | None:
    """The amount asked for, where it is one: a failure may come from its being none."""
    try:
        amount = event.money()
    except MoneyError:
        return None
    return amount if amount.is_positive else None


def undecided(event: SessionEvent, message: str, *, status: str, **data: Any) -> SessionAnswer:
    """Nothing is decided and the storefront may call transactionProcess (again)."""
    return SessionAnswer(
        result=SESSION_ACTION_REQUIRED[event.action.action_type],
        message=message,
        data={"status": status, **data},
    )


def answer_of(
    event: SessionEvent, payment: Payment, operation: Operation, balances: Balances, region: str
) -> SessionAnswer:
    """The answer that what began the payment makes, the same however often it is asked for."""
    session_data: Mapping[str, Any] = (
        {"paymentMethodId": payment.agreement_id}
        if payment.agreement_id
        else {"amazonCheckoutSessionId": operation.request_key}
    )
    if operation.result is None:
        message = "Amazon Pay is still processing the payment."
        return undecided(event, message, status="processing", **session_data)
    if operation.result == SESSION_ACTION_REQUIRED[payment.action_type]:
        return undecided(
            event,
            operation.message or "",
            status="awaiting_buyer",
            amazonPayRedirectUrl=payment.redirect_url,
            **session_data,
        )
    failed = operation.result == SESSION_FAILURE[payment.action_type]
    status = "failed" if failed else "pending" if operation.state is OperationState.PENDING else "completed"
    failure: Mapping[str, Any] = {}
    if failed:
        failure = {
            "reasonCode": operation.reason_code,
            "errors": [{"code": "FAILED", "message": operation.message or ""}],
        }
    return SessionAnswer(
        result=operation.result,
        psp_reference=operation.psp_reference,
        amount=operation.result_amount,
        time=operation.result_time,
        message=operation.message or "",
        external_url=links.seller_central(region, payment.charge_permission_id),
        actions=balances.actions(),
        payment_method_name=PAYMENT_METHOD,
        data={"status": status, **session_data, **failure},
    )


def check_origins(account: Account, argument: str = "data", /, **urls: str | None) -> None:
    """Every URL a buyer is sent to must be of an origin the merchant allowed (case 15).

    ``argument`` is what the fields are named after.

    Raises:
        DataErrors: names each field whose origin is not.
    """
    allowed = set(account.options.allowed_origins)
    errors = []
    for name, url in urls.items():
        if url is not None and origin_of(url) not in allowed:
            message = f"{origin_of(url)} is not among the allowed origins of this Amazon Pay account."
            errors.append(DataError(f"{argument}.{name}", "INVALID", message))
    if errors:
        raise DataErrors(errors)


@lru_cache(maxsize=1024)
def origin_of(url: str) -> str:
    """Scheme, host and port as a browser compares them."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, default} else "")
