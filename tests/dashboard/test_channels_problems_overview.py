"""Channels, problems and the first page, asked for as the browser asks."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from pathlib import Path

import pytest

import saleor_amazonpay
from saleor_amazonpay.dashboard.views.problems import REMEDIES
from saleor_amazonpay.handlers import setup_progress
from saleor_amazonpay.handlers.setup_progress import Step
from saleor_amazonpay.messages import Message
from saleor_amazonpay.storage import notifications as notification_rows
from saleor_amazonpay.storage import problems as problem_rows
from saleor_amazonpay.storage.notifications import Received
from saleor_amazonpay.storage.problems import CURED, RAISED, Problem
from tests.dashboard.test_accounts import next_page, notice, told
from tests.handlers.merchant import MERCHANT_ID, ORIGIN


def card(answer, slug):
    found = re.search(
        rf'id="channel-{slug}">(.+?)</li>\n  <li class="card"|id="channel-{slug}">(.+)', answer.text, re.DOTALL
    )
    return html.unescape(found[1] or found[2])


def problem(merchant, key, message="Something is wrong.", *, critical=False, state=RAISED):
    now = merchant.clock.now()
    return Problem(merchant.tenant, key, Message("{what}", what=message), critical, state, now, now)


async def save(merchant, *problems):
    await merchant.services.database.run(lambda session: [problem_rows.save(session, each) for each in problems])


class TestChannels:
    async def test_of_another_currency_cannot_be_given_the_account(self, dashboard):
        account = await dashboard.merchant.create()
        page = await dashboard.get("/channels")
        assert f'value="{account.id}"' in card(page, "default-jp")
        assert "No account takes USD." in card(page, "us")
        answer = await dashboard.post("/channels/us", {"account": account.id, "before": ""})
        assert answer.status_code == 422
        assert "The channel sells in USD; the account takes JPY." in notice(answer)

    async def test_one_is_assigned_moved_and_freed(self, dashboard):
        first = await dashboard.merchant.create(name="First")
        second = await dashboard.merchant.create(name="Second")
        move = "/channels/default-jp"
        assert told(await dashboard.post(move, {"account": first.id, "before": ""})) == "default-jp uses First."
        page = await dashboard.get("/channels")
        assert "Move default-jp away from First (Sandbox)?" in card(page, "default-jp")
        assert "Ready" in card(page, "default-jp")
        next_page(await dashboard.post(move, {"account": second.id, "before": first.id}))
        assert (
            told(await dashboard.post(move, {"account": "", "before": second.id}))
            == "default-jp offers Amazon Pay no more."
        )
        assert [each.channels for each in await dashboard.merchant.accounts()] == [(), ()]

    async def test_what_somebody_else_moved_meanwhile_stays_where_it_is(self, dashboard):
        first, second = await dashboard.merchant.create(), await dashboard.merchant.create()
        await dashboard.merchant.assign("default-jp", first.id)
        answer = await dashboard.post("/channels/default-jp", {"account": second.id, "before": ""})
        assert "Look again before you move it" in notice(answer)
        assert [each.channels for each in await dashboard.merchant.accounts()] == [("default-jp",), ()]

    @pytest.mark.parametrize("path", ["/channels/nowhere", "/channels/default-jp"])
    async def test_one_that_is_not_there_or_has_nothing_to_free(self, dashboard, path):
        assert (await dashboard.post(path, {"account": ""})).status_code == 422

    async def test_an_account_of_nobody_is_refused(self, dashboard):
        answer = await dashboard.post("/channels/default-jp", {"account": "nobodys", "before": ""})
        assert "no such Amazon Pay account" in notice(answer)

    async def test_saleor_away_is_told(self, dashboard):
        with dashboard.merchant.saleor.faults.during("unavailable", "channels"):
            page = await dashboard.get("/channels")
        assert page.status_code == 200
        assert "Saleor did not tell its channels." in page.text


class TestProblems:
    async def test_are_shown_worst_first_with_what_helps(self, dashboard):
        account = await dashboard.merchant.create()
        await save(
            dashboard.merchant,
            problem(dashboard.merchant, "drift", "Two payments differ."),
            problem(dashboard.merchant, f"keys-{account.id}", "Amazon refuses <b>them</b>.", critical=True),
            problem(dashboard.merchant, "channel-us", "cured", state=CURED),
        )
        page = await dashboard.get("/problems")
        assert page.text.index("Amazon refuses &lt;b&gt;them&lt;/b&gt;.") < page.text.index("Two payments differ.")
        assert f'href="/dashboard/accounts/{account.id}"' in page.text
        assert 'href="/dashboard/payments/differences"' in page.text
        assert "cured" not in page.text
        assert re.search(r'class="count">2<', page.text)

    async def test_of_an_unknown_kind_are_shown_all_the_same(self, dashboard):
        await save(dashboard.merchant, problem(dashboard.merchant, "novelty-1", "Never seen before."))
        assert "Never seen before." in (await dashboard.get("/problems")).text

    async def test_of_another_tenant_are_not(self, dashboard):
        assert "No problems" in (await dashboard.get("/problems")).text

    def test_every_kind_that_is_raised_has_a_remedy(self):
        package = Path(saleor_amazonpay.__file__).parent
        code = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
        kinds = {key.partition("-")[0] for key in re.findall(r'key_of\(\s*"([a-z-]+)"', code)}
        kinds |= set(re.findall(r'raise_(?:problem|in)\([^"]{0,80}api_url,\s*"([a-z]+)"', code))
        kinds |= set(re.findall(r'^_?KEY(?:: Final)? = "([a-z]+)"', code, re.MULTILINE))
        assert {"keys", "channel", "refund", "clock", "drift", "jobs"} <= kinds
        assert kinds - REMEDIES.keys() == set()


class TestProgress:
    async def steps(self, dashboard):
        progress = await setup_progress.progress(dashboard.merchant.services, dashboard.merchant.tenant)
        return progress.done, progress.next_step

    async def test_goes_step_by_step(self, dashboard):
        merchant = dashboard.merchant
        assert await self.steps(dashboard) == (frozenset(), Step.ACCOUNT)
        account = await merchant.create(options={})
        done = {Step.ACCOUNT, Step.KEYS}
        assert await self.steps(dashboard) == (done, Step.CHANNELS)
        await merchant.assign("default-jp", account.id)
        done |= {Step.CHANNELS}
        assert await self.steps(dashboard) == (done, Step.ORIGINS)
        assert f'href="/dashboard/accounts/{account.id}/edit"' in (await dashboard.get("/")).text
        await merchant.update(account.id, options={"allowed_origins": (ORIGIN,)})
        done |= {Step.ORIGINS}
        assert await self.steps(dashboard) == (done, Step.NOTIFICATIONS)
        received = Received(
            "m", merchant.tenant, account.id, MERCHANT_ID, "CHARGE", "S-1", "S-1", "handled", merchant.clock.now()
        )
        await merchant.services.database.run(lambda session: notification_rows.insert(session, received))
        done |= {Step.NOTIFICATIONS}
        assert await self.steps(dashboard) == (done, Step.TEST_PAYMENT)
        assert "5 of 6" in (await dashboard.get("/")).text

    async def test_goes_back_when_keys_stop_working(self, dashboard):
        account = await dashboard.merchant.create()
        await save(dashboard.merchant, problem(dashboard.merchant, f"keys-{account.id}"))
        assert await self.steps(dashboard) == ({Step.ACCOUNT}, Step.KEYS)

    async def test_a_payment_nobody_approved_is_no_test_payment(self, dashboard):
        account = await dashboard.merchant.create()
        await dashboard.merchant.add_payment(account.id)
        done, _ = await self.steps(dashboard)
        assert Step.TEST_PAYMENT not in done

    async def test_archived_accounts_count_for_nothing(self, dashboard):
        account = await dashboard.merchant.create()
        await dashboard.post(f"/accounts/{account.id}/archive")
        assert await self.steps(dashboard) == (frozenset(), Step.ACCOUNT)

    async def test_the_first_page_opens_without_saleor(self, dashboard):
        with dashboard.merchant.saleor.faults.during("unavailable", "channels"):
            page = await dashboard.get("/")
        assert page.status_code == 200
        assert "Saleor did not tell its channels." in page.text

    async def test_sandbox_and_live_side_by_side_are_pointed_out(self, dashboard):
        from tests.handlers.merchant import PUBLIC_KEY, STORE_ID

        merchant = dashboard.merchant
        sandbox = await merchant.create()
        await merchant.assign("default-jp", sandbox.id)
        assert "Every channel uses the sandbox" in (await dashboard.get("/")).text
        merchant.amazon.register_merchant("A2EUROPE000000", STORE_ID, "LIVE-EUROPE", PUBLIC_KEY, "eu", "live")
        live = await merchant.create(
            name="Europe", merchant_id="A2EUROPE000000", region="eu", public_key_id="LIVE-EUROPE"
        )
        await merchant.assign("eu", live.id)
        assert "Some channels use live accounts, others the sandbox." in (await dashboard.get("/")).text


async def test_a_generated_pair_nobody_came_back_for_is_dropped(dashboard):
    from saleor_amazonpay.handlers import key_pairs

    merchant = dashboard.merchant
    old = await key_pairs.generate(merchant.services, merchant.tenant, by="x")
    merchant.clock.move(days=31)
    new = await key_pairs.generate(merchant.services, merchant.tenant, by="x")
    merchant.clock.move(days=-31)
    assert await key_pairs.generated(merchant.services, merchant.tenant, old.id) is None
    assert await key_pairs.generated(merchant.services, merchant.tenant, new.id) == new
    assert new.created_at - old.created_at >= timedelta(days=31)
