"""Messages that Amazon's key signed and that say nonsense, and envelopes spoiled after signing."""

from __future__ import annotations

import json

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.sandbox.amazon_pay.notifications import sign, signing_key
from tests.fuzz import hostile
from tests.fuzz.conftest import bounded

SHORT, LONG = 60, 1500
FIELDS = ("MerchantID", "ObjectType", "ObjectId", "ChargePermissionId", "NotificationType", "NotificationVersion")
MERCHANT = "AJPMERCHANT000"


@pytest.fixture
def post(target):
    with httpx2.Client(trust_env=False, base_url=target.shop.app_url) as client:
        yield lambda envelope: client.post("/api/webhooks/amazon-pay/account-jp", content=hostile.encoded(envelope))


def genuine(shop):
    shop.amazon.url = shop.amazon_url
    return shop.amazon.ipn.build(MERCHANT, "CHARGE", "S03-0000000-0000000-C000000", "S03-0000000-0000000")


@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_signed_nonsense(target, post, no_faults, examples):
    """Stored or refused; then the job ends without a fault and asks for nothing it should not."""

    @bounded(examples)
    @given(st.dictionaries(st.sampled_from(FIELDS), hostile.values, max_size=4) | hostile.values)
    def check(changed):
        envelope = genuine(target.shop)
        inner = json.loads(envelope["Message"])
        envelope["Message"] = json.dumps({**inner, **changed} if isinstance(changed, dict) else changed)
        envelope["Signature"] = sign(envelope, signing_key())
        answered = post(envelope)
        assert answered.status_code in {200, 400, 401, 404, 413}, answered.text
        target.call(target.shop.work)
        no_faults(changed)

    check()
    assert target.shop.amazon.audit()["charges"] == []


@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_spoiled_envelopes(target, post, no_faults, examples):
    @bounded(examples)
    @given(hostile.spoiled([genuine(target.shop)]))
    def check(envelope):
        answered = post(envelope)
        # Some of the envelope is not signed: SigningCertURL of the same host, UnsubscribeURL.
        assert answered.status_code in {200, 400, 401, 413, 503}, answered.text
        no_faults(envelope)

    check()
