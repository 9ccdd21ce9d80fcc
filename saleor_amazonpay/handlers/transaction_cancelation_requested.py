"""TRANSACTION_CANCELATION_REQUESTED: release every open authorization and close a one-time permission (DESIGN §6)."""

from __future__ import annotations

from saleor_amazonpay.domain.states import OperationKind
from saleor_amazonpay.handlers import action_requests
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.saleor.answers import ActionAnswer
from saleor_amazonpay.saleor.events import TransactionCancelationRequested
from saleor_amazonpay.storage.installations import Installation


async def handle(
    services: Services,
    installation: Installation,
    event: TransactionCancelationRequested,
    deadline: Deadline,
    *,
    body_hash: str,
) -> ActionAnswer:
    request = action_requests.Request(installation, OperationKind.CANCEL, event, body_hash)
    return await action_requests.handle(services, request, deadline)
