"""The merchant's answer to a dispute: evidence gathered, files brought to Amazon, and all of it sent once.

A dispute can be answered while Amazon wants an answer, and what is sent cannot be taken back: the answer is committed
with its key and bytes before it leaves, and a job sends the very same again until Amazon has said something.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from saleor_amazonpay.amazonpay import ApiRequest, requests
from saleor_amazonpay.amazonpay.payloads import MerchantEvidence
from saleor_amazonpay.domain import keys
from saleor_amazonpay.domain.disputes import ACTION_REQUIRED, MAX_FILE_BYTES, MAX_TEXT, EvidenceType, file_type, is_over
from saleor_amazonpay.errors import (
    AmazonPayError,
    AmazonPayRejected,
    AmazonPayUnavailable,
    AmazonPayUnresolved,
    RequestRejected,
)
from saleor_amazonpay.handlers.disputes import reading
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.jobs.registry import RetryLater
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.accounts import Account
from saleor_amazonpay.storage.disputes import COMMITTED, REFUSED, SENT, Dispute, Evidence
from saleor_amazonpay.storage.due import payment_of
from saleor_amazonpay.storage.engine import Session
from saleor_amazonpay.storage.payments import Payment

SEND_ANSWER = "send_dispute_answer"

MOST_EVIDENCE = 20
_NOW = 8.0  # seconds a person waits; then the job goes on
_LATER = timedelta(seconds=10)


class UnknownDispute(RequestRejected):
    status = 404
    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(Message("There is no such dispute."))


class EvidenceRefused(RequestRejected):
    """What was given is no evidence that Amazon would take; the sentence says why."""

    status = 422
    code = "EVIDENCE_REFUSED"


class NotContestable(RequestRejected):
    status = 409
    code = "NOT_CONTESTABLE"


async def dispute(services: Services, api_url: str, dispute_id: str) -> tuple[Dispute, Sequence[Evidence]]:
    """The tenant's dispute with what is gathered for it.

    Raises:
        UnknownDispute
    """

    def look(session: Session) -> tuple[Dispute, Sequence[Evidence]]:
        return _known(session, api_url, dispute_id), dispute_rows.evidence_of(session, api_url, dispute_id)

    return await services.database.read(look)


async def look_up(services: Services, api_url: str, dispute_id: str) -> Dispute:
    """Read a dispute from Amazon now, known or not.

    Raises:
        UnknownDispute: it is of no payment of this tenant, or Amazon does not show it.
        AmazonPayUnavailable, AmazonPayUnresolved: not now.
    """
    dispute_id = dispute_id.strip()
    permission_id = dispute_id.rpartition("-B")[0]

    def find(session: Session) -> Payment | None:
        known = dispute_rows.get(session, api_url, dispute_id)
        if known is not None:
            return payment_of(session, known.payment_id)
        return payment_rows.by_permission(session, api_url, permission_id) if permission_id else None

    payment = await services.database.read(find)
    if payment is None:
        raise UnknownDispute
    found = await reading.read(services, payment, dispute_id, Deadline(services.clock, _NOW))
    if found is None:
        raise UnknownDispute
    return found


async def add_evidence(
    services: Services,
    api_url: str,
    dispute_id: str,
    evidence_type: str,
    *,
    text: str = "",
    name: str = "",
    content: bytes = b"",
    by: str,
) -> Evidence:
    """Keep a text, and bring a file to Amazon; nothing is sent with the dispute yet.

    Raises:
        UnknownDispute, NotContestable
        EvidenceRefused: a kind, size or type that Amazon does not take.
        AmazonPayError: the file did not get there.
    """
    given = text.strip()
    found, gathered = await dispute(services, api_url, dispute_id)
    _check_contestable(services, found)
    kind = _checked(evidence_type, given, name, content, gathered)
    _refuse_repeat(evidence_type, given, name if kind else None, content, gathered)
    file_id = await _upload(services, found, kind, content) if kind else None
    evidence = Evidence(
        id=f"evidence-{uuid4().hex}",
        api_url=api_url,
        dispute_id=dispute_id,
        evidence_type=evidence_type,
        text=given or None,
        file_id=file_id,
        file_name=name[-120:] if kind else None,
        file_bytes=len(content) if kind else None,
        by=by,
        is_sent=False,
        created_at=services.clock.now(),
    )
    await services.database.run(lambda session: dispute_rows.add_evidence(session, evidence))
    return evidence


def _checked(evidence_type: str, text: str, name: str, content: bytes, gathered: Sequence[Evidence]) -> str | None:
    """Amazon's name for the kind of the file; None where there is none."""
    if evidence_type not in list(EvidenceType):
        raise EvidenceRefused(Message("Choose what the evidence is."))
    if len(gathered) >= MOST_EVIDENCE:
        raise EvidenceRefused(
            Message("{most} pieces of evidence are enough; put several into one file.", most=MOST_EVIDENCE)
        )
    if len(text) > MAX_TEXT:
        raise EvidenceRefused(Message("A text has at most {most} characters.", most=MAX_TEXT))
    if not content:
        if name:
            raise EvidenceRefused(Message("The file {name} is empty.", name=name))
        if not text:
            raise EvidenceRefused(Message("Write a text or choose a file."))
        return None
    if len(content) > MAX_FILE_BYTES:
        raise EvidenceRefused(Message("A file has at most {most} MB.", most=MAX_FILE_BYTES // 1024**2))
    kind = file_type(name, content)
    if kind is None:
        raise EvidenceRefused(
            Message(
                "Amazon Pay takes csv, pdf, xls, xlsx, doc, docx, ods, jpg and png; {name} is none of these, or is not "
                "what its name says.",
                name=name,
            )
        )
    return kind


def _refuse_repeat(
    evidence_type: str, text: str, name: str | None, content: bytes, gathered: Sequence[Evidence]
) -> None:
    """Pressed or chosen twice it is one piece, which its kind, text, name and size tell."""
    new = (evidence_type, text or None, name[-120:] if name else None, len(content) if name else None)
    if any((each.evidence_type, each.text, each.file_name, each.file_bytes) == new for each in gathered):
        raise EvidenceRefused(Message("This very piece is gathered already."))


async def _upload(services: Services, found: Dispute, kind: str, content: bytes) -> str:
    account = await _account(services, found)
    deadline = Deadline(services.clock, _NOW)
    made = (await services.amazon(account).execute(requests.upload_file(kind), budget=deadline.left)).value
    if not made.id or not made.url:
        raise AmazonPayUnavailable("Amazon Pay named no place for the file; try again.")
    await services.files.upload(made.url, content)
    return made.id


async def remove_evidence(services: Services, api_url: str, dispute_id: str, evidence_id: str) -> None:
    """Raises UnknownDispute: there is no such piece, or it is sent."""

    def remove(session: Session) -> bool:
        known = _known(session, api_url, dispute_id)
        return known.contest_state != COMMITTED and dispute_rows.remove_evidence(
            session, api_url, dispute_id, evidence_id
        )

    if not await services.database.run(remove):
        raise UnknownDispute


async def contest(services: Services, api_url: str, dispute_id: str, *, by: str) -> Dispute:
    """Send what was gathered; where Amazon does not answer in time a job goes on with it.

    Raises:
        UnknownDispute, NotContestable
        EvidenceRefused: there is none.
        AmazonPayRejected: Amazon does not take it.
    """
    await services.database.run(lambda session: _commit(session, services, api_url, dispute_id, by))
    with contextlib.suppress(RetryLater, AmazonPayUnavailable, AmazonPayUnresolved):  # the job goes on
        await send(services, api_url, dispute_id, Deadline(services.clock, _NOW))
    found, _ = await dispute(services, api_url, dispute_id)
    if found.contest_state == REFUSED:
        raise AmazonPayRejected(Message("Amazon Pay did not take the answer; look at the dispute in Seller Central."))
    return found


def _commit(session: Session, services: Services, api_url: str, dispute_id: str, by: str) -> None:
    """The answer's key and bytes, before anything is sent; pressed twice it is one answer."""
    found = _known(session, api_url, dispute_id)
    if found.contest_state == COMMITTED:
        return
    _check_contestable(services, found)
    gathered = dispute_rows.evidence_of(session, api_url, dispute_id)
    if not gathered:
        raise EvidenceRefused(Message("Add at least one piece of evidence first."))
    key = keys.idempotency_key("contest", api_url, dispute_id, *(each.id for each in gathered))
    pieces = [
        MerchantEvidence(evidence_type=each.evidence_type, file_id=each.file_id, evidence_text=each.text)
        for each in gathered
    ]
    body = requests.contest_dispute(dispute_id, pieces, idempotency_key=key).body.decode()
    dispute_rows.set_contest(session, found, COMMITTED, key=key, body=body, by=by)
    timeline.add(session, found.payment_id, "person", services.clock.now(), dispute=dispute_id, did="contest", by=by)
    services.jobs.defer(
        session,
        SEND_ANSWER,
        key=f"{api_url} {dispute_id}",
        args={"api_url": api_url, "dispute_id": dispute_id},
        run_at=services.clock.now() + _LATER,
    )


async def send(services: Services, api_url: str, dispute_id: str, deadline: Deadline) -> None:
    """Send the committed answer, the same bytes each time.

    Raises:
        RetryLater: no answer yet.
    """
    found, _ = await dispute(services, api_url, dispute_id)
    if found.contest_state != COMMITTED:
        return
    account = await _account(services, found)
    try:
        with services.chronicle.following(found.payment_id):
            await services.amazon(account).execute(_stored(found), budget=deadline.left)
    except AmazonPayRejected as refusal:
        code = refusal.reason_code
        await services.database.run(lambda session: _settle(session, services, found, REFUSED, code))
    except AmazonPayError as absence:
        raise RetryLater(None, f"the answer to a dispute is not delivered: {absence.code}") from absence
    else:
        await services.database.run(lambda session: _settle(session, services, found, SENT, None))
    payment = await services.database.read(lambda session: payment_of(session, found.payment_id))
    await reading.read(services, payment, dispute_id, deadline)


def _stored(found: Dispute) -> ApiRequest[object]:
    template = requests.contest_dispute(found.dispute_id, [], idempotency_key=found.contest_key)
    body = (found.contest_body or "").encode()
    return ApiRequest.restore("contest_dispute", template.method, template.resource, body, found.contest_key)


def _settle(session: Session, services: Services, found: Dispute, state: str, reason_code: str | None) -> None:
    dispute_rows.set_contest(session, found, state, key=found.contest_key, body=found.contest_body, by=found.contest_by)
    if state == SENT:
        dispute_rows.evidence_sent(session, found.api_url, found.dispute_id)
    detail = {"reason_code": reason_code} if reason_code else {}
    timeline.add(
        session,
        found.payment_id,
        "decision",
        services.clock.now(),
        dispute=found.dispute_id,
        answer="sent" if state == SENT else "refused by Amazon Pay",
        **detail,
    )


def _check_contestable(services: Services, found: Dispute) -> None:
    if found.contest_state == COMMITTED:
        raise NotContestable(Message("Your answer is on its way; nothing can be added now."))
    if is_over(found.state):
        raise NotContestable(Message("This dispute has ended."))
    if found.state != ACTION_REQUIRED:
        raise NotContestable(Message("Amazon Pay is looking into it and takes no answer now."))
    if found.respond_by is not None and services.clock.now() >= found.respond_by:
        raise NotContestable(Message("The time for an answer is over."))


async def _account(services: Services, found: Dispute) -> Account:
    payment = await services.database.read(lambda session: payment_of(session, found.payment_id))
    return await services.directory.account(payment.api_url, payment.account_id)


def _known(session: Session, api_url: str, dispute_id: str) -> Dispute:
    found = dispute_rows.get(session, api_url, dispute_id)
    if found is None:
        raise UnknownDispute
    return found
