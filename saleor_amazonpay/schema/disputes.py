"""Disputes in the app's own GraphQL: the list, one by its id, evidence, and the answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable
from datetime import datetime
from typing import Any

import strawberry

from saleor_amazonpay.domain.disputes import EvidenceType, is_lost, is_over
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.disputes import answering
from saleor_amazonpay.schema.money import Money
from saleor_amazonpay.schema.resolvers import Info
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage.disputes import Dispute as StoredDispute
from saleor_amazonpay.storage.disputes import Evidence as StoredEvidence

# ruff: noqa: A002 - id and input are what GraphQL calls them

MOST = 100

strawberry.enum(EvidenceType, name="DisputeEvidenceType", description="What a piece of evidence is, as Amazon has it.")


@strawberry.type(description="Gathered for an answer that is not sent yet.")
class DisputeEvidence:
    id: strawberry.ID
    type: EvidenceType
    text: str | None
    file_name: str | None

    @staticmethod
    def stored(evidence: StoredEvidence) -> DisputeEvidence:
        return DisputeEvidence(
            id=strawberry.ID(evidence.id),
            type=EvidenceType(evidence.evidence_type),
            text=evidence.text,
            file_name=evidence.file_name,
        )


async def _evidence_of(root: strawberry.Parent[Any], info: Info) -> list[DisputeEvidence]:
    _, gathered = await answering.dispute(info.context.services, info.context.tenant, root.id)
    return [DisputeEvidence.stored(one) for one in gathered]


@strawberry.type(description="A chargeback or an A-to-z claim, as last read from Amazon Pay; words are Amazon's.")
class Dispute:
    id: strawberry.ID
    transaction_id: strawberry.ID
    order_number: str | None
    charge_id: str
    amount: Money
    filing_reason: str
    state: str
    reason_code: str | None
    resolution: str | None
    is_over: bool
    is_lost: bool = strawberry.field(description="The money was taken back; Saleor has a CHARGE_BACK.")
    respond_by: datetime | None
    answer_is_on_its_way: bool
    created_at: datetime
    read_at: datetime

    evidence: list[DisputeEvidence] = strawberry.field(
        resolver=_evidence_of, description="What is gathered for the answer."
    )

    @staticmethod
    def stored(dispute: StoredDispute) -> Dispute:
        return Dispute(
            id=strawberry.ID(dispute.dispute_id),
            transaction_id=strawberry.ID(dispute.transaction_id),
            order_number=dispute.order_number,
            charge_id=dispute.charge_id,
            amount=Money.of(dispute.amount),
            filing_reason=dispute.filing_reason,
            state=dispute.state,
            reason_code=dispute.reason_code,
            resolution=dispute.resolution,
            is_over=is_over(dispute.state),
            is_lost=is_lost(dispute.state, dispute.resolution, dispute.reason_code),
            respond_by=dispute.respond_by,
            answer_is_on_its_way=dispute.contest_state == dispute_rows.COMMITTED,
            created_at=dispute.created_at,
            read_at=dispute.read_at,
        )


@strawberry.type
class DisputeError:
    code: str
    message: str


@strawberry.type
class DisputeChange:
    dispute: Dispute | None
    errors: list[DisputeError]


@strawberry.input(description="A text, a file, or both.")
class DisputeEvidenceInput:
    type: EvidenceType
    text: str = ""
    file_name: str = ""
    file_base64: str = strawberry.field(
        default="", description="Up to about 90 kB here; the Dashboard's page takes files up to 5 MB."
    )


async def _disputes(info: Info) -> list[Dispute]:
    it = info.context
    found = await it.services.database.read(lambda session: dispute_rows.page(session, it.tenant, limit=MOST))
    return [Dispute.stored(one) for one in found]


async def _dispute(info: Info, id: strawberry.ID) -> Dispute | None:
    try:
        found, _ = await answering.dispute(info.context.services, info.context.tenant, id)
    except answering.UnknownDispute:
        return None
    return Dispute.stored(found)


async def _read(info: Info, id: strawberry.ID) -> DisputeChange:
    return await _changed(info, id, answering.look_up(info.context.services, info.context.tenant, id))


async def _add_evidence(info: Info, id: strawberry.ID, input: DisputeEvidenceInput) -> DisputeChange:
    it = info.context
    try:
        content = base64.b64decode(input.file_base64, validate=True)
    except (binascii.Error, ValueError):
        return DisputeChange(dispute=None, errors=[DisputeError(code="INVALID", message="The file is no base64.")])
    work = answering.add_evidence(
        it.services,
        it.tenant,
        id,
        input.type.value,
        text=input.text,
        name=input.file_name,
        content=content,
        by=it.by,
    )
    return await _changed(info, id, work)


async def _remove_evidence(info: Info, id: strawberry.ID, evidence_id: strawberry.ID) -> DisputeChange:
    it = info.context
    return await _changed(info, id, answering.remove_evidence(it.services, it.tenant, id, evidence_id))


async def _contest(info: Info, id: strawberry.ID) -> DisputeChange:
    it = info.context
    return await _changed(info, id, answering.contest(it.services, it.tenant, id, by=it.by))


async def _changed(info: Info, id: str, work: Awaitable[Any]) -> DisputeChange:
    try:
        await work
        found, _ = await answering.dispute(info.context.services, info.context.tenant, id.strip())
    except AppError as refused:
        return DisputeChange(dispute=None, errors=[DisputeError(code=refused.code, message=refused.public_message)])
    return DisputeChange(dispute=Dispute.stored(found), errors=[])


@strawberry.type
class DisputeQuery:
    disputes: list[Dispute] = strawberry.field(resolver=_disputes, description=f"The newest first; at most {MOST}.")
    dispute: Dispute | None = strawberry.field(resolver=_dispute, description="One as last read; null where unknown.")


@strawberry.type
class DisputeMutation:
    dispute_read: DisputeChange = strawberry.mutation(
        resolver=_read, description="Read a dispute from Amazon Pay now, known or not."
    )
    dispute_evidence_add: DisputeChange = strawberry.mutation(
        resolver=_add_evidence, description="Keep a piece of evidence for the answer; a file goes to Amazon at once."
    )
    dispute_evidence_remove: DisputeChange = strawberry.mutation(
        resolver=_remove_evidence, description="Take a piece back that is not sent."
    )
    dispute_contest: DisputeChange = strawberry.mutation(
        resolver=_contest, description="Send what was gathered. It cannot be taken back."
    )
