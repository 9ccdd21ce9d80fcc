"""CV1 ids: what each names, and the id under which CV2 knows the same thing.

    S01-5797829-1888777              Order Reference        Charge Permission of the same id
    B01-5797829-1888777              Billing Agreement      Charge Permission of the same id
    S01-5797829-1888777-A043451      Authorization          Charge S01-5797829-1888777-C043451 (the 21st character)
    S01-5797829-1888777-C043451      Capture                Charge of the same id
    S01-5797829-1888777-R043451      Refund                 Refund of the same id

Source: amazon-pay-cv2.md §12 (the rewriting), §1.4 (letters and digits; what they mean is not promised by Amazon, but a
wrong one in a list of old ids is far more often a slip than a novelty).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PARENT_LENGTH: Final = 19
CHILD_LENGTH: Final = 27
_LETTER: Final = 20  # the 21st character

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_PARENT: Final = re.compile(r"[A-Z]\d\d-\d{7}-\d{7}\Z")
_CHILD: Final = re.compile(r"[A-Z]\d{6}\Z")


class Cv1Kind(StrEnum):
    """CV1's own names."""

    ORDER_REFERENCE = "OrderReference"
    BILLING_AGREEMENT = "BillingAgreement"
    AUTHORIZATION = "Authorization"
    CAPTURE = "Capture"
    REFUND = "Refund"


REGIONS: Final[Mapping[str, str]] = {"01": "na", "02": "eu", "03": "jp"}

_PARENTS: Final[Mapping[str, tuple[Cv1Kind, str]]] = {
    "P": (Cv1Kind.ORDER_REFERENCE, "live"),
    "S": (Cv1Kind.ORDER_REFERENCE, "sandbox"),
    "B": (Cv1Kind.BILLING_AGREEMENT, "live"),
    "C": (Cv1Kind.BILLING_AGREEMENT, "sandbox"),
}
_CHILDREN: Final[Mapping[str, Cv1Kind]] = {
    "A": Cv1Kind.AUTHORIZATION,
    "C": Cv1Kind.CAPTURE,
    "R": Cv1Kind.REFUND,
}


class NotACv1Id(ValueError):
    """``code`` says what is wrong with it, the message what to do about it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Cv1Id:
    """``text`` as CV1 wrote it; ``region`` is na, eu or jp, ``environment`` live or sandbox."""

    text: str
    kind: Cv1Kind
    region: str
    environment: str

    @classmethod
    def parse(cls, text: str) -> Cv1Id:
        """Blanks around it are ignored.

        Raises:
            NotACv1Id: EMPTY, CV2_ID, WRONG_LENGTH, WRONG_SHAPE, UNKNOWN_LETTER or UNKNOWN_REGION.
        """
        given = text.strip()
        _check_shape(given)
        parent_kind, environment = _parent(given)
        region = REGIONS.get(given[1:3])
        if region is None:
            raise NotACv1Id("UNKNOWN_REGION", f"{given} is of no region of CV1: its digits are 01, 02 or 03.")
        kind = parent_kind if len(given) == PARENT_LENGTH else _child(given, parent_kind)
        return cls(given, kind, region, environment)

    @property
    def permission_id(self) -> str:
        """The Order Reference or Billing Agreement it is or belongs to: CV2's Charge Permission."""
        return self.text[:PARENT_LENGTH]

    @property
    def is_parent(self) -> bool:
        return len(self.text) == PARENT_LENGTH

    @property
    def cv2_id(self) -> str:
        """The id to use with CV2; an Authorization's ``A`` becomes ``C``, everything else stays."""
        return charge_id_of(self.text) if self.kind is Cv1Kind.AUTHORIZATION else self.text


def charge_id_of(authorization_id: str) -> str:
    """An AmazonAuthorizationId as CV2's chargeId; a ``C`` at that place stays one, so it may be asked twice."""
    return _with_letter(authorization_id, "C") if authorization_id[_LETTER : _LETTER + 1] == "A" else authorization_id


def authorization_id_of(charge_id: str) -> str:
    """What Seller Central and reports call AmazonAuthorizationId, for a charge of CV2 too (FAQ QA-28)."""
    return _with_letter(charge_id, "A")


def _with_letter(text: str, letter: str) -> str:
    return f"{text[:_LETTER]}{letter}{text[_LETTER + 1 :]}"


def _check_shape(given: str) -> None:
    if not given:
        raise NotACv1Id("EMPTY", "There is no id.")
    if _UUID.match(given):
        raise NotACv1Id("CV2_ID", f"{given} is a checkout session of CV2; its payment is this app's already.")
    if given.startswith("amzn1."):
        raise NotACv1Id("CV2_ID", f"{given[:60]} names a buyer or a store, not an order.")
    if len(given) not in {PARENT_LENGTH, CHILD_LENGTH}:
        raise NotACv1Id(
            "WRONG_LENGTH",
            f"{given[:60]!r} has {len(given)} characters; a CV1 id has {PARENT_LENGTH} (Order Reference, Billing "
            f"Agreement) or {CHILD_LENGTH} (Authorization, Capture, Refund).",
        )
    child = given[PARENT_LENGTH + 1 :]
    is_shaped = _PARENT.match(given[:PARENT_LENGTH]) and (
        not child or (given[PARENT_LENGTH] == "-" and _CHILD.match(child))
    )
    if not is_shaped:
        raise NotACv1Id("WRONG_SHAPE", f"{given!r} is not like S01-1234567-1234567 or S01-1234567-1234567-A123456.")


def _parent(given: str) -> tuple[Cv1Kind, str]:
    known = _PARENTS.get(given[0])
    if known is None:
        message = f"{given} begins with {given[0]}; a CV1 id begins with P or B (live), S or C (sandbox)."
        raise NotACv1Id("UNKNOWN_LETTER", message)
    return known


def _child(given: str, parent_kind: Cv1Kind) -> Cv1Kind:
    letter = given[_LETTER]
    if letter == "B":
        raise NotACv1Id("CV2_ID", f"{given} is a dispute of CV2.")
    kind = _CHILDREN.get(letter)
    if kind is None:
        message = f"The 21st character of {given} is {letter}; it is A (Authorization), C (Capture) or R (Refund)."
        raise NotACv1Id("UNKNOWN_LETTER", message)
    if parent_kind is Cv1Kind.BILLING_AGREEMENT:
        # AuthorizeOnBillingAgreement made an Order Reference of its own, and the authorization belongs to that one.
        raise NotACv1Id("CV2_ID", f"{given} was made by CV2: what CV1 charged on an agreement has an id with P or S.")
    return kind
