"""Agreements as Saleor's stored payment methods: listed for their owner, ended by their owner.

Source: DESIGN §8; saleor-contract.md §6.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saleor_amazonpay.amazonpay import Region
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import ChargePermissionType
from saleor_amazonpay.errors import ConfigurationError
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.saleor.events import Channel
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.agreements import Agreement

NOT_THEIRS = "This payment method is not one of the customer's."

_TYPES: Mapping[str, str] = {
    ChargePermissionType.RECURRING: "AmazonPayRecurring",
    ChargePermissionType.PAYMENT_METHOD_ON_FILE: "AmazonPayOnFile",
}


async def listed(services: Services, api_url: str, customer_id: str, channel: Channel) -> list[Mapping[str, Any]]:
    """What the customer can pay with in the channel; nothing where the channel takes no Amazon Pay."""
    try:
        here = await services.directory.account_for_channel(api_url, channel.slug)
    except ConfigurationError:
        return []
    owned = await services.database.read(lambda session: agreement_rows.of_customer(session, api_url, customer_id))
    shown: list[Mapping[str, Any]] = []
    for agreement in owned:
        if agreement.is_closed or channel.currency_code not in {"", agreement.currency}:
            continue
        account = await services.directory.account(api_url, agreement.account_id, even_locked=True)
        if is_at_home(account, here):
            shown.append(_shown(agreement, account))
    return shown


async def owned(services: Services, api_url: str, customer_id: str, agreement_id: str) -> Agreement | None:
    """The customer's own, and nobody else's."""
    found = await services.database.read(lambda session: agreement_rows.by_id(session, agreement_id))
    is_theirs = found is not None and (found.api_url, found.customer_id) == (api_url, customer_id)
    return found if is_theirs else None


def is_at_home(account: Account, channel_account: Account) -> bool:
    """The money goes where the channel's money goes, and is real where the channel's is."""
    return (account.merchant_id, account.environment) == (channel_account.merchant_id, channel_account.environment)


def manage_url(agreement: Agreement, account: Account) -> str | None:
    """Amazon's page on which the buyer changes the payment method or ends the agreement (§6.3)."""
    return Region(account.region).buyer_agreement_url(agreement.charge_permission_id)


def _shown(agreement: Agreement, account: Account) -> dict[str, Any]:
    frequency, expires_at = agreement.frequency, agreement.expires_at
    return {
        "id": agreement.id,
        "type": _TYPES.get(agreement.charge_permission_type, "AmazonPayRecurring"),
        "name": agreement.payment_descriptor or "Amazon Pay",
        "supportedPaymentFlows": ["INTERACTIVE"],
        "data": {
            "state": agreement.state,
            "reasons": list(agreement.reasons),
            "frequency": frequency and {"unit": frequency.unit, "value": str(frequency.value)},
            "amount": _price(agreement.amount),
            "monthlyLimit": _price(agreement.amount_limit),
            "monthlyBalance": _price(agreement.amount_balance),
            "expiresAt": expires_at and f"{expires_at:%Y-%m-%dT%H:%M:%SZ}",
            "manageUrl": manage_url(agreement, account),
            "sandbox": account.is_sandbox,
        },
    }


def _price(amount: Money | None) -> dict[str, str] | None:
    return {"amount": amount.amount, "currencyCode": amount.currency} if amount is not None else None
