"""Whatever is asked, repeated, lost or broken, in whatever order: in the end Saleor shows what Amazon has.

A story is a generated list of steps on one payment. When everything has settled, Saleor's amounts equal what DESIGN §6
case 4 says of Amazon's objects, nothing was made twice, and every report reached Saleor.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.journeys.helpers import (
    CANCEL,
    CHARGE,
    REFUND,
    amount_of,
    break_amazon,
    mend,
    payment_of,
    reports_of,
    send_again,
    settle,
    silence,
    take_up_stranded,
)
from tests.journeys.test_paying import BREAKS

EVENT = {"CHARGE": CHARGE, "REFUND": REFUND, "CANCEL": CANCEL}
MOVES_MONEY = ("capture_charge", "create_charge", "create_refund", "cancel_charge", "close_charge_permission")
READS = ("get_charge", "get_charge_permission", "get_refund")
REFUSALS = ("SoftDeclined", "AmazonRejected", "InvalidChargeStatus", "TransactionAmountExceeded", "TooManyRequests")

kinds = st.sampled_from(["CHARGE", "REFUND", "CANCEL"])
shares = st.sampled_from([None, None, "0.1", "0.25", "0.5", "0.99"])


@dataclass(frozen=True)
class Ask:
    """Staff ask for a share of the order, or for all Saleor thinks possible; ``twin`` asks at the same moment."""

    kind: str
    share: str | None
    twin: tuple[str, str | None] | None = None


@dataclass(frozen=True)
class Repeat:
    """The last request of a kind arrives once more, or twice at once."""

    kind: str
    times: int


@dataclass(frozen=True)
class AmazonBreaks:
    operation: str
    how: str
    times: int


@dataclass(frozen=True)
class AmazonRefuses:
    operation: str
    reason_code: str


@dataclass(frozen=True)
class RefundEnds:
    reason: str
    times: int


@dataclass(frozen=True)
class SaleorBreaks:
    kind: str


@dataclass(frozen=True)
class TimePasses:
    seconds: int


asks = st.builds(Ask, kinds, shares, st.none() | st.tuples(kinds, shares))
steps = st.one_of(
    asks,
    asks,
    st.builds(Repeat, kinds, st.integers(1, 2)),
    st.builds(AmazonBreaks, st.sampled_from(MOVES_MONEY + READS), st.sampled_from(sorted(BREAKS)), st.integers(1, 2)),
    st.builds(AmazonRefuses, st.sampled_from(MOVES_MONEY), st.sampled_from(REFUSALS)),
    st.builds(RefundEnds, st.sampled_from(["AmazonRejected", "ProcessingFailure"]), st.integers(1, 2)),
    st.builds(SaleorBreaks, st.sampled_from(["lost-answer", "lost-request", "duplicate", "unavailable", "not-json"])),
    st.builds(TimePasses, st.sampled_from([1, 25, 65, 3600, 260_000])),
)


@dataclass(frozen=True)
class Story:
    channel: str
    strategy: str
    policy: str
    completion: str | None
    steps: tuple[object, ...]


stories = st.builds(
    Story,
    channel=st.sampled_from(["default-jp", "us"]),
    strategy=st.sampled_from(["AUTHORIZATION", "AUTHORIZATION", "CHARGE"]),
    policy=st.sampled_from(["keep", "keep", "reauthorize"]),
    completion=st.none() | st.sampled_from(sorted(BREAKS)),
    steps=st.lists(steps, min_size=1, max_size=8).map(tuple),
)


class Teller:
    """Acts one story out on a fresh checkout of a shop that other stories have used before."""

    def __init__(self, shop, story):
        self.shop = shop
        self.story = story
        self.transaction = ""
        self.session_id = ""
        self.total = Decimal(0)
        self.seen_deliveries = len(shop.saleor.deliveries)
        self.seen_calls = len(shop.amazon.calls)

    async def tell(self):
        await self.shop.update_options(self.story.channel, after_partial_capture=self.story.policy)
        await self.pay()
        for step in self.story.steps:
            await self.act(step)
        await self.come_to_rest()

    async def pay(self):
        shop = self.shop
        shop.flow(self.story.channel, self.story.strategy)
        checkout = shop.saleor.create_checkout(self.story.channel)
        self.total = checkout.total_price.gross.amount
        self.session_id = await shop.open_session(checkout.id)
        begun = await shop.initialize(checkout.id, self.session_id)
        self.transaction = begun.transaction_id
        shop.amazon.buyer_approves(self.session_id)
        if self.story.completion is not None:
            silence(shop, "complete_checkout_session", times=2, **BREAKS[self.story.completion])
        await shop.process(self.transaction, self.session_id)
        mend(shop)

    async def act(self, step):
        shop = self.shop
        match step:
            case Ask(kind, share, twin):
                await shop.saleor.staff.request_action(self.transaction, kind, self.amount(share), settle=False)
                if twin is not None:
                    await shop.saleor.staff.request_action(
                        self.transaction, twin[0], self.amount(twin[1]), settle=False
                    )
                await shop.saleor.settle()
            case Repeat(kind, times):
                mine = shop.saleor.deliveries[self.seen_deliveries :]
                sent = [it for it in mine if it.event == EVENT[kind]][-1:]
                await asyncio.gather(*(send_again(shop, delivery) for delivery in sent * times))
            case AmazonBreaks(operation, how, times):
                silence(shop, operation, times=times, **BREAKS[how])
            case AmazonRefuses(operation, reason_code):
                break_amazon(shop, operation, reason_code=reason_code)
            case RefundEnds(reason, times):
                shop.amazon.script_refund("Declined", reason, times=times)
            case SaleorBreaks("unavailable" | "not-json" as kind):
                shop.saleor.faults.api(kind, "transactionEventReport")
            case SaleorBreaks(kind):
                shop.saleor.faults.webhook(kind)
            case TimePasses(seconds):
                await self.pass_time(seconds)

    async def pass_time(self, seconds):
        """Days pass only when nothing is undecided, and not where an expiry is for the sweeps to tell."""
        if seconds > 3600 and self.story.policy == "keep":
            await self.come_to_rest()
            self.shop.clock.move(seconds=seconds)
        else:
            self.shop.clock.move(seconds=min(seconds, 3600))
        await self.shop.work()

    async def come_to_rest(self):
        self.shop.saleor.faults.clear()
        mend(self.shop)
        self.shop.clock.move(seconds=21)
        await take_up_stranded(self.shop)
        await settle(self.shop, self.transaction, steps=200)

    def amount(self, share):
        """None: whatever Saleor thinks possible."""
        exponent = Decimal(1) if self.story.channel == "default-jp" else Decimal("0.01")
        return None if share is None else (self.total * Decimal(share)).quantize(exponent)

    # --- what must be true in the end

    async def check(self):
        shown = self.shop.transaction(self.transaction)
        expected = self.amazons_amounts(shown.canceled)
        note(f"{expected=}")
        note(f"{shown.event_types=}")
        pending = (shown.authorize_pending, shown.charge_pending, shown.refund_pending, shown.cancel_pending)
        assert not any(pending)
        assert (shown.authorized, shown.charged, shown.refunded) == expected
        if self.story.policy == "keep" and expected != (0, 0, 0):
            assert shown.authorized + shown.charged + shown.refunded + shown.canceled == self.total
        assert expected[1] + expected[2] <= self.total
        self.check_nothing_is_made_twice()
        await self.check_reports()

    def amazons_amounts(self, canceled):
        """Authorized, charged and refunded as DESIGN §6 case 4 reads them from Amazon's objects.

        What was cancelled is no longer authorized, even where Amazon refused to close the permission behind it.
        """
        audit = self.shop.amazon.audit()
        [session] = [it for it in audit["sessions"] if it["checkoutSessionId"] == self.session_id]
        of_mine = [it for it in audit["permissions"] if it["chargePermissionId"] == session["chargePermissionId"]]
        if not of_mine:
            return (Decimal(0), Decimal(0), Decimal(0))
        [permission] = of_mine
        charges = [it for it in audit["charges"] if it["chargePermissionId"] == session["chargePermissionId"]]
        ids = {it["chargeId"] for it in charges}
        held = sum(amount_of(it["chargeAmount"]) for it in charges if it["statusDetails"]["state"] == "Authorized")
        captured = sum(amount_of(it["captureAmount"]) for it in charges)
        refunded = sum(
            amount_of(it["refundAmount"])
            for it in audit["refunds"]
            if it["chargeId"] in ids and it["statusDetails"]["state"] == "Refunded"
        )
        is_kept = self.story.policy == "keep" and permission["statusDetails"]["state"] == "Chargeable"
        balance = amount_of(permission["limits"]["amountBalance"]) if is_kept else Decimal(0)
        unused = min(balance, self.total - held - captured - canceled)
        return (held + unused, captured - refunded, refunded)

    def check_nothing_is_made_twice(self):
        made, bodies = defaultdict(set), defaultdict(set)
        for call in self.shop.amazon.calls[self.seen_calls :]:
            if call.operation in {"create_charge", "create_refund", "capture_charge", "complete_checkout_session"}:
                made[call.operation].add(call.idempotency_key)
                bodies[call.idempotency_key].add((call.path, call.raw_body))
        assert all(len(sent) == 1 for sent in bodies.values())
        assert len(made["complete_checkout_session"]) <= 1

    async def check_reports(self):
        reports = await reports_of(self.shop, self.transaction)
        assert {report.state for report in reports} <= {"delivered", "dropped"}
        payment = await payment_of(self.shop, self.transaction)
        assert payment.claimed_until < self.shop.clock.now()


async def tell(shop, story):
    teller = Teller(shop, story)
    await teller.tell()
    await teller.check()


QUIETLY = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


class TestEveryStoryEndsWell:
    @settings(max_examples=40, **QUIETLY)
    @given(story=stories)
    async def test_saleor_shows_what_amazon_has(self, shop, story):
        await tell(shop, story)

    @pytest.mark.soak
    @settings(max_examples=200, **{**QUIETLY, "derandomize": False})
    @given(story=stories)
    async def test_saleor_shows_what_amazon_has_in_many_more_stories(self, shop, story):
        await tell(shop, story)
