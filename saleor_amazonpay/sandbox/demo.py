"""``saleor-amazonpay demo``: every purchase made and told, then a shop that stays open."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from saleor_amazonpay.sandbox.amazon_pay.api import Call
from saleor_amazonpay.sandbox.purchases import PURCHASES, FellShort, Purchase, Shopper, amounts_in_saleor, shown
from saleor_amazonpay.sandbox.saleor.webhooks import Delivery
from saleor_amazonpay.sandbox.world import Ports, Visit, World, world

ANSWER_BUDGET_SECONDS: Final = 2.0
"""Instead of 12, so that nobody waits long where Amazon falls silent."""

PURCHASE_SECONDS: Final = 45.0
"""No purchase takes longer; one that does fell short."""

_LOOK_SECONDS: Final = 0.05
_STILL_LOOKS: Final = 5
_MOST_LOOKS: Final = 60

_LONG_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """``shortfall`` is empty when everything was as expected."""

    purchase: Purchase
    amounts: str
    shortfall: str = ""


async def demo(console: Console, *, once: bool = False, ports: Ports | None = None) -> bool:
    """Make the purchases, print them; unless ``once`` stay up until cancelled. Whether nothing fell short.

    Raises:
        OSError: a port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="saleor-amazonpay-") as folder:
        console.print("Starting a simulated Amazon Pay, a stand-in for Saleor, the app and a shop on this machine …")
        async with world(Path(folder), ports=ports, answer_budget_seconds=ANSWER_BUDGET_SECONDS) as made:
            outcomes = await tell(made, console)
            console.print("\n", _summary(outcomes))
            if not once:
                console.print(_addresses(made))
                await asyncio.Event().wait()
    return not any(outcome.shortfall for outcome in outcomes)


async def tell(made: World, console: Console, purchases: Sequence[Purchase] = PURCHASES) -> list[Outcome]:
    """Make the purchases one after the other; one that falls short does not stop the next."""
    progress = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=console, transient=True,
    )  # fmt: skip
    outcomes = []
    with progress:
        task = progress.add_task("", total=len(purchases))
        for number, purchase in enumerate(purchases, start=1):
            progress.update(task, description=purchase.title)
            console.print(f"\n[bold]{number}  {purchase.title}[/]  [dim]{purchase.way}[/]")
            outcomes.append(await _make(made, console, purchase))
            progress.advance(task)
    return outcomes


async def _make(made: World, console: Console, purchase: Purchase) -> Outcome:
    transcript = Transcript(made, console)
    shopper = Shopper(made, transcript.step)
    shortfall = ""
    try:
        await asyncio.wait_for(purchase.run(shopper), PURCHASE_SECONDS)
    except FellShort as fell:
        shortfall = str(fell)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the purchase fell short and the others go on
        shortfall = f"expected no fault, seen {type(fault).__name__}: {fault}"
    await transcript.catch_up()
    if shortfall:
        console.print(f"   [bold red]fell short:[/] {escape(shortfall)}")
    amounts = [_amounts(made, each) for each in shopper.transactions[-1:]]
    return Outcome(purchase, "".join(amounts), shortfall)


@dataclass(slots=True)
class Transcript:
    """Prints what happened since it last looked: webhooks with the CV2 calls they made, calls of jobs, events."""

    made: World
    console: Console
    _calls: int = 0
    _deliveries: int = 0
    _visits: int = 0
    _notifications: int = 0
    _transactions: int = 0
    _events: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._transactions = len(self.made.saleor.store.transactions)
        self._skip()

    def _skip(self) -> None:
        self._calls = len(self.made.amazon.calls)
        self._deliveries = len(self.made.saleor.deliveries)
        self._visits = len(self.made.visits)
        self._notifications = len(self.made.amazon.ipn.outbox)

    async def step(self, sentence: str) -> None:
        """What happened up to now belongs to the step before."""
        await self.catch_up()
        self.console.print(f"   [cyan]{escape(sentence)}[/]")

    async def catch_up(self) -> None:
        await self._quiet()
        deliveries = self.made.saleor.deliveries[self._deliveries :]
        visits = self.made.visits[self._visits :]
        for line in self._lines(deliveries, visits):
            self.console.print(line, highlight=False)
        told = [f"{each.object_type} {each.object_id}" for each in self.made.amazon.ipn.outbox[self._notifications :]]
        if told:
            self.console.print(f"     Amazon → app     notified of {', '.join(told)}", highlight=False)
        for item in self.made.saleor.store.transactions[self._transactions :]:
            self._tell_events(item.id)
        self._skip()

    async def _quiet(self) -> None:
        """Waits until notifications are delivered and nobody calls Amazon: each call is told where it belongs."""
        calls, still = -1, 0
        for _ in range(_MOST_LOOKS):
            delivered = all(each.was_accepted for each in self.made.amazon.ipn.outbox)
            still = still + 1 if delivered and calls == len(self.made.amazon.calls) else 0
            calls = len(self.made.amazon.calls)
            if still == _STILL_LOOKS:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def _lines(self, deliveries: Sequence[Delivery], visits: Sequence[Visit]) -> Iterator[str]:
        done = self._calls
        for delivery, visit in _paired(deliveries, visits):
            yield from _background(self.made.amazon.calls[done : visit.began])
            done = visit.ended if visit.ended is not None else visit.began
            yield f"     Saleor → app     [bold]{delivery.event}[/]{_asked(delivery)}"
            yield from (
                f"     app → Amazon       {_called(call)}" for call in self.made.amazon.calls[visit.began : done]
            )
            yield f"     app → Saleor     {_answered(delivery)}"
        yield from _background(self.made.amazon.calls[done:])

    def _tell_events(self, transaction_id: str) -> None:
        snapshot = self.made.saleor.transaction(transaction_id)
        new = [event for event in reversed(snapshot.events) if event.id not in self._events]
        self._events |= {event.id for event in new}
        if not new:
            return
        currency = snapshot.currency
        told = sorted(new, key=lambda event: not event.type.endswith(("_REQUEST", "_ACTION_REQUIRED")))
        booked = ", ".join(f"{event.type} {shown(event.amount, currency)}" for event in told)
        self.console.print(f"     [dim]Saleor booked    {booked}[/]", highlight=False)
        amounts = amounts_in_saleor(snapshot).shown(currency)
        self.console.print(f"     Saleor shows     [bold]{amounts}[/]", highlight=False)


def _paired(deliveries: Sequence[Delivery], visits: Sequence[Visit]) -> Iterator[tuple[Delivery, Visit]]:
    """Deliveries that reached the app, with their visit: in one event loop both are in the order of sending."""
    waiting = list(visits)
    for delivery in deliveries:
        visit = next((each for each in waiting if delivery.url.endswith(each.path)), None)
        if visit is not None:
            waiting.remove(visit)
            yield delivery, visit


def _background(calls: Sequence[Call]) -> Iterator[str]:
    return (f"     job → Amazon       {_called(call)}" for call in calls)


def _called(call: Call) -> str:
    path = _LONG_ID.sub(lambda found: f"{found.group()[:8]}…", call.path.partition("/v2/")[2])
    status = "[red]no answer[/]" if call.status is None else str(call.status)
    reason = f" {call.reason_code}" if call.reason_code else ""
    return f"{call.method} {path}{_amount_of(call.body)} → {status}{reason}"


def _amount_of(body: Any) -> str:
    """The money in a call's body, wherever that kind of call has it."""
    if not isinstance(body, Mapping):
        return ""
    body = body.get("paymentDetails") or body
    names = ("captureAmount", "refundAmount", "chargeAmount")
    price = next((body[name] for name in names if body.get(name)), None)
    return f" [bold]{price['amount']} {price['currencyCode']}[/]" if price else ""


def _asked(delivery: Delivery) -> str:
    action = (delivery.payload or {}).get("action") or {}
    return f" {shown(action['amount'], action['currency'])}" if action.get("amount") else ""


def _answered(delivery: Delivery) -> str:
    answer, currency = delivery.json, ((delivery.payload or {}).get("action") or {}).get("currency")
    if not isinstance(answer, dict):
        return f"[red]{delivery.status or delivery.error}[/]"
    if "result" in answer:
        colour = "red" if answer["result"].endswith("FAILURE") else "green"
        message = f" ({escape(answer['message'])})" if answer.get("message") and colour == "red" else ""
        amount = f" {shown(answer['amount'], currency)}" if "amount" in answer and currency else ""
        return f"[{colour}]{answer['result']}{amount}[/]{message}"
    if "pspReference" in answer:
        return "accepted, the outcome follows"
    product = ((answer.get("data") or {}).get("amazonPay") or {}).get("productType")
    if "paymentMethods" in answer:
        return f"stored payment methods: {len(answer['paymentMethods'])}"
    return f"a signed button for {product}" if product else escape(json.dumps(answer)[:100])


def _amounts(made: World, transaction_id: str) -> str:
    snapshot = made.saleor.transaction(transaction_id)
    return amounts_in_saleor(snapshot).shown(snapshot.currency)


def _summary(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Purchases", title_justify="left", show_edge=False, pad_edge=False)
    for heading in ("", "purchase", "in Saleor and at Amazon"):
        table.add_column(heading)
    for outcome in outcomes:
        sign = "[red]✗[/]" if outcome.shortfall else "[green]✓[/]"
        table.add_row(sign, outcome.purchase.title, escape(outcome.shortfall) or outcome.amounts)
    return table


def _addresses(made: World) -> Table:
    table = Table(title="\nOpen until you press Ctrl-C", title_justify="left", show_header=False, show_edge=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Shop", f"{made.storefront_url}  (buy here; the buyers at Amazon are simulated)")
    order = made.saleor.create_order("default-jp")
    table.add_row("An order to pay", f"{made.storefront_url}/order.html?order={order.id}")
    table.add_row("A customer", "customer@example.com, password customer (Account: log in, subscribe, link Amazon)")
    table.add_row("Dashboard", f"{made.saleor.dashboard_url(made.installed)}  (the merchant's page, in a stand-in)")
    table.add_row("App", made.app_url)
    table.add_row("Saleor", f"{made.saleor.api_url}  (stand-in, GraphQL)")
    table.add_row("Amazon Pay", f"{made.amazon.url}  (simulator)")
    return table
