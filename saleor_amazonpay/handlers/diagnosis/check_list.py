"""Amazon's sixteen points before going live: which of them the app answers for, and which only the shop can.

Source: amazon-pay-cv2.md §13.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saleor_amazonpay.handlers.accounts import AccountView
from saleor_amazonpay.handlers.diagnosis.findings import Finding, Level
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message, marked

BY_THE_APP = (
    (8, marked("The private key is stored encrypted and never shown.")),
    (9, marked("Captures, refunds and new authorizations are made from Saleor.")),
    (11, marked("Later charges are made when they are due; declines are tried again or told.")),
    (12, marked("The app never sees the buyer's Amazon ID and password.")),
    (13, marked("The ids of charge permissions, charges and refunds are kept.")),
    (15, marked("Sessions that expire are ended and told to Saleor.")),
    (16, marked("Repeated clicks make one order and one charge.")),
)
IN_THE_SHOP = (
    (1, marked("The review page shows address and payment as Amazon tells them.")),
    (2, marked("The review page has buttons to change address and payment.")),
    (3, marked("After the buyer signed in at Amazon no other payment method is offered.")),
    (4, marked("The test cards that decline were tried.")),
    (6, marked("Names and addresses that come from Amazon are shown well, whatever their form.")),
    (7, marked("The shop was tried in every browser it supports.")),
)


def check_list(services: Services, accounts: Sequence[AccountView]) -> Iterator[Finding]:
    """All sixteen, in their order."""
    found = [
        *(_finding(number, Level.WELL, text) for number, text in BY_THE_APP),
        *(_finding(number, Level.LOOK, text) for number, text in IN_THE_SHOP),
        _addresses(accounts),
        _mails(accounts),
        _customer_data(services),
    ]
    yield from sorted(found, key=lambda finding: int(finding.check.rpartition("-")[2]))


def _finding(number: int, level: Level, text: str, todo: Message | None = None) -> Finding:
    return Finding(f"check-list-{number}", level, Message(text), todo)


def _addresses(accounts: Sequence[AccountView]) -> Finding:
    lenient = [account.name for account in accounts if account.options.address_mismatch != "refuse"]
    if lenient:
        said = Message("{names}: goods may be sent elsewhere than the buyer told Amazon.", names=", ".join(lenient))
        todo = Message("Amazon's guarantee does not cover such orders; choose to refuse them in the account.")
        return Finding("check-list-5", Level.WARNING, said, todo)
    return _finding(5, Level.WELL, marked("Goods are sent where the buyer told Amazon, or the payment is refused."))


def _mails(accounts: Sequence[AccountView]) -> Finding:
    nameless = [account.name for account in accounts if not account.options.store_name]
    if nameless:
        said = Message("{names}: Amazon's mails show no name of the store.", names=", ".join(nameless))
        return Finding("check-list-10", Level.WARNING, said, Message("Enter the store's name in the account."))
    return _finding(10, Level.WELL, marked("Amazon's mails show the store's name and the order's number."))


def _customer_data(services: Services) -> Finding:
    said = Message(
        "Orders keep their customer's data in Saleor; the app forgets buyers after {days} days.",
        days=services.settings.buyer_data_retention_days,
    )
    return Finding("check-list-14", Level.WELL, said)
