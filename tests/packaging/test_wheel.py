"""The wheel alone, in an empty environment, is the whole app."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
START_SECONDS = 60
CONTRACTS = ("webhooks", "graphql")


def uv(*arguments: str | Path) -> None:
    """Run uv on what it has cached, and from the package index only when that is not enough."""
    command = [str(UV), *map(str, arguments)]
    offline = subprocess.run([*command, "--offline"], cwd=ROOT, capture_output=True, text=True, check=False)
    if offline.returncode:
        online = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert online.returncode == 0, online.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(sdist, wheel); the wheel is built from the sdist, so both must name every file."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--out-dir", folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment that holds the wheel and the locked dependencies, nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    locked = folder / "locked.txt"
    uv("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--output-file", locked)
    uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv/bin/python"
    uv("pip", "install", "--quiet", "--python", python, "--requirements", locked, built[1])
    return python.parent


def tracked(folder: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}


class TestBuild:
    def test_the_wheel_holds_the_contracts_as_they_are_in_the_checkout(self, built):
        with zipfile.ZipFile(built[1]) as wheel:
            names = {name.removeprefix("saleor_amazonpay/_resources/") for name in wheel.namelist()}
        assert "manifest.json" in names
        for folder in CONTRACTS:
            assert tracked(folder) <= names

    def test_the_wheel_holds_nothing_else_at_its_top(self, built):
        with zipfile.ZipFile(built[1]) as wheel:
            tops = {name.split("/")[0] for name in wheel.namelist()}
        assert {top for top in tops if not top.endswith(".dist-info")} == {"saleor_amazonpay"}

    def test_the_sdist_holds_no_local_data(self, built):
        with tarfile.open(built[0]) as sdist:
            parts = {part for name in sdist.getnames() for part in Path(name).parts}
        assert not parts & {"data", ".venv", ".env", "artifacts", "node_modules", "__pycache__"}


class TestInstalled:
    def test_finds_its_contracts_inside_itself(self, installed, tmp_path):
        code = "from saleor_amazonpay import resources; print(resources.root()); resources.text('manifest.json')"
        shown = subprocess.run(
            [installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert Path(shown.stdout.strip()).is_relative_to(installed.parent)

    def test_serves_the_manifest(self, serving):
        manifest = json.loads(serving)
        assert manifest["id"] == "saleor.app.payment.amazonpay"
        assert manifest["webhooks"]


@pytest.fixture
def serving(installed: Path, tmp_path: Path) -> Iterator[bytes]:
    """The answer to GET /api/manifest of a server started from the wheel, in a folder with nothing in it."""
    port = free_port()
    environment = {
        "PATH": f"{installed}{os.pathsep}/usr/bin:/bin",
        "HOME": str(tmp_path),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
        "ALLOW_LOCAL_NETWORK": "true",
        "PORT": str(port),
    }
    subprocess.run(["saleor-amazonpay", "migrate"], cwd=tmp_path, env=environment, check=True, timeout=START_SECONDS)
    log = tmp_path / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["saleor-amazonpay", "serve"], cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield first_answer(f"http://127.0.0.1:{port}/api/manifest", server, log)
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_answer(url: str, server: subprocess.Popen[bytes], log: Path) -> bytes:
    """Ask until the server listens, has ended, or START_SECONDS are over."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.read()
        except URLError:
            time.sleep(0.1)
    pytest.fail(f"no manifest from {url}:\n{log.read_text('utf-8', 'replace')}")
