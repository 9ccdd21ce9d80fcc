"""The orders of renewals, made through Saleor's API with the app's own token: checkout, payment, order.

``checkoutCreateFromOrder`` takes over the goods alone: whose checkout it is, where it goes and in which language are
set after it, from the template. Each call may be made again after a crash: a second checkout is never paid for,
``transactionInitialize`` is told apart by its key, ``checkoutComplete`` gives the same order.
Source: saleor-contract.md §6.2, §8; checkout_create_from_order.py, checkout_customer_attach.py and
checkout_complete.py of Saleor 3.23 (IMPERSONATE_USER, HANDLE_CHECKOUTS).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.errors import SaleorRefused, SaleorUnavailable
from saleor_amazonpay.saleor.client import DEFAULT_TIMEOUT, SaleorClient, raise_for_errors

INITIALIZE_SECONDS = 22.0  # Saleor waits 18 for the app's own answer
NEEDED_PERMISSIONS = ("HANDLE_CHECKOUTS", "IMPERSONATE_USER")
_UNPAYABLE_STATUSES = frozenset({"DRAFT", "EXPIRED"})


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """``quantity`` pieces are sold again, of ``ordered``; the variant may be gone."""

    id: str
    name: str
    variant_id: str | None
    ships: bool
    ordered: int
    quantity: int


@dataclass(frozen=True, slots=True)
class TemplateOrder:
    """An order whose goods are sold again; ``addresses`` are AddressInputs."""

    id: str
    number: str
    status: str
    channel_slug: str
    currency: str
    customer_id: str | None
    language: str
    ships: bool
    shipping_address: Mapping[str, Any] | None
    billing_address: Mapping[str, Any] | None
    delivery_id: str | None
    lines: tuple[TemplateLine, ...]
    is_whole: bool = True  # all lines are sold again

    def only(self, wanted: Mapping[str, int]) -> TemplateOrder:
        """The same order with so many pieces of these lines, by their ids."""
        lines = tuple(replace(line, quantity=wanted[line.id]) for line in self.lines if line.id in wanted)
        return replace(self, lines=lines, ships=any(line.ships for line in lines), is_whole=False)

    @property
    def is_order(self) -> bool:
        return self.status not in _UNPAYABLE_STATUSES

    @property
    def missing(self) -> str | None:
        """What keeps an order from being made like this one, for a person."""
        if not self.billing_address:
            return "has no billing address"
        if self.ships and not self.shipping_address:
            return "has no shipping address"
        if self.ships and not self.delivery_id:
            return "has no delivery method that still exists"
        return None if self.lines else "has no goods"


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    id: str
    variant_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class RenewalCheckout:
    id: str
    has_customer: bool
    ships: bool
    lines: tuple[CheckoutLine, ...]
    transaction_ids: tuple[str, ...]
    total: Money
    shipping: Money


@dataclass(frozen=True, slots=True)
class MadeCheckout:
    checkout: RenewalCheckout
    unavailable: tuple[str, ...]  # Saleor's words for what was left out


@dataclass(frozen=True, slots=True)
class Initialized:
    """``transaction_id`` is there whatever the app answered; ``event`` is the type of Saleor's event."""

    transaction_id: str
    event: str
    message: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MadeOrder:
    id: str
    number: str
    transaction_ids: tuple[str, ...]


class RenewalOrders:
    """One tenant's Saleor, asked as the app. Raises SaleorUnavailable, SaleorRefused, SaleorTokenRevoked."""

    def __init__(self, client: SaleorClient, api_url: str, token: str) -> None:
        self._client = client
        self._api_url = api_url
        self._token = token

    async def template(self, order_id: str) -> TemplateOrder | None:
        data = await self._execute("queries/template_order", {"id": order_id})
        found = data["order"]
        return _template(found) if found else None

    async def create_checkout(self, template: TemplateOrder) -> MadeCheckout:
        payload = await self._mutate("checkoutCreateFromOrder", "checkout_create_from_order", {"id": template.id})
        left_out = {str(each["lineId"]): str(each["message"]) for each in payload["unavailableVariants"] or ()}
        checkout = _checkout(payload["checkout"])
        if not template.is_whole:
            checkout, left_out = await self._only(template, checkout, left_out)
        return MadeCheckout(checkout, tuple(left_out.values()))

    async def _only(
        self, template: TemplateOrder, checkout: RenewalCheckout, left_out: Mapping[str, str]
    ) -> tuple[RenewalCheckout, dict[str, str]]:
        """The checkout with what was chosen of the order, and Saleor's words for what of that cannot be sold."""
        wanted: Counter[str] = Counter()
        unavailable: dict[str, str] = {}
        for line in template.lines:
            if line.id in left_out:
                fewer = await self._fewer(checkout.id, line)
                if fewer is None:
                    unavailable[line.id] = left_out[line.id]
                    continue
                checkout = fewer
            wanted[line.variant_id or ""] += line.quantity
        return await self._with_quantities(checkout, wanted), unavailable

    async def _fewer(self, checkout_id: str, line: TemplateLine) -> RenewalCheckout | None:
        """A line that cannot be sold whole may be in part. None: that neither."""
        if line.quantity == line.ordered or line.variant_id is None:
            return None
        given = {"id": checkout_id, "lines": [{"variantId": line.variant_id, "quantity": line.quantity}]}
        try:
            return _checkout((await self._mutate("checkoutLinesAdd", "checkout_lines_add", given))["checkout"])
        except SaleorRefused:
            return None

    async def _with_quantities(self, checkout: RenewalCheckout, wanted: Counter[str]) -> RenewalCheckout:
        """So many pieces of each variant and nothing else; several lines of one variant become one."""
        if not wanted:
            return replace(checkout, lines=())
        changed = []
        for line in checkout.lines:
            quantity = wanted.pop(line.variant_id, 0)
            if quantity != line.quantity:
                changed.append({"lineId": line.id, "quantity": quantity})
        if not changed:
            return checkout
        given = {"id": checkout.id, "lines": changed}
        return _checkout((await self._mutate("checkoutLinesUpdate", "checkout_line_quantities", given))["checkout"])

    async def checkout(self, checkout_id: str) -> RenewalCheckout | None:
        data = await self._execute("queries/renewal_checkout", {"id": checkout_id})
        found = data["checkout"]
        return _checkout(found) if found else None

    async def prepare(self, checkout: RenewalCheckout, template: TemplateOrder) -> None:
        """Customer, language, addresses and delivery of the template."""
        for_customer = {
            "id": checkout.id,
            "customer": template.customer_id,
            "attach": not checkout.has_customer,
            "language": template.language,
        }
        for_delivery = {
            "id": checkout.id,
            "billing": template.billing_address,
            "shipping": template.shipping_address or template.billing_address,
            "ships": checkout.ships,
            "delivery": template.delivery_id,
        }
        # Two requests: Saleor takes four mutations at once.
        await self._mutate_all("checkout_for_customer", for_customer)
        await self._mutate_all("checkout_for_delivery", for_delivery)

    async def _mutate_all(self, name: str, variables: Mapping[str, Any]) -> None:
        for payload in (await self._execute(f"mutations/{name}", variables)).values():
            if payload:
                raise_for_errors(payload)

    async def set_price(self, checkout_id: str, line_id: str, price: Money) -> RenewalCheckout:
        """Sell the one piece of a line at another price than the catalogue's (HANDLE_CHECKOUTS)."""
        variables = {"id": checkout_id, "line": line_id, "price": price.amount}
        return _checkout((await self._mutate("checkoutLinesUpdate", "checkout_line_price", variables))["checkout"])

    async def initialize(
        self, checkout_id: str, *, gateway: str, data: Mapping[str, Any], amount: Money, key: str
    ) -> Initialized:
        variables = {
            "id": checkout_id,
            "gateway": {"id": gateway, "data": data},
            "amount": amount.amount,
            "action": "AUTHORIZATION",
            "idempotencyKey": key,
        }
        payload = await self._mutate(
            "transactionInitialize", "transaction_initialize", variables, timeout=INITIALIZE_SECONDS
        )
        event = payload["transactionEvent"] or {}
        return Initialized(
            transaction_id=payload["transaction"]["id"],
            event=str(event.get("type", "")),
            message=str(event.get("message") or ""),
            data=payload["data"] if isinstance(payload["data"], dict) else {},
        )

    async def complete(self, checkout_id: str, metadata: Mapping[str, str]) -> MadeOrder:
        variables = {"id": checkout_id, "metadata": key_values(metadata)}
        order = (await self._mutate("checkoutComplete", "checkout_complete", variables))["order"]
        if not order:
            raise SaleorRefused("Saleor made no order of the checkout.")
        return MadeOrder(order["id"], order["number"], tuple(each["id"] for each in order["transactions"] or ()))

    async def set_metadata(self, order_id: str, metadata: Mapping[str, str]) -> None:
        variables = {"id": order_id, "input": key_values(metadata)}
        await self._mutate("updateMetadata", "update_metadata", variables)

    async def _execute(
        self,
        name: str,
        variables: Mapping[str, Any],
        timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - of the whole exchange
    ) -> dict[str, Any]:
        return await self._client.execute(name, variables, api_url=self._api_url, token=self._token, timeout=timeout)

    async def _mutate(self, field: str, name: str, variables: Mapping[str, Any], **options: float) -> dict[str, Any]:
        data = await self._execute(f"mutations/{name}", variables, **options)
        payload = data.get(field)
        if not isinstance(payload, dict):
            raise SaleorUnavailable("What answered is no Saleor.")
        raise_for_errors(payload)
        return payload


def key_values(metadata: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in metadata.items()]


def _template(node: Mapping[str, Any]) -> TemplateOrder:
    user, delivery = node["user"] or {}, node["deliveryMethod"] or {}
    return TemplateOrder(
        id=node["id"],
        number=node["number"],
        status=node["status"],
        channel_slug=node["channel"]["slug"],
        currency=node["channel"]["currencyCode"],
        customer_id=user.get("id"),
        language=node["languageCodeEnum"],
        ships=node["isShippingRequired"],
        shipping_address=_address_input(node["shippingAddress"]),
        billing_address=_address_input(node["billingAddress"]),
        delivery_id=delivery.get("id"),
        lines=tuple(_line(line) for line in node["lines"]),
    )


def _line(node: Mapping[str, Any]) -> TemplateLine:
    return TemplateLine(
        id=node["id"],
        name=node["productName"],
        variant_id=(node["variant"] or {}).get("id"),
        ships=node["isShippingRequired"],
        ordered=node["quantity"],
        quantity=node["quantity"],
    )


def _address_input(node: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {**node, "country": node["country"]["code"]} if node else None


def _checkout(node: Mapping[str, Any]) -> RenewalCheckout:
    return RenewalCheckout(
        id=node["id"],
        has_customer=node["user"] is not None,
        ships=node["isShippingRequired"],
        lines=tuple(CheckoutLine(line["id"], line["variant"]["id"], line["quantity"]) for line in node["lines"]),
        transaction_ids=tuple(each["id"] for each in node["transactions"] or ()),
        total=_money(node["totalPrice"]["gross"]),
        shipping=_money(node["shippingPrice"]["gross"]),
    )


def _money(node: Mapping[str, Any]) -> Money:
    return Money.parse(node["amount"], node["currency"])
