"""What the journeys of agreements share: a customer agrees beside a purchase, and is charged again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from saleor_amazonpay.sandbox.saleor.apps import App
from saleor_amazonpay.sandbox.saleor.clients import Payment as Seen
from saleor_amazonpay.sandbox.saleor.clients import _payment
from saleor_amazonpay.sandbox.saleor.store import _seed_user
from saleor_amazonpay.storage import agreements as agreement_rows
from saleor_amazonpay.storage.agreements import Agreement
from tests.journeys.helpers import settle
from tests.journeys.shop import GATEWAY, RESULT_URL, REVIEW_URL, Shop

MONTHLY = {"frequency": {"unit": "Month", "value": "1"}, "amount": {"amount": "500", "currencyCode": "JPY"}}


async def agreement_of(shop: Shop, **where: Any) -> Agreement:
    """The customer's newest agreement."""
    return (await agreements_of(shop, **where))[0]


async def agreements_of(shop: Shop, customer_id: str | None = None) -> list[Agreement]:
    owner = customer_id or shop.saleor.customer.id
    return await shop.running.services.database.read(
        lambda session: agreement_rows.of_customer(session, shop.saleor.api_url, owner)
    )


def cart(shop: Shop, channel: str = "default-jp", lines: Any = None) -> Any:
    """A checkout of the customer who is logged in."""
    given = {"lines": lines} if lines else {}
    return shop.saleor.create_checkout(channel, user=shop.saleor.customer, **given)


async def button(shop: Shop, source_id: str, *, amount: Decimal | None = None, **data: Any) -> dict[str, Any]:
    [config] = await shop.saleor.storefront.payment_gateway_initialize(
        source_id, GATEWAY, {"flow": "review", "checkoutReviewReturnUrl": REVIEW_URL, **data}, amount=amount
    )
    return config.data


async def agree(shop: Shop, source_id: str, *, card: str = "1111", amount: Decimal | None = None, **data: Any) -> Seen:
    """The review flow with a recurring agreement, from click to outcome."""
    asked = data or {"recurring": MONTHLY}
    shown = await button(shop, source_id, amount=amount, **asked)
    assert not shown["errors"], shown["errors"]
    session_id = shop.amazon.create_session_by_button(
        shown["amazonPay"]["createCheckoutSessionConfig"], product_type=shown["amazonPay"]["productType"]
    )
    shop.amazon.sign_in(session_id, card=card)
    shop.copy_address(source_id, session_id)
    begun = await shop.initialize_with(source_id, session_id, amount=amount, **asked)
    assert begun.result.endswith("ACTION_REQUIRED"), begun
    shop.amazon.buyer_approves(session_id)
    return await shop.process(begun.transaction_id, session_id)


async def agreed(shop: Shop, channel: str = "default-jp", strategy: str = "CHARGE") -> Agreement:
    """An agreement whose first purchase is paid."""
    shop.flow(channel, strategy)
    done = await agree(shop, cart(shop, channel).id, recurring=MONTHLY if channel == "default-jp" else VARIABLE)
    assert done.result in {"CHARGE_SUCCESS", "AUTHORIZATION_SUCCESS"}, done
    await shop.work()
    return await agreement_of(shop)


VARIABLE = {"frequency": {"unit": "Variable", "value": "0"}}


async def pay_stored(
    shop: Shop, source_id: str, agreement_id: str, *, user: Any = "customer", amount: str | None = None, **data: Any
) -> Seen:
    """The customer, logged in, pays with the stored method; ``user=None``: whoever."""
    return await shop.saleor.storefront.transaction_initialize(
        source_id,
        GATEWAY,
        {"flow": "stored", "paymentMethodId": agreement_id, **data},
        amount=Decimal(amount) if amount else None,
        user=shop.saleor.customer if user == "customer" else user,
    )


async def one_click(shop: Shop, source_id: str, **data: Any) -> Seen:
    """The Additional Payment Button with an agreement, from click to outcome."""
    begun = await shop.saleor.storefront.transaction_initialize(
        source_id, GATEWAY, {"flow": "apb", "checkoutResultReturnUrl": RESULT_URL, **data}
    )
    assert begun.result.endswith("ACTION_REQUIRED"), begun
    shown = begun.data["amazonPay"]
    back = shop.amazon.buyer_pays_apb(shown["createCheckoutSessionConfig"], shown["productType"])
    return await shop.process(begun.transaction_id, back.rpartition("amazonCheckoutSessionId=")[2])


def other_customer(shop: Shop) -> Any:
    """Somebody else with an account at the shop."""
    email = "hanako@example.jp"
    known = shop.saleor.store.user_by_email(email)
    if known is None:
        _seed_user(shop.saleor.store, shop.clock.now(), email, "password")
    return shop.saleor.user(email)


def listen(shop: Shop) -> None:
    """The merchant has entered the app's notification URL in Seller Central."""
    shop.amazon.url = shop.amazon_url
    url = f"{shop.app_url}/api/webhooks/amazon-pay/{shop.accounts['default-jp']}"
    shop.amazon.set_ipn_url("AJPMERCHANT000", url)


async def hear(shop: Shop) -> None:
    """Amazon's notifications arrive and are dealt with."""
    for _ in range(3):
        await shop.amazon.ipn.flush()
        await shop.work()
    await settle(shop)


async def pay_as_app(shop: Shop, source_id: str, agreement_id: str, app: Any, **data: Any) -> Seen:
    """An app of the merchant's calls transactionInitialize with its own token."""
    front = shop.saleor.storefront
    document = """
    mutation($id: ID!, $gateway: PaymentGatewayToInitialize!) {
      transactionInitialize(id: $id, paymentGateway: $gateway, action: CHARGE) {
        transaction{id} transactionEvent{id type pspReference message amount{amount}} data
        errors{field message code}
      }
    }"""
    given = {"flow": "stored", "paymentMethodId": agreement_id, **data}
    variables = {"id": source_id, "gateway": {"id": GATEWAY, "data": given}}
    answer = await front.execute(document, variables, token=app.token)
    return _payment(answer["transactionInitialize"])


def another_app(shop: Shop, *permissions: str) -> Any:
    """A scheduler of the merchant's, installed in the same Saleor."""
    store = shop.saleor.store
    app = App(
        pk=store.next_pk("App"),
        identifier="shop.scheduler",
        name="Scheduler",
        version="1",
        manifest_url="https://scheduler.example/manifest",
        granted=frozenset(permissions or ("HANDLE_PAYMENTS",)),
        token="opaque-token-of-the-scheduler",
        created=shop.clock.now(),
    )
    store.apps.append(app)
    return app
