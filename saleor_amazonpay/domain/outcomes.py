"""What we tell Saleor about an operation, before it takes the form of an answer or a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import TransactionEventType


@dataclass(frozen=True, slots=True)
class Fact:
    """One event Saleor is to book.

    The tuple (reference, type, amount, time) is computed from Amazon's object once, so that the synchronous answer and
    a later report are the same (DESIGN §4 rule 4).
    """

    reference: str
    type: TransactionEventType
    amount: Money
    time: datetime
    message: str = ""
