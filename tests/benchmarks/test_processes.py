"""A server under measurement has a core of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks import processes

needs_two_cores = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="one core: server and sender share it, and make bench says so"
)
SERVE = "import http.server; http.server.ThreadingHTTPServer(('127.0.0.1', {port}), None).serve_forever()"


@needs_two_cores
def test_a_server_leaves_the_core_of_the_sender_that_starts_it(tmp_path: Path) -> None:
    port = processes.free_port()
    command = [sys.executable, "-c", SERVE.format(port=port)]
    with (
        processes.on_core(processes.SENDER_CORE),
        processes.running(command, {}, port, tmp_path / "server.log") as server,
    ):
        assert os.sched_getaffinity(0) == {processes.SENDER_CORE}
        assert os.sched_getaffinity(server.process.pid) == {processes.SERVER_CORE}
        server.move_to(processes.SENDER_CORE)
        assert os.sched_getaffinity(server.process.pid) == {processes.SENDER_CORE}


def test_a_core_that_is_not_there_is_told() -> None:
    before = os.sched_getaffinity(0)

    assert not processes.pin(4095)
    assert os.sched_getaffinity(0) == before
