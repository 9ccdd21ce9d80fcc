"""What ``saleor-amazonpay demo`` and ``saleor-amazonpay sandbox`` run."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.observability.logging import configure
from saleor_amazonpay.sandbox.amazon_pay import AmazonPaySimulator
from saleor_amazonpay.sandbox.demo import demo
from saleor_amazonpay.sandbox.saleor import SaleorStandIn
from saleor_amazonpay.sandbox.saleor.installation import InstallationFailed, InvalidManifest
from saleor_amazonpay.sandbox.serving import listening
from saleor_amazonpay.sandbox.world import SHOPFRONTS, Ports, open_to_browsers

PRIVATE_KEY_MODE: Final = 0o600


def run_demo(*, once: bool, ports: Ports, color: bool) -> int:
    """The exit status: 0 when every purchase ended as it must."""
    console = _console(color=color)
    return _run(demo(console, once=once, ports=ports), console)


def run_sandbox(*, ports: Ports, keys: Path, install: str | None, color: bool) -> int:
    """Simulator and stand-in until Ctrl-C; ``keys`` is the folder the merchants' private key is written to."""
    console = _console(color=color)
    return _run(_sandbox(console, ports, keys, install), console)


def _console(*, color: bool) -> Console:
    configure(log_format="console", log_level="ERROR")
    return Console(no_color=not color, soft_wrap=True)


def _run(work: Coroutine[Any, Any, bool], console: Console) -> int:
    """Ctrl-C and SIGTERM end it orderly; a port that is taken is said in one sentence."""
    try:
        return 0 if asyncio.run(_interruptible(work)) else 1
    except OSError as error:
        console.print(f"It could not start: {error.strerror or error}. Other ports: --port-base.", style="red")
        return 1


async def _interruptible(work: Coroutine[Any, Any, bool]) -> bool:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return True


async def _sandbox(console: Console, ports: Ports, keys: Path, install: str | None) -> bool:
    amazon, saleor = AmazonPaySimulator(), SaleorStandIn()
    private_key = keys / "private-key.pem"
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(amazon.running(port=ports.amazon_pay))
        saleor.public_url = await stack.enter_async_context(listening(open_to_browsers(saleor.app), port=ports.saleor))
        stack.push_async_callback(saleor.close)
        await asyncio.to_thread(_register_merchants, amazon, private_key)
        console.print(_sandbox_table(amazon, saleor, private_key))
        if install and not await _installed(console, saleor, install):
            return False
        await asyncio.Event().wait()
    return True


def _register_merchants(amazon: AmazonPaySimulator, private_key: Path) -> None:
    private, public = generate_key_pair()
    private_key.parent.mkdir(parents=True, exist_ok=True)
    private_key.touch(PRIVATE_KEY_MODE)
    private_key.write_text(private, encoding="ascii")
    for front in SHOPFRONTS:
        amazon.register_merchant(front.merchant_id, front.store_id, front.public_key_id, public, front.region)


async def _installed(console: Console, saleor: SaleorStandIn, manifest_url: str) -> bool:
    try:
        app = await saleor.install_app(manifest_url)
    except (InstallationFailed, InvalidManifest) as refusal:
        console.print(f"{manifest_url} could not be installed: {refusal}", style="red")
        return False
    console.print(f"Its page in the Dashboard: {saleor.dashboard_url(app)}")
    token = saleor.make_dashboard_token(saleor.superuser, app)
    console.print(f"Installed {app.identifier}. A Dashboard token for its page, good for five minutes:\n{token}")
    return True


def _sandbox_table(amazon: AmazonPaySimulator, saleor: SaleorStandIn, private_key: Path) -> Table:
    table = Table(title="Open until you press Ctrl-C", title_justify="left", show_header=False, show_edge=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Amazon Pay", f"{amazon.url}  (AMAZON_PAY_API_URL)")
    table.add_row("checkout.js", f"{amazon.url}/checkout.js  (AMAZON_PAY_SCRIPT_URL)")
    table.add_row("Saleor", f"{saleor.api_url}  (staff: admin@example.com / admin)")
    table.add_row("Private key", f"{private_key}  (of every merchant below)")
    for front in SHOPFRONTS:
        row = f"{front.merchant_id}  {front.public_key_id}  {front.store_id}"
        table.add_row(f"Merchant {front.region}", row)
    return table
