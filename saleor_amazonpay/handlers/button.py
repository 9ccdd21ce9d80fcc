"""What a storefront shows the button with, and the rules on what may be paid at all.

Source: DESIGN §5, §6 case 14; amazon-pay-cv2.md §4.7, §5.2.
"""

from __future__ import annotations

from typing import Any

from saleor_amazonpay.amazonpay import CreateCheckoutSessionConfig, Region
from saleor_amazonpay.domain.money import Currency, Money, MoneyError
from saleor_amazonpay.handlers.services import Services
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
    shown = appearance(
        services,
        account,
        currency=amount.currency,
        language=source.language_code,
        product_type="PayAndShip" if source.is_shipping_required else "PayOnly",
        placement=placement,
    )
    return shown | {"estimatedOrderAmount": price(amount), "createCheckoutSessionConfig": config}


def appearance(
    services: Services,
    account: Account,
    *,
    currency: Currency | None,
    language: str,
    product_type: str,
    placement: str | None,
) -> dict[str, Any]:
    """What every button of the account has, whatever it is for; ``currency`` None is the region's own."""
    region = Region(account.region)
    return {
        "scriptUrl": services.settings.amazon_pay_script_url or region.script_url,
        "merchantId": account.merchant_id,
        "publicKeyId": account.public_key_id,
        "ledgerCurrency": ledger_currency(account, currency) if currency else region.ledger_currencies[0],
        "checkoutLanguage": checkout_language(account, language),
        "productType": product_type,
        "placement": placement or account.options.placement,
        "buttonColor": account.options.button_color,
        "sandbox": account.is_sandbox,
    }


def price(amount: Money) -> dict[str, str]:
    return {"amount": amount.amount, "currencyCode": amount.currency}


def payable(account: Account, amount: Money, *, may_be_nothing: bool = False) -> Money:
    """The amount, if this account can take it; ``may_be_nothing`` where the buyer agrees to later charges (case 14).

    Raises:
        MoneyError: nothing to pay (case 14), a currency the account's ledger does not take, or more than Amazon takes.
    """
    region = Region(account.region)
    if not amount.is_positive and not (may_be_nothing and amount == Money.zero(amount.currency)):
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
