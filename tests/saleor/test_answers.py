from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from saleor_amazonpay.domain.money import Currency, Money
from saleor_amazonpay.domain.states import TransactionAction, TransactionEventType
from saleor_amazonpay.saleor.answers import ActionAnswer, GatewayAnswer, SessionAnswer

Type = TransactionEventType
YEN = Money.parse("6500", "JPY")
DOLLARS = Money.parse("94.90", "USD")
ZERO = Money.zero(Currency.JPY)


class TestSessionAnswer:
    def success(self, **changes):
        return SessionAnswer(**{"result": Type.CHARGE_SUCCESS, "psp_reference": "C1", "amount": YEN, **changes})

    def test_it_renders_what_is_given_and_nothing_else(self):
        assert self.success().render() == b'{"result":"CHARGE_SUCCESS","pspReference":"C1","amount":6500}'

    def test_amounts_are_exact_literals(self):
        assert b'"amount":94.90' in self.success(amount=DOLLARS).render()
        large = Money.parse("9999999999999.99", "USD")
        assert b'"amount":9999999999999.99' in self.success(amount=large).render()

    def test_time_is_utc_with_z(self):
        tokyo = datetime(2026, 11, 23, 20, 42, 29, tzinfo=timezone(timedelta(hours=9)))
        assert json.loads(self.success(time=tokyo).render())["time"] == "2026-11-23T11:42:29Z"

    def test_a_long_message_is_cut_to_what_saleor_keeps(self):
        message = json.loads(self.success(message="あ" * 600).render())["message"]
        assert len(message) == 512
        assert message.endswith("…")

    def test_actions_are_told_once_each(self):
        charge, refund = TransactionAction.CHARGE, TransactionAction.REFUND
        assert json.loads(self.success(actions=[charge, refund, charge]).render())["actions"] == ["CHARGE", "REFUND"]
        assert json.loads(self.success(actions=[]).render())["actions"] == []
        assert "actions" not in json.loads(self.success().render())

    @pytest.mark.parametrize(("version", "told"), [((3, 21), False), ((3, 22), True), ((3, 24), True), (None, True)])
    def test_the_payment_method_is_told_since_3_22(self, version, told):
        fields = json.loads(self.success(payment_method_name="Visa ****1111").render(version))
        assert ("paymentMethodDetails" in fields) is told
        if told:
            assert fields["paymentMethodDetails"] == {"type": "OTHER", "name": "Visa ****1111"}

    def test_an_agreement_alone_may_be_worth_zero(self):
        answer = self.success(result=Type.AUTHORIZATION_SUCCESS, amount=ZERO)
        assert json.loads(answer.render())["amount"] == 0

    def test_action_required_needs_no_reference(self):
        answer = SessionAnswer(result=Type.CHARGE_ACTION_REQUIRED, data={"status": "processing"})
        assert answer.render() == b'{"result":"CHARGE_ACTION_REQUIRED","data":{"status":"processing"}}'

    @pytest.mark.parametrize(
        "changes",
        [
            {"psp_reference": None},
            {"psp_reference": ""},
            {"psp_reference": " "},
            {"psp_reference": "x" * 513},
            {"amount": None},
            {"amount": ZERO},
            {"amount": Money(-1, Currency.JPY)},
            {"result": Type.CHARGE_REQUEST, "amount": ZERO},
            {"result": Type.CHARGE_FAILURE, "psp_reference": None},
            {"external_url": ""},
            {"external_url": "payments.amazon.co.jp"},
            {"external_url": "https://a.example/" + "x" * 200},
            {"time": datetime(2026, 11, 23)},  # noqa: DTZ001
        ],
        ids=str,
    )
    def test_what_saleor_would_refuse_or_misread_cannot_be_made(self, changes):
        with pytest.raises(ValueError):
            self.success(**changes)

    @pytest.mark.parametrize(
        "result", [Type.REFUND_SUCCESS, Type.CANCEL_SUCCESS, Type.INFO, Type.AUTHORIZATION_ADJUSTMENT, Type.CHARGE_BACK]
    )
    def test_other_results_belong_to_other_events(self, result):
        with pytest.raises(ValueError):
            self.success(result=result)


class TestActionAnswer:
    def test_a_success(self):
        answer = ActionAnswer(
            result=Type.REFUND_SUCCESS, psp_reference="R1", amount=DOLLARS, time=datetime(2026, 1, 1, tzinfo=UTC)
        )
        assert answer.render() == (
            b'{"result":"REFUND_SUCCESS","pspReference":"R1","amount":94.90,"time":"2026-01-01T00:00:00Z"}'
        )

    def test_later_has_no_result_at_all(self):
        assert ActionAnswer(psp_reference="R1").render() == b'{"pspReference":"R1"}'

    @pytest.mark.parametrize(
        "fields",
        [
            {"psp_reference": None},
            {"psp_reference": ""},
            {"psp_reference": "R1", "amount": YEN},
            {"psp_reference": "R1", "message": "soon"},
            {"psp_reference": "R1", "actions": []},
            {"psp_reference": "R1", "result": Type.REFUND_REQUEST},
            {"psp_reference": "R1", "result": Type.AUTHORIZATION_SUCCESS, "amount": YEN},
            {"psp_reference": "R1", "result": Type.CHARGE_SUCCESS},
            {"psp_reference": "R1", "result": Type.CHARGE_SUCCESS, "amount": ZERO},
        ],
        ids=str,
    )
    def test_what_saleor_would_refuse_or_misread_cannot_be_made(self, fields):
        with pytest.raises(ValueError):
            ActionAnswer(**fields)


class TestGatewayAnswer:
    def test_buyer_data_comes_last_and_stays_out_of_logs(self):
        answer = GatewayAnswer(amazon_pay={"merchantId": "M"}, checkout_session={"buyer": {"email": "a@b.example"}})
        assert list(json.loads(answer.render())["data"]) == ["amazonPay", "errors", "checkoutSession"]
        assert "a@b.example" not in repr(answer)
