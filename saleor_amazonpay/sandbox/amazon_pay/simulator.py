"""The simulated Amazon as one object: an ASGI app, and everything a test or a demo may do to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from saleor_amazonpay.clock import Clock, SystemClock
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import RefundState
from saleor_amazonpay.sandbox.amazon_pay import wire
from saleor_amazonpay.sandbox.amazon_pay.accounts import Accounts
from saleor_amazonpay.sandbox.amazon_pay.api import Api, Call, operations
from saleor_amazonpay.sandbox.amazon_pay.button import ButtonConfig, Buttons
from saleor_amazonpay.sandbox.amazon_pay.buyers import CARDS, Address
from saleor_amazonpay.sandbox.amazon_pay.charges import Charges
from saleor_amazonpay.sandbox.amazon_pay.cv1 import Cv1Objects
from saleor_amazonpay.sandbox.amazon_pay.disputes import Disputes
from saleor_amazonpay.sandbox.amazon_pay.faults import Faults
from saleor_amazonpay.sandbox.amazon_pay.hosted import Pages
from saleor_amazonpay.sandbox.amazon_pay.merchants import Merchant, Owner
from saleor_amazonpay.sandbox.amazon_pay.notifications import Notifications
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, ChargePermission, Document
from saleor_amazonpay.sandbox.amazon_pay.options import (
    Environment,
    Region,
    SimulatorOptions,
)
from saleor_amazonpay.sandbox.amazon_pay.permissions import Permissions
from saleor_amazonpay.sandbox.amazon_pay.refunds import Refunds, RefundScript
from saleor_amazonpay.sandbox.amazon_pay.reports import Disbursement, Reports
from saleor_amazonpay.sandbox.amazon_pay.sessions import Sessions
from saleor_amazonpay.sandbox.amazon_pay.world import World
from saleor_amazonpay.sandbox.serving import listening


class AmazonPaySimulator:
    """Amazon Pay CV2 on loopback: API, hosted pages, checkout.js, notifications.

    Two simulators of one seed given the same calls answer with the same ids.

    Attributes:
        app: the ASGI application.
        faults: what goes wrong on request.
        calls: every API call seen, in order.
        ipn: notifications written, and their sending.
        buyers: the people who can sign in.
        seller_central: what the merchant's staff does in Seller Central.
        buyer_account: what the buyer does on the Amazon Pay page.
        cv1: orders made with the old API.
    """

    def __init__(self, clock: Clock | None = None, *, seed: int = 1, options: SimulatorOptions | None = None) -> None:
        world = World(clock or SystemClock(), options or SimulatorOptions(), seed)
        self._world = world
        self.ipn = Notifications(world)
        self.buyers = world.buyers
        self._permissions = Permissions(world)
        self._charges = Charges(world, self._permissions)
        self._refunds = Refunds(world)
        self._disputes = Disputes(world)
        self._reports = Reports(world)
        self._accounts = Accounts(world)
        self._sessions = Sessions(world, self._permissions, self._charges)
        self._buttons = Buttons(world, self._sessions)
        self.cv1 = Cv1Objects(world, self._permissions, self._charges)
        self.seller_central = SellerCentral(world, self._permissions, self._charges, self._refunds, self._reports)
        self.buyer_account = BuyerAccount(world, self._permissions, self._charges)
        self._api = Api(
            world,
            operations(
                self._sessions,
                self._permissions,
                self._charges,
                self._refunds,
                self._disputes,
                self._reports,
                self._accounts,
            ),
            self._accounts,
        )
        pages = Pages(
            world, self._sessions, self._buttons, self._accounts, self._reports, self._disputes, self._charges
        )
        self.app: ASGIApp = Starlette(routes=[*pages.routes, Mount("/", self._api)], lifespan=self._lifespan)

    # --- Running --------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it is reached; set by ``running``, or by whoever serves ``app``."""
        return self._world.url

    @url.setter
    def url(self, url: str) -> None:
        self._world.url = url.rstrip("/")

    @contextlib.asynccontextmanager
    async def running(self, *, port: int = 0, tls: tuple[str, str] | None = None) -> AsyncIterator[str]:
        """Serves the simulator on loopback until the block ends; yields its URL."""
        async with listening(self.app, port=port, tls=tls) as url:
            self.url = url
            yield url

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    async def _tick(self) -> None:
        """Lets things happen that nobody asks for, and sends notifications, for as long as the app is served."""
        while True:
            self._world.agenda.run_due()
            await self.ipn.flush()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ipn.wake.wait(), self._world.options.tick_seconds)
            self.ipn.wake.clear()

    def settle_pending(self) -> int:
        """Lets everything happen that has come due by the clock; returns how many things that were."""
        return self._world.agenda.run_due()

    # --- Merchants ------------------------------------------------------------------------------------------------

    def register_merchant(
        self,
        merchant_id: str,
        store_id: str,
        public_key_id: str,
        public_key_pem: str,
        region: Region = "jp",
        environment: Environment = "sandbox",
        *,
        ipn_url: str | None = None,
        legacy: bool = False,
        is_provider: bool = False,
    ) -> Merchant:
        """A merchant account, or one more key or store of a known one.

        Args:
            merchant_id: as in Seller Central.
            store_id: ``amzn1.application-oa2-client.…``.
            public_key_id: its LIVE/SANDBOX prefix, if any, decides the environment.
            public_key_pem: RSA.
            region: never changes for a merchant.
            environment: of a key without prefix where no path says it (button configurations).
            ipn_url: where notifications go; ``None`` keeps the one set before.
            legacy: the key id must have no prefix.
            is_provider: allowed the operations of payment service providers.
        """
        merchant = self._world.merchants.register(merchant_id, store_id, region)
        self._world.merchants.add_key(merchant, public_key_id, public_key_pem, environment, legacy=legacy)
        merchant.ipn_url = ipn_url or merchant.ipn_url
        merchant.is_provider = merchant.is_provider or is_provider
        return merchant

    def set_ipn_url(self, merchant_id: str, ipn_url: str | None) -> None:
        self._world.merchants[merchant_id].ipn_url = ipn_url

    def set_account_status(self, merchant_id: str, status: str) -> None:
        """Anything but ``Active`` makes every call 403 ``InvalidAccountStatus``."""
        self._world.merchants[merchant_id].status = status

    def remove_key(self, public_key_id: str) -> None:
        """The merchant has deleted the key; it is unknown from now on."""
        self._world.merchants.remove_key(public_key_id)

    def add_cv1_order(
        self,
        merchant_id: str,
        amount: Money,
        *,
        state: Literal["Open", "Authorized", "Captured"] = "Open",
        environment: Environment = "sandbox",
    ) -> tuple[str, str | None]:
        """An order made with the old API, reachable by its old ids (§12).

        Returns:
            Its Order Reference id, and the id of its authorization (``-A``) or capture (``-C``) if it has one.
        """
        reference_id = self.cv1.order_reference(merchant_id, amount, environment=environment)
        if state == "Open":
            return reference_id, None
        authorization_id = self.cv1.authorize(reference_id, amount)
        return reference_id, authorization_id if state == "Authorized" else self.cv1.capture(authorization_id)

    # --- The buyer, without a browser -----------------------------------------------------------------------------

    def create_session_by_button(self, config: Mapping[str, str], product_type: str = "PayAndShip") -> str:
        """What a click on the button does: the signed payload makes a session.

        Args:
            config: ``createCheckoutSessionConfig`` (payloadJSON, signature, publicKeyId, algorithm).
            product_type: PayAndShip or PayOnly.

        Raises:
            ApiProblem: what Amazon's error page says.
        """
        self.settle_pending()
        return self._buttons.checkout(ButtonConfig.parse(config), product_type).session_id

    def sign_in(
        self, session_id: str, buyer: str | None = None, card: str = "1111", address: Address | int = 0
    ) -> None:
        """The buyer signs in and chooses card and address (one of the address book by its place, or any).

        Args:
            session_id: of an open session.
            buyer: key of a test buyer; the region's first when not given.
            card: last four digits, with the meaning of §9.2.
            address: used when the product is shipped.
        """
        self.settle_pending()
        session = self._world.sessions[session_id]
        person = self._world.buyers.get(buyer) or self._world.buyers.of(session.owner.region)[0]
        chosen = person.addresses[address] if isinstance(address, int) else address
        self._sessions.associate(session, person, CARDS[card], chosen)

    def buyer_approves(self, session_id: str) -> str:
        """The buyer pays on ``amazonPayRedirectUrl``; returns where Amazon sends the browser."""
        self.settle_pending()
        return self._sessions.approve(self._world.sessions[session_id])

    def buyer_cancels(self, session_id: str) -> str:
        """The buyer cancels there; returns where the browser goes."""
        self.settle_pending()
        return self._sessions.cancel(self._world.sessions[session_id])

    def buyer_declined(self, session_id: str) -> str:
        """Every payment method of the buyer is declined; the session ends and the browser goes back."""
        self.settle_pending()
        session = self._world.sessions[session_id]
        self._sessions.end(session, "Declined")
        return self._sessions.result_url(session)

    def buyer_pays_apb(
        self,
        config: Mapping[str, str],
        product_type: str = "PayAndShip",
        buyer: str | None = None,
        card: str = "1111",
    ) -> str:
        """The whole way of the Additional Payment Button, from click to result URL."""
        session_id = self.create_session_by_button(config, product_type)
        self.sign_in(session_id, buyer, card)
        return self.buyer_approves(session_id)

    def buyer_signs_in(self, config: Mapping[str, str], buyer: str | None = None) -> str:
        """The sign-in button; returns ``signInReturnUrl`` with the buyer token."""
        request = self._buttons.sign_in(ButtonConfig.parse(config))
        person = self._world.buyers.get(buyer) or self._world.buyers.of(request.owner.region)[0]
        return request.return_url(self._accounts.sign_in(person, request.owner, request.scopes))

    # --- Scripts, disputes ----------------------------------------------------------------------------------------

    def script_refund(
        self,
        outcome: str = "Declined",
        reason: str | None = "AmazonRejected",
        *,
        charge_id: str | None = None,
        times: int = 1,
    ) -> None:
        """How the next refunds (of one charge, or any) end: ``Refunded``, or ``Declined`` for ``reason``."""
        state = RefundState(outcome)
        self._refunds.script(RefundScript(state, reason if state == RefundState.DECLINED else None, charge_id, times))

    def open_chargeback(
        self, charge_id: str, amount: Money | None = None, *, reason: str = "Fraudulent", is_claim: bool = False
    ) -> str:
        """A chargeback, or an A-to-z claim, on a captured charge; returns the dispute's id."""
        self.settle_pending()
        return self._disputes.open(self._world.charges[charge_id], amount, reason, is_claim=is_claim).dispute_id

    def resolve_dispute(self, dispute_id: str, resolution: str, reason: str = "InvestigatorResolved") -> None:
        """``BuyerWon``, ``MerchantWon`` or ``NoFault``."""
        self.settle_pending()
        self._disputes.resolve(self._world.disputes[dispute_id], resolution, reason)

    # --- What was seen --------------------------------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        return self._api.faults

    @property
    def calls(self) -> list[Call]:
        return self._api.calls

    def count(self, operation: str) -> int:
        """How many calls of ``operation`` came in, answered or not."""
        return sum(call.operation == operation for call in self.calls)

    def session(self, session_id: str) -> Document:
        """As Get Checkout Session would answer now; so for the others."""
        self.settle_pending()
        return _plain(self._sessions.document(self._world.sessions[session_id]))

    def permission(self, permission_id: str) -> Document:
        self.settle_pending()
        return _plain(self._permissions.document(self._world.permissions[permission_id]))

    def charge(self, charge_id: str) -> Document:
        self.settle_pending()
        return _plain(wire.charge(self._world.charges[charge_id]))

    def refund(self, refund_id: str) -> Document:
        self.settle_pending()
        return _plain(wire.refund(self._world.refunds[refund_id]))

    def audit(self) -> Mapping[str, Sequence[Document]]:
        """Every object there is, as the API would show it, with exact amounts as strings."""
        self.settle_pending()
        world = self._world
        return {
            "sessions": [_plain(self._sessions.document(it)) for it in world.sessions.values()],
            "permissions": [_plain(self._permissions.document(it)) for it in world.permissions.values()],
            "charges": [_plain(wire.charge(it)) for it in world.charges.values()],
            "refunds": [_plain(wire.refund(it)) for it in world.refunds.values()],
            "disputes": [_plain(wire.dispute(it)) for it in world.disputes.values()],
        }

    def net_captured(self, merchant_id: str, currency: str) -> Money:
        """What the merchant has been given and not given back: captured less refunded, over all its charges."""
        self.settle_pending()
        zero = Money.parse(0, currency)
        owned = [it for it in self._world.charges.values() if it.owner.merchant_id == merchant_id]
        return sum((it.captured - it.refunded for it in owned if it.amount.currency is zero.currency), zero)


class SellerCentral:
    """The merchant's staff at Amazon's own desk: no API call is seen, notifications are."""

    def __init__(
        self, world: World, permissions: Permissions, charges: Charges, refunds: Refunds, reports: Reports
    ) -> None:
        self._world = world
        self._permissions = permissions
        self._charges = charges
        self._refunds = refunds
        self._reports = reports

    def capture(self, charge_id: str, amount: Money | None = None) -> None:
        charge = self._charge(charge_id)
        self._charges.capture(charge, amount or charge.amount)

    def cancel(self, charge_id: str) -> None:
        self._charges.cancel(self._charge(charge_id), "MerchantCanceled")

    def refund(self, charge_id: str, amount: Money | None = None) -> str:
        """The whole capture when no amount is given; returns the refund's id."""
        charge = self._charge(charge_id)
        return self._refunds.start(charge, amount or charge.captured).refund_id

    def close(self, permission_id: str, *, cancel_pending: bool = True) -> None:
        self._world.agenda.run_due()
        permission = self._world.permissions[permission_id]
        self._permissions.close(permission, "MerchantClosed", cancel_pending=cancel_pending)
        self._world.announce_permission(permission)

    def disburse(self, merchant_id: str, environment: Environment = "sandbox") -> Disbursement:
        """Amazon's payout, every 14 days in reality."""
        self._world.agenda.run_due()
        return self._reports.disburse(Owner(merchant_id, environment, self._world.merchants[merchant_id].region))

    def _charge(self, charge_id: str) -> Charge:
        self._world.agenda.run_due()
        return self._world.charges[charge_id]


class BuyerAccount:
    """The buyer on the Amazon Pay page, and Amazon itself looking after the buyer."""

    def __init__(self, world: World, permissions: Permissions, charges: Charges) -> None:
        self._world = world
        self._permissions = permissions
        self._charges = charges

    def confirm(self, charge_id: str, *, is_passed: bool = True) -> str:
        """The buyer passes the additional check of a saved wallet's charge, or not; returns where the browser goes."""
        self._world.agenda.run_due()
        return self._charges.confirm(self._world.charges[charge_id], is_passed=is_passed)

    def change_payment_method(self, permission_id: str, card: str = "1111") -> None:
        """Makes a NonChargeable permission Chargeable again."""
        self._permissions.change_payment_method(self._permission(permission_id), CARDS[card])

    def break_payment_method(self, permission_id: str, reason: str = "PaymentMethodExpired") -> None:
        """The card expires, is deleted …: one of the seven reasons of §4.3."""
        self._permissions.break_payment_method(self._permission(permission_id), reason)

    def close_permission(self, permission_id: str, reason: str = "BuyerClosed") -> None:
        """The buyer ends the agreement; ``AmazonClosed``: Amazon does."""
        permission = self._permission(permission_id)
        self._permissions.close(permission, reason, cancel_pending=False)
        self._world.announce_permission(permission)

    def _permission(self, permission_id: str) -> ChargePermission:
        self._world.agenda.run_due()
        return self._world.permissions[permission_id]


def _plain(document: Document) -> Document:
    plain: dict[str, Any] = wire.plain(document)
    return plain
