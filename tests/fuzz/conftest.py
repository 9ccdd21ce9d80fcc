"""One shop for many hostile requests: it lives in a loop of its own thread, hypothesis stays in this one."""

from __future__ import annotations

import dataclasses
import sys
import traceback

import pytest
import structlog
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.journeys.helpers import PATIENCE
from tests.journeys.shop import Shop, open_shop

# What is logged when a fault of our own was caught at the edge and answered as well as could be.
FAULTS = frozenset(
    {
        "action_request_interrupted",
        "action_request_not_begun",
        "graphql_fault",
        "notification_fault",
        "problem_not_raised",
        "registration_fault",
        "session_event_fault",
        "webhook_fault",
    }
)


def bounded(examples):
    """So many inputs, the same ones in each run."""
    return hypothesis_settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@dataclasses.dataclass
class Target:
    """The shop, and how to do something in its loop."""

    shop: Shop
    call: object
    logged: list


@pytest.fixture(scope="module")
def target(sqlite_template, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "app.db"
    path.write_bytes(sqlite_template.read_bytes())
    with start_blocking_portal() as portal, structlog.testing.capture_logs(processors=[note_exceptions]) as logged:
        opened = open_shop(f"sqlite:///{path}", answer_budget_seconds=PATIENCE)
        with portal.wrap_async_context_manager(opened) as shop:
            yield Target(shop, portal.call, logged)


def note_exceptions(_logger, _method, line):
    """``capture_logs`` keeps what was logged, but the exception is only current while it is logged."""
    if line.get("exc_info"):
        line["told"] = traceback.format_exc() if sys.exc_info()[0] else repr(line["exc_info"])
    return line


@pytest.fixture
def no_faults(target):
    """Called after each input: nothing was caught at the edge."""

    def check(about):
        faults = [line.get("told", line) for line in target.logged if line["event"] in FAULTS]
        target.logged.clear()
        assert not faults, f"{str(about)[:300]}\n{faults[0]}"

    return check
