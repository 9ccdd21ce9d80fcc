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
    """What a kind of problem is called, what helps, and where: below ``/dashboard``, None elsewhere."""

    title: str
    how: str
    path: str | None = None


REMEDIES: Final = {
    "keys": Remedy(
        marked("Amazon Pay does not accept an account's keys"),
        marked("Buyers of its channels cannot pay. Compare its keys with Seller Central and enter them again."),
        "/accounts/{what}",
    ),
    "channel": Remedy(
        marked("A channel cannot take payments"),
        marked("Give it an account that may be used and takes its currency, or stop offering Amazon Pay there."),
        "/channels",
    ),
    "authorization": Remedy(
        marked("An authorization ends soon"),
        marked("Capture it in time, or authorize it again."),
        "/payments/{what}",
    ),
    "surplus": Remedy(
        marked("Money arrived that nobody needs"),
        marked("Refund it, or use it for the order. An option of the account gives such money back by itself."),
        "/payments/{what}",
    ),
    "refund": Remedy(
        marked("A refund fell short"),
        marked("Amazon could not refund all of it. Refund the rest again, or send it in another way."),
        "/payments",
    ),
    "report": Remedy(
        marked("Saleor did not accept what became of a payment"),
        marked("Compare the order in Saleor with the payment at Amazon."),
        "/payments",
    ),
    "drift": Remedy(
        marked("Amounts differ between Saleor and Amazon Pay"),
        marked("Look at the payments concerned; reading one again from Amazon often settles it."),
        "/payments/differences",
    ),
    "undelivered": Remedy(
        marked("A request did not reach the app"),
        marked("It was found by looking, and is carried out late. Your operator looks at the connection."),
    ),
    "jobs": Remedy(
        marked("Some work was given up"),
        marked("Your operator sees what it was, and lets it run again."),
    ),
    "clock": Remedy(
        marked("The clocks of Saleor and the app differ"),
        marked("Your operator sets both by a time server."),
    ),
    "signatures": Remedy(
        marked("Requests with a wrong signature"),
        marked("None of them was carried out. If a proxy stands before the app, it must not change bodies."),
    ),
    "payload": Remedy(
        marked("Saleor sends incomplete events"),
        marked("Usually a permission of the app is missing in Saleor: compare them under Extensions."),
    ),
    "permissions": Remedy(
        marked("The app lacks a permission in Saleor"),
        marked("Give it to the app under Extensions, or install the app again."),
    ),
    "extensions": Remedy(
        marked("Saleor does not show a newer part of the app"),
        marked("Nothing is lost by installing the app again; do it when no checkout is under way."),
        "/health",
    ),
    "schedule": Remedy(
        marked("A billing schedule needs you"),
        marked("A renewal could not be charged or its order not be made."),
    ),
    "billing": Remedy(
        marked("Your endpoint for billing events does not answer"),
        marked("The events wait and are sent again; look at the endpoint."),
    ),
    "dispute": Remedy(
        marked("A buyer disputes a payment"),
        marked("An open dispute is lost unless it is answered in time."),
        "/disputes/{what}",
    ),
    "settlement": Remedy(
        marked("A settlement does not agree"),
        marked("Look at the lines that differ; Amazon's support explains what is not in your payments."),
        "/settlements/{what}",
    ),
    "tracker": Remedy(
        marked("Amazon Pay did not take a tracking number"),
        marked("Compare the number and the carrier's code, and set the tracking number in Saleor again."),
    ),
    "shipment": Remedy(
        marked("A shipment could not be charged"),
        marked("Goods have left that are not paid: ask the buyer to pay again, or settle it another way."),
        "/payments/{what}",
    ),
}
"""By the first word of a problem's key; a test collects the kinds that are raised."""

_OTHER: Final = Remedy(marked("Something needs your attention"), marked("The sentence above says what."))


@dataclass(frozen=True, slots=True)
class Shown:
    title: str
    sentence: Message
    how: str
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
    remedy = REMEDIES.get(kind, _OTHER)
    path = remedy.path.format(what=what) if remedy.path else None
    return Shown(remedy.title, problem.sentence, remedy.how, path, problem.critical, problem.raised_at)
