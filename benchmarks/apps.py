"""What is measured: our app as an operator runs it, and the peers, both set up for the same shop."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.payloads import API_URL, APP_ID, CHANNEL, SHOP, Saleor
from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.clock import SystemClock
from saleor_amazonpay.storage import accounts, installations, migrate
from saleor_amazonpay.storage.accounts import Account, AccountOptions
from saleor_amazonpay.storage.encryption import SecretBox
from saleor_amazonpay.storage.engine import Database, Session
from saleor_amazonpay.storage.installations import Installation

ROOT = Path(__file__).parents[1]
PEER = Path(__file__).parent / "peer"
SECRET_KEY = "bench-" * 8
PUBLIC_KEY_ID = "SANDBOX-BENCHKEY"
PEER_ROUTES = {"Next.js App Router": "app-router", "Next.js Pages Router": "pages-router"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One run's folder, keys and addresses. ``folder`` is thrown away afterwards."""

    folder: Path
    saleor: Saleor
    private_key: str
    amazon_port: int
    url: str | None = None  # of a database of PostgreSQL; None: a SQLite file in the folder

    @property
    def database_url(self) -> str:
        return self.url or f"sqlite:///{self.database}"

    @classmethod
    def make(cls, folder: Path, amazon_port: int) -> Setting:
        private_key, _ = generate_key_pair()
        return cls(folder, Saleor(), private_key, amazon_port)

    @property
    def database(self) -> Path:
        return self.folder / "app.db"

    @property
    def environment(self) -> dict[str, str]:
        """Production's settings, but that Amazon is on loopback and background work is put off.

        What a webhook leaves to do later (polling a refund, reporting an answer again) would otherwise be counted
        with whatever row is measured when it falls due.
        """
        return {
            "DATABASE_URL": self.database_url,
            "SECRET_KEY": SECRET_KEY,
            "ALLOW_LOCAL_NETWORK": "true",
            "AMAZON_PAY_API_URL": f"http://127.0.0.1:{self.amazon_port}",
            "LOG_LEVEL": "INFO",
            "LOG_FORMAT": "json",
            "REPORT_DELAY_SECONDS": "3600",
            "POLL_SECONDS": "3600",
        }


async def prepare(setting: Setting) -> None:
    """A database with one installed Saleor and one account for its channel."""
    await asyncio.to_thread(migrate.upgrade, setting.database_url)
    await _store(setting.database_url, setting)


async def install(setting: Setting, api_url: str, account_id: str) -> None:
    """A Saleor with the run's signing key and an account of its own."""
    await _store(setting.database_url, setting, api_url, account_id)


async def _store(url: str, setting: Setting, api_url: str = API_URL, account_id: str = "bench-account") -> None:
    now, box = SystemClock().now(), SecretBox(SECRET_KEY)
    account = Account(
        id=account_id,
        api_url=api_url,
        name="bench",
        merchant_id="A3BENCH0000000",
        store_id="amzn1.application-oa2-client.bench",
        region="jp",
        environment="sandbox",
        public_key_id=PUBLIC_KEY_ID,
        private_key=setting.private_key,
        options=AccountOptions(allowed_origins=(SHOP,), store_name="Shizuku Tea"),
        state="active",
        created_at=now,
        updated_at=now,
    )
    installed = Installation(
        api_url=api_url,
        app_id=APP_ID,
        token="bench-token",
        jwks=json.dumps(setting.saleor.jwks),
        saleor_version="3.23.28",
        app_version="0",
        state="active",
        installed_at=now,
        updated_at=now,
    )

    def store(session: Session) -> None:
        installations.save(session, installed, box)
        accounts.save(session, account, box)
        accounts.assign(session, api_url, CHANNEL, account.id, now)

    async with Database.connect(url) as database:
        await database.run(store)


@contextmanager
def our_app(
    setting: Setting, *, code: Path = ROOT, wait: bool = True, log: str = "app.log"
) -> Iterator[processes.Server]:
    """``saleor-amazonpay serve`` of the checkout at ``code``, its worker inside."""
    port = processes.free_port()
    command = [sys.executable, "-m", "saleor_amazonpay.cli", "serve"]
    environment = {**setting.environment, "PORT": str(port), "PYTHONPATH": str(code)}
    with processes.running(command, environment, port, setting.folder / log, cwd=code, wait=wait) as server:
        yield server


# --- Peers


class PeersUnavailable(Exception):
    """Node.js, npm or the packages are not to be had here; the message says which."""


def install_peers() -> Path:
    """The built Next.js app, in a cache folder of this user; built anew when its sources changed."""
    if not shutil.which("npm"):
        raise PeersUnavailable("npm is not installed")
    target = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "saleor-amazonpay" / "bench-peer"
    sources = {path.relative_to(PEER): path.read_bytes() for path in sorted(PEER.rglob("*")) if path.is_file()}
    if all((target / name).is_file() and (target / name).read_bytes() == text for name, text in sources.items()):
        return target
    shutil.copytree(PEER, target, dirs_exist_ok=True)
    for command in (["npm", "install", "--no-audit", "--no-fund"], ["npx", "--no-install", "next", "build"]):
        print(f"  peers: {' '.join(command)} ...", flush=True)
        done = subprocess.run(
            command,
            cwd=target,
            env={**os.environ, "NEXT_TELEMETRY_DISABLED": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            (target / "package.json").unlink()  # so that the next run tries again
            raise PeersUnavailable(f"{' '.join(command)} failed: {done.stderr[-1000:]}")
    return target


def node_version() -> str:
    """Empty where there is no Node.js."""
    if not shutil.which("node"):
        return ""
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def peer(setting: Setting, built: Path) -> Iterator[processes.Server]:
    """The Next.js production server with both routers, registered with the same Saleor by FileAPL."""
    port = processes.free_port()
    key, registration = setting.folder / "merchant.pem", setting.folder / "apl.json"
    key.write_text(setting.private_key, encoding="utf-8")
    registration.write_text(
        json.dumps(
            {"saleorApiUrl": API_URL, "token": "bench", "appId": APP_ID, "jwks": json.dumps(setting.saleor.jwks)}
        ),
        encoding="utf-8",
    )
    environment = {
        "NODE_ENV": "production",
        "NEXT_TELEMETRY_DISABLED": "1",
        "BENCH_APL_FILE": str(registration),
        "BENCH_PRIVATE_KEY_FILE": str(key),
        "BENCH_PUBLIC_KEY_ID": PUBLIC_KEY_ID,
        "BENCH_AMAZON_PAY_HOST": f"127.0.0.1:{setting.amazon_port}",
    }
    command = ["node", "node_modules/next/dist/bin/next", "start", "-p", str(port)]
    with processes.running(command, environment, port, setting.folder / "peer.log", cwd=built) as server:
        yield server
