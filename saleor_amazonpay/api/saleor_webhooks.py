"""``POST /api/webhooks/saleor/<event>``: verify the raw bytes, decode once, call the handler named after the event.

Only the body is signed, so the tenant's own keys, the recipient, the type and the time are checked beside the signature
(DESIGN §4 rule 9). Action events are never answered 5xx: Saleor would re-send them with an empty body and take any JSON
answered to that for the outcome (rule 6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from saleor_amazonpay import bodies
from saleor_amazonpay.api.admission import Admission, Overloaded
from saleor_amazonpay.domain import keys
from saleor_amazonpay.errors import AppError, InvalidPayload, SignatureRejected, UnknownInstallation
from saleor_amazonpay.handlers import (
    list_stored_payment_methods,
    payment_gateway_initialize_session,
    payment_gateway_initialize_tokenization_session,
    payment_method_initialize_tokenization_session,
    payment_method_process_tokenization_session,
    problems,
    stored_payment_method_delete_requested,
    tenant_keys,
    transaction_cancelation_requested,
    transaction_charge_requested,
    transaction_initialize_session,
    transaction_process_session,
    transaction_refund_requested,
)
from saleor_amazonpay.handlers.directory import Tenant
from saleor_amazonpay.handlers.services import Deadline, Services
from saleor_amazonpay.handlers.session_events import undecided
from saleor_amazonpay.handlers.shipments import receiving as shipments
from saleor_amazonpay.observability.logging import log_context, name_in_log, request_id
from saleor_amazonpay.saleor.answers import (
    ActionAnswer,
    Answer,
    GatewayAnswer,
    MethodAnswer,
    MethodResult,
    MethodsAnswer,
    ReceivedAnswer,
    SessionAnswer,
)
from saleor_amazonpay.saleor.checks import check_envelope
from saleor_amazonpay.saleor.errors import PayloadErrors
from saleor_amazonpay.saleor.events import (
    EVENTS,
    Event,
    FulfillmentApproved,
    FulfillmentCreated,
    FulfillmentMetadataUpdated,
    FulfillmentTrackingNumberUpdated,
    ListStoredPaymentMethods,
    PaymentGatewayInitializeSession,
    PaymentGatewayInitializeTokenizationSession,
    PaymentMethodInitializeTokenizationSession,
    PaymentMethodProcessTokenizationSession,
    StoredPaymentMethodDeleteRequested,
    TransactionCancelationRequested,
    TransactionChargeRequested,
    TransactionInitializeSession,
    TransactionProcessSession,
    TransactionRefundRequested,
    decode,
)
from saleor_amazonpay.saleor.manifest import parse_schema_version
from saleor_amazonpay.saleor.signature import verify_or_refetch

log = structlog.get_logger(__name__)

_FAULT = "Nothing is decided because of an internal fault; try again."


_EVENT_BY_PATH = {f"/api/webhooks/saleor/{name.replace('_', '-')}": name for name in EVENTS}


def known_event(scope: Scope) -> str | None:
    """The event whose webhook this request is; None for everything else, unknown events and other methods included."""
    return _EVENT_BY_PATH.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None


async def receive(request: Request) -> Response:
    return await received(request, request.path_params["event"].replace("-", "_"))


async def received(request: Request, event_name: str) -> Response:
    """One webhook, answered whatever happens."""
    services: Services = request.app.state.services
    known_name = event_name if event_name in EVENTS else "unknown"
    headers: Headers = dict(request.scope["headers"])
    api_url = _text(headers, b"saleor-api-url")
    with (
        log_context(tenant=api_url or None, request_id=request_id(_text(headers, b"x-request-id"))),
        services.tracing.webhook(known_name, api_url, headers),
    ):
        try:
            return await _logged(request, services, event_name, known_name, headers)
        finally:
            request.app.state.application.admission.leave()


Headers = Mapping[bytes, bytes]
"""By their lower-case names; Starlette looks through all of them each time one is asked for."""


def _text(headers: Headers, name: bytes) -> str:
    """Empty where there is none."""
    return headers.get(name, b"").decode("latin-1")


async def _logged(request: Request, services: Services, event_name: str, known_name: str, headers: Headers) -> Response:
    started = services.clock.monotonic()
    try:
        response, outcome = await _answer(request, services, event_name, headers)
    except AppError as refusal:
        response, outcome = _refuse(services, event_name, refusal)
        await problems.refused_event(services, _text(headers, b"saleor-api-url"), event_name, refusal)
    except Exception:
        log.exception("webhook_fault", event_name=event_name)
        response, outcome = Response(_FAULT, _fault_status(event_name), media_type="text/plain"), "fault"
    seconds = services.clock.monotonic() - started
    services.metrics.webhook(known_name, outcome, seconds)
    log.info(
        "webhook",
        event_name=event_name,
        outcome=outcome,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
    )
    return response


async def _answer(request: Request, services: Services, event_name: str, headers: Headers) -> tuple[Response, str]:
    if event_name not in EVENTS:
        raise UnknownEvent(f"There is no webhook {event_name!r}.")
    admission: Admission = request.app.state.application.admission
    await _admitted(services, admission, event_name, _text(headers, b"saleor-api-url"))
    body = await bodies.read(request, services.settings.webhook_max_bytes, waiting=admission.outside)
    if _text(headers, b"saleor-event").lower() != event_name:
        raise InvalidPayload("The Saleor-Event header names another event.")
    deadline = Deadline(services.clock, services.settings.answer_budget_seconds)
    tenant = await _verified(request, services, body, headers)
    admission.proven()
    event = decode(event_name, body)
    check_envelope(
        event,
        expected_typename=type(event).__name__,
        recipient_id=tenant.installation.app_id,
        now=services.clock.now(),
    )
    await tenant_keys.proven(services, tenant)
    name_in_log(transaction=getattr(getattr(event, "transaction", None), "id", None))
    about = _payment_id(tenant, event)
    if isinstance(event, TransactionProcessSession):
        services.chronicle.note(about, "request", event=event_name)
    answer = await _handled(services, tenant, event, body, deadline)
    if isinstance(answer, SessionAnswer | ActionAnswer):
        _tell_timeline(services, about, event_name, answer)
    return Response(_rendered(answer, event), media_type="application/json"), outcome_of(answer)


async def _admitted(services: Services, admission: Admission, event_name: str, api_url: str) -> None:
    """Wait for this tenant's turn; ``api_url`` is only claimed so far, and decides about nothing but the lane."""
    lane = api_url if services.directory.knows(api_url) else ""
    known = EVENTS[event_name]
    moves_money = not (known.is_session or known.is_asynchronous)
    await admission.enter(lane, moves_money=moves_money)


class UnknownEvent(InvalidPayload):
    status = 404
    code = "UNKNOWN_EVENT"


async def _verified(request: Request, services: Services, body: bytes, headers: Headers) -> Tenant:
    """The tenant whose keys signed the body; an unknown one looks like a bad signature from outside."""
    api_url, signature = _text(headers, b"saleor-api-url"), _text(headers, b"saleor-signature")
    if not api_url or not signature:
        raise SignatureRejected("The request is not signed by an installed Saleor.")
    application = request.app.state.application
    tenant = await services.directory.tenant(api_url)
    verified_by = await verify_or_refetch(
        application.verifier, application.key_source, signature, body, api_url=api_url, keys=tenant.keys
    )
    if verified_by is tenant.keys:
        return tenant
    await tenant_keys.changed(services, tenant, verified_by)
    return await services.directory.tenant(api_url)


Handler = Callable[..., Awaitable[Answer]]

_SESSION_HANDLERS: Mapping[type[Event], Handler] = {
    PaymentGatewayInitializeSession: payment_gateway_initialize_session.handle,
    TransactionInitializeSession: transaction_initialize_session.handle,
    TransactionProcessSession: transaction_process_session.handle,
    ListStoredPaymentMethods: list_stored_payment_methods.handle,
    StoredPaymentMethodDeleteRequested: stored_payment_method_delete_requested.handle,
    PaymentGatewayInitializeTokenizationSession: payment_gateway_initialize_tokenization_session.handle,
    PaymentMethodInitializeTokenizationSession: payment_method_initialize_tokenization_session.handle,
    PaymentMethodProcessTokenizationSession: payment_method_process_tokenization_session.handle,
}
_ACTION_HANDLERS: Mapping[type[Event], Handler] = {
    TransactionChargeRequested: transaction_charge_requested.handle,
    TransactionRefundRequested: transaction_refund_requested.handle,
    TransactionCancelationRequested: transaction_cancelation_requested.handle,
}

_ASYNCHRONOUS_HANDLERS: Mapping[type[Event], Callable[..., Awaitable[None]]] = {
    FulfillmentCreated: shipments.handle,
    FulfillmentApproved: shipments.handle,
    FulfillmentTrackingNumberUpdated: shipments.handle,
    FulfillmentMetadataUpdated: shipments.handle,
}


async def _handled(services: Services, tenant: Tenant, event: Event, body: bytes, deadline: Deadline) -> Answer:
    action = _ACTION_HANDLERS.get(type(event))
    if action is not None:
        body_hash = hashlib.sha256(body).hexdigest()
        return await action(services, tenant.installation, event, deadline, body_hash=body_hash)
    if type(event) in _ASYNCHRONOUS_HANDLERS:
        await _ASYNCHRONOUS_HANDLERS[type(event)](services, tenant.installation, event)
        return ReceivedAnswer()
    try:
        return await _SESSION_HANDLERS[type(event)](services, tenant.installation, event, deadline)
    except Exception:
        log.exception("session_event_fault", event_name=type(event).__name__)
        return _session_fault(event)


def _session_fault(event: Event) -> Answer:
    """Not final: the storefront may call transactionProcess (again), and repeats are harmless."""
    if isinstance(event, TransactionInitializeSession | TransactionProcessSession):
        return undecided(event, _FAULT, status="processing")
    if isinstance(event, ListStoredPaymentMethods):
        return MethodsAnswer(methods=())
    result = _METHOD_FAULTS.get(type(event))
    if result is not None:
        return MethodAnswer(result=result, error=_FAULT)
    return GatewayAnswer(errors=[{"code": "INTERNAL_ERROR", "message": _FAULT}])


_METHOD_FAULTS: Mapping[type[Event], MethodResult] = {
    StoredPaymentMethodDeleteRequested: "FAILED_TO_DELETE",
    PaymentGatewayInitializeTokenizationSession: "FAILED_TO_INITIALIZE",
    PaymentMethodInitializeTokenizationSession: "FAILED_TO_TOKENIZE",
    PaymentMethodProcessTokenizationSession: "FAILED_TO_TOKENIZE",
}


def _rendered(answer: Answer, event: Event) -> bytes:
    if isinstance(answer, SessionAnswer):
        return answer.render(parse_schema_version(event.version))
    return answer.render()


def _payment_id(tenant: Tenant, event: Event) -> str:
    """The payment of the event's transaction, whether there is one (yet) or not."""
    transaction = getattr(event, "transaction", None)
    return keys.reference("payment", tenant.installation.api_url, transaction.id) if transaction else ""


def _tell_timeline(services: Services, payment_id: str, event_name: str, answer: SessionAnswer | ActionAnswer) -> None:
    """What Saleor was answered; what an action asks, or a first session event, is written with its intent."""
    services.chronicle.note(
        payment_id,
        "answer",
        event=event_name,
        result=answer.result or "asynchronous",
        amount=answer.amount and str(answer.amount),
        reference=answer.psp_reference or None,
        message=answer.message or None,
    )


def outcome_of(answer: Answer) -> str:
    """A word for metrics and the log."""
    match answer:
        case SessionAnswer():
            return answer.result.lower()
        case ActionAnswer():
            return answer.result.lower() if answer.result else "async"
        case GatewayAnswer():
            return "errors" if answer.errors else "ok"
        case MethodsAnswer():
            return "ok"
        case MethodAnswer():
            return answer.result.lower()
        case ReceivedAnswer():
            return "received"


def _refuse(services: Services, event_name: str, refusal: AppError) -> tuple[Response, str]:
    """Plain text: Saleor shows it in the delivery log and books its own failure (rule 6)."""
    if isinstance(refusal, SignatureRejected | UnknownInstallation):
        services.metrics.signature_failure("saleor")
    if isinstance(refusal, PayloadErrors):
        log.error("payload_errors", event_name=event_name, messages=refusal.messages)
    status = refusal.status if refusal.status < _SERVER_ERROR else _fault_status(event_name)
    headers = {"Retry-After": "1"} if isinstance(refusal, Overloaded) else None
    return Response(refusal.public_message, status, headers, media_type="text/plain"), refusal.code.lower()


_SERVER_ERROR = 500


def _fault_status(event_name: str) -> int:
    """Never 5xx where Saleor would re-send with an empty body; nothing was begun, so a failure is the truth."""
    known = EVENTS.get(event_name)
    return 400 if known is not None and not (known.is_session or known.is_asynchronous) else 503


routes = [Route("/api/webhooks/saleor/{event}", receive, methods=["POST"])]
