"""What is well, what is not, and what to do about it: for `saleor-amazonpay doctor` and the merchant's health page.

Each check is a function that yields findings and never raises; what cannot be looked at is a finding too. Looking
changes nothing: no repair, no job, no row. Source: amazon-pay-cv2.md §13.1 (check list), saleor-contract.md §1-3, §9.
"""

from __future__ import annotations

from saleor_amazonpay.handlers.diagnosis.findings import Finding, Level, worst
from saleor_amazonpay.handlers.diagnosis.of_a_tenant import of_tenant
from saleor_amazonpay.handlers.diagnosis.of_the_app import of_the_app

__all__ = ["Finding", "Level", "of_tenant", "of_the_app", "worst"]
