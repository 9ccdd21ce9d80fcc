"""A buyer disputes a charge: Saleor and the merchant hear of each step, an answer is sent once, a loss is booked once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.disputes import answering
from saleor_amazonpay.handlers.disputes import jobs as dispute_jobs
from saleor_amazonpay.handlers.sweeps import drift
from saleor_amazonpay.storage import disputes as dispute_rows
from saleor_amazonpay.storage import drift as drift_rows
from saleor_amazonpay.storage import problems as problem_rows
from tests.journeys.agreements import hear, listen
from tests.journeys.helpers import break_amazon, charges, event_types, payment_of, settle
from tests.journeys.pages import ask, graphql
from tests.journeys.test_refunding import charged

PDF = b"%PDF-1.7 receipt"


async def disputed(shop, amount=None, **dispute):
    """A charged payment with a dispute on it, its notification handled: transaction and dispute id."""
    listen(shop)
    transaction, _ = await charged(shop)
    [charge] = charges(shop, "Captured")
    dispute_id = shop.amazon.open_chargeback(charge["chargeId"], amount, **dispute)
    await hear(shop)
    await settle(shop, transaction)
    return transaction, dispute_id


async def stored(shop, dispute_id):
    services = shop.running.services
    return await services.database.read(lambda s: dispute_rows.get(s, shop.saleor.api_url, dispute_id))


async def dispute_problem(shop, dispute_id):
    services = shop.running.services
    found = await services.database.read(lambda s: problem_rows.get(s, shop.saleor.api_url, f"dispute-{dispute_id}"))
    return found.message if found and found.state != "cured" else None


async def resolve(shop, transaction, dispute_id, resolution, reason="InvestigatorResolved"):
    shop.amazon.resolve_dispute(dispute_id, resolution, reason)
    await hear(shop)
    await settle(shop, transaction)


async def evidence(shop, dispute_id, kind="Receipt", **given):
    return await answering.add_evidence(
        shop.running.services, shop.saleor.api_url, dispute_id, kind, by="VXNlcjox", **given
    )


class TestHeard:
    async def test_an_opening_is_told_and_books_nothing(self, shop):
        transaction, dispute_id = await disputed(shop, reason="ProductNotReceived")
        found = await stored(shop, dispute_id)
        assert (found.state, found.filing_reason, found.resolution) == ("ActionRequired", "ProductNotReceived", None)
        assert found.respond_by - found.created_at == timedelta(days=11)
        assert event_types(shop, transaction, ("INFO", "CHARGE_BACK")) == ["INFO"]
        assert "wants your answer" in await dispute_problem(shop, dispute_id)
        total = shop.transaction(transaction).charged
        assert shop.amounts(transaction) == {"charged": total}

    async def test_a_loss_is_booked_once_for_what_was_debited_and_cannot_be_refunded_as_well(self, shop):
        transaction, dispute_id = await disputed(shop, Money.parse("1000", "JPY"))
        total = shop.transaction(transaction).charged
        await resolve(shop, transaction, dispute_id, "BuyerWon")
        for _ in range(2):  # read again, notified again
            await answering.look_up(shop.running.services, shop.saleor.api_url, dispute_id)
            await settle(shop, transaction)
        assert event_types(shop, transaction, ("INFO", "CHARGE_BACK")) == ["INFO", "INFO", "CHARGE_BACK"]
        assert shop.amounts(transaction) == {"charged": total - 1000}
        assert shop.last_event(transaction, "CHARGE_BACK").psp_reference == dispute_id
        await shop.saleor.staff.request_refund(transaction, total)
        await settle(shop, transaction)
        assert shop.last_event(transaction, "REFUND").amount == total - 1000

        shop.clock.move(days=2)
        await drift.run(shop.running.services)
        assert await shop.running.services.database.read(lambda s: drift_rows.count(s, shop.saleor.api_url)) == 0

    @pytest.mark.parametrize("resolution", ["MerchantWon", "NoFault"])
    async def test_what_ends_for_the_merchant_books_nothing_and_ends_the_problem(self, shop, resolution):
        transaction, dispute_id = await disputed(shop)
        await resolve(shop, transaction, dispute_id, resolution)
        assert event_types(shop, transaction, "CHARGE_BACK") == []
        assert await dispute_problem(shop, dispute_id) is None

    @pytest.mark.parametrize(
        ("steps", "events"),
        [
            ([("Resolved", "InvestigatorResolved", "BuyerWon")], ["INFO", "INFO", "CHARGE_BACK"]),
            ([("Closed", "MerchantAcceptedDispute", None)], ["INFO", "INFO", "CHARGE_BACK"]),
            ([("Closed", "MerchantResponseDeadlineExpired", None)], ["INFO", "INFO", "CHARGE_BACK"]),
            ([("Closed", "BuyerCancelled", None)], ["INFO", "INFO"]),
            ([("Resolved", "AutoResolved", "MerchantWon")], ["INFO", "INFO"]),
            ([("Resolved", "AutoResolved", "NoFault")], ["INFO", "INFO"]),
            (
                [
                    ("UnderReview", None, None),
                    ("ActionRequired", "MerchantAdditionalEvidencesRequired", None),
                    ("UnderReview", "BuyerAdditionalEvidencesRequired", None),
                    ("Resolved", "InvestigatorResolved", "BuyerWon"),
                ],
                ["INFO"] * 5 + ["CHARGE_BACK"],
            ),
        ],
    )
    async def test_each_state_is_an_event_and_only_a_loss_is_booked(self, shop, steps, events):
        """DESIGN §6 case 11: opening and every step are INFO; CHARGE_BACK once, where the money is gone."""
        transaction, dispute_id = await disputed(shop)
        total = shop.transaction(transaction).charged
        for state, reason, resolution in steps:
            shop.clock.move(seconds=30)
            shop.amazon._disputes._become(shop.amazon._world.disputes[dispute_id], state, reason, resolution)
            await hear(shop)
            await settle(shop, transaction)
            assert (await stored(shop, dispute_id)).state == state
        assert event_types(shop, transaction, ("INFO", "CHARGE_BACK")) == events
        assert shop.amounts(transaction) == ({} if "CHARGE_BACK" in events else {"charged": total})
        references = [event.psp_reference for event in shop.transaction(transaction).events if event.type == "INFO"]
        assert len(references) == len(set(references))
        problem = await dispute_problem(shop, dispute_id)
        assert (problem is not None) == ("CHARGE_BACK" in events)

    async def test_a_deadline_that_passes_unheard_is_found_by_the_sweep(self, shop):
        transaction, dispute_id = await disputed(shop, is_claim=True)
        shop.amazon.set_ipn_url("AJPMERCHANT000", None)
        shop.clock.move(days=8)
        await dispute_jobs.run(shop.running.services)
        await settle(shop, transaction)
        assert (await stored(shop, dispute_id)).reason_code == "MerchantResponseDeadlineExpired"
        assert shop.amounts(transaction) == {}
        assert event_types(shop, transaction, "CHARGE_BACK") == ["CHARGE_BACK"]

    async def test_one_that_amazon_does_not_show_is_told_all_the_same(self, shop):
        break_amazon(shop, "get_dispute", reason_code="ResourceNotFound", status=404, times=9)
        transaction, dispute_id = await disputed(shop)
        assert "Seller Central" in await dispute_problem(shop, dispute_id)
        assert event_types(shop, transaction, "INFO") == ["INFO"]


class TestAnswered:
    async def test_texts_and_files_are_sent_together_and_once(self, shop):
        transaction, dispute_id = await disputed(shop)
        await evidence(shop, dispute_id, "TrackingNumber", text="1Z-1")
        await evidence(shop, dispute_id, name="receipt.pdf", content=PDF)
        found = await answering.contest(shop.running.services, shop.saleor.api_url, dispute_id, by="VXNlcjox")
        assert (found.state, found.contest_state) == ("UnderReview", "sent")
        await settle(shop, transaction)
        [sent] = [call for call in shop.amazon.calls if call.operation == "contest_dispute"]
        kinds = [(each["evidenceType"], bool(each.get("fileId"))) for each in sent.body["merchantEvidences"]]
        assert kinds == [("TrackingNumber", False), ("Receipt", True)]
        assert event_types(shop, transaction, "INFO") == ["INFO", "INFO"]
        assert "looking into it" in await dispute_problem(shop, dispute_id)
        with pytest.raises(AppError, match="takes no answer now"):
            await evidence(shop, dispute_id, text="more")

    async def test_an_answer_amazon_did_not_confirm_is_sent_again_with_the_same_bytes(self, shop):
        transaction, dispute_id = await disputed(shop)
        await evidence(shop, dispute_id, text="It was signed for.")
        break_amazon(shop, "contest_dispute", status=503, times=20)
        found = await answering.contest(shop.running.services, shop.saleor.api_url, dispute_id, by="VXNlcjox")
        assert found.contest_state == "committed"
        shop.amazon.faults.clear()
        await shop.later(seconds=60)
        await settle(shop, transaction)
        assert (await stored(shop, dispute_id)).contest_state == "sent"
        sent = [call for call in shop.amazon.calls if call.operation == "contest_dispute"]
        assert len({(call.idempotency_key, call.raw_body) for call in sent}) == 1

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"name": "virus.exe", "content": b"MZ"}, "none of these"),
            ({"name": "receipt.pdf", "content": b"\x89PNG\r\n\x1a\n"}, "not what its name says"),
            ({"name": "receipt.pdf", "content": b"%PDF-" + b"0" * (5 * 1024 * 1024)}, "at most 5 MB"),
            ({"name": "receipt.pdf", "content": b""}, "is empty"),
            ({"text": " "}, "Write a text"),
            ({"text": "x" * 5000}, "at most 4096"),
            ({"kind": "Gossip", "text": "x"}, "Choose what"),
        ],
    )
    async def test_what_amazon_would_not_take_is_refused_before_it_is_sent(self, shop, given, told):
        _, dispute_id = await disputed(shop)
        with pytest.raises(AppError, match=told):
            await evidence(shop, dispute_id, **given)
        assert shop.amazon.count("upload_file") == 0

    async def test_the_same_piece_twice_is_one(self, shop):
        _, dispute_id = await disputed(shop)
        for given in ({"name": "receipt.pdf", "content": PDF}, {"text": "It was signed for."}):
            await evidence(shop, dispute_id, **given)
            with pytest.raises(AppError, match="gathered already"):
                await evidence(shop, dispute_id, **given)
        assert shop.amazon.count("upload_file") == 1
        _, gathered = await answering.dispute(shop.running.services, shop.saleor.api_url, dispute_id)
        assert len(gathered) == 2

    async def test_nothing_gathered_nothing_sent(self, shop):
        _, dispute_id = await disputed(shop)
        with pytest.raises(AppError, match="at least one"):
            await answering.contest(shop.running.services, shop.saleor.api_url, dispute_id, by="VXNlcjox")

    async def test_another_tenant_sees_nothing(self, shop):
        _, dispute_id = await disputed(shop)
        with pytest.raises(AppError, match="no such dispute"):
            await answering.dispute(shop.running.services, "https://other.example/graphql/", dispute_id)
        with pytest.raises(AppError, match="no such dispute"):
            await answering.look_up(shop.running.services, "https://other.example/graphql/", dispute_id)


class TestOnThePage:
    async def test_the_payment_says_that_it_is_disputed_and_what_was_lost(self, shop):
        transaction, dispute_id = await disputed(shop, Money.parse("1000", "JPY"))
        payment = await payment_of(shop, transaction)
        page = (await ask(shop, "GET", f"/payments/{payment.id}")).text
        assert "Disputed by the buyer" in page
        assert "Your answer is wanted" in page
        assert f"/disputes/{dispute_id}" in page
        assert "Lost to disputes" not in page

        await resolve(shop, transaction, dispute_id, "BuyerWon")
        page = re.sub(r"<[^>]+>|\s+", " ", (await ask(shop, "GET", f"/payments/{payment.id}")).text)
        kept, in_saleor = re.search(r"Captured and kept\s+(\S+ JPY)\s+(\S+ JPY)", page).groups()
        assert kept == in_saleor == f"{shop.transaction(transaction).charged:.0f} JPY"
        assert re.search(r"Lost to disputes\s+1000 JPY", page)
        japanese = (await ask(shop, "GET", f"/payments/{payment.id}", language="ja")).text
        assert "購入者の異議申し立て" in japanese

    async def test_a_dispute_is_found_answered_and_followed(self, shop):
        _, dispute_id = await disputed(shop, reason="ProductNotReceived")
        listing = await ask(shop, "GET", "/disputes")
        assert (dispute_id in listing.text, "11 days left" in listing.text) == (True, False)
        assert "10 days left" in listing.text
        assert "商品が届かない" in (await ask(shop, "GET", "/disputes", language="ja")).text

        path = f"/disputes/{dispute_id}"
        wrong = await ask(
            shop,
            "POST",
            f"{path}/evidence",
            data={"type": "Receipt", "text": "kept"},
            files={"file": ("a.exe", b"MZ")},
        )
        assert (wrong.status_code, "a.exe is none of these" in wrong.text, "kept" in wrong.text) == (422, True, True)
        large = await ask(
            shop, "POST", f"{path}/evidence", data={"type": "Receipt"}, files={"file": ("a.pdf", b"x" * 7_000_000)}
        )
        assert large.status_code == 413
        added = await ask(
            shop, "POST", f"{path}/evidence", data={"type": "Receipt"}, files={"file": ("receipt.pdf", PDF)}
        )
        assert added.status_code == 204, added.text
        page = (await ask(shop, "GET", path)).text
        assert "receipt.pdf" in page
        assert "Send the answer" in page
        assert (await ask(shop, "POST", f"{path}/contest")).status_code == 204
        page = (await ask(shop, "GET", path)).text
        assert "Amazon Pay looks into it" in page
        assert "Send the answer" not in page
        assert (await ask(shop, "GET", "/disputes/P03-0000000-0000000-B000001")).status_code == 404

    async def test_scripts_do_the_same_over_graphql(self, shop):
        _, dispute_id = await disputed(shop)
        fields = "id state isLost respondBy amount {amount currency} evidence {type text fileName}"
        [found] = (await graphql(shop, f"{{disputes {{{fields}}}}}"))["disputes"]
        assert (found["id"], found["state"]) == (dispute_id, "ActionRequired")
        added = await graphql(
            shop,
            "mutation($id: ID!, $given: DisputeEvidenceInput!) {disputeEvidenceAdd(id: $id, input: $given) "
            "{dispute {evidence {type text}} errors {code message}}}",
            id=dispute_id,
            given={"type": "TRACKING_NUMBER", "text": "1Z"},
        )
        assert added["disputeEvidenceAdd"]["dispute"]["evidence"] == [{"type": "TRACKING_NUMBER", "text": "1Z"}]
        sent = await graphql(
            shop, "mutation($id: ID!) {disputeContest(id: $id) {dispute {state} errors {code}}}", id=dispute_id
        )
        assert sent["disputeContest"] == {"dispute": {"state": "UnderReview"}, "errors": []}
        again = await graphql(
            shop, "mutation($id: ID!) {disputeContest(id: $id) {dispute {state} errors {code}}}", id=dispute_id
        )
        assert again["disputeContest"]["errors"] == [{"code": "NOT_CONTESTABLE"}]
