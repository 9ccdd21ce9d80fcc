"""Names are the same in every version: a repeat that comes after an upgrade is recognised as one."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.domain import keys

PARTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f")), min_size=1, max_size=4)


def test_what_is_stored_somewhere_is_found_again():
    name = keys.reference("payment", "https://shop.example/graphql/", "VHJhbnM6MQ==")
    assert name == "payment-dn9maabthle5382vucqo1laqvd"
    assert keys.idempotency_key("capture", "S01-1-C1", 1000) == "56bvqifhjqqvt4i9copc5cd7htrjo7um"


@given(PARTS)
def test_amazon_takes_every_key(parts):
    assert re.fullmatch(r"[0-9a-v]{32}", keys.idempotency_key(*parts))


@given(PARTS, PARTS)
def test_other_facts_have_other_names(some, others):
    same = [*map(str, some)] == [*map(str, others)]
    assert (keys.reference("refund", *some) == keys.reference("refund", *others)) is same
