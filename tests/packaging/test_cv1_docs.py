"""What docs/cv1.md says is what the code does: calls, states, reasons, limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saleor_amazonpay.domain.cv1.calls import CALLS
from saleor_amazonpay.domain.cv1.limits import over_amount_limit
from saleor_amazonpay.domain.money import Money

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/cv1.md").read_text("utf-8")
AT_CHECKOUT = {"SetOrderReferenceDetails", "ConfirmOrderReference", "ConfirmBillingAgreement"}


@pytest.mark.parametrize("call", [call for call in CALLS if call.name not in AT_CHECKOUT], ids=lambda call: call.name)
def test_a_call_stands_beside_what_replaces_it(call):
    table = PAGE.partition("## What becomes of CV1's calls")[2].partition("\n## ")[0]
    cells = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    [row] = [cell for cell in cells if call.name in cell[1].strip().split(", ")]
    assert (call.cv2 or "none:") in row[2]


def test_every_reason_of_the_code_is_explained():
    code = "".join(path.read_text("utf-8") for path in (ROOT / "saleor_amazonpay").glob("**/cv1/*.py"))
    reasons = set(re.findall(r'(?:Refused|NotACv1Id|_unreadable)\(\s*(?:line, )?"([A-Z0-9_]+)"', code))
    assert len(reasons) > 15
    assert {reason for reason in reasons if f"`{reason}`" not in PAGE} == {"EMPTY"}


@pytest.mark.parametrize(("order", "limit"), [(10_000, 11_500), (60_000, 68_400), (56_000, 64_400)])
def test_the_limit_above_an_order(order, limit):
    assert over_amount_limit(Money.parse(order, "JPY")) == Money.parse(limit, "JPY")


def test_the_limit_in_other_currencies():
    assert over_amount_limit(Money.parse("100.00", "USD")) == Money.parse("115.00", "USD")
    assert over_amount_limit(Money.parse("1000.00", "EUR")) == Money.parse("1075.00", "EUR")
