"""The only place that sends requests which move money: the committed bytes, and the readings their answers need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from saleor_amazonpay.amazonpay import AmazonPayClient, ApiRequest
from saleor_amazonpay.domain.states import CallState
from saleor_amazonpay.errors import AmazonPayRejected, AmazonPayUnavailable, AmazonPayUnresolved
from saleor_amazonpay.handlers import mirror
from saleor_amazonpay.handlers.chronicle import Sending, sendings
from saleor_amazonpay.handlers.operations.claims import Claimed, Observations
from saleor_amazonpay.handlers.services import Deadline
from saleor_amazonpay.storage.operations import Call


async def send(client: AmazonPayClient, claimed: Claimed, deadline: Deadline) -> Observations:
    """Send the calls that have no answer yet, in order, each with its own key and bytes."""
    seen = Observations()
    for call in claimed.unanswered:
        with sendings() as sent:
            await _send_one(client, claimed, call, seen, deadline)
        seen.sendings += [*sent[:-1], *(_with_outcome(last, seen.calls[-1]) for last in sent[-1:])]
    return seen


def _with_outcome(last: Sending, call: Call) -> Sending:
    told = {"amount": str(call.amount), "call_state": call.state, "amazon_id": call.amazon_id}
    return Sending(last.at, {**last.detail, **{name: value for name, value in told.items() if value is not None}})


async def _send_one(
    client: AmazonPayClient, claimed: Claimed, call: Call, seen: Observations, deadline: Deadline
) -> None:
    request: ApiRequest[Any] = ApiRequest.restore(
        operation=call.operation_name,
        method=call.method,
        resource=call.resource,
        body=call.body.encode(),
        idempotency_key=call.idempotency_key,
        is_replay=claimed.is_resumed,
    )
    try:
        answer = await client.execute(request, budget=deadline.left)
    except AmazonPayRejected as refusal:
        seen.calls.append(replace(call, state=CallState.REJECTED, reason_code=refusal.reason_code))
    except AmazonPayUnresolved as doubt:
        seen.is_complete = False
        seen.calls.append(replace(call, state=CallState.UNRESOLVED, reason_code=doubt.reason_code))
    except AmazonPayUnavailable as absence:
        seen.is_complete = False
        seen.calls.append(replace(call, reason_code=absence.reason_code))
    else:
        seen.objects.append(answer.value)
        seen.calls.append(replace(call, state=CallState.DONE, amazon_id=mirror.amazon_id(answer.value)))


async def read_back(client: AmazonPayClient, claimed: Claimed, seen: Observations, deadline: Deadline) -> None:
    """Read the objects the outcome depends on; what cannot be read now leaves the round incomplete (rule 2)."""
    with sendings() as sent:
        await _read(client, claimed, seen, deadline)
    seen.sendings += sent


async def _read(client: AmazonPayClient, claimed: Claimed, seen: Observations, deadline: Deadline) -> None:
    absent: set[str] = set()
    calls = claimed.calls_as_of(seen.calls)
    for _ in range(mirror.MAX_READINGS):
        reading = mirror.next_reading(
            claimed.payment, claimed.operation, calls, seen.objects, absent, first=claimed.first_readings
        )
        if reading is None or not seen.is_complete:
            return
        id_, request = reading
        try:
            seen.objects.append((await client.execute(request, budget=deadline.left)).value)
        except AmazonPayRejected:
            absent.add(id_)  # there is nothing to learn; the call's own refusal decides
        except (AmazonPayUnavailable, AmazonPayUnresolved):
            seen.is_complete = False
