"""Every answer a journey gets is one that our contract describes and Saleor takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from saleor_amazonpay import resources
from saleor_amazonpay.sandbox.saleor.webhooks import Delivery

SHARED = Path(__file__).parents[3] / "shared" / "saleor" / "json_schemas"
# Under the gateway's name Saleor publishes the schema of the two method events, and none of the gateway's own.
_TOKENIZATION = "PAYMENT_GATEWAY_INITIALIZE_TOKENIZATION_SESSION"
_PUBLISHED_AS = {
    _TOKENIZATION: "",
    "PAYMENT_METHOD_INITIALIZE_TOKENIZATION_SESSION": _TOKENIZATION,
    "PAYMENT_METHOD_PROCESS_TOKENIZATION_SESSION": _TOKENIZATION,
}


@cache
def _validators(event: str) -> list[jsonschema.Draft202012Validator]:
    ours = resources.root() / "webhooks" / "saleor" / event.lower() / "answer.schema.json"
    published = _PUBLISHED_AS.get(event, event)
    saleors = SHARED / ("".join(word.capitalize() for word in published.split("_")) + ".json")
    texts = [path.read_text() for path in (ours, saleors) if path.is_file()]
    return [jsonschema.Draft202012Validator(json.loads(text)) for text in texts]


def faults(deliveries: Iterable[Delivery]) -> Iterator[tuple[str, Any, str]]:
    """Answers of status 200 that a schema does not allow: event, answer, why."""
    for delivery in deliveries:
        if delivery.status == 200 and delivery.json is not None:
            for validator in _validators(delivery.event):
                for error in validator.iter_errors(delivery.json):
                    yield delivery.event, delivery.json, error.message
