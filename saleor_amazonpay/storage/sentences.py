"""Sentences in columns: the English one and what was filled in, so that each reader is told in their own language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.messages import Message


def dump(sentence: Message) -> str:
    """JSON; what ``load`` makes the same sentence of."""
    return json.dumps(_written(sentence), ensure_ascii=False)


def load(text: str) -> Message:
    read: Message = _read(json.loads(text))
    return read


def _written(value: Any) -> Any:
    if isinstance(value, Message):
        return {"sentence": value.template, "with": {name: _written(each) for name, each in value.parameters.items()}}
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency.value}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    return value if isinstance(value, int) else str(value)


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read(each) for each in value)
    return _read_object(value) if isinstance(value, Mapping) else value


def _read_object(value: Mapping[str, Any]) -> Message | Money | datetime:
    if "sentence" in value:
        return Message(value["sentence"], **{name: _read(each) for name, each in value["with"].items()})
    if "minor" in value:
        return Money(value["minor"], Currency(value["currency"]))
    return datetime.fromisoformat(value["time"])
