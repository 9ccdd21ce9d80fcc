"""Notifications of the old API (CV1): the same signed envelope, a JSON message, and in it XML with states and amounts.

Only the id is read, as if it were a CV2 notification: what became of the object is asked of Amazon (DESIGN §4 rule 2).
A merchant who has switched gets them for objects that CV1 made, at the same URL. Source: amazon-pay-cv2.md §8.5, §12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.parsers import expat

from saleor_amazonpay.domain.cv1.identifiers import PARENT_LENGTH, Cv1Id, Cv1Kind, NotACv1Id
from saleor_amazonpay.errors import AppError, InvalidPayload

DATA: Final = "NotificationData"
"""The key of the message that holds the XML; a message of CV2 has none."""


class NothingToRead(AppError):
    """Solution providers' credits and the like: verified, and answered as received."""

    status = 200
    code = "NOTHING_TO_READ"


_OBJECT_TYPES: Final[Mapping[Cv1Kind, str]] = {
    Cv1Kind.ORDER_REFERENCE: "CHARGE_PERMISSION",
    Cv1Kind.BILLING_AGREEMENT: "CHARGE_PERMISSION",
    Cv1Kind.AUTHORIZATION: "CHARGE",
    Cv1Kind.CAPTURE: "CHARGE",
    Cv1Kind.REFUND: "REFUND",
}
_IDS: Final = (
    # the element that names the object, by its root element
    ("AuthorizationNotification", "AmazonAuthorizationId"),
    ("CaptureNotification", "AmazonCaptureId"),
    ("RefundNotification", "AmazonRefundId"),
    ("OrderReferenceNotification", "AmazonOrderReferenceId"),
    ("BillingAgreementNotification", "AmazonBillingAgreementId"),
)
_CHARGEBACK: Final = "ChargebackNotification"
_CHARGEBACK_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_LONGEST: Final = 65_536
_NAMESPACE: Final = re.compile(r"^.*[:\s]")


def read_cv1(fields: Mapping[str, str]) -> tuple[str, str, str]:
    """The object's type in CV2's words, its id as CV2 knows it, and its permission's.

    Raises:
        NothingToRead: it is about something CV2 does not show.
        InvalidPayload: no XML, XML with a document type, or no CV1 id of the kind it announces.
    """
    root, texts = _elements(fields[DATA])
    if root == _CHARGEBACK:
        return _chargeback(texts)
    wanted = dict(_IDS).get(root)
    if wanted is None:
        raise NothingToRead("Acknowledged: CV2 has nothing to read for this kind of notification.")
    try:
        id_ = Cv1Id.parse(texts.get(wanted, ""))
    except NotACv1Id as wrong:
        raise InvalidPayload("The notification names no object of CV1.") from wrong
    return _OBJECT_TYPES[id_.kind], id_.cv2_id, id_.permission_id


def _chargeback(texts: Mapping[str, str]) -> tuple[str, str, str]:
    """A dispute, in CV2's words; one that CV2 does not know is told to the merchant all the same.

    CV1's element names are its SDKs'; how a chargeback's id looks is documented nowhere [D].
    """
    dispute_id = texts.get("AmazonChargebackId", "")
    if not dispute_id:
        raise NothingToRead("Acknowledged: the notification names no chargeback.")
    named = texts.get("AmazonOrderReferenceId") or texts.get("AmazonCaptureReferenceId") or dispute_id
    try:
        id_ = Cv1Id.parse(named[:PARENT_LENGTH])
    except NotACv1Id as wrong:
        raise InvalidPayload("The notification names no object of CV1.") from wrong
    if not _CHARGEBACK_ID.fullmatch(dispute_id):
        raise InvalidPayload("The notification's chargeback has no id that can be read.")
    return "CHARGEBACK", dispute_id, id_.permission_id


def _elements(xml: str) -> tuple[str, Mapping[str, str]]:
    """The root's name, and the first text of each element by its name; a document type is where XML attacks begin."""
    if len(xml) > _LONGEST:
        raise InvalidPayload("The notification's XML is too long.")
    names: list[str] = []
    texts: dict[str, str] = {}
    path: list[str] = []

    def start(name: str, _attributes: Mapping[str, str]) -> None:
        path.append(_NAMESPACE.sub("", name))
        names.append(path[-1])

    def end(_name: str) -> None:
        path.pop()

    def text(data: str) -> None:
        if path and len(texts.get(path[-1], "")) < _LONGEST:
            texts[path[-1]] = texts.get(path[-1], "") + data

    def refuse(*_: object) -> None:
        raise InvalidPayload("The notification's XML has a document type.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as fault:
        raise InvalidPayload("The notification's XML cannot be read.") from fault
    return (names[0] if names else ""), {name: value.strip() for name, value in texts.items()}
