"""What can be asked and changed of agreements; ``schema.py`` inherits both."""

from __future__ import annotations

import strawberry

from saleor_amazonpay.handlers.agreements import erasing, looking, merchant, stored
from saleor_amazonpay.handlers.agreements.merchant import AgreementRefused
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.schema.agreements.types import (
    Agreement,
    AgreementCharge,
    AgreementChargeInput,
    AgreementChargeResult,
    AgreementClose,
    AgreementError,
    AgreementRefresh,
    CustomerErase,
)
from saleor_amazonpay.schema.resolvers import Info
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement as Stored

# ruff: noqa: A002 - id and input are what GraphQL calls them

FOR_APPS = frozenset({"agreements", "agreement", "agreementCharge", "agreementClose", "agreementRefresh"})
"""The fields that a Saleor app with HANDLE_PAYMENTS may use; all others are for staff."""

_SECONDS = 10.0


async def agreements(
    info: Info, customer_id: strawberry.ID | None = None, after: strawberry.ID | None = None
) -> list[Agreement]:
    it = info.context
    found = await merchant.listed(it.services, it.tenant, customer_id=customer_id, after=after)
    return [await _shown(it.services, each, with_events=False) for each in found]


async def agreement(info: Info, id: strawberry.ID) -> Agreement | None:
    it = info.context
    try:
        return await _shown(it.services, await merchant.found(it.services, it.tenant, id))
    except AgreementRefused:
        return None


async def agreement_charge(info: Info, id: strawberry.ID, input: AgreementChargeInput) -> AgreementCharge:
    it = info.context
    try:
        done = await merchant.charge(it.services, it.tenant, input.given(id), by=it.by)
    except AgreementRefused as refused:
        return AgreementCharge(charge=None, errors=[AgreementError.of(refused)])
    return AgreementCharge(charge=AgreementChargeResult.of(done), errors=[])


async def agreement_close(info: Info, id: strawberry.ID, reason: str = "") -> AgreementClose:
    it = info.context
    deadline = Deadline(it.services.clock, _SECONDS)
    try:
        ended = await merchant.close(it.services, it.tenant, id, reason=reason, by=it.by, deadline=deadline)
    except AgreementRefused as refused:
        return AgreementClose(agreement=None, errors=[AgreementError.of(refused)])
    return AgreementClose(agreement=await _shown(it.services, ended), errors=[])


async def agreement_refresh(info: Info, id: strawberry.ID) -> AgreementRefresh:
    it = info.context
    try:
        seen = await merchant.refresh(it.services, it.tenant, id, Deadline(it.services.clock, _SECONDS))
    except AgreementRefused as refused:
        return AgreementRefresh(agreement=None, errors=[AgreementError.of(refused)])
    return AgreementRefresh(agreement=await _shown(it.services, seen), errors=[])


async def customer_erase(info: Info, customer_id: strawberry.ID) -> CustomerErase:
    it = info.context
    erased = await erasing.erase_customer(it.services, it.tenant, customer_id, by=it.by)
    return CustomerErase(agreements=erased.agreements, payments=erased.payments)


async def _shown(services: Services, known: Stored, *, with_events: bool = True) -> Agreement:
    account = await services.directory.account(known.api_url, known.account_id, even_locked=True)
    events = await services.database.read(lambda session: timeline.of_payment(session, known.id)) if with_events else []
    return Agreement.of(
        known,
        lapses_soon=looking.lapses_soon(known, services.clock.now()),
        manage_url=stored.manage_url(known, account),
        events=events,
    )


@strawberry.type
class AgreementQuery:
    agreements: list[Agreement] = strawberry.field(
        resolver=agreements,
        description="Newest first, 100 at most: from just after one on, or all of one customer. Without their events.",
    )
    agreement: Agreement | None = strawberry.field(
        resolver=agreement, description="One agreement; null where there is none of that id."
    )


@strawberry.type
class AgreementMutation:
    agreement_charge: AgreementCharge = strawberry.mutation(
        resolver=agreement_charge, description="Charge an agreement for an order or checkout, through Saleor."
    )
    agreement_close: AgreementClose = strawberry.mutation(
        resolver=agreement_close, description="End an agreement for good; what is authorized for an order stays."
    )
    agreement_refresh: AgreementRefresh = strawberry.mutation(
        resolver=agreement_refresh, description="Read an agreement anew from Amazon."
    )
    customer_erase: CustomerErase = strawberry.mutation(
        resolver=customer_erase,
        description="Forget a customer: agreements are ended, payments keep their amounts but not whose they were.",
    )
