"""Charges, refunds and cancels asked for in Saleor that never reached this app: shown, with what to do now.

Saleor books a failure of its own ("Failed to delivery request.") and does not ask again. Nothing is done here either:
the person who asked has been told that it failed and may have acted on that. Needs Saleor 3.22; 3.23 finds them among
all transactions, 3.22 among those that changed last here. Source: saleor-contract.md §7.3, saleor-observed.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.cv1 import states as cv1
from saleor_amazonpay.domain.money import Money, MoneyError
from saleor_amazonpay.domain.states import OperationKind
from saleor_amazonpay.domain.states import TransactionEventType as Event
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.directory import Tenant
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.manifest import parse_schema_version
from saleor_amazonpay.storage import due
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.engine import Session

SECONDS = 600.0
LOOK = "look_for_undelivered"
UNDELIVERED = "Failed to delivery request."  # Saleor's own words
_SINCE = timedelta(days=7)
_PAGES = 5
_RECENT = 100
_TENANTS = 500  # read at a time
_KIND = "undelivered"
_REQUESTS = {
    Event.CHARGE_FAILURE: (Event.CHARGE_REQUEST, OperationKind.CHARGE),
    Event.REFUND_FAILURE: (Event.REFUND_REQUEST, OperationKind.REFUND),
    Event.CANCEL_FAILURE: (Event.CANCEL_REQUEST, OperationKind.CANCEL),
}
_ASKED = frozenset({Event.AUTHORIZATION_REQUEST, *(request for request, _ in _REQUESTS.values())})


@dataclass(frozen=True, slots=True)
class Missed:
    """A request Saleor could not deliver: its event, and where it was made.

    ``is_oldest``: nothing was asked of that transaction before. A buyer who pays asks first of all, and goes on paying
    where an answer was lost; only an adopted order has had no buyer here.
    """

    transaction_id: str
    order_number: str | None
    kind: OperationKind
    request_key: str
    amount: Money | str  # a text where it is no amount of ours
    is_oldest: bool

    @property
    def problem_key(self) -> str:
        return problems.key_of(_KIND, keys.reference("request", self.request_key))

    @property
    def sentence(self) -> Message:
        return Message(
            "Saleor could not deliver a {kind} of {amount} on {where} to the Amazon Pay app, so nothing was done at "
            "Amazon. If it is still wanted, ask for it again on the order's page.",
            kind=self.kind.value,
            amount=self.amount,
            where=Message("order {number}", number=self.order_number)
            if self.order_number
            else Message("transaction {id}", id=self.transaction_id),
        )


async def run(services: Services) -> None:
    """One job for each tenant, so that no Saleor waits for another's."""
    after = ""
    while tenants := await services.database.run(lambda session, after=after: _defer(session, services, after)):  # type: ignore[misc]
        after = tenants[-1]


def _defer(session: Session, services: Services, after: str) -> Sequence[str]:
    tenants = due.tenants(session, after=after, limit=_TENANTS)
    for api_url in tenants:
        services.jobs.defer(session, LOOK, key=api_url, args={"api_url": api_url})
    return tenants


async def look(services: Services, api_url: str) -> None:
    """Show what one tenant's Saleor could not deliver, and take back what was asked for again."""
    tenant = await services.directory.tenant(api_url)
    missed = [found async for node in _transactions(services, tenant) for found in undelivered(services, node)]
    await services.database.run(lambda session: _write(session, services, api_url, missed))
    services.metrics.swept("undelivered_requests", done=1)


async def _transactions(services: Services, tenant: Tenant) -> AsyncIterator[Mapping[str, Any]]:
    installation = tenant.installation
    version = parse_schema_version(installation.saleor_version) or (0, 0)
    if version >= (3, 23):
        async for node in _with_failures(services, tenant):
            yield node
    elif version >= (3, 22):
        ids = await services.database.read(
            lambda session: due.recent_transactions(session, installation.api_url, limit=_RECENT)
        )
        for node in await services.saleor.transactions_by_id(installation.api_url, installation.token, ids):
            yield node


async def _with_failures(services: Services, tenant: Tenant) -> AsyncIterator[Mapping[str, Any]]:
    installation, after = tenant.installation, None
    for _ in range(_PAGES):
        nodes, after = await services.saleor.transactions_with_events(
            installation.api_url,
            installation.token,
            app_identifier=services.settings.manifest_app_id,
            types=list(_REQUESTS),
            since=services.clock.now() - _SINCE,
            after=after,
        )
        for node in nodes:
            yield node
        if after is None:
            return


def undelivered(services: Services, node: Mapping[str, Any]) -> Iterator[Missed]:
    events: list[Mapping[str, Any]] = sorted(node["events"], key=_time)
    since = services.clock.now() - _SINCE
    oldest = next((one for one in events if one["type"] in _ASKED), None)
    for place, event in enumerate(events):
        if event["type"] in _REQUESTS and event["message"] == UNDELIVERED and _time(event) >= since:
            request_type, kind = _REQUESTS[Event(event["type"])]
            asked = [one for one in events if one["type"] == request_type and _money(one) == _money(event)]
            before = [one for one in asked if _time(one) <= _time(event) and one["idempotencyKey"]]
            asked_again = any(events.index(one) > place for one in asked)
            if before and not asked_again:
                number = (node.get("order") or {}).get("number")
                request = before[-1]
                key, is_oldest = request["idempotencyKey"], request is oldest
                yield Missed(node["id"], number, kind, key, _money(event), is_oldest)


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["createdAt"]).astimezone(UTC)


def _money(event: Mapping[str, Any]) -> Money | str:
    amount, currency = event["amount"]["amount"], event["amount"]["currency"]
    try:
        return Money.parse(amount, currency)
    except MoneyError:
        return f"{amount} {currency}"


def _write(session: Session, services: Services, api_url: str, missed: Sequence[Missed]) -> None:
    shown = {one.problem_key for one in missed if is_unknown_here(session, api_url, one)}
    for one in missed:
        if one.problem_key in shown:
            problems.raise_in(session, services, api_url, one.problem_key, one.sentence, critical=True)
    for problem in problem_rows.of_tenant(session, api_url):
        if problem.key.startswith(f"{_KIND}-") and problem.key not in shown:
            problems.cure_in(session, services, api_url, problem.key)


def is_unknown_here(session: Session, api_url: str, missed: Missed) -> bool:
    """The request reached us after all when there is an operation of it: that one is reported by itself."""
    payment = payment_rows.find(session, api_url, missed.transaction_id)
    if payment is None or (missed.is_oldest and payment.flow != cv1.FLOW):
        return False
    return missed.request_key not in operation_rows.request_keys(session, payment.id, missed.kind)
