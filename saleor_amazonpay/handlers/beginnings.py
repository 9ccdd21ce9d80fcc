"""A payment as it begins, whichever flow it takes: one for one Saleor transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.agreements import AgreementTerms
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import PaymentState
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.saleor.events import TransactionInitializeSession
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.payments import Payment

FIRST_AUDIT = timedelta(days=1)
_NEVER_CLAIMED = datetime.fromtimestamp(0, UTC)


def payment_id(account: Account, event: TransactionInitializeSession) -> str:
    """Derived, so that the same transaction is always the same payment."""
    return keys.reference("payment", account.api_url, event.transaction.id)


def payment(
    services: Services,
    account: Account,
    event: TransactionInitializeSession,
    amount: Money,
    outstanding: Money,
    *,
    flow: str,
    session_id: str | None = None,
    session_expires_at: datetime | None = None,
    result_url: str | None = None,
    return_url: str | None = None,
    sweep_at: datetime | None = None,
    agreement_terms: AgreementTerms | None = None,
) -> Payment:
    now, source = services.clock.now(), event.source_object
    return Payment(
        id=payment_id(account, event),
        api_url=account.api_url,
        transaction_id=event.transaction.id,
        account_id=account.id,
        channel_slug=source.channel.slug,
        flow=flow,
        action_type=event.action.action_type,
        source_type=type(source).__name__,
        source_id=source.id,
        customer_id=source.user.id if source.user else None,
        amount=amount,
        outstanding=outstanding,
        state=PaymentState.AWAITING_BUYER,
        session_id=session_id,
        session_expires_at=session_expires_at,
        result_url=result_url,
        return_url=return_url,
        redirect_url=None,
        charge_permission_id=None,
        charge_permission_type=None,
        charge_permission_state=None,
        charge_permission_balance=None,
        charge_permission_expires_at=None,
        released=Money.zero(amount.currency),
        claim_fence=0,
        claimed_until=_NEVER_CLAIMED,
        created_at=now,
        updated_at=now,
        sweep_at=sweep_at,
        audit_at=now + FIRST_AUDIT,
        agreement_terms=agreement_terms,
    )
