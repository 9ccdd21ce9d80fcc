"""What a storefront may ask the buyer to agree to, beside a purchase or instead of one.

Source: DESIGN §5 (``recurring``), §6 cases 12 and 14; amazon-pay-cv2.md §4.9, §6.1, §6.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from saleor_amazonpay.domain.agreements import AgreementTerms, Frequency, monthly_limit
from saleor_amazonpay.domain.money import Currency, Money, MoneyError
from saleor_amazonpay.domain.states import ChargePermissionType, FrequencyUnit
from saleor_amazonpay.saleor.data import Recurring
from saleor_amazonpay.saleor.events import Checkout, Order
from saleor_amazonpay.saleor.shapes import DataError, DataErrors
from saleor_amazonpay.storage.accounts import Account

_RECURRING, _ON_FILE = "data.recurring", "data.paymentMethodOnFile"


class Asking(Protocol):
    """Data of any mutation that can ask for an agreement."""

    @property
    def recurring(self) -> Recurring | None: ...
    @property
    def payment_method_on_file(self) -> bool: ...


def asked(
    account: Account, data: Asking, amount: Money, source: Checkout | Order | None, *, customer_id: str | None = None
) -> AgreementTerms | None:
    """The terms, None where nothing is asked beside the purchase; ``amount`` is to be charged at once.

    The customer is the source's, or the one who is named where there is no purchase.

    Raises:
        DataErrors: nobody is logged in, the account does not offer it, or a period costs what Amazon does not take.
    """
    recurring, on_file = data.recurring, data.payment_method_on_file
    if recurring is None and not on_file:
        return None
    if source is not None and source.user is not None:
        customer_id = source.user.id
    field = _RECURRING if recurring else _ON_FILE
    errors = list(_not_offered(account, recurring, on_file=on_file))
    if customer_id is None:
        errors.append(DataError(field, "INVALID", "Only a customer who is logged in can agree to later charges."))
    if errors:
        raise DataErrors(errors)
    terms = _terms(recurring, amount.currency)
    _check_limit(account, terms, amount, field)
    return terms


def needed(agreed: AgreementTerms | None) -> AgreementTerms:
    """Where there is no purchase, there is nothing but the agreement.

    Raises:
        DataErrors: none was asked for.
    """
    if agreed is None:
        raise DataErrors([DataError(_RECURRING, "REQUIRED", "Say what the customer is to agree to.")])
    return agreed


def _not_offered(account: Account, recurring: Recurring | None, *, on_file: bool) -> Iterator[DataError]:
    if recurring is not None and on_file:
        yield DataError(_ON_FILE, "INVALID", "Ask for recurring or for paymentMethodOnFile, not for both.")
    elif on_file and not account.options.payment_method_on_file:
        yield DataError(_ON_FILE, "INVALID", "This Amazon Pay account does not offer to keep payment methods on file.")


def _terms(recurring: Recurring | None, currency: str) -> AgreementTerms:
    if recurring is None:
        return AgreementTerms(ChargePermissionType.PAYMENT_METHOD_ON_FILE)
    frequency = Frequency(FrequencyUnit(recurring.frequency.unit), int(recurring.frequency.value))
    return AgreementTerms(ChargePermissionType.RECURRING, frequency, _period_amount(recurring, currency))


def _period_amount(recurring: Recurring, currency: str) -> Money | None:
    given, field = recurring.amount, f"{_RECURRING}.amount"
    if given is None:
        return None
    if given.currency_code != currency:
        raise DataErrors([DataError(f"{field}.currencyCode", "INVALID", f"Must be {currency}, as the checkout is.")])
    try:
        amount = Money.parse(given.amount, given.currency_code)
    except MoneyError as wrong:
        raise DataErrors([DataError(f"{field}.amount", "INVALID", str(wrong))]) from wrong
    if not amount.is_positive:
        message = "Must be more than zero; leave the amount out where it varies."
        raise DataErrors([DataError(f"{field}.amount", "INVALID", message)])
    return amount


def _check_limit(account: Account, terms: AgreementTerms, amount: Money, field: str) -> None:
    for money, name in ((terms.amount, f"{field}.amount.amount"), (amount, field)):
        if money is None:
            continue
        limit = limit_of(account, terms.charge_permission_type, money.currency)
        if money > limit:
            message = f"Amazon Pay lets an agreement be charged {limit} in a calendar month; this is {money}."
            raise DataErrors([DataError(name, "INVALID", message)])


def limit_of(account: Account, charge_permission_type: str, currency: Currency) -> Money:
    """What a permission not yet made will take in a month: the account's own figure, else Amazon's published one."""
    own = account.options.recurring_monthly_limit
    if own and charge_permission_type == ChargePermissionType.RECURRING:
        try:
            return Money.parse(own, currency)
        except MoneyError:
            pass  # entered for another currency of the account
    return monthly_limit(charge_permission_type, currency)
