"""What Amazon says of CV1's ids: each read through CV2 under its rewritten id, checked for whom it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from saleor_amazonpay.amazonpay import AmazonPayClient, ApiRequest, Charge, ChargePermission, Refund, requests
from saleor_amazonpay.domain.cv1.identifiers import Cv1Id, Cv1Kind
from saleor_amazonpay.errors import AmazonPayRejected, AppError
from saleor_amazonpay.handlers.services import Deadline

PERMISSION_KINDS: Final = frozenset({Cv1Kind.ORDER_REFERENCE, Cv1Kind.BILLING_AGREEMENT})


class Refused(AppError):
    """An id or an order that cannot be taken over; ``reason`` is a word for scripts, the message for people."""

    status = 422
    code = "CV1_REFUSED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class Reading:
    """Objects by the id CV2 knows them under; ``refused`` by the id as it was given."""

    permission: ChargePermission
    charges: dict[str, Charge] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)


_REQUESTS: Final[Mapping[Cv1Kind, Callable[[str], ApiRequest[Any]]]] = {
    Cv1Kind.ORDER_REFERENCE: requests.get_charge_permission,
    Cv1Kind.BILLING_AGREEMENT: requests.get_charge_permission,
    Cv1Kind.AUTHORIZATION: requests.get_charge,
    Cv1Kind.CAPTURE: requests.get_charge,
    Cv1Kind.REFUND: requests.get_refund,
}


def request_for(id_: Cv1Id) -> ApiRequest[Any]:
    """The CV2 call that reads it."""
    return _REQUESTS[id_.kind](id_.cv2_id)


async def read(client: AmazonPayClient, permission_id: str, ids: Sequence[Cv1Id], deadline: Deadline) -> Reading:
    """The permission and every object named; a refund brings its charge with it, since its amount is the charge's.

    Raises:
        Refused: Amazon does not know the Order Reference or agreement, so nothing under it either.
        AmazonPayUnavailable: ask again later.
    """
    reading = Reading(await _get(client, requests.get_charge_permission(permission_id), permission_id, deadline))
    for id_ in ids:
        if id_.is_parent:
            continue
        try:
            await _read_child(client, id_, reading, deadline)
        except Refused as refusal:
            reading.refused[id_.text] = refusal
    return reading


async def _read_child(client: AmazonPayClient, id_: Cv1Id, reading: Reading, deadline: Deadline) -> None:
    charge_id = id_.cv2_id
    if id_.kind is Cv1Kind.REFUND:
        refund: Refund = await _get(client, requests.get_refund(id_.cv2_id), id_.text, deadline)
        charge_id = refund.charge_id or ""
        _check_belongs(id_, charge_id[: len(id_.permission_id)])
        reading.refunds[id_.cv2_id] = refund
    if charge_id not in reading.charges:
        charge: Charge = await _get(client, requests.get_charge(charge_id), id_.text, deadline)
        _check_belongs(id_, charge.charge_permission_id or id_.permission_id)
        reading.charges[charge_id] = charge


async def _get(client: AmazonPayClient, request: ApiRequest[Any], text: str, deadline: Deadline) -> Any:
    try:
        return (await client.execute(request, budget=deadline.left)).value
    except AmazonPayRejected as refusal:
        if refusal.reason_code == "ResourceNotFound":
            raise Refused(
                "NOT_FOUND",
                f"Amazon Pay does not know {text}: it belongs to another merchant, or the Order Reference or agreement "
                "was never confirmed (Draft).",
            ) from refusal
        raise Refused(refusal.reason_code or "REJECTED", f"{text}: {refusal.public_message}") from refusal


def _check_belongs(id_: Cv1Id, permission_id: str) -> None:
    if permission_id != id_.permission_id:
        raise Refused("OTHER_ORDER", f"Amazon Pay says that {id_.text} belongs to {permission_id}.")
