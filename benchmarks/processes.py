"""Servers under measurement: pinned to one core, and what the kernel says they used."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SERVER_CORE = 0
SENDER_CORE = 1
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60.0


def pin(core: int) -> bool:
    """Keep this process to one core; False where the machine has no such core.

    Where it was kept to another one before, by whoever started it, it leaves that.
    """
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        return False
    return True


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run the block on ``core``, where there is one."""
    before = os.sched_getaffinity(0)
    with suppress(OSError):
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process and its descendants."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def cpu_seconds(self) -> float:
        """User and system time so far, of everything that is still running."""
        return cpu_seconds(self.process.pid)

    @property
    def rss_mb(self) -> float:
        """Resident memory now, of all processes together."""
        return sum(_rss_kb(pid) for pid in _tree(self.process.pid)) / 1024

    def move_to(self, core: int) -> None:
        """Keep it, with all its threads, to that core from here on."""
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):  # it has ended meanwhile, or there is no such core
                os.sched_setaffinity(int(thread.name), {core})


def cpu_seconds(root: int) -> float:
    """User and system time so far, of the process ``root`` and its descendants that are still running."""
    return sum(_cpu_ticks(pid) for pid in _tree(root)) * _TICK


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(path.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(path.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


@contextmanager
def running(
    command: Sequence[str],
    env: Mapping[str, str],
    port: int,
    log: Path,
    *,
    cwd: Path | None = None,
    wait: bool = True,
) -> Iterator[Server]:
    """Start a server on ``SERVER_CORE`` and stop it in the end; its output goes to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            cwd=cwd,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: pin(SERVER_CORE),  # noqa: PLW1509 - nothing else runs in this process yet
        )
        try:
            if wait:
                wait_for(port, process, log)
            yield Server(process, port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the port takes connections.

    Raises:
        RuntimeError: the process ended, or a minute went by.
    """
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"The server did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, which may hold blanks: state, ppid, ... (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_ticks(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _rss_kb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def sqlite_commits(database: Path) -> int:
    """How often the database was committed to: ``iChange`` of the index header (sqlite.org/walformat.html §2.1)."""
    header = database.with_name(database.name + "-shm").read_bytes()[:12]
    return int.from_bytes(header[8:12], "little")
