"""Health and metrics, for whatever watches the process."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import literal, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saleor_amazonpay import __version__
from saleor_amazonpay.observability.metrics import CONTENT_TYPE
from saleor_amazonpay.storage import drift, notifications
from saleor_amazonpay.storage.engine import Session, Statement

_ALIVE = Statement(select(literal(1)))


async def live(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok", "version": __version__})


async def ready(request: Request) -> Response:
    """The database answers too, so webhooks can be taken."""
    try:
        await request.app.state.services.database.read(lambda session: session.scalar(_ALIVE))
    except Exception:  # noqa: BLE001 - whatever it is, we are not ready
        return JSONResponse({"status": "unavailable", "database": "unreachable"}, status_code=503)
    return JSONResponse({"status": "ok", "database": "ok", "version": __version__})


async def metrics(request: Request) -> Response:
    """Prometheus' text format; queue, differences and inbox are read at each scrape."""
    application = request.app.state.application
    depth = await application.jobs.depth()
    told = application.services.metrics
    told.jobs(waiting=depth.waiting, oldest_seconds=depth.oldest_age, dead=depth.dead)
    differing, notified = await application.services.database.read(_of_the_database)
    told.differing(differing)
    told.last_notified(notified.timestamp() if notified else 0.0)
    return Response(told.render(), media_type=CONTENT_TYPE)


def _of_the_database(session: Session) -> tuple[int, datetime | None]:
    return drift.count_all(session), notifications.newest(session)


routes = [
    Route("/health/live", live),
    Route("/health/ready", ready),
    Route("/metrics", metrics),
]
