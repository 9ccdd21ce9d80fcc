"""What is kept of a renewal as an English text is told in the reader's language, what was filled in included."""

from __future__ import annotations

import pytest

from saleor_amazonpay.dashboard.translations import language
from saleor_amazonpay.handlers.billing import reasons
from saleor_amazonpay.messages import Message

FILLED = {name: f"«{name}»" for name in ("agreed", "amount", "before", "currency", "left", "limit", "number", "status")}
FILLED |= {name: f"«{name}»" for name in ("names", "total", "what", "why")}


def in_japanese(text):
    return language("ja").say(reasons.told(text))


@pytest.mark.parametrize("template", reasons._FILLED)
def test_each_is_recognized_by_its_text(template):
    text = template.format(**FILLED)
    assert str(reasons.told(text)) == text
    assert in_japanese(text) == language("ja").sentences[template].format(**FILLED)


def test_a_sentence_within_a_sentence_is_told_too():
    why = "Amazon Pay cannot charge this payment now: the buyer has to update the payment method at Amazon."
    refused = str(Message(reasons.NO_ORDER, why="No stock."))
    kept = str(Message(reasons.NOT_RELEASED, what=refused, why=why))
    told = in_japanese(kept)
    assert told.startswith(
        "Saleor がチェックアウトから注文を作成しませんでした: No stock. オーソリを解放できませんでした: "
    )
    assert language("ja").sentences[why] in told


@pytest.mark.parametrize("text", ["", "Soft {decline", "Somebody else's words."])
def test_what_nobody_knows_stays_as_it_is(text):
    assert in_japanese(text) == text
