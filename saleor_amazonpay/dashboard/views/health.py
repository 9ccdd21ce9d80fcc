"""Whether everything works, with what to do where it does not; and Amazon's check list before going live."""

from __future__ import annotations

from typing import Final

from saleor_amazonpay.dashboard.pages import Answer, MenuEntry, Pages, Screen, Visit
from saleor_amazonpay.handlers import problems
from saleor_amazonpay.handlers.diagnosis import Level, of_tenant
from saleor_amazonpay.handlers.own_webhooks import PERMISSIONS_PROBLEM
from saleor_amazonpay.messages import Message, marked

pages = Pages()

_CHECK_LIST: Final = "check-list-"
_WORDS: Final = {
    Level.WELL: marked("Well"),
    Level.LOOK: marked("Check it yourself"),
    Level.WARNING: marked("Warning"),
    Level.FAULT: marked("Not working"),
}
_TONES: Final = {Level.WELL: "success", Level.LOOK: "info", Level.WARNING: "warning", Level.FAULT: "critical"}


@pages.get("/health", menu=MenuEntry(marked("Health"), order=95, icon="health"))
async def health(visit: Visit) -> Answer:
    """Amazon is not asked with the accounts' keys: their own page does that, and so does whatever is paid."""
    installation = (await visit.services.directory.tenant(visit.tenant)).installation
    found = await of_tenant(visit.services, installation, tries_keys=False)
    if any(finding.check == "permissions" and finding.level is Level.WELL for finding in found):
        await problems.cure(visit.services, visit.tenant, PERMISSIONS_PROBLEM)  # granted since the daily look
    ordered = sorted(found, key=lambda finding: -finding.level)
    return Screen(
        "health.html",
        title=Message("Health"),
        findings=[one for one in ordered if not one.check.startswith(_CHECK_LIST)],
        points=[one for one in found if one.check.startswith(_CHECK_LIST)],
        words=_WORDS,
        tones=_TONES,
    )
