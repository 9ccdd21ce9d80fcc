"""What came of an operation, kept as its English text, as the sentence it was made of: for the reader's language."""

from __future__ import annotations

from typing import Final

from saleor_amazonpay.domain import plans
from saleor_amazonpay.handlers import action_requests, conclusions
from saleor_amazonpay.messages import Message, retold

_FILLED: Final = (*plans.FILLED, *conclusions.FILLED, *action_requests.FILLED)


def sentence_of(text: str) -> Message:
    """One that nothing is filled into, or of somebody else, is the text itself."""
    return retold(text, _FILLED)
