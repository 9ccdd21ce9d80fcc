"""Chargebacks and A-to-z claims, the files that go with them. Source: amazon-pay-cv2.md §3.13, §4.6."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.sandbox.amazon_pay import fields, wire
from saleor_amazonpay.sandbox.amazon_pay.api_request import Answer, ApiRequest
from saleor_amazonpay.sandbox.amazon_pay.fields import Fields
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, Dispute, Document
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.world import World, find

FILING_REASONS: Final = (
    "ProductNotReceived",
    "ProductUnacceptable",
    "ProductNoLongerNeeded",
    "CreditNotProcessed",
    "Overcharged",
    "DuplicateCharge",
    "SubscriptionCancelled",
    "Unrecognized",
    "Fraudulent",
    "Other",
)
EVIDENCE_TYPES: Final = (
    "ProductDescription",
    "Receipt",
    "CancellationPolicy",
    "CustomerSignature",
    "TrackingNumber",
    "CarrierName",
    "DeviceId",
    "DeviceName",
    "DownloadDateTime",
    "Other",
)
RESOLUTIONS: Final = ("BuyerWon", "MerchantWon", "NoFault")
STATES: Final = ("UnderReview", "ActionRequired", "Resolved", "Closed")
REASONS: Final = (
    "MerchantResponseRequired",
    "MerchantAdditionalEvidencesRequired",
    "BuyerAdditionalEvidencesRequired",
    "MerchantAcceptedDispute",
    "MerchantResponseDeadlineExpired",
    "BuyerCancelled",
    "InvestigatorResolved",
    "AutoResolved",
    "ChargebackFiled",
)
DAYS_TO_ANSWER: Final[Mapping[bool, int]] = {False: 11, True: 7}
"""By ``is_claim``."""

_OVER: Final = frozenset({"Resolved", "Closed"})
_UPLOAD_URL_HOURS: Final = 1


def _epoch_milliseconds(value: Any, name: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiProblem("InvalidParameterValue", f"The value of {name} is not a number of milliseconds.")
    return datetime.fromtimestamp(value / 1000, UTC)


CREATE_FIELDS: Final = Fields(
    {
        "chargeId": fields.text(64),
        "providerMetadata": Fields({"providerDisputeId": fields.text(256)}),
        "disputeAmount": fields.price,
        "filingReason": fields.one_of(*FILING_REASONS),
        "filingTimestamp": _epoch_milliseconds,
        "statusDetails": Fields({"state": fields.one_of(*STATES)}, required=("state",)),
        "merchantResponseDeadline": _epoch_milliseconds,
    },
    required=("chargeId", "disputeAmount", "filingReason"),
)
UPDATE_FIELDS: Final = Fields(
    {
        "statusDetails": Fields(
            {
                "resolution": fields.one_of(*RESOLUTIONS),
                "state": fields.one_of(*STATES),
                "reasonCode": fields.one_of(*REASONS),
                "reasonDescription": fields.text(255),
            },
            required=("state",),
        ),
        "closureTimestamp": _epoch_milliseconds,
    },
    required=("statusDetails",),
)
CONTEST_FIELDS: Final = Fields(
    {
        "merchantEvidences": fields.list_of(
            Fields(
                {
                    "evidenceType": fields.one_of(*EVIDENCE_TYPES),
                    "fileId": fields.text(256),
                    "evidenceText": fields.text(4096),
                },
                required=("evidenceType",),
            )
        )
    },
    required=("merchantEvidences",),
)
FILE_FIELDS: Final = Fields(
    {
        "type": fields.one_of("csv", "pdf", "xls", "xlsx", "doc", "docx", "ods", "jpg", "png"),
        "purpose": fields.one_of("disputeEvidence"),
    },
    required=("type", "purpose"),
)


class Disputes:
    def __init__(self, world: World) -> None:
        self._world = world
        self._files: dict[str, Document] = {}

    # --- Endpoints ------------------------------------------------------------------------------------------------

    def create(self, request: ApiRequest) -> Answer:
        _check_provider(request)
        body = CREATE_FIELDS(request.body)
        charge = find(self._world.charges, body["chargeId"], request.owner)
        it = self.open(charge, body["disputeAmount"], body["filingReason"])
        it.deadline = body.get("merchantResponseDeadline", it.deadline)
        return Answer(201, wire.dispute(it))

    def get(self, request: ApiRequest) -> Answer:
        return Answer(200, wire.dispute(self._find(request)))

    def update(self, request: ApiRequest) -> Answer:
        _check_provider(request)
        it, status = self._find(request), UPDATE_FIELDS(request.body)["statusDetails"]
        self._become(it, status["state"], status.get("reasonCode"), status.get("resolution"))
        return Answer(200, wire.dispute(it))

    def contest(self, request: ApiRequest) -> Answer:
        it, body = self._find(request), CONTEST_FIELDS(request.body)
        if it.state != "ActionRequired":
            raise ApiProblem("InvalidRequest", f"The dispute is {it.state}.")
        it.evidences.extend(
            {"evidenceType": None, "fileId": None, "evidenceText": None} | evidence
            for evidence in body["merchantEvidences"]
        )
        self._become(it, "UnderReview", None, None)
        return Answer(200, wire.dispute(it))

    def upload_file(self, request: ApiRequest) -> Answer:
        body, now = FILE_FIELDS(request.body), self._world.now
        file_id = self._world.ids.uuid()
        self._files[file_id] = {
            "id": file_id,
            "type": body["type"],
            "purpose": body["purpose"],
            "url": f"{self._world.url}/files/{file_id}",
            "size": None,
            "uploadTimestamp": now,
            "urlExpirationTimestamp": now + timedelta(hours=_UPLOAD_URL_HOURS),
        }
        return Answer(201, self._files[file_id])

    # --- Rules ----------------------------------------------------------------------------------------------------

    def open(
        self, charge: Charge, amount: Money | None = None, filing_reason: str = "Fraudulent", *, is_claim: bool = False
    ) -> Dispute:
        """A buyer complains about a captured charge; the merchant is notified and has 11 or 7 days."""
        if filing_reason not in FILING_REASONS:
            raise ValueError(f"{filing_reason} is no filing reason.")
        world = self._world
        it = Dispute(
            dispute_id=world.ids.child(charge.permission.permission_id, "B", world.disputes),
            charge=charge,
            amount=amount or charge.captured,
            filing_reason=filing_reason,
            created=world.now,
            updated=world.now,
            deadline=world.now + timedelta(days=DAYS_TO_ANSWER[is_claim]),
            is_claim=is_claim,
        )
        world.disputes[it.dispute_id] = it
        world.agenda.at(it.deadline, lambda: self._miss_deadline(it))
        world.announce_dispute(it)
        return it

    def resolve(self, it: Dispute, resolution: str, reason: str = "InvestigatorResolved") -> None:
        if resolution not in RESOLUTIONS or reason not in REASONS:
            raise ValueError(f"{resolution}/{reason} is no end of a dispute.")
        self._become(it, "Resolved", reason, resolution)

    def stored_file(self, file_id: str, content: bytes) -> bool:
        """What is PUT to an upload URL; False when there is none."""
        if file_id not in self._files:
            return False
        self._files[file_id]["size"] = len(content)
        return True

    def _find(self, request: ApiRequest) -> Dispute:
        return find(self._world.disputes, request.ids["id"], request.owner)

    def _miss_deadline(self, it: Dispute) -> None:
        if it.state == "ActionRequired":
            self._become(it, "Resolved", "MerchantResponseDeadlineExpired", "BuyerWon")

    def _become(self, it: Dispute, state: str, reason: str | None, resolution: str | None) -> None:
        if it.state in _OVER:
            raise ApiProblem("InvalidRequest", f"The dispute is {it.state}.")
        it.state, it.reason, it.resolution, it.updated = state, reason, resolution, self._world.now
        self._world.announce_dispute(it)


def _check_provider(request: ApiRequest) -> None:
    if not request.merchant.is_provider:
        raise ApiProblem("UnauthorizedAccess", "Only payment service providers may do this.")
