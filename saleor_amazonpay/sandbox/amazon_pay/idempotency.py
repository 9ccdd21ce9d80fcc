"""Remembered answers of POST requests, for ever. Source: amazon-pay-cv2.md §3.2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from saleor_amazonpay.sandbox.amazon_pay import wire
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem

REQUIRED_FOR: Final = frozenset({"create_checkout_session", "create_charge", "create_refund"})
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_NOT_KEPT: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent; ``document`` already in its final bytes, so that a repeat is the same to the byte."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    path: str
    values: bytes
    response: Response


class IdempotencyStore:
    """Per merchant account and environment. Values are compared, not bytes: the order of keys means nothing."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Owner, str], _Kept] = {}

    def answer(
        self, owner: Owner, key: str, path: str, body: Mapping[str, Any], do: Callable[[], Response]
    ) -> Response:
        """The first answer to ``key``, made by ``do`` if this is the first time.

        A failure is kept like a success, except 5xx and the other answers that ask for a repeat.

        Raises:
            ApiProblem: the key was used for something else.
        """
        values = wire.encoded(_sorted(body))
        kept = self._kept.get((owner, key))
        if kept is None:
            response = do()
            if response.status < 500 and response.status not in _NOT_KEPT:
                self._kept[owner, key] = _Kept(path, values, response)
            return response
        if (kept.path, kept.values) != (path, values):
            raise ApiProblem("DuplicateIdempotencyKey", "The idempotency key was used with other values.")
        return kept.response


def checked_key(operation: str, headers: Mapping[str, str]) -> str | None:
    key = headers.get("x-amz-pay-idempotency-key")
    if key is None and operation in REQUIRED_FOR:
        raise ApiProblem("MissingHeader", "The header x-amz-pay-idempotency-key is missing.")
    if key == "":
        raise ApiProblem("MissingHeaderValue", "The header x-amz-pay-idempotency-key has no value.")
    if key is not None and not _KEY.match(key):
        raise ApiProblem("InvalidHeaderValue", "x-amz-pay-idempotency-key: at most 32 of A-Z a-z 0-9 - _.")
    return key


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(entry) for entry in value]
    return value if value is None or isinstance(value, bool | str | int) else str(value)
