"""What the merchant has to repair: the App Problems of this Saleor, with what helps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from saleor_amazonpay.dashboard.pages import Answer, MenuEntry, Pages, Screen, Visit
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.problems import Problem

pages = Pages()


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a kind of problem is called, and where it is repaired: below ``/dashboard``, None elsewhere."""

    title: str
    path: str | None = None


_REMEDIES: Final = {
    "keys": Remedy(marked("Amazon Pay does not accept an account's keys"), "/accounts/{what}"),
    "channel": Remedy(marked("A channel cannot take payments"), "/channels"),
    "clock": Remedy(marked("The clocks of Saleor and the app differ")),
    "signatures": Remedy(marked("Requests with a wrong signature")),
    "payload": Remedy(marked("Saleor sends incomplete events")),
    "report": Remedy(marked("Saleor did not accept what became of a payment")),
    "refund": Remedy(marked("A refund fell short")),
    "authorization": Remedy(marked("An authorization ends soon"), "/payments/{what}"),
    "drift": Remedy(marked("Amounts differ between Saleor and Amazon Pay"), "/payments/differences"),
    "undelivered": Remedy(marked("A request did not reach the app")),
}
_OTHER: Final = Remedy(marked("Something needs your attention"))


@dataclass(frozen=True, slots=True)
class Shown:
    title: str
    message: str
    path: str | None
    critical: bool
    since: datetime


@pages.get("/problems", menu=MenuEntry(marked("Problems"), order=90, icon="problem"))
async def listing(visit: Visit) -> Answer:
    found = await visit.services.database.read(lambda session: problem_rows.of_tenant(session, visit.tenant))
    shown = [_shown(problem) for problem in sorted(found, key=lambda each: not each.critical)]
    return Screen("problems.html", title=Message("Problems"), problems=shown)


def _shown(problem: Problem) -> Shown:
    kind, _, what = problem.key.partition("-")
    remedy = _REMEDIES.get(kind, _OTHER)
    path = remedy.path.format(what=what) if remedy.path else None
    return Shown(remedy.title, problem.message, path, problem.critical, problem.raised_at)
