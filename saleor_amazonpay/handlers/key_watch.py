"""Amazon refusing an account's keys is seen where the answer comes in, whatever was asked, and told to the merchant."""

from __future__ import annotations

import asyncio
from typing import Final

from saleor_amazonpay.amazonpay import Attempt, ReasonCode
from saleor_amazonpay.amazonpay.errors import MESSAGES
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage.accounts import Account

KEYS_REFUSED: Final = frozenset(
    {
        ReasonCode.INVALID_ACCOUNT_STATUS,
        ReasonCode.INVALID_AUTHENTICATION,
        ReasonCode.INVALID_REQUEST_SIGNATURE,
        ReasonCode.UNAUTHORIZED_ACCESS,
    }
)


class KeyWatch:
    """Raises the problem beside the call that was refused, which does not wait for it."""

    def __init__(self) -> None:
        self._telling: dict[str, asyncio.Task[None]] = {}

    def see(self, services: Services, account: Account, attempt: Attempt) -> None:
        if attempt.reason_code not in KEYS_REFUSED or account.id in self._telling:
            return
        sentence = Message(
            "Amazon Pay refuses the keys of the account {account} ({reason}). {help}",
            account=account.name,
            reason=attempt.reason_code,
            help=Message(MESSAGES[attempt.reason_code]),
        )
        key = problems.key_of("keys", account.id)
        telling = problems.raise_problem(services, account.api_url, key, sentence, critical=True)
        task = asyncio.get_running_loop().create_task(telling)
        self._telling[account.id] = task
        task.add_done_callback(lambda _: self._telling.pop(account.id, None))

    async def settle(self) -> None:
        """Wait until everything seen is written; before the database is closed."""
        await asyncio.gather(*self._telling.values())
