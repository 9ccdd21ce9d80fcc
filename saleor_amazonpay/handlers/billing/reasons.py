"""Why a period is not billed, or not yet: sentences with what is filled in, kept as their English texts.

``told`` makes the sentence of such a text again, so that a page and a problem say it in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saleor_amazonpay.domain.plans import BEYOND_MONTH
from saleor_amazonpay.messages import Message, marked, retold
from saleor_amazonpay.saleor.client import ANSWERED

NOT_MADE: Final = marked("Saleor did not make the renewal: {why}")
BILLED_BEFORE: Final = marked(
    "Saleor knows a payment of this very period that this app's database does not (was an older copy of it restored?). "
    "Look whether the customer has the order already."
)
GOODS_GONE: Final = marked("Not all goods of the template order can be sold: {what}")
NOTHING_BILLED: Final = marked("Nothing was billed, goods cannot be sold: {what}")
LINES_GONE: Final = marked("Order {number} does not have any more what was chosen of it: {names}.")
OTHER_CURRENCY: Final = marked("The order is in {currency}, the agreement in {agreed}.")
OTHER_AMOUNT: Final = marked("The order comes to {total}, the agreed amount is {agreed}.")
TOO_MUCH: Final = marked("The order comes to {total}, which is more than Amazon Pay takes in a month ({limit}).")
OTHER_THAN_BEFORE: Final = marked("The order comes to {total}, the one before came to {before}.")
WITHOUT_PAYMENT: Final = marked("Order {number} was made of the checkout without this payment.")
NO_ORDER: Final = marked("Saleor made no order of the checkout: {why}")
NOT_RELEASED: Final = marked("{what} What was authorized could not be released: {why}")
MISSING: Final[Mapping[str, str]] = {
    # saleor.renewal_orders.TemplateOrder.missing
    "has no billing address": marked("Order {number} has no billing address."),
    "has no shipping address": marked("Order {number} has no shipping address."),
    "has no delivery method that still exists": marked("Order {number} has no delivery method that still exists."),
    "has no goods": marked("Order {number} has no goods."),
}

_FILLED: Final = (
    NOT_RELEASED,  # begins with another of them
    NOT_MADE,
    GOODS_GONE,
    NOTHING_BILLED,
    LINES_GONE,
    OTHER_CURRENCY,
    OTHER_AMOUNT,
    TOO_MUCH,
    OTHER_THAN_BEFORE,
    WITHOUT_PAYMENT,
    NO_ORDER,
    *MISSING.values(),
    BEYOND_MONTH,
    ANSWERED,
)


def told(text: str) -> Message:
    """The sentence that is kept as ``text``; one that nothing is filled into, or of somebody else, is the text."""
    return retold(text, _FILLED)
