"""A storefront and a member of staff, who use the stand-in over HTTP as they would use Saleor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2

from saleor_amazonpay.sandbox.saleor.webhooks import tls

if TYPE_CHECKING:
    from saleor_amazonpay.sandbox.saleor.catalogue import User
    from saleor_amazonpay.sandbox.saleor.standin import SaleorStandIn


class GraphQLFailed(Exception):
    """The answer had top-level ``errors``."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0].get("message", ""))
        self.errors = errors

    @property
    def code(self) -> str:
        return str(self.errors[0].get("extensions", {}).get("exception", {}).get("code", ""))


@dataclass(frozen=True)
class Problem:
    """One of a mutation's ``errors``."""

    field: str | None
    code: str
    message: str


@dataclass(frozen=True)
class GatewayConfig:
    id: str
    data: Any
    errors: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    psp_reference: str
    message: str
    amount: Decimal


@dataclass(frozen=True)
class Payment:
    """Of transactionInitialize or transactionProcess; ``transaction_id`` is empty when ``errors`` are not."""

    transaction_id: str = ""
    event: Event | None = None
    data: Any = None
    errors: tuple[Problem, ...] = ()

    @property
    def result(self) -> str:
        return self.event.type if self.event else ""


@dataclass(frozen=True)
class Completed:
    order_id: str = ""
    number: str = ""
    errors: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Requested:
    """Of a mutation that answers only whether it was accepted; ``id`` is the object's it was about."""

    id: str = ""
    errors: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Tokenized:
    result: str
    id: str | None = None
    data: Any = None
    errors: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class StoredMethod:
    id: str
    payment_method_id: str
    type: str
    name: str | None
    data: Any
    supported_payment_flows: tuple[str, ...] = field(default=())


_ERRORS = "errors{field message code}"
_EVENT = "transaction{id} transactionEvent{id type pspReference message amount{amount}} data errors{field message code}"


class Client:
    """GraphQL over HTTP at the shop's public URL, a token made for whoever asks."""

    def __init__(self, shop: SaleorStandIn) -> None:
        self._shop = shop
        self._http: httpx2.AsyncClient | None = None

    async def execute(
        self, document: str, variables: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> dict[str, Any]:
        """``data`` of the answer.

        Raises:
            GraphQLFailed: top-level errors.
        """
        if self._http is None:
            self._http = httpx2.AsyncClient(timeout=60.0, trust_env=False, verify=tls())
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent = {"query": document, "variables": _sendable(dict(variables or {}))}
        response = await self._http.post(self._shop.api_url, json=sent, headers=headers)
        body = response.json(parse_float=Decimal)
        if body.get("errors"):
            raise GraphQLFailed(body["errors"])
        data: dict[str, Any] = body["data"]
        return data

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _mutate(self, document: str, variables: Mapping[str, Any], user: User | None) -> dict[str, Any]:
        token = self._shop.make_user_token(user) if user else None
        given = {name: value for name, value in variables.items() if value is not None}
        payload: dict[str, Any] = next(iter((await self.execute(document, given, token=token)).values()))
        return payload


def _sendable(value: Any) -> Any:
    """Decimals as strings: the API's decimal scalars take them, and nothing is lost."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _sendable(each) for key, each in value.items()}
    return [_sendable(each) for each in value] if isinstance(value, list | tuple) else value


def _problems(payload: Mapping[str, Any]) -> tuple[Problem, ...]:
    return tuple(Problem(each["field"], each["code"], each["message"]) for each in payload["errors"])


def _payment(payload: Mapping[str, Any]) -> Payment:
    event = payload["transactionEvent"]
    return Payment(
        transaction_id=payload["transaction"]["id"] if payload["transaction"] else "",
        event=Event(
            event["id"], event["type"], event["pspReference"], event["message"], Decimal(event["amount"]["amount"])
        )
        if event
        else None,
        data=payload["data"],
        errors=_problems(payload),
    )


class Storefront(Client):
    """Everything a shopper's browser does; ``user`` is who is logged in, nobody by default."""

    async def payment_gateway_initialize(
        self,
        source_id: str,
        gateway: str | None = None,
        data: Any = None,
        *,
        amount: Decimal | None = None,
        user: User | None = None,
    ) -> list[GatewayConfig]:
        document = """
        mutation($id: ID!, $amount: PositiveDecimal, $gateways: [PaymentGatewayToInitialize!]) {
          paymentGatewayInitialize(id: $id, amount: $amount, paymentGateways: $gateways) {
            gatewayConfigs{id data errors{field message code}} errors{field message code}
          }
        }"""
        gateways = [{"id": gateway, "data": data}] if gateway else None
        payload = await self._mutate(document, {"id": source_id, "amount": amount, "gateways": gateways}, user)
        configs = payload["gatewayConfigs"] or []
        return [GatewayConfig(each["id"], each["data"], _problems(each)) for each in configs]

    async def transaction_initialize(
        self,
        source_id: str,
        gateway: str,
        data: Any = None,
        *,
        amount: Decimal | None = None,
        idempotency_key: str | None = None,
        user: User | None = None,
    ) -> Payment:
        document = f"""
        mutation($id: ID!, $gateway: PaymentGatewayToInitialize!, $amount: PositiveDecimal, $key: String) {{
          transactionInitialize(id: $id, paymentGateway: $gateway, amount: $amount, idempotencyKey: $key) {{{_EVENT}}}
        }}"""
        variables = {
            "id": source_id,
            "gateway": {"id": gateway, "data": data},
            "amount": amount,
            "key": idempotency_key,
        }
        return _payment(await self._mutate(document, variables, user))

    async def transaction_process(self, transaction_id: str, data: Any = None, *, user: User | None = None) -> Payment:
        document = f"mutation($id: ID, $data: JSON) {{transactionProcess(id: $id, data: $data) {{{_EVENT}}}}}"
        return _payment(await self._mutate(document, {"id": transaction_id, "data": data}, user))

    async def checkout_complete(self, checkout_id: str, *, user: User | None = None) -> Completed:
        document = f"mutation($id: ID!) {{checkoutComplete(id: $id) {{order{{id number}} {_ERRORS}}}}}"
        payload = await self._mutate(document, {"id": checkout_id}, user)
        order = payload["order"] or {"id": "", "number": ""}
        return Completed(order["id"], order["number"], _problems(payload))

    async def update_quantity(self, checkout_id: str, line_id: str, quantity: int) -> Requested:
        document = f"""
        mutation($id: ID!, $lines: [CheckoutLineUpdateInput!]!) {{
          checkoutLinesUpdate(id: $id, lines: $lines) {{checkout{{id}} {_ERRORS}}}
        }}"""
        lines = [{"lineId": line_id, "quantity": quantity}]
        payload = await self._mutate(document, {"id": checkout_id, "lines": lines}, None)
        return Requested(checkout_id, _problems(payload))

    async def update_shipping_address(self, checkout_id: str, address: Mapping[str, Any]) -> Requested:
        """``address`` is an ``AddressInput``."""
        document = f"""
        mutation($id: ID!, $address: AddressInput!) {{
          checkoutShippingAddressUpdate(id: $id, shippingAddress: $address) {{checkout{{id}} {_ERRORS}}}
        }}"""
        payload = await self._mutate(document, {"id": checkout_id, "address": dict(address)}, None)
        return Requested(checkout_id, _problems(payload))

    async def stored_payment_methods(self, channel: str, user: User) -> list[StoredMethod]:
        document = """
        query($channel: String!) {
          me {storedPaymentMethods(channel: $channel) {id paymentMethodId type name data supportedPaymentFlows}}
        }"""
        listed = await self._mutate(document, {"channel": channel}, user)
        return [
            StoredMethod(
                each["id"],
                each["paymentMethodId"],
                each["type"],
                each["name"],
                each["data"],
                tuple(each["supportedPaymentFlows"] or ()),
            )
            for each in listed["storedPaymentMethods"] or []
        ]

    async def stored_payment_method_request_delete(self, method_id: str, channel: str, user: User) -> Tokenized:
        document = f"""
        mutation($id: ID!, $channel: String!) {{
          storedPaymentMethodRequestDelete(id: $id, channel: $channel) {{result {_ERRORS}}}
        }}"""
        return await self._tokenized(document, {"id": method_id, "channel": channel}, user)

    async def payment_gateway_initialize_tokenization(
        self, gateway: str, channel: str, user: User, data: Any = None
    ) -> Tokenized:
        document = f"""
        mutation($id: String!, $channel: String!, $data: JSON) {{
          paymentGatewayInitializeTokenization(id: $id, channel: $channel, data: $data) {{result data {_ERRORS}}}
        }}"""
        return await self._tokenized(document, {"id": gateway, "channel": channel, "data": data}, user)

    async def payment_method_initialize_tokenization(
        self, gateway: str, channel: str, user: User, data: Any = None
    ) -> Tokenized:
        document = f"""
        mutation($id: String!, $channel: String!, $data: JSON) {{
          paymentMethodInitializeTokenization(
            id: $id, channel: $channel, data: $data, paymentFlowToSupport: INTERACTIVE
          ) {{result id data {_ERRORS}}}
        }}"""
        return await self._tokenized(document, {"id": gateway, "channel": channel, "data": data}, user)

    async def payment_method_process_tokenization(
        self, method_id: str, channel: str, user: User, data: Any = None
    ) -> Tokenized:
        document = f"""
        mutation($id: String!, $channel: String!, $data: JSON) {{
          paymentMethodProcessTokenization(id: $id, channel: $channel, data: $data) {{result id data {_ERRORS}}}
        }}"""
        return await self._tokenized(document, {"id": method_id, "channel": channel, "data": data}, user)

    async def _tokenized(self, document: str, variables: Mapping[str, Any], user: User) -> Tokenized:
        payload = await self._mutate(document, variables, user)
        return Tokenized(payload["result"], payload.get("id"), payload.get("data"), _problems(payload))


class Staff(Client):
    """The merchant at the Dashboard, a superuser. Requests end when the app's answer has been booked."""

    async def request_charge(self, transaction_id: str, amount: Decimal | None = None) -> Requested:
        return await self.request_action(transaction_id, "CHARGE", amount)

    async def request_refund(
        self, transaction_id: str, amount: Decimal | None = None, reason: str | None = None
    ) -> Requested:
        return await self.request_action(transaction_id, "REFUND", amount, reason)

    async def request_cancel(self, transaction_id: str, amount: Decimal | None = None) -> Requested:
        return await self.request_action(transaction_id, "CANCEL", amount)

    async def request_action(
        self,
        transaction_id: str,
        kind: str,
        amount: Decimal | None = None,
        reason: str | None = None,
        *,
        settle: bool = True,
    ) -> Requested:
        """``settle=False`` returns as the mutation does, the webhook still under way."""
        document = f"""
        mutation($id: ID!, $kind: TransactionActionEnum!, $amount: PositiveDecimal, $reason: String) {{
          transactionRequestAction(id: $id, actionType: $kind, amount: $amount, refundReason: $reason) {{
            transaction{{id}} {_ERRORS}
          }}
        }}"""
        variables = {"id": transaction_id, "kind": kind, "amount": amount, "reason": reason}
        return await self._request(document, variables, transaction_id, settle=settle)

    async def grant_refund(
        self,
        order_id: str,
        transaction_id: str,
        amount: Decimal | None = None,
        reason: str = "",
        lines: Sequence[tuple[str, int]] = (),
    ) -> Requested:
        """``id`` is the granted refund's; ``lines`` are order line ids with quantities."""
        document = f"""
        mutation($id: ID!, $input: OrderGrantRefundCreateInput!) {{
          orderGrantRefundCreate(id: $id, input: $input) {{grantedRefund{{id}} {_ERRORS}}}
        }}"""
        given: dict[str, Any] = {"amount": amount, "reason": reason, "transactionId": transaction_id}
        if lines:
            given["lines"] = [{"id": line, "quantity": quantity} for line, quantity in lines]
        payload = await self._mutate(document, {"id": order_id, "input": given}, self._shop.superuser)
        granted = payload["grantedRefund"]
        return Requested(granted["id"] if granted else "", _problems(payload))

    async def request_granted_refund(self, granted_refund_id: str, *, settle: bool = True) -> Requested:
        document = f"""
        mutation($id: ID!) {{
          transactionRequestRefundForGrantedRefund(grantedRefundId: $id) {{transaction{{id}} {_ERRORS}}}
        }}"""
        return await self._request(document, {"id": granted_refund_id}, granted_refund_id, settle=settle)

    async def fulfill(
        self, order_id: str, tracking_number: str | None = None, quantities: Sequence[int] = ()
    ) -> Requested:
        """Everything at once, or ``quantities`` of the order's lines; ``id`` is the fulfillment's."""
        document = f"""
        mutation($id: ID!, $input: OrderFulfillInput!) {{
          orderFulfill(order: $id, input: $input) {{fulfillments{{id}} {_ERRORS}}}
        }}"""
        order = self._shop.order(order_id)
        warehouse = order.channel.warehouses[0].id
        lines = [
            {"orderLineId": line.id, "stocks": [{"quantity": quantity, "warehouse": warehouse}]}
            for line, quantity in zip(
                order.lines, quantities or [line.quantity_to_fulfill for line in order.lines], strict=True
            )
            if quantity
        ]
        given = {"lines": lines, "notifyCustomer": True, "trackingNumber": tracking_number}
        payload = await self._mutate(document, {"id": order_id, "input": given}, self._shop.superuser)
        await self._shop.settle()
        made = payload["fulfillments"] or [{"id": ""}]
        return Requested(made[0]["id"], _problems(payload))

    async def update_tracking(self, fulfillment_id: str, tracking_number: str) -> Requested:
        document = f"""
        mutation($id: ID!, $input: FulfillmentUpdateTrackingInput!) {{
          orderFulfillmentUpdateTracking(id: $id, input: $input) {{fulfillment{{id}} {_ERRORS}}}
        }}"""
        variables = {"id": fulfillment_id, "input": {"trackingNumber": tracking_number}}
        return await self._request(document, variables, fulfillment_id)

    async def approve_fulfillment(self, fulfillment_id: str) -> Requested:
        document = f"""
        mutation($id: ID!) {{
          orderFulfillmentApprove(id: $id, notifyCustomer: true) {{fulfillment{{id}} {_ERRORS}}}
        }}"""
        return await self._request(document, {"id": fulfillment_id}, fulfillment_id)

    async def cancel_order(self, order_id: str) -> Requested:
        document = f"mutation($id: ID!) {{orderCancel(id: $id) {{order{{id}} {_ERRORS}}}}}"
        return await self._request(document, {"id": order_id}, order_id)

    async def release_funds(self) -> list[str]:
        return await self._shop.release_funds()

    async def _request(
        self, document: str, variables: Mapping[str, Any], about: str, *, settle: bool = True
    ) -> Requested:
        payload = await self._mutate(document, variables, self._shop.superuser)
        if settle:
            await self._shop.settle()
        return Requested(about, _problems(payload))
