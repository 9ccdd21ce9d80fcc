"""``GET /api/checkout/return``: Amazon sends buyers here, and from here they go on to the shop."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers import checkout_return
from saleor_amazonpay.handlers.services import Deadline, Services

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


async def come_back(request: Request) -> Response:
    """303 to the shop, whatever the payment came to; 404 for a link that is nobody's."""
    services: Services = request.app.state.services
    deadline = Deadline(services.clock, services.settings.answer_budget_seconds)
    payment_id = request.query_params.get("payment", "")
    session_id = request.query_params.get("amazonCheckoutSessionId", "")
    try:
        onward = await checkout_return.come_back(services, payment_id, session_id, deadline)
    except AppError as refusal:
        return PlainTextResponse(refusal.public_message, refusal.status, headers=_HEADERS)
    return RedirectResponse(onward, 303, headers=_HEADERS)


routes = [Route(checkout_return.PATH, come_back)]
