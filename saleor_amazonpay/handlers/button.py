"""What a storefront shows the button with, and the rules on what may be paid at all.

Source: DESIGN §5, §6 case 14; amazon-pay-cv2.md §4.7, §5.2.
"""

from __future__ import annotations

from typing import Any

from saleor_amazonpay.amazonpay import CreateCheckoutSessionConfig, Region
from saleor_amazonpay.amazonpay.payloads import Frequency, RecurringMetadata
from saleor_amazonpay.domain.money import Currency, Money, MoneyError
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.saleor.data import Recurring
from saleor_amazonpay.saleor.events import Checkout, Order
from saleor_amazonpay.storage.accounts import Account


def configuration(
    services: Services,
    account: Account,
    source: Checkout | Order,
    amount: Money,
    *,
    placement: str | None = None,
    config: CreateCheckoutSessionConfig | None = None,
) -> dict[str, Any]:
    """The ``amazonPay`` object of the storefront's contract, ready for ``renderButton`` and ``initCheckout``."""
    region = Region(account.region)
    return {
        "scriptUrl": services.settings.amazon_pay_script_url or region.script_url,
        "merchantId": account.merchant_id,
        "publicKeyId": account.public_key_id,
        "ledgerCurrency": ledger_currency(account, amount.currency),
        "checkoutLanguage": checkout_language(account, source.language_code),
        "productType": "PayAndShip" if source.is_shipping_required else "PayOnly",
        "placement": placement or account.options.placement,
        "buttonColor": account.options.button_color,
        "sandbox": account.is_sandbox,
        "estimatedOrderAmount": {"amount": amount.amount, "currencyCode": amount.currency},
        "createCheckoutSessionConfig": config,
    }


def payable(account: Account, amount: Money) -> Money:
    """The amount, if this account can take it.

    Raises:
        MoneyError: nothing to pay (case 14), a currency the account's ledger does not take, or more than Amazon takes.
    """
    region = Region(account.region)
    if not amount.is_positive:
        raise MoneyError("There is nothing to pay; Amazon Pay is not needed for a total of zero.")
    if amount.currency not in region.presentment_currencies:
        taken = ", ".join(region.presentment_currencies)
        raise MoneyError(f"This Amazon Pay account takes {taken}, not {amount.currency}.")
    largest = region.largest_amount(amount.currency)
    if largest is not None and amount > largest:
        raise MoneyError(f"Amazon Pay takes at most {largest} in one payment.")
    return amount


def ledger_currency(account: Account, currency: Currency) -> Currency:
    """The currency the account is kept in: the payment's own where it is a ledger, else the region's first."""
    ledgers = Region(account.region).ledger_currencies
    return currency if currency in ledgers else ledgers[0]


def checkout_language(account: Account, saleor_language: str) -> str:
    """The account's choice, else the buyer's language where the region has it, else the region's first."""
    languages = Region(account.region).languages
    if account.options.checkout_language in languages:
        return account.options.checkout_language or languages[0]
    wanted = saleor_language.split("_", maxsplit=1)[0].lower()
    return next((language for language in languages if language.startswith(f"{wanted}_")), languages[0])


def recurring_metadata(recurring: Recurring | None) -> RecurringMetadata | None:
    if recurring is None:
        return None
    amount = recurring.amount
    return RecurringMetadata(
        frequency=Frequency(unit=recurring.frequency.unit, value=recurring.frequency.value),  # type: ignore[arg-type]
        amount=Money.parse(amount.amount, amount.currency_code) if amount else None,
    )
