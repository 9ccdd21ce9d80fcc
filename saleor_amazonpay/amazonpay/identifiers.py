"""Amazon's identifiers as types: what is documented is checked, the rest is opaque.

The digits and letters of a permission's id have a meaning (market, environment, kind) that Amazon does not promise,
so they are not looked at (amazon-pay-cv2.md §1.4). What is always checked is that the text can stand in a URL path
and that it is not an id of another kind.
"""

from __future__ import annotations

import re
from typing import Final, NewType

CheckoutSessionId = NewType("CheckoutSessionId", str)
ChargePermissionId = NewType("ChargePermissionId", str)
ChargeId = NewType("ChargeId", str)
RefundId = NewType("RefundId", str)
DisputeId = NewType("DisputeId", str)
BuyerId = NewType("BuyerId", str)

_OPAQUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_CHILD: Final = re.compile(r"(?P<permission>.+)-(?P<letter>[ABCR])\d{6}\Z")
_KINDS: Final = {
    "A": "an authorization id of the older API",
    "B": "a dispute id",
    "C": "a charge id",
    "R": "a refund id",
}


def parse_checkout_session_id(text: str) -> CheckoutSessionId:
    if not _UUID.match(text):
        raise ValueError(f"{_shown(text)} is not a checkout session id.")
    return CheckoutSessionId(text)


def parse_charge_permission_id(text: str) -> ChargePermissionId:
    return ChargePermissionId(_of_kind(text, "", "a charge permission id"))


def parse_charge_id(text: str) -> ChargeId:
    return ChargeId(_of_kind(text, "C", "a charge id"))


def parse_refund_id(text: str) -> RefundId:
    return RefundId(_of_kind(text, "R", "a refund id"))


def parse_dispute_id(text: str) -> DisputeId:
    return DisputeId(_of_kind(text, "B", "a dispute id"))


def parse_buyer_id(text: str) -> BuyerId:
    if not (text.startswith("amzn1.account.") and _OPAQUE.match(text)):
        raise ValueError(f"{_shown(text)} is not a buyer id.")
    return BuyerId(text)


def permission_of(charge_or_refund_id: str) -> ChargePermissionId:
    """The permission a charge, refund or dispute belongs to: its id without the last part.

    Raises:
        ValueError: the id has no such last part.
    """
    child = _CHILD.match(charge_or_refund_id)
    if child is None:
        raise ValueError(f"{_shown(charge_or_refund_id)} is not a charge, refund or dispute id.")
    return parse_charge_permission_id(child["permission"])


def _of_kind(text: str, letter: str, wanted: str) -> str:
    if not _OPAQUE.match(text):
        raise ValueError(f"{_shown(text)} is not {wanted}.")
    child = _CHILD.match(text)
    if child is not None and child["letter"] != letter:
        raise ValueError(f"{_shown(text)} is {_KINDS[child['letter']]}, not {wanted}.")
    return text


def _shown(text: str) -> str:
    return repr(text[:60])
