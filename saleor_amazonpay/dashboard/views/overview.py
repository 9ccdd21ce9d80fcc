"""The first page: how far the set-up is, what comes next, and which channels take which money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saleor_amazonpay.dashboard.pages import Answer, MenuEntry, Pages, Screen, Visit
from saleor_amazonpay.handlers import own_webhooks, setup_progress
from saleor_amazonpay.handlers.setup_progress import SetupProgress, Step
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.problems import CURED

pages = Pages()


@dataclass(frozen=True, slots=True)
class StepText:
    title: str
    how: str
    action: str
    path: str


_TEXTS: Final = {
    Step.ACCOUNT: StepText(
        marked("Add an Amazon Pay account"),
        marked("The merchant ID and the store ID from Seller Central. Begin with the sandbox."),
        marked("Add an account"),
        "/accounts/new",
    ),
    Step.KEYS: StepText(
        marked("Keys that Amazon Pay accepts"),
        marked("They are tried whenever you save them, and watched from then on."),
        marked("Look at the accounts"),
        "/accounts",
    ),
    Step.CHANNELS: StepText(
        marked("Give a channel its account"),
        marked("The channel's currency decides which accounts fit."),
        marked("Assign channels"),
        "/channels",
    ),
    Step.ORIGINS: StepText(
        marked("Say where buyers may be sent"),
        marked("The addresses of your storefront. Buyers return from Amazon to these only."),
        marked("Enter origins"),
        "{edit}",
    ),
    Step.NOTIFICATIONS: StepText(
        marked("Receive notifications from Amazon"),
        marked("Enter the account's notification URL in Seller Central. It counts once the first has come."),
        marked("Show the address"),
        "{account}",
    ),
    Step.TEST_PAYMENT: StepText(
        marked("Make a first test payment"),
        marked("Buy something in your storefront with a sandbox account and Amazon's test buyer."),
        marked("Look at the channels"),
        "/channels",
    ),
}


@dataclass(frozen=True, slots=True)
class ShownStep:
    text: StepText
    path: str
    is_done: bool
    is_next: bool


@pages.get("/", menu=MenuEntry(marked("Overview"), order=10, icon="overview"))
async def overview(visit: Visit) -> Answer:
    progress = await setup_progress.progress(visit.services, visit.tenant)
    steps = [_shown(step, progress) for step in Step]
    hidden = await visit.services.database.read(
        lambda session: problem_rows.get(session, visit.tenant, own_webhooks.EXTENSIONS)
    )
    used = {account.environment for account in progress.used}
    return Screen(
        "overview.html",
        title=Message("Amazon Pay"),
        progress=progress,
        hidden=hidden.sentence if hidden is not None and hidden.state != CURED else None,
        steps=steps,
        done=sum(step.is_done for step in steps),
        is_mixed=used == {"sandbox", "live"},
        is_sandbox_only=used == {"sandbox"},
        environments={account.id: account.environment for account in progress.accounts},
    )


def _shown(step: Step, progress: SetupProgress) -> ShownStep:
    text = _TEXTS[step]
    return ShownStep(text, _path(step, text.path, progress), step in progress.done, step is progress.next_step)


def _path(step: Step, path: str, progress: SetupProgress) -> str:
    """The account that the step concerns, where it concerns one."""
    if "{" not in path:
        return path
    wanting = [each for each in progress.used if step is not Step.ORIGINS or not each.options.allowed_origins]
    account = next(iter(wanting or progress.accounts), None)
    if account is None:
        return "/accounts"
    own = f"/accounts/{account.id}"
    return path.format(account=own, edit=f"{own}/edit")
