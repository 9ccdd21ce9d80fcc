"""Disputes in Amazon's words, and what each means for the merchant. Source: amazon-pay-cv2.md §3.13, §4.6."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class EvidenceType(StrEnum):
    PRODUCT_DESCRIPTION = "ProductDescription"
    RECEIPT = "Receipt"
    CANCELLATION_POLICY = "CancellationPolicy"
    CUSTOMER_SIGNATURE = "CustomerSignature"
    TRACKING_NUMBER = "TrackingNumber"
    CARRIER_NAME = "CarrierName"
    DEVICE_ID = "DeviceId"
    DEVICE_NAME = "DeviceName"
    DOWNLOAD_DATE_TIME = "DownloadDateTime"
    OTHER = "Other"


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

ACTION_REQUIRED: Final = "ActionRequired"
_OVER: Final = frozenset({"Resolved", "Closed"})
_GIVEN_IN: Final = frozenset({"MerchantAcceptedDispute", "MerchantResponseDeadlineExpired"})

# What a merchant's files are: by what they begin with, never by their name alone.
_ZIP, _OLE = (b"PK\x03\x04",), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",)
FILE_TYPES: Final[Mapping[str, tuple[bytes, ...]]] = {
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "docx": _ZIP,
    "xlsx": _ZIP,
    "ods": _ZIP,
    "doc": _OLE,
    "xls": _OLE,
    "csv": (),  # text, see ``file_type``
}
MAX_FILE_BYTES: Final = 5 * 1024 * 1024  # [D] Amazon names no figure
MAX_TEXT: Final = 4096


def is_over(state: str) -> bool:
    return state in _OVER


def is_lost(state: str, resolution: str | None, reason_code: str | None) -> bool:
    """The money is gone: it ended for the buyer, or the merchant gave in (DESIGN §6 case 11)."""
    if not is_over(state):
        return False
    return resolution == "BuyerWon" or (not resolution and reason_code in _GIVEN_IN)


def file_type(name: str, content: bytes) -> str | None:
    """Amazon's name for the kind of a file; None where it is of no kind that Amazon takes, or not what it says."""
    ending = name.rpartition(".")[2].lower().replace("jpeg", "jpg")
    starts = FILE_TYPES.get(ending)
    if starts is None:
        return None
    if ending == "csv":
        return ending if _is_text(content) else None
    return ending if content.startswith(starts) else None


def _is_text(content: bytes) -> bool:
    if b"\x00" in content:
        return False
    for encoding in ("utf-8", "cp932"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False
