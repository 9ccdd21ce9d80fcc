"""A part of the app that is imported when somebody first asks for it."""

from __future__ import annotations

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


def test_the_merchants_page_lies_below_its_prefix():
    assert PREFIX == "/dashboard"
    assert all(route.path.startswith(PREFIX) for route in _dashboard_routes())
