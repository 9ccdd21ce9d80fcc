"""The pages a buyer sees at Amazon, and the other things a browser or merchant fetches without a signature.

Source: amazon-pay-cv2.md §5 (flows), §9.2 (cards), §9.3 (sandbox has no decline recovery), §11.1 (sign-in).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import CheckoutSessionState
from saleor_amazonpay.sandbox.amazon_pay import wire
from saleor_amazonpay.sandbox.amazon_pay.accounts import Accounts
from saleor_amazonpay.sandbox.amazon_pay.button import ButtonConfig, Buttons, SignInRequest
from saleor_amazonpay.sandbox.amazon_pay.buyers import CARDS, Address, Buyer
from saleor_amazonpay.sandbox.amazon_pay.charges import Charges
from saleor_amazonpay.sandbox.amazon_pay.disputes import Disputes
from saleor_amazonpay.sandbox.amazon_pay.merchants import Owner
from saleor_amazonpay.sandbox.amazon_pay.notifications import CERTIFICATE_NAME, signing_key
from saleor_amazonpay.sandbox.amazon_pay.objects import Charge, CheckoutSession
from saleor_amazonpay.sandbox.amazon_pay.options import LEDGER_CURRENCY
from saleor_amazonpay.sandbox.amazon_pay.problems import ApiProblem
from saleor_amazonpay.sandbox.amazon_pay.reports import Reports
from saleor_amazonpay.sandbox.amazon_pay.sessions import Sessions
from saleor_amazonpay.sandbox.amazon_pay.texts import LANGUAGE_NAMES, TEXTS, language_of
from saleor_amazonpay.sandbox.amazon_pay.world import World

_FOLDER: Final = Path(__file__).parent / "pages"
_TEMPLATES: Final = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
_COOKIE: Final = "simulated-buyer"
_SEE_OTHER: Final = 303
_ENDED_HERE: Final = frozenset({"Declined"})  # by the button itself; who cancels is sent elsewhere
_PLACEMENTS: Final = frozenset({"Home", "Product", "Cart", "Checkout", "Other"})
_SYMBOLS: Final[Mapping[str, str]] = {"JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}
_CHANGES: Final[Mapping[str, str]] = {"changeAddress": "change_address", "changePayment": "change_payment"}

Handler = Callable[["Pages", Request], Awaitable[Response]]


def _page(handler: Handler) -> Handler:
    """Everything due has happened before a page is shown; a refusal becomes a page that says so."""

    @wraps(handler)
    async def shown(pages: Pages, request: Request) -> Response:
        pages.world.agenda.run_due()
        try:
            return await handler(pages, request)
        except ApiProblem as problem:
            context = {"message": problem.message, "reason_code": problem.reason_code}
            return pages.render(request, "problem.html", context, status=problem.status)

    return shown


class Pages:
    def __init__(
        self,
        world: World,
        sessions: Sessions,
        buttons: Buttons,
        accounts: Accounts,
        reports: Reports,
        disputes: Disputes,
        charges: Charges,
    ) -> None:
        self.world = world
        self._sessions = sessions
        self._buttons = buttons
        self._accounts = accounts
        self._reports = reports
        self._disputes = disputes
        self._charges = charges
        self._sign_ins: dict[str, SignInRequest] = {}

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/checkout.js", self.script),
            Route("/style.css", self.style),
            Route("/sns/{name}.pem", self.certificate),
            Route("/documents/{link}", self.report_document),
            Route("/files/{file_id}", self.receive_file, methods=["PUT"]),
            Route("/checkout", self.click, methods=["POST"]),
            Route("/checkout/{session_id}/sign-in", self.sign_in_page, methods=["GET"]),
            Route("/checkout/{session_id}/sign-in", self.sign_in, methods=["POST"]),
            Route("/checkout/{session_id}/choose", self.choose_page, methods=["GET"]),
            Route("/checkout/{session_id}/choose", self.choose, methods=["POST"]),
            Route("/pay/{session_id}", self.pay_page, methods=["GET"]),
            Route("/pay/{session_id}", self.pay, methods=["POST"]),
            Route("/confirm/{charge_id}", self.confirm_page, methods=["GET"]),
            Route("/confirm/{charge_id}", self.confirm, methods=["POST"]),
            Route("/sign-in", self.click_sign_in, methods=["POST"]),
            Route("/sign-in/{ticket}", self.consent_page, methods=["GET"]),
            Route("/sign-in/{ticket}", self.consent, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
        ]

    # --- Without a page -------------------------------------------------------------------------------------------

    async def script(self, _request: Request) -> Response:
        return Response((_FOLDER / "checkout.js").read_bytes(), media_type="text/javascript; charset=utf-8")

    async def style(self, _request: Request) -> Response:
        return Response((_FOLDER / "style.css").read_bytes(), media_type="text/css; charset=utf-8")

    async def certificate(self, request: Request) -> Response:
        if request.path_params["name"] != CERTIFICATE_NAME:
            return PlainTextResponse("There is no such certificate.", 404)
        return Response(signing_key().certificate_pem, media_type="application/x-pem-file")

    async def report_document(self, request: Request) -> Response:
        content = self._reports.linked_document(request.path_params["link"])
        if content is None:
            return PlainTextResponse("The link has expired.", 403)
        return PlainTextResponse(content)

    async def receive_file(self, request: Request) -> Response:
        known = self._disputes.stored_file(request.path_params["file_id"], await request.body())
        return Response(status_code=200 if known else 404)

    # --- Checkout -------------------------------------------------------------------------------------------------

    @_page
    async def click(self, request: Request) -> Response:
        """A buyer who is still signed in goes on to the choice (§5.8)."""
        config = await _button_request(request)
        session = self._buttons.checkout(ButtonConfig.parse(config), config.get("productType") or "PayAndShip")
        _check_button(config, session.owner)
        session.language = language_of(config.get("checkoutLanguage"))
        step = "choose" if self._signed_in(request, session) else "sign-in"
        return _to(f"/checkout/{session.session_id}/{step}")

    @_page
    async def sign_in_page(self, request: Request) -> Response:
        session = self._open_session(request)
        context = {"buyers": self.world.buyers.of(session.owner.region), "store": _store(session), "scopes": []}
        return self.render(request, "sign_in.html", context, session.language)

    @_page
    async def sign_in(self, request: Request) -> Response:
        session, form = self._open_session(request), await request.form()
        if form.get("action") == "cancel":
            return _to(self._sessions.cancel(session))
        buyer = self._buyer(form.get("buyer"), session.owner)
        response = _to(f"/checkout/{session.session_id}/choose")
        response.set_cookie(_COOKIE, buyer.key, httponly=True, samesite="lax")
        return response

    @_page
    async def choose_page(self, request: Request) -> Response:
        session = self._open_session(request)
        buyer = self._chooser(request, session)
        if buyer is None:
            return _to(f"/checkout/{session.session_id}/sign-in")
        change = request.query_params.get("change")
        ships = session.product_type != "PayOnly" and not session.is_apb
        context = {
            "heading": _CHANGES.get(change or "", "choose"),
            "is_change": change in _CHANGES,
            "buyer": buyer,
            "show_addresses": ships and change != "changePayment",
            "show_cards": change != "changeAddress",
            "reached": (reached := [self._sessions.delivers_to(session, each) for each in buyer.addresses]),
            "chosen_address": _place(buyer, session.shipping_address, reached),
            "cards": CARDS.values(),
            "chosen_card": session.card.ending if session.card else "1111",
            "address_lines": address_lines,
        }
        return self.render(request, "choose.html", context, session.language)

    @_page
    async def choose(self, request: Request) -> Response:
        session, form = self._open_session(request), await request.form()
        buyer = self._chooser(request, session)
        if form.get("action") == "cancel":
            return self._leave(request, session)
        if buyer is None or form.get("action") == "switch":
            response = _to(f"/checkout/{session.session_id}/sign-in")
            response.delete_cookie(_COOKIE)
            return response
        card = CARDS.get(str(form.get("card"))) or session.card or CARDS["1111"]
        place = str(form.get("address", ""))
        chosen = buyer.addresses[int(place)] if place.isdigit() and int(place) < len(buyer.addresses) else None
        self._sessions.associate(session, buyer, card, chosen or session.shipping_address)
        return _to(f"/pay/{session.session_id}" if session.is_apb else str(self._sessions.review_url(session)))

    def _leave(self, request: Request, session: CheckoutSession) -> Response:
        """Leaving the change page changes nothing; leaving before the review gives the checkout up."""
        review = self._sessions.review_url(session)
        if request.query_params.get("change") in _CHANGES and review:
            return _to(review)
        return _to(self._sessions.cancel(session))

    @_page
    async def pay_page(self, request: Request) -> Response:
        """Who has paid and comes here again (back button, reload) is sent on to the shop."""
        session = self._session(request)
        if session.is_approved:
            return _to(self._sessions.result_url(session))
        return self._pay_page(request, self._open_session(request))

    @_page
    async def pay(self, request: Request) -> Response:
        """A second press of the button does what the first did."""
        session, form = self._session(request), await request.form()
        if session.is_approved or session.reason in _ENDED_HERE:
            return _to(self._sessions.result_url(session))
        session = self._open_session(request)
        if form.get("action") == "cancel":
            return _to(self._sessions.cancel(session))
        session.card = CARDS.get(str(form.get("card"))) or session.card
        if self._sessions.decline_of(session) == "Declined" and self._recovers(session.owner):
            return self._pay_page(request, session, declined=True)
        return _to(self._sessions.approve(session))

    @_page
    async def confirm_page(self, request: Request) -> Response:
        """The additional check of a saved wallet's charge (§6.7)."""
        charge = self._charge_to_confirm(request)
        context = {"amount": shown_amount(charge.amount), "card": charge.permission.card}
        return self.render(request, "confirm.html", context)

    @_page
    async def confirm(self, request: Request) -> Response:
        """A second press of a button does what the first did."""
        charge, form = self._charge_to_confirm(request), await request.form()
        return _to(self._charges.confirm(charge, is_passed=form.get("action") == "confirm"))

    def _charge_to_confirm(self, request: Request) -> Charge:
        charge = self.world.charges.get(request.path_params["charge_id"])
        if charge is None or not (charge.document.get("webCheckoutDetails") or {}).get("amazonPayRedirectUrl"):
            raise ApiProblem("ResourceNotFound", "There is nothing to confirm here.")
        return charge

    def _recovers(self, owner: Owner) -> bool:
        chosen = self.world.options.decline_recovery
        return not owner.is_sandbox if chosen is None else chosen

    def _pay_page(self, request: Request, session: CheckoutSession, *, declined: bool = False) -> Response:
        if self._sessions.constraints(session):
            raise ApiProblem("InvalidCheckoutSessionStatus", "The Checkout Session is not ready to be paid.")
        amount, metadata = session.payment["chargeAmount"], session.document["merchantMetadata"]
        context = {
            "store": _store(session),
            "amount": shown_amount(amount) if amount else None,
            "recurring": _frequency(session, TEXTS[session.language]),
            "reference": metadata["merchantReferenceId"],
            "note": metadata["noteToBuyer"],
            "address": session.shipping_address,
            "address_lines": address_lines,
            "card": session.card,
            "cards": CARDS.values(),
            "pay_label": "pay_now" if amount and amount.is_positive else "agree",
            "declined": declined,
        }
        return self.render(request, "pay.html", context, session.language)

    # --- Sign-in --------------------------------------------------------------------------------------------------

    @_page
    async def click_sign_in(self, request: Request) -> Response:
        config = await _button_request(request)
        asked = self._buttons.sign_in(ButtonConfig.parse(config))
        _check_button(config, asked.owner)
        ticket = self.world.ids.uuid()
        self._sign_ins[ticket] = asked
        return _to(f"/sign-in/{ticket}?{urlencode({'lang': language_of(config.get('checkoutLanguage'))})}")

    @_page
    async def consent_page(self, request: Request) -> Response:
        asked = self._asked(request)
        context = {
            "buyers": self.world.buyers.of(asked.owner.region),
            "store": asked.owner.merchant_id,
            "scopes": sorted(wire.DEFAULT_SCOPES if asked.scopes is None else asked.scopes),
        }
        return self.render(request, "sign_in.html", context)

    @_page
    async def consent(self, request: Request) -> Response:
        asked, form = self._asked(request), await request.form()
        if form.get("action") == "cancel":
            return _to(asked.cancel_url or asked.address)
        buyer = self._buyer(form.get("buyer"), asked.owner)
        response = _to(asked.return_url(self._accounts.sign_in(buyer, asked.owner, asked.scopes)))
        response.set_cookie(_COOKIE, buyer.key, httponly=True, samesite="lax")
        return response

    async def sign_out(self, _request: Request) -> Response:
        response = Response(status_code=204)
        response.delete_cookie(_COOKIE)
        return response

    # --- Details --------------------------------------------------------------------------------------------------

    def render(
        self, request: Request, template: str, context: Mapping[str, Any], language: str = "en", status: int = 200
    ) -> Response:
        lang = self._language(request, language)
        other = "en" if lang == "ja" else "ja"
        query = urlencode({**request.query_params, "lang": other})
        html = _TEMPLATES.get_template(template).render(
            context,
            lang=lang,
            t=TEXTS[lang],
            other_language={"code": other, "name": LANGUAGE_NAMES[other], "query": query},
        )
        return HTMLResponse(html, status, headers={"cache-control": "no-store"})

    def _language(self, request: Request, otherwise: str) -> str:
        asked = request.query_params.get("lang")
        return asked if asked is not None and asked in TEXTS else otherwise

    def _session(self, request: Request) -> CheckoutSession:
        session = self.world.sessions.get(request.path_params["session_id"])
        if session is None:
            raise ApiProblem("ResourceNotFound", "There is no such Checkout Session.")
        return session

    def _open_session(self, request: Request) -> CheckoutSession:
        session = self._session(request)
        if session.state != CheckoutSessionState.OPEN or session.is_approved:
            raise ApiProblem("InvalidCheckoutSessionStatus", "This checkout is over.")
        session.language = self._language(request, session.language)
        return session

    def _asked(self, request: Request) -> SignInRequest:
        asked = self._sign_ins.get(request.path_params["ticket"])
        if asked is None:
            raise ApiProblem("ResourceNotFound", "There is no such sign-in.")
        return asked

    def _buyer(self, key: Any, owner: Owner) -> Buyer:
        buyer = self.world.buyers.get(str(key))
        if buyer is None or buyer.region != owner.region:
            raise ApiProblem("InvalidParameterValue", "There is no such buyer.")
        return buyer

    def _signed_in(self, request: Request, session: CheckoutSession) -> Buyer | None:
        buyer = self.world.buyers.get(request.cookies.get(_COOKIE))
        return buyer if buyer is not None and buyer.region == session.owner.region else None

    def _chooser(self, request: Request, session: CheckoutSession) -> Buyer | None:
        return self._signed_in(request, session) or session.buyer


async def _button_request(request: Request) -> Mapping[str, Any]:
    """What checkout.js posts: one JSON field, so that the signed text arrives unchanged."""
    form = await request.form()
    try:
        config = json.loads(str(form.get("request", "")))
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise ApiProblem("InvalidRequestFormat", "The button sent no configuration.")
    return config


def _check_button(config: Mapping[str, Any], owner: Owner) -> None:
    ledgers = {"EUR", "GBP"} if owner.region == "eu" else {LEDGER_CURRENCY[owner.region]}
    wrong = {
        "merchantId": config.get("merchantId") != owner.merchant_id,
        "ledgerCurrency": config.get("ledgerCurrency") not in ledgers,
        "placement": config.get("placement") not in _PLACEMENTS,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise ApiProblem("InvalidParameterValue", f"The value of {name} does not fit the merchant account.")


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, _SEE_OTHER)


def _store(session: CheckoutSession) -> str:
    name: str | None = session.document["merchantMetadata"]["merchantStoreName"]
    return name or session.owner.merchant_id


def _place(buyer: Buyer, chosen: Address | None, reached: Sequence[bool]) -> int | None:
    """The address to begin with: the one chosen before, else the first the shop delivers to."""
    if chosen in buyer.addresses:
        return buyer.addresses.index(chosen)
    return next((place for place, is_reached in enumerate(reached) if is_reached), None)


def _frequency(session: CheckoutSession, texts: Mapping[str, str]) -> str | None:
    frequency = (session.document["recurringMetadata"] or {}).get("frequency")
    if session.permission_type != "Recurring" or frequency is None:
        return None
    if frequency["unit"] == "Variable":
        return texts["varying"]
    form = texts["every_one" if frequency["value"] == "1" else "every"]
    return form.format(value=frequency["value"], unit=texts[f"unit_{frequency['unit']}"])


def address_lines(address: Address) -> list[str]:
    """As on an envelope: Japan writes from the large to the small, others the other way round."""
    streets = [line for line in (address["addressLine1"], address["addressLine2"], address["addressLine3"]) if line]
    code, city, area = (address[key] or "" for key in ("postalCode", "city", "stateOrRegion"))
    if address["countryCode"] == "JP":
        return [line for line in (f"〒{code}" if code else "", area + city, *streets) if line]
    town = " ".join(filter(None, (city + "," if city and area else city, area, code)))
    return [line for line in (*streets, town, address["countryCode"]) if line]


def shown_amount(amount: Money) -> str:
    number = f"{amount.decimal:,}"
    symbol = _SYMBOLS.get(amount.currency)
    return f"{symbol}{number}" if symbol else f"{number} {amount.currency}"
