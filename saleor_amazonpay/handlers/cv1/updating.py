"""SetBillingAgreementDetails of CV1: what an agreement says about the merchant is changed by Update Charge Permission.

Source: amazon-pay-cv2.md §12, §3.8 (once Closed only what is still empty can be filled in).
"""

from __future__ import annotations

from saleor_amazonpay.amazonpay import requests
from saleor_amazonpay.amazonpay.payloads import MerchantMetadata, fit_store_name
from saleor_amazonpay.errors import AmazonPayRejected
from saleor_amazonpay.handlers.agreements import copies
from saleor_amazonpay.handlers.cv1.reading import Refused
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage import timeline
from saleor_amazonpay.storage.agreements import Agreement
from saleor_amazonpay.storage.engine import Session


async def update(
    services: Services,
    api_url: str,
    agreement_id: str,
    *,
    merchant_reference_id: str | None,
    store_name: str | None,
    note_to_buyer: str | None,
    by: str,
    deadline: Deadline,
) -> Agreement:
    """The agreement after Amazon has taken the change; None leaves a field as it is.

    Raises:
        Refused: there is no such agreement, a text is too long, or Amazon does not take it.
        AmazonPayUnavailable, AmazonPayUnresolved: ask again; the same change twice is one.
    """
    known = await services.database.read(lambda session: agreement_rows.by_id(session, agreement_id))
    if known is None or known.api_url != api_url:
        raise Refused("NO_AGREEMENT", "This Saleor has no such agreement.")
    try:
        metadata = MerchantMetadata(
            merchant_reference_id=merchant_reference_id,
            merchant_store_name=fit_store_name(store_name) if store_name is not None else None,
            note_to_buyer=note_to_buyer,
        )
    except ValueError as wrong:
        raise Refused("TOO_LONG", str(wrong)) from wrong
    account = await services.directory.account(api_url, known.account_id)
    request = requests.update_charge_permission(known.charge_permission_id, merchant_metadata=metadata)
    try:
        answer = await services.amazon(account).execute(request, budget=deadline.left)
    except AmazonPayRejected as refusal:
        raise Refused(refusal.reason_code or "REJECTED", refusal.public_message) from refusal

    def write(session: Session) -> Agreement:
        now = services.clock.now()
        copies.write(session, api_url, answer.value, now=now)
        timeline.add(session, known.id, "request", now, agreement="details changed", by=by)
        return agreement_rows.by_id(session, known.id) or known

    return await services.database.run(write)
