"""Requests nobody should act on, an Amazon that says no in every way it knows, and faults of our own.

Each has its answer, and afterwards nothing is lost and nothing was paid twice.
"""

from __future__ import annotations

import asyncio
import io
import json
from decimal import Decimal

import pytest
import structlog

from saleor_amazonpay.amazonpay import generate_key_pair
from saleor_amazonpay.handlers import action_requests, completing
from saleor_amazonpay.handlers import payment_gateway_initialize_session as gateway_initialize
from saleor_amazonpay.handlers import transaction_initialize_session as initialize_session
from saleor_amazonpay.handlers import transaction_process_session as process_session
from saleor_amazonpay.handlers.operations import owing, rounds, sending
from saleor_amazonpay.observability.logging import configure
from saleor_amazonpay.sandbox.amazon_pay.problems import STATUS_OF
from saleor_amazonpay.sandbox.saleor.tokens import SigningKey
from saleor_amazonpay.storage import accounts as account_rows
from saleor_amazonpay.storage import operations as operation_rows
from saleor_amazonpay.storage import payments as payment_rows
from saleor_amazonpay.storage.accounts import Account
from tests.journeys.helpers import (
    CANCEL,
    CHARGE,
    INITIALIZE,
    PROCESS,
    REFUND,
    break_amazon,
    captured,
    charges,
    last_answer,
    lost_request,
    mend,
    refunded,
    send_again,
    send_body,
    settle,
    silence,
    take_up_stranded,
)
from tests.journeys.shop import GATEWAY, PRIVATE_KEY, RESULT_URL, REVIEW_URL, SHOP
from tests.journeys.test_paying import approved, authorizing_checkout
from tests.journeys.test_refunding import charged

ACTIONS = {"CHARGE": CHARGE, "REFUND": REFUND, "CANCEL": CANCEL}
EVENTS = [CHARGE, REFUND, CANCEL, INITIALIZE, PROCESS, "PAYMENT_GATEWAY_INITIALIZE_SESSION"]
every_action = pytest.mark.parametrize("kind", ACTIONS)


async def one_of_each(shop):
    """A genuine request of every event, those of charge, refund and cancel not yet delivered; by event."""
    transaction = await shop.authorized()
    return {event: await lost_request(shop, kind, transaction, Decimal(100)) for kind, event in ACTIONS.items()} | {
        event: shop.saleor.deliveries_of(event)[-1] for event in EVENTS[3:]
    }


def nothing_happened(shop):
    audit = shop.amazon.audit()
    return len(audit["charges"]) == 1 and captured(shop) == 0 and audit["refunds"] == []


class TestForged:
    async def test_a_changed_byte_is_refused(self, shop):
        for event, genuine in (await one_of_each(shop)).items():
            genuine.body = genuine.body.replace(b"00.0", b"01.0")
            refused = await send_again(shop, genuine)
            assert (event, refused.status, refused.json) == (event, 401, None)
        assert nothing_happened(shop)

    @pytest.mark.parametrize(
        "headers",
        [
            {"saleor_signature": None},
            {"saleor_signature": ""},
            {"saleor_signature": "nonsense"},
            {"saleor_signature": "..."},
            {"saleor_signature": "A" * 20_000},
            {"saleor_api_url": None},
            {"saleor_api_url": "http://elsewhere.example/graphql/"},
            {"saleor_api_url": "javascript:alert(1)"},
        ],
        ids=["none", "empty", "nonsense", "dots", "long", "no tenant", "another tenant", "no URL"],
    )
    async def test_headers_that_prove_nothing_are_refused(self, shop, headers):
        for event, genuine in (await one_of_each(shop)).items():
            refused = await send_again(shop, genuine, **headers)
            assert refused.status in {400, 401, 431}, event
            assert refused.json is None
        assert nothing_happened(shop)

    async def test_keys_of_another_saleor_prove_nothing_here(self, shop):
        for event, genuine in (await one_of_each(shop)).items():
            refused = await send_again(shop, genuine, saleor_signature=SigningKey().sign_detached(genuine.body))
            assert (event, refused.status, refused.json) == (event, 401, None)
        assert nothing_happened(shop)

    async def test_another_route_is_refused(self, shop):
        requests = await one_of_each(shop)
        genuine = requests[REFUND]
        genuine.url = requests[CHARGE].url
        for headers in ({}, {"saleor_event": "transaction_charge_requested"}):
            refused = await send_again(shop, genuine, **headers)
            assert (refused.status, refused.json) == (400, None)
        assert nothing_happened(shop)

    async def test_another_apps_event_is_refused(self, shop):
        for event, genuine in (await one_of_each(shop)).items():
            payload = json.loads(genuine.body)
            payload["recipient"]["id"] = "QXBwOjk5OQ=="
            refused = await send_body(shop, event, json.dumps(payload).encode())
            assert (event, refused.status, refused.json) == (event, 403, None)
        assert nothing_happened(shop)

    @pytest.mark.parametrize(("by", "of"), [({"hours": 25}, EVENTS), ({"minutes": 11}, EVENTS[3:])])
    async def test_an_old_event_is_refused(self, shop, by, of):
        requests = await one_of_each(shop)
        shop.clock.move(**by)
        for event in of:
            refused = await send_again(shop, requests[event])
            assert (event, refused.status, refused.json) == (event, 400, None)
        assert nothing_happened(shop)

    async def test_an_event_from_the_future_is_refused(self, shop):
        requests = await one_of_each(shop)
        shop.clock.move(minutes=-5)
        for event, genuine in requests.items():
            assert (event, (await send_again(shop, genuine)).status) == (event, 400)
        assert nothing_happened(shop)

    async def test_a_transaction_of_nobody_is_a_failure(self, shop):
        genuine = (await one_of_each(shop))[CHARGE]
        payload = json.loads(genuine.body)
        payload["transaction"]["id"] = "VHJhbnNhY3Rpb25JdGVtOm5vYm9keQ=="
        answer = await send_body(shop, CHARGE, json.dumps(payload).encode())
        assert (answer.status, answer.json["result"]) == (200, "CHARGE_FAILURE")
        assert nothing_happened(shop)


class TestUnreadable:
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"{}", b"[" * 50_000, b'{"action": {"amount": 1e400}}'],
        ids=["empty", "truncated", "null", "list", "text", "no UTF-8", "no fields", "nested", "infinite"],
    )
    async def test_a_validly_signed_body_that_is_no_event_is_refused_in_plain_text(self, shop, body):
        for event in EVENTS:
            refused = await send_body(shop, event, body)
            assert (event, refused.status, refused.json) == (event, 400, None)
            assert refused.answer

    async def test_a_truncated_event_is_refused(self, shop):
        for event, genuine in (await one_of_each(shop)).items():
            refused = await send_body(shop, event, genuine.body[: len(genuine.body) // 2])
            assert (event, refused.status, refused.json) == (event, 400, None)
        assert nothing_happened(shop)

    async def test_an_oversized_body_is_refused_unread(self, shop):
        limit = shop.running.services.settings.webhook_max_bytes
        for event in EVENTS:
            refused = await send_body(shop, event, b'{"x": "' + b"x" * limit + b'"}')
            assert (event, refused.status, refused.json) == (event, 413, None)

    async def test_errors_in_the_payload_are_the_fault_of_the_configuration(self, shop):
        for event, genuine in (await one_of_each(shop)).items():
            payload = json.loads(genuine.body)
            payload["errors"] = [{"message": "You need HANDLE_PAYMENTS", "path": ["event", "transaction"]}]
            refused = await send_body(shop, event, json.dumps(payload).encode())
            assert (event, refused.status, refused.json) == (event, 409, None)
            assert b"permissions" in refused.answer
        assert nothing_happened(shop)

    async def test_an_unknown_event_is_not_found(self, shop):
        genuine = (await one_of_each(shop))[CHARGE]
        genuine.url = genuine.url.replace("transaction-charge-requested", "order-created")
        assert (await send_again(shop, genuine)).status == 404


class TestTheShopsConfiguration:
    async def test_a_channel_without_an_account_is_refused_in_words(self, shop):
        services = shop.running.services

        await services.database.run(lambda session: account_rows.unassign(session, shop.saleor.api_url, "default-jp"))
        services.directory.forget(shop.saleor.api_url)
        checkout = shop.saleor.create_checkout()
        [config] = await shop.saleor.storefront.payment_gateway_initialize(checkout.id, GATEWAY, {"flow": "review"})
        assert "default-jp" in config.data["errors"][0]["message"]
        begun = await shop.initialize(checkout.id, "00000000-0000-0000-0000-000000000000")
        assert begun.result == "CHARGE_FAILURE"
        assert "default-jp" in begun.event.message

    async def test_a_key_amazon_does_not_accept_is_named(self, shop):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        await self.use_another_key(shop)
        begun = await shop.initialize(checkout.id, session_id)
        assert begun.result == "AUTHORIZATION_FAILURE"
        assert "keys" in begun.event.message

    @every_action
    async def test_a_key_lost_after_the_payment_moves_nothing_and_is_named(self, shop, kind):
        transaction, _ = await charged(shop) if kind == "REFUND" else (await shop.authorized(), None)
        before = shop.amounts(transaction)
        await self.use_another_key(shop)
        await shop.saleor.staff.request_action(transaction, kind)
        answer = last_answer(shop, ACTIONS[kind])
        assert answer["result"] == f"{kind}_FAILURE"
        assert "keys" in answer["message"]
        assert shop.amounts(transaction) == before

    async def use_another_key(self, shop):
        services = shop.running.services
        another, _ = generate_key_pair()

        def change(session):
            account = account_rows.by_id(session, shop.saleor.api_url, shop.accounts["default-jp"], services.secrets)
            fields = {name: getattr(account, name) for name in Account.__slots__}
            changed = {**fields, "private_key": another, "updated_at": shop.clock.now()}
            account_rows.save(session, Account(**changed), services.secrets)

        await services.database.run(change)
        services.directory.forget(shop.saleor.api_url)


REVIEW = {"flow": "review", "amazonCheckoutSessionId": "x-1", "checkoutResultReturnUrl": RESULT_URL}


WRONG_INITIALIZE = [
    ({}, "data.flow"),
    ({**REVIEW, "flow": "revue"}, "data.flow"),
    ({**REVIEW, "flow": 1}, "data.flow"),
    ({"flow": "review", "checkoutResultReturnUrl": RESULT_URL}, "data.amazonCheckoutSessionId"),
    ({**REVIEW, "amazonCheckoutSessionId": ""}, "data.amazonCheckoutSessionId"),
    ({**REVIEW, "amazonCheckoutSessionId": "../../etc"}, "data.amazonCheckoutSessionId"),
    ({**REVIEW, "amazonCheckoutSessionId": {"$ne": 1}}, "data.amazonCheckoutSessionId"),
    ({"flow": "review", "amazonCheckoutSessionId": "x-1"}, "data.checkoutResultReturnUrl"),
    ({**REVIEW, "checkoutResultReturnUrl": "/result"}, "data.checkoutResultReturnUrl"),
    ({**REVIEW, "checkoutResultReturnUrl": "javascript:alert(1)"}, "data.checkoutResultReturnUrl"),
    ({**REVIEW, "checkoutResultReturnUrl": "https://evil.example/x"}, "data.checkoutResultReturnUrl"),
    ({**REVIEW, "checkoutResultReturnUrl": f"{SHOP}.evil.example/"}, "data.checkoutResultReturnUrl"),
    ({**REVIEW, "returnUrl": RESULT_URL}, "data.returnUrl"),
    ({**REVIEW, "amount": 1}, "data.amount"),
]


class TestTheStorefrontsData:
    async def test_each_wrong_field_of_initialize_is_named(self, shop):
        checkout = authorizing_checkout(shop)
        for data, field in WRONG_INITIALIZE:
            begun = await shop.saleor.storefront.transaction_initialize(checkout.id, GATEWAY, data)
            assert (data, begun.result) == (data, "AUTHORIZATION_FAILURE")
            assert field in {error["field"] for error in begun.data["errors"]}, data
            assert all(error["message"] and error["code"] for error in begun.data["errors"])
        assert shop.amazon.calls == []

    async def test_several_wrong_fields_are_all_named(self, shop):
        checkout = authorizing_checkout(shop)
        data = {"flow": "review", "amazonCheckoutSessionId": "", "checkoutResultReturnUrl": 7, "colour": "red"}
        begun = await shop.saleor.storefront.transaction_initialize(checkout.id, GATEWAY, data)
        named = {error["field"] for error in begun.data["errors"]}
        assert named == {"data.amazonCheckoutSessionId", "data.checkoutResultReturnUrl", "data.colour"}

    @pytest.mark.parametrize("data", [None, []])
    async def test_no_data_at_all_is_named(self, shop, data):
        checkout = authorizing_checkout(shop)
        begun = await shop.saleor.storefront.transaction_initialize(checkout.id, GATEWAY, data)
        assert begun.result == "AUTHORIZATION_FAILURE"
        assert begun.data["errors"][0]["field"].startswith("data")

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"flow": "paper"}, "data.flow"),
            ({"placement": "Roof"}, "data.placement"),
            ({"checkoutReviewReturnUrl": "https://evil.example/"}, "data.checkoutReviewReturnUrl"),
            ({"checkoutCancelUrl": 1}, "data.checkoutCancelUrl"),
            ({"recurring": {"frequency": {"unit": "Century", "value": "1"}}}, "data.recurring.frequency.unit"),
        ],
    )
    async def test_each_wrong_field_of_the_gateway_is_named(self, shop, data, field):
        checkout = shop.saleor.create_checkout()
        [config] = await shop.saleor.storefront.payment_gateway_initialize(checkout.id, GATEWAY, data)
        assert [error["field"] for error in config.data["errors"]] == [field]
        assert config.data["amazonPay"] is None

    @pytest.mark.parametrize("data", [{"amazonCheckoutSessionId": 1}, {"amazonCheckoutSessionId": "a b"}, {"x": 1}])
    async def test_wrong_data_at_process_decides_nothing(self, shop, data):
        transaction, session_id = await approved(shop, authorizing_checkout(shop).id)
        wrong = await shop.saleor.storefront.transaction_process(transaction, data)
        assert wrong.result == "AUTHORIZATION_ACTION_REQUIRED"
        assert wrong.data["errors"][0]["field"].startswith("data.")
        assert (await shop.process(transaction, session_id)).result == "AUTHORIZATION_SUCCESS"

    async def test_a_buyers_session_is_not_shown_to_another_checkout(self, shop):
        mine, theirs = authorizing_checkout(shop), authorizing_checkout(shop)
        session_id = await shop.open_session(theirs.id)
        await shop.initialize(theirs.id, session_id)
        [config] = await shop.saleor.storefront.payment_gateway_initialize(
            mine.id, GATEWAY, {"checkoutReviewReturnUrl": REVIEW_URL, "amazonCheckoutSessionId": session_id}
        )
        assert config.data["checkoutSession"] is None
        assert config.data["errors"][0]["field"] == "data.amazonCheckoutSessionId"


SENT_AGAIN = {code for code, status in STATUS_OF.items() if status in {408, 429, 500, 503}}
STALE_NEWS = {"InvalidChargeStatus", "InvalidChargePermissionStatus", "TransactionAmountExceeded"}


class TestEveryReasonCode:
    """One refusal of each kind: what can be repeated or planned again succeeds, everything else is a clear no."""

    async def test_of_a_capture(self, shop):
        wrong, transaction = [], await shop.authorized("3500")
        for number, code in enumerate(STATUS_OF, start=1):
            before = captured(shop)
            payment = await shop.authorized()
            break_amazon(shop, "capture_charge", reason_code=code)
            await shop.saleor.staff.request_charge(payment, Decimal(number))
            wrong += self.judged(shop, CHARGE, "CHARGE", code, captured(shop) - before, number)
            mend(shop)
        assert wrong == []
        assert shop.transaction(transaction).charged == 0

    async def test_of_a_charge_beyond_the_first_capture(self, shop):
        wrong, transaction = [], await shop.authorized()
        await shop.saleor.staff.request_charge(transaction, Decimal(1))
        for number, code in enumerate(STATUS_OF, start=2):
            before = captured(shop)
            break_amazon(shop, "create_charge", reason_code=code)
            await shop.saleor.staff.request_charge(transaction, Decimal(number))
            wrong += self.judged(shop, CHARGE, "CHARGE", code, captured(shop) - before, number)
            mend(shop)
        assert wrong == []
        assert shop.transaction(transaction).charged == captured(shop)

    async def test_of_a_refund(self, shop):
        wrong = []
        for number, code in enumerate(STATUS_OF, start=1):
            if number % 10 == 1:  # a charge bears ten refunds
                transaction, _ = await charged(shop)
            before = refunded(shop)
            break_amazon(shop, "create_refund", reason_code=code)
            await shop.saleor.staff.request_refund(transaction, Decimal(number))
            answer = last_answer(shop, REFUND)
            mend(shop)
            await settle(shop)
            wrong += self.judged(shop, REFUND, "REFUND", code, refunded(shop) - before, number, answer)
        assert wrong == []

    @pytest.mark.parametrize("operation", ["cancel_charge", "close_charge_permission"])
    async def test_of_a_cancel(self, shop, operation):
        wrong = []
        for code in STATUS_OF:
            transaction = await shop.authorized()
            break_amazon(shop, operation, reason_code=code)
            await shop.saleor.staff.request_cancel(transaction)
            answer = last_answer(shop, CANCEL)
            mend(shop)
            released = shop.transaction(transaction).canceled
            if shop.saleor.deliveries_of(CANCEL)[-1].status != 200 or not answer.get("message"):
                wrong.append((code, answer))
            if code in SENT_AGAIN and answer["result"] != "CANCEL_SUCCESS":
                wrong.append((code, answer))
            held = sum(
                Decimal(charge["chargeAmount"]["amount"])
                for charge in charges(shop, "Authorized")
                if charge["chargeId"] == shop.transaction(transaction).psp_reference
            )
            if released and held:
                wrong.append((code, "told as released and still held", answer))
        assert wrong == []

    async def test_of_an_update(self, shop):
        wrong = []
        for code in STATUS_OF:
            checkout = authorizing_checkout(shop)
            session_id = await shop.open_session(checkout.id)
            break_amazon(shop, "update_checkout_session", reason_code=code)
            begun = await shop.initialize(checkout.id, session_id)
            expected = "AUTHORIZATION_ACTION_REQUIRED" if code in SENT_AGAIN else "AUTHORIZATION_FAILURE"
            if begun.result != expected or not begun.event.message:
                wrong.append((code, begun))
            mend(shop)
        assert wrong == []
        assert charges(shop) == []

    async def test_of_a_completion(self, shop):
        """What is refused while the session stays open leaves the buyer another try, which then succeeds."""
        wrong = []
        for code in STATUS_OF:
            checkout = authorizing_checkout(shop)
            transaction, session_id = await approved(shop, checkout.id)
            before = len(charges(shop))
            break_amazon(shop, "complete_checkout_session", reason_code=code)
            done = await shop.process(transaction, session_id)
            mend(shop)
            if done.result == "AUTHORIZATION_ACTION_REQUIRED":
                done = await shop.process(transaction, session_id)
            made = len(charges(shop)) - before
            if not done.event.message or made != (done.result == "AUTHORIZATION_SUCCESS"):
                wrong.append((code, done, made))
        assert wrong == []

    def judged(self, shop, event, kind, code, moved, number, answer=None):
        answer = answer or last_answer(shop, event)
        status = shop.saleor.deliveries_of(event)[-1].status
        succeeds = code in SENT_AGAIN or code in STALE_NEWS
        results = {f"{kind}_SUCCESS", None} if succeeds else {f"{kind}_FAILURE"}
        is_right = status == 200 and answer.get("result") in results and moved == (number if succeeds else 0)
        has_words = succeeds or bool(answer.get("message"))
        return [] if is_right and has_words else [(code, moved, answer)]


class TestWhenAmazonIsAway:
    @pytest.mark.parametrize("status", [429, 500, 504])
    @every_action
    async def test_an_action_is_answered_later_and_done_once(self, shop, kind, status):
        transaction, _ = await charged(shop) if kind == "REFUND" else (await shop.authorized(), None)
        operation = {"CHARGE": "capture_charge", "REFUND": "create_refund", "CANCEL": "cancel_charge"}[kind]
        silence(shop, operation, times=2, status=status)
        await shop.saleor.staff.request_action(transaction, kind)
        answer = last_answer(shop, ACTIONS[kind])
        assert answer.get("result") in {None, f"{kind}_SUCCESS"}
        await settle(shop)
        success = [e for e in shop.transaction(transaction).events if e.type == f"{kind}_SUCCESS"]
        assert [event.psp_reference for event in success] == [answer["pspReference"]]
        sent = {(call.idempotency_key, call.raw_body) for call in shop.amazon.calls if call.operation == operation}
        assert len(sent) == 1


FAULTY = {
    "finding the payment": (payment_rows, "find"),
    "writing the operation down": (operation_rows, "insert"),
    "planning": (rounds, "plan"),
    "storing the calls": (operation_rows, "insert_calls"),
    "sending": (sending, "send"),
    "reading back": (sending, "read_back"),
    "settling": (rounds, "settle"),
    "owing the report": (owing, "owe"),
    "answering": (action_requests, "_answer"),
}
SESSION_FAULTY = {
    "process: reading data": (process_session, "parse_transaction_process"),
    "process: beginning": (completing, "_begin"),
    "process: sending": (sending, "send"),
    "process: settling": (rounds, "settle"),
    "process: answering": (process_session, "_answer"),
}


def fail_once(monkeypatch, where, name):
    """The function raises what nobody expects, the first time it is called."""
    genuine = getattr(where, name)

    def faulty(*args, **kwargs):
        monkeypatch.setattr(where, name, genuine)
        raise RuntimeError("a fault nobody thought of")

    async def faulty_later(*args, **kwargs):
        faulty()

    monkeypatch.setattr(where, name, faulty_later if asyncio.iscoroutinefunction(genuine) else faulty)


class TestFaultsOfOurOwn:
    @pytest.mark.parametrize("fault", FAULTY.values(), ids=FAULTY.keys())
    @every_action
    async def test_an_action_is_never_answered_5xx_and_ends_as_amazon_has_it(self, shop, monkeypatch, kind, fault):
        transaction, total = await charged(shop) if kind == "REFUND" else (await shop.authorized(), None)
        total = total or shop.transaction(transaction).authorized
        fail_once(monkeypatch, *fault)
        await shop.saleor.staff.request_action(transaction, kind)
        [delivery] = shop.saleor.deliveries_of(ACTIONS[kind])
        assert delivery.status == 200
        assert delivery.json.get("result") in {None, f"{kind}_FAILURE", f"{kind}_SUCCESS"}
        assert delivery.json["pspReference"]
        shop.clock.move(seconds=21)  # the claim of whoever failed runs out
        await take_up_stranded(shop)
        await settle(shop)
        done = {"CHARGE": captured(shop), "REFUND": refunded(shop), "CANCEL": total * len(charges(shop, "Canceled"))}
        told = {"CHARGE": "charged", "REFUND": "refunded", "CANCEL": "canceled"}[kind]
        assert getattr(shop.transaction(transaction), told) == done[kind]
        assert done[kind] in {0, total}
        if "result" not in delivery.json:
            assert done[kind] == total
            assert shop.last_event(transaction, f"{kind}_SUCCESS").psp_reference == delivery.json["pspReference"]

    @pytest.mark.parametrize("fault", SESSION_FAULTY.values(), ids=SESSION_FAULTY.keys())
    async def test_a_completion_is_not_decided_and_goes_on_when_asked_again(self, shop, monkeypatch, fault):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        fail_once(monkeypatch, *fault)
        first = await shop.process(transaction, session_id)
        assert first.result == "AUTHORIZATION_ACTION_REQUIRED"
        assert first.data["status"] == "processing"
        shop.clock.move(seconds=21)
        done = await shop.process(transaction, session_id)
        assert done.result == "AUTHORIZATION_SUCCESS"
        await settle(shop)
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}
        assert len(charges(shop)) == 1

    async def test_a_completion_nobody_asks_for_again_is_finished_and_told(self, shop, monkeypatch):
        checkout = authorizing_checkout(shop)
        transaction, session_id = await approved(shop, checkout.id)
        fail_once(monkeypatch, rounds, "settle")
        await shop.process(transaction, session_id)
        shop.clock.move(seconds=21)
        await take_up_stranded(shop)
        await settle(shop)
        assert shop.amounts(transaction) == {"authorized": checkout.total_price.gross.amount}
        assert len(charges(shop)) == 1

    async def test_an_initialize_is_not_decided_and_can_be_repeated(self, shop, monkeypatch):
        checkout = authorizing_checkout(shop)
        session_id = await shop.open_session(checkout.id)
        fail_once(monkeypatch, initialize_session, "parse_transaction_initialize")
        first = await shop.initialize(checkout.id, session_id)
        assert first.result == "AUTHORIZATION_ACTION_REQUIRED"
        assert "fault" in first.event.message
        second = await shop.initialize(checkout.id, session_id)
        assert second.data["amazonPayRedirectUrl"]

    async def test_the_gateways_answer_says_so(self, shop, monkeypatch):
        checkout = shop.saleor.create_checkout()
        fail_once(monkeypatch, gateway_initialize, "parse_gateway_initialize")
        [config] = await shop.saleor.storefront.payment_gateway_initialize(checkout.id, GATEWAY, {})
        assert config.data["errors"][0]["code"] == "INTERNAL_ERROR"


class TestSecrets:
    async def test_are_in_no_answer_and_no_log(self, shop, monkeypatch):
        stream = io.BytesIO()
        configure(log_format="json", log_level="DEBUG", stream=stream)
        try:
            await self.trouble(shop, monkeypatch)
        finally:
            structlog.reset_defaults()
        log = stream.getvalue().decode()
        answers = b"".join(delivery.answer for delivery in shop.saleor.deliveries).decode()
        assert "a fault nobody thought of" in log
        for secret in self.secrets(shop):
            assert secret not in log
            assert secret not in answers
        assert "Traceback" not in answers
        assert "a fault nobody thought of" not in answers

    async def trouble(self, shop, monkeypatch):
        transaction = await shop.authorized()
        break_amazon(shop, "capture_charge", reason_code="InvalidRequestSignature")
        await shop.saleor.staff.request_charge(transaction, Decimal(10))
        fail_once(monkeypatch, sending, "send")
        await shop.saleor.staff.request_charge(transaction, Decimal(20))
        shop.clock.move(seconds=21)
        await take_up_stranded(shop)
        shop.saleor.faults.api("unavailable", "transactionEventReport")
        await settle(shop)
        for delivery in list(shop.saleor.deliveries[-3:]):
            await send_again(shop, delivery, saleor_signature="nonsense")
        await send_body(shop, CHARGE, b"{")

    def secrets(self, shop):
        settings = shop.running.services.settings
        pem = PRIVATE_KEY.splitlines()
        yield from (line for line in pem if len(line) > 40 and "PRIVATE" not in line)
        yield shop.app.token
        yield settings.secret_key.get_secret_value()
        for call in shop.amazon.calls:
            yield call.headers["authorization"].rpartition("Signature=")[2]
        for delivery in shop.saleor.deliveries:
            if len(delivery.headers.get("Saleor-Signature", "")) > 100:
                yield delivery.headers["Saleor-Signature"]
