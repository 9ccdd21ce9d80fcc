"""``POST /api/webhooks/amazon-pay/{account_id}``: verify, put into the inbox with its job, acknowledge at once."""

from __future__ import annotations

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from saleor_amazonpay import bodies
from saleor_amazonpay.amazonpay.notifications import open_envelope
from saleor_amazonpay.errors import AppError, SignatureRejected
from saleor_amazonpay.handlers import notifications
from saleor_amazonpay.handlers.services import Services

log = structlog.get_logger(__name__)


async def receive(request: Request) -> Response:
    """200 once the message is stored; 4xx where sending it again would change nothing."""
    services: Services = request.app.state.services
    account_id = request.path_params["account_id"]
    try:
        body = await bodies.read(request, services.settings.webhook_max_bytes)
        envelope = await open_envelope(body, request.app.state.application.certificates)
        outcome = await notifications.receive(services, account_id, envelope)
    except AppError as refusal:
        if isinstance(refusal, SignatureRejected):
            services.metrics.signature_failure("amazon-pay")
        log.warning("notification_refused", account=account_id, code=refusal.code, reason=refusal.public_message)
        return Response(refusal.public_message, refusal.status, media_type="text/plain")
    log.info("notification", account=account_id, outcome=outcome)
    return Response(status_code=200)


routes = [Route("/api/webhooks/amazon-pay/{account_id}", receive, methods=["POST"])]
