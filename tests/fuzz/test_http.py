"""Every route, with methods, paths, headers, queries and bodies that no client sends: refused, never a fault of ours."""

from __future__ import annotations

import http.client
import re
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_amazonpay.app import create_app
from saleor_amazonpay.dashboard import routing as dashboard
from tests.fuzz import hostile
from tests.fuzz.conftest import bounded
from tests.journeys.shop import settings

SHORT, LONG = 25, 500
UNSENDABLE = re.compile(r"[\r\n\0]")  # no HTTP client puts these into a header
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH")
HEADERS = (
    "Authorization",
    "Saleor-Api-Url",
    "Saleor-Event",
    "Saleor-Signature",
    "Origin",
    "Content-Type",
    "Cookie",
    "X-Forwarded-For",
    "Saleor-Schema-Version",
    "Accept-Language",
    "HX-Request",
)


texts = st.sampled_from([text for text in hostile.TEXTS if len(text) < 3000 and "\ud800" not in text]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=40
)


def path_of(route, drawn):
    """A route's path with its parameters filled in."""
    return "/".join(quote(drawn, safe="") if part.startswith("{") else part for part in route.split("/"))


@pytest.fixture(scope="module")
def application_routes():
    """All that ``create_app`` mounts, so that a new route is fuzzed without being named here."""
    app = create_app(settings("sqlite:///unused.db", "http://localhost:1", "http://localhost:2"))
    mounted = [*app.router.routes, *dashboard.routes()]
    found = sorted({route.path for route in mounted if getattr(route, "path", "")})
    assert "/api/manifest" in found
    return found


@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_every_route(target, no_faults, application_routes, examples):
    url = urlsplit(target.shop.app_url)

    @bounded(examples * len(application_routes))
    @given(
        st.sampled_from(application_routes),
        texts,
        st.sampled_from(METHODS),
        st.dictionaries(st.sampled_from(HEADERS), texts, max_size=4),
        st.dictionaries(
            st.sampled_from(["shop", "transaction", "amazonCheckoutSessionId", "page", "id", "x"]), texts, max_size=2
        ),
        st.binary(max_size=40) | hostile.values.map(hostile.encoded),
    )
    def check(route, drawn, method, headers, query, body):
        target_path = path_of(route, drawn) + "?" + "&".join(f"{key}={quote(text)}" for key, text in query.items())
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
        try:
            connection.putrequest(method, target_path, skip_accept_encoding=True)
            for name, text in headers.items():
                connection.putheader(name, UNSENDABLE.sub(" ", text).encode())
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answered = connection.getresponse()
            told = answered.read()
        finally:
            connection.close()
        # 503 is said in words where something outside does not answer, or the queue is long.
        assert answered.status < 500 or answered.status == 503, (method, target_path, told)
        assert b"Traceback" not in told
        assert b"Set-Cookie: a=b" not in told
        no_faults((method, target_path))

    check()
