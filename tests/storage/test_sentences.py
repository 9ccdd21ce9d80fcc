"""Sentences come out of the database as they went in, whatever was filled in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from saleor_amazonpay.dashboard.translations import language
from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import sentences

YEN = Money(3500, Currency.JPY)
DAY = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sentence", "english"),
    [
        (Message("Nothing {is} filled in."), "Nothing {is} filled in."),
        (Message("{count} and {text}", count=3, text="{braces} 雫"), "3 and {braces} 雫"),
        (Message("{amount} by {time}", amount=YEN, time=DAY), "3500 JPY by 2026-11-28 09:30 UTC"),
        (Message("{a}: {b}", a=Message("{x}!", x=1), b=(Message("y"), YEN, "z")), "1!: y; 3500 JPY; z"),
        (Message("{none}", none=None), "None"),
    ],
)
def test_of_every_kind_of_parameter(sentence, english):
    again = sentences.load(sentences.dump(sentence))
    assert str(again) == str(sentence) == english


def test_is_told_in_the_readers_language_to_the_last_part():
    told = Message("{fault} Buyers of the channel {channel} cannot pay with Amazon Pay.", fault=(), channel="jp")
    inner = Message("Amazon Pay refused the request.")
    sentence = Message(told.template, fault=(inner, inner), channel="jp")
    said = language("ja").say(sentences.load(sentences.dump(sentence)))
    assert said == (
        "Amazon Pay に拒否されました。; Amazon Pay に拒否されました。 チャネル jp の購入者は Amazon Pay で支払えません。"
    )
