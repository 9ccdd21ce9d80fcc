"""Amazon Pay Checkout v2, simulated: API, hosted pages, checkout.js, notifications, a clock that can be moved.

    simulator = AmazonPaySimulator(MovableClock())
    simulator.register_merchant("A23YM23UEBY8FM", store_id, "SANDBOX-KEY", public_key_pem)
    async with simulator.running() as url:
        ...

What it does and why is amazon-pay-cv2.md; where that is silent, ``SimulatorOptions`` says what was chosen.
"""

from saleor_amazonpay.sandbox.amazon_pay.api import OPERATIONS, Call
from saleor_amazonpay.sandbox.amazon_pay.buyers import CARDS, TEST_BUYERS, Buyer, address
from saleor_amazonpay.sandbox.amazon_pay.faults import Fault
from saleor_amazonpay.sandbox.amazon_pay.notifications import Notification, SigningKey, signing_key
from saleor_amazonpay.sandbox.amazon_pay.options import SimulatorOptions
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.simulator import AmazonPaySimulator

__all__ = [
    "CARDS",
    "OPERATIONS",
    "TEST_BUYERS",
    "AmazonPaySimulator",
    "ApiProblem",
    "Buyer",
    "Call",
    "Fault",
    "Notification",
    "SigningKey",
    "SimulatorOptions",
    "address",
    "signing_key",
]
