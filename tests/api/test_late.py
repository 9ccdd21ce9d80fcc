"""A part of the app that is imported when somebody first asks for it."""

from __future__ import annotations

import asyncio
import threading

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from saleor_amazonpay.api.late import LateRoutes
from saleor_amazonpay.app import _dashboard_routes
from saleor_amazonpay.dashboard.pages import PREFIX


@pytest.fixture
def loaded():
    return []


@pytest.fixture
def client(loaded):
    def load():
        loaded.append("part")
        return [
            Route("/part", lambda request: PlainTextResponse("front")),
            Route("/part/{name}", lambda request: PlainTextResponse(request.path_params["name"])),
        ]

    elsewhere = Route("/partly", lambda request: PlainTextResponse("elsewhere"))
    return TestClient(Starlette(routes=[LateRoutes("/part", load), elsewhere]))


def test_nobody_asks_for_it(client, loaded):
    assert client.get("/partly").text == "elsewhere"
    assert client.get("/nothing").status_code == 404
    assert loaded == []


def test_it_is_loaded_once_and_answers(client, loaded):
    assert client.get("/part").text == "front"
    assert client.get("/part/door").text == "door"
    assert client.get("/part/a/b").status_code == 404
    assert client.post("/part").status_code == 405
    assert loaded == ["part"]


async def test_others_are_answered_while_it_is_loaded_and_whoever_asks_for_it_waits():
    is_asked_for, may_end, loaded = threading.Event(), threading.Event(), []

    def load():
        is_asked_for.set()
        assert may_end.wait(30)
        loaded.append("part")
        return [Route("/part", lambda request: PlainTextResponse("front"))]

    elsewhere = Route("/webhook", lambda request: PlainTextResponse("answered"))
    app = Starlette(routes=[LateRoutes("/part", load), elsewhere])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://app") as client:
        visits = [asyncio.create_task(client.get("/part")) for _ in range(3)]
        assert await asyncio.to_thread(is_asked_for.wait, 30)
        assert (await client.get("/webhook")).text == "answered"
        assert not any(visit.done() for visit in visits)
        may_end.set()
        assert [visit.text for visit in await asyncio.gather(*visits)] == ["front"] * 3
    assert loaded == ["part"]


def test_the_merchants_page_lies_below_its_prefix():
    assert PREFIX == "/dashboard"
    assert all(route.path.startswith(PREFIX) for route in _dashboard_routes())
