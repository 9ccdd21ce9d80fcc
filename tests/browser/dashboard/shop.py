"""A shop whose Amazon Pay is in use: accounts of each kind, channels, a notification, problems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from saleor_amazonpay.amazonpay import MESSAGES
from saleor_amazonpay.handlers import key_pairs
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import notifications as notification_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.notifications import Received
from saleor_amazonpay.storage.problems import RAISED, Problem
from tests.handlers.merchant import (
    BY,
    MERCHANT_ID,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    PUBLIC_KEY,
    STORE_ID,
    Merchant,
)

SECOND_ID = "SANDBOX-ASECONDKEYID"
LIVE_ID = "LIVE-AEXAMPLEKEYID"
REFUSED = Message(
    "Amazon Pay refuses the keys of the account {account} ({reason}). {help}",
    account="Japan, live",
    reason="InvalidRequestSignature",
    help=Message(MESSAGES["InvalidRequestSignature"]),
)
ENDING = Message(
    "The Amazon Pay authorization of transaction {transaction} ends on {time}. Charge it before then; later a charge "
    "needs Amazon's approval again.",
    transaction="VHJhbnNhY3Rpb25JdGVtOjE=",
    time=datetime(2026, 11, 28, 9, 30, tzinfo=UTC),
)


@dataclass
class Shop:
    """``places`` are what paths of its pages have in them."""

    merchant: Merchant
    places: dict[str, str]

    @property
    def main(self) -> str:
        return self.places["main"]


async def furnish(merchant: Merchant) -> Shop:
    """Accounts of each kind, one with a second pair, channels, a notification, problems."""
    amazon, services, now = merchant.amazon, merchant.services, merchant.clock.now()
    amazon.register_merchant(MERCHANT_ID, STORE_ID, SECOND_ID, OTHER_PUBLIC_KEY, "jp", "sandbox")
    amazon.register_merchant(MERCHANT_ID, STORE_ID, LIVE_ID, PUBLIC_KEY, "jp", "live")
    options = {"allowed_origins": (ORIGIN,), "store_name": "Shizuku Tea 雫茶舗", "note_to_buyer": "Thank you!"}
    main = await merchant.create(name="Japan", options=options)
    live = await merchant.create(name="Japan, live", public_key_id=LIVE_ID)
    old = await merchant.create(name="Former shop")
    locked = await merchant.create(name="Before the move", options={})
    await merchant.assign("default-jp", main.id)
    await key_pairs.add_second(
        services, merchant.tenant, main.id, public_key_id=SECOND_ID, private_key=OTHER_PRIVATE_KEY, by=BY
    )

    def write(session):
        for each, state in ((old, "archived"), (locked, "locked")):
            row = account_rows.by_id(session, merchant.tenant, each.id, services.secrets)
            account_rows.save(session, replace(row, state=state), services.secrets)
        received = Received("m-1", merchant.tenant, main.id, MERCHANT_ID, "CHARGE", "S03-1", "S03-1", "handled", now)
        notification_rows.insert(session, received)
        for key, sentence, critical in (
            (f"keys-{live.id}", REFUSED, True),
            ("authorization-p1", ENDING, False),
        ):
            raised = now - timedelta(hours=5)
            problem_rows.save(session, Problem(merchant.tenant, key, sentence, critical, RAISED, raised, now))

    await services.database.run(write)
    services.directory.forget(merchant.tenant)
    return Shop(merchant, {"main": main.id, "locked": locked.id, "archived": old.id})
