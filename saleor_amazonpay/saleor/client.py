"""Saleor's GraphQL API, asked with an app's token.

Every call says where (``api_url``) and as whom (``token``): one client serves all tenants. Nothing is retried here; the
class of the error tells the caller whether to. Source: saleor-contract.md §2, §7, §9.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

import httpx2
import msgspec

from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.domain.states import TransactionAction, TransactionEventType
from saleor_amazonpay.errors import SaleorRefused, SaleorUnavailable
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.saleor.documents import document
from saleor_amazonpay.saleor.errors import SaleorTokenRevoked
from saleor_amazonpay.saleor.events import Checkout, Order

DEFAULT_TIMEOUT = 10.0  # seconds for the whole call, reading included
ANSWERED = marked("Saleor answered {status}.")
MAX_RESPONSE_BYTES = 1 << 20
MAX_MESSAGE_LENGTH = 512
MAX_PROBLEM_LENGTH = 2048

_TOKEN_REFUSED = frozenset({"PermissionDenied", "InvalidTokenError", "DecodeError", "ExpiredSignatureError"})
_NOT_REACHED = marked("Saleor could not be reached.")
_HTTP_TOKEN_REFUSED = frozenset({401, 403})
_HTTP_COME_BACK = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """Who a token speaks for. ``schema_version`` is the Saleor's, e.g. ``"3.23"``; ``extensions`` their addresses."""

    id: str
    permissions: frozenset[str]
    schema_version: str
    webhooks: tuple[Mapping[str, Any], ...] = ()
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Channel:
    id: str
    slug: str
    name: str
    currency_code: str
    country_code: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """Saleor's answer to transactionEventReport; ``already_processed`` is as good as delivered."""

    already_processed: bool
    errors: tuple[Mapping[str, Any], ...] = ()

    @property
    def codes(self) -> frozenset[str]:
        """E.g. INCORRECT_DETAILS, ALREADY_EXISTS, NOT_FOUND: final for this report (DESIGN §6, case 9)."""
        return frozenset(str(error.get("code", "")) for error in self.errors)


class SaleorClient:
    """Raises SaleorUnavailable (ask later), SaleorRefused (final) or SaleorTokenRevoked (the installation is dead)."""

    def __init__(
        self, http: httpx2.AsyncClient, *, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """``waiting`` is entered while Saleor is waited for, so that whoever counts the busy does not count us."""
        self._http = http
        self._waiting = waiting

    async def execute(
        self,
        document_name_or_text: str,
        variables: Mapping[str, Any] | None = None,
        *,
        api_url: str,
        token: str,
        timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - the budget of the whole exchange
    ) -> dict[str, Any]:
        """The ``data`` of one operation: a document of ``graphql/saleor`` (``"queries/channels"``) or GraphQL text.

        Decimals in the answer are exact. A partial answer (data beside errors) counts as refused.
        """
        text = document_name_or_text if "{" in document_name_or_text else document(document_name_or_text)
        request = self._http.build_request(
            "POST",
            api_url,
            content=json.dumps({"query": text, "variables": variables or {}}, default=_to_json),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        status, body = await self._send(request, timeout)
        with _expected_shape():
            return _data_of(status, body)

    async def fetch_jwks(self, api_url: str, *, timeout: float = DEFAULT_TIMEOUT) -> bytes:  # noqa: ASYNC109
        """The tenant's JWKS document, unread."""
        request = self._http.build_request("GET", urljoin(api_url, "/.well-known/jwks.json"))
        status, body = await self._send(request, timeout)
        if status != httpx2.codes.OK:
            raise SaleorUnavailable(f"Saleor answered {status} when asked for its keys.")
        return body

    async def time_at(self, api_url: str, *, timeout: float = DEFAULT_TIMEOUT) -> datetime | None:  # noqa: ASYNC109
        """What time it is there, to the second; None where the answer does not say."""
        request = self._http.build_request("HEAD", urljoin(api_url, "/.well-known/jwks.json"))
        try:
            async with asyncio.timeout(timeout):
                response = await self._http.send(request, stream=True, follow_redirects=False)
                await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise SaleorUnavailable(_NOT_REACHED) from error
        try:
            return parsedate_to_datetime(response.headers.get("date", ""))
        except ValueError:
            return None

    async def app_identity(self, api_url: str, token: str) -> AppIdentity:
        data = await self.execute("queries/app", api_url=api_url, token=token)
        app = data.get("app")
        if not app:
            raise SaleorTokenRevoked("The token belongs to no active app of that Saleor.")
        with _expected_shape():
            permissions = frozenset(str(permission["code"]) for permission in app["permissions"] or ())
            extensions = frozenset(str(extension["url"]) for extension in app["extensions"])
            version, webhooks = str(data["shop"]["schemaVersion"]), tuple(app["webhooks"])
            return AppIdentity(str(app["id"]), permissions, version, webhooks, extensions)

    async def report_transaction_event(
        self,
        api_url: str,
        token: str,
        *,
        transaction_id: str,
        type: TransactionEventType,  # noqa: A002 - Saleor's name
        psp_reference: str,
        amount: Money | None = None,
        time: datetime | None = None,
        message: str = "",
        external_url: str | None = None,
        available_actions: Sequence[TransactionAction] | None = None,
    ) -> ReportAnswer:
        """Tell Saleor one fact; Saleor's own errors come back in the answer, they are not raised.

        ``available_actions`` replaces the list; None leaves it as it is.
        """
        variables = {
            "id": transaction_id,
            "type": type,
            "pspReference": psp_reference,
            "amount": amount and amount.amount,
            "time": time and time.astimezone(UTC).isoformat(),
            "message": message[:MAX_MESSAGE_LENGTH],
            "externalUrl": external_url,
            "availableActions": None if available_actions is None else list(available_actions),
        }
        given = {name: value for name, value in variables.items() if value is not None}
        data = await self.execute("mutations/transaction_event_report", given, api_url=api_url, token=token)
        with _expected_shape():
            answer = data["transactionEventReport"]
            return ReportAnswer(bool(answer["alreadyProcessed"]), tuple(answer["errors"]))

    async def transaction(self, api_url: str, token: str, transaction_id: str) -> dict[str, Any] | None:
        """The transaction with amounts and events as Saleor has them; None where it has none."""
        variables = {"id": transaction_id}
        data = await self.execute("queries/transaction", variables, api_url=api_url, token=token)
        found: dict[str, Any] | None = data.get("transaction")
        return found

    async def transaction_source(self, api_url: str, token: str, transaction_id: str) -> Checkout | Order | None:
        """What the transaction pays for, as it is now; None where it is gone (a checkout completed otherwise)."""
        data = await self.execute("queries/transaction_source", {"id": transaction_id}, api_url=api_url, token=token)
        found = data["transaction"]
        source = found and (found["order"] or found["checkout"])
        try:
            return msgspec.convert(source, Checkout | Order) if source else None
        except msgspec.ValidationError as error:
            raise SaleorUnavailable("Saleor's answer about the transaction cannot be read.") from error

    async def channels(self, api_url: str, token: str) -> list[Channel]:
        data = await self.execute("queries/channels", api_url=api_url, token=token)
        with _expected_shape():
            return [_channel(one) for one in data["channels"] or ()]

    async def completes_paid_checkouts(self, api_url: str, token: str, channel_slug: str) -> bool:
        """Whether that channel makes orders of paid checkouts by itself; SaleorRefused without MANAGE_CHECKOUTS."""
        variables = {"slug": channel_slug}
        data = await self.execute("queries/channel_checkout_settings", variables, api_url=api_url, token=token)
        with _expected_shape():
            channel = data["channel"]
            return bool(channel and channel["checkoutSettings"]["automaticallyCompleteFullyPaidCheckouts"])

    async def transactions_with_events(
        self,
        api_url: str,
        token: str,
        *,
        app_identifier: str,
        types: Sequence[TransactionEventType],
        since: datetime,
        after: str | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of the app's own transactions with such events (Saleor 3.23), and where the next one begins."""
        variables = {"app": app_identifier, "types": list(types), "since": since.isoformat(), "after": after}
        data = await self.execute("queries/undelivered_requests", variables, api_url=api_url, token=token)
        with _expected_shape():
            page = data["transactions"]["pageInfo"]
            nodes = [edge["node"] for edge in data["transactions"]["edges"]]
            return nodes, page["endCursor"] if page["hasNextPage"] else None

    async def cancelled_orders(
        self, api_url: str, token: str, *, since: datetime, after: str | None = None
    ) -> tuple[list[tuple[str, str, list[str]]], str | None]:
        """A page of orders cancelled and changed since then: id, number, ids of transactions; and where to go on."""
        variables = {"since": since.isoformat(), "after": after}
        data = await self.execute("queries/cancelled_orders", variables, api_url=api_url, token=token)
        with _expected_shape():
            page = data["orders"]["pageInfo"]
            nodes = [edge["node"] for edge in data["orders"]["edges"]]
            found = [(it["id"], it["number"], [one["id"] for one in it["transactions"]]) for it in nodes]
            return found, page["endCursor"] if page["hasNextPage"] else None

    async def transactions_by_id(self, api_url: str, token: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Up to 100 transactions of the app (Saleor 3.22); those it may not see are missing."""
        data = await self.execute("queries/transactions_by_id", {"ids": list(ids)}, api_url=api_url, token=token)
        with _expected_shape():
            return [edge["node"] for edge in data["transactions"]["edges"]]

    async def order_id(self, api_url: str, token: str, number: str) -> str | None:
        """The id of the order of that number; None where there is none."""
        data = await self.execute("queries/order_id_by_number", {"number": number}, api_url=api_url, token=token)
        with _expected_shape():
            nodes = [edge["node"] for edge in (data["orders"] or {"edges": ()})["edges"]]
            return str(nodes[0]["id"]) if nodes else None

    async def transactions_of_order_number(self, api_url: str, token: str, number: str) -> list[str]:
        """Ids of the transactions of the order of that number; none where there is none."""
        data = await self.execute("queries/orders_by_number", {"numbers": [number]}, api_url=api_url, token=token)
        with _expected_shape():
            nodes = [edge["node"] for edge in (data["orders"] or {"edges": ()})["edges"]]
            return [str(transaction["id"]) for node in nodes for transaction in node["transactions"]]

    async def transactions_of_order(self, api_url: str, token: str, order_id: str) -> list[str]:
        """Ids of an order's transactions; none where there is no such order."""
        data = await self.execute("queries/order_transactions", {"id": order_id}, api_url=api_url, token=token)
        with _expected_shape():
            return [str(transaction["id"]) for transaction in (data["order"] or {"transactions": ()})["transactions"]]

    async def request_transaction_action(
        self, api_url: str, token: str, *, transaction_id: str, action: TransactionAction, amount: Money
    ) -> None:
        """Have Saleor ask the payment app, as its own Dashboard does; ``token`` may be a staff user's.

        Raises:
            SaleorRefused: with Saleor's reason; also a user who may not act in the order's channel.
        """
        variables = {"id": transaction_id, "actionType": action.value, "amount": amount.decimal}
        data = await self.execute("mutations/transaction_request_action", variables, api_url=api_url, token=token)
        with _expected_shape():
            raise_for_errors(data["transactionRequestAction"])

    async def create_problem(
        self, api_url: str, token: str, *, key: str, message: str, critical_threshold: int | None = None
    ) -> bool:
        """Show the merchant what to repair; the same key counts up. False where that Saleor has no App Problems (3.21).

        A ``critical_threshold`` of 1 shows it as critical at once.
        """
        problem = {"key": key, "message": message[:MAX_PROBLEM_LENGTH], "criticalThreshold": critical_threshold}
        given = {name: value for name, value in problem.items() if value is not None}
        return await self._problem("appProblemCreate", "create", {"input": given}, api_url, token)

    async def dismiss_problem(self, api_url: str, token: str, *, key: str) -> bool:
        """Take the problem back. False where that Saleor has no App Problems (3.21)."""
        return await self._problem("appProblemDismiss", "dismiss", {"keys": [key]}, api_url, token)

    async def _problem(self, field: str, verb: str, variables: Mapping[str, Any], api_url: str, token: str) -> bool:
        try:
            data = await self.execute(f"mutations/app_problem_{verb}", variables, api_url=api_url, token=token)
        except SaleorRefused as refusal:
            if any(f'Cannot query field "{field}"' in str(error.get("message")) for error in refusal.errors):
                return False
            raise
        with _expected_shape():
            raise_for_errors(data[field])
        return True

    async def _send(self, request: httpx2.Request, timeout: float) -> tuple[int, bytes]:  # noqa: ASYNC109
        try:
            with self._waiting():
                return await self._exchange(request, timeout)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise SaleorUnavailable(_NOT_REACHED) from error

    async def _exchange(self, request: httpx2.Request, timeout: float) -> tuple[int, bytes]:  # noqa: ASYNC109
        async with asyncio.timeout(timeout):
            response = await self._http.send(request, stream=True, follow_redirects=False)
            try:
                return response.status_code, await _read(response)
            finally:
                await response.aclose()


@contextmanager
def _expected_shape() -> Iterator[None]:
    """What answers at a URL a stranger registered need not be a Saleor."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise SaleorUnavailable("What answered is no Saleor.") from error


def raise_for_errors(payload: Mapping[str, Any]) -> None:
    """Raise SaleorRefused for the ``errors`` of a mutation's payload."""
    errors = payload.get("errors") or ()
    if errors:
        raise SaleorRefused(" ".join(str(error.get("message")) for error in errors), tuple(errors))


def _channel(node: Mapping[str, Any]) -> Channel:
    country = (node.get("defaultCountry") or {}).get("code", "")
    return Channel(node["id"], node["slug"], node["name"], node["currencyCode"], country, node["isActive"])


def _to_json(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)  # Saleor reads decimals from strings
    raise TypeError(f"{type(value).__name__} is no GraphQL variable.")


async def _read(response: httpx2.Response) -> bytes:
    """The body as it came: a few compressed bytes of a hostile host could become gigabytes, so none are unpacked."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise SaleorUnavailable("Saleor's answer is compressed, which it was not asked to be.")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise SaleorUnavailable("Saleor's answer is too large.")
    return bytes(body)


def _data_of(status: int, body: bytes) -> dict[str, Any]:
    if status in _HTTP_TOKEN_REFUSED:
        raise SaleorTokenRevoked(marked("Saleor refused the app's token."))
    if status >= httpx2.codes.INTERNAL_SERVER_ERROR or status in _HTTP_COME_BACK:
        raise SaleorUnavailable(Message(ANSWERED, status=status))
    try:
        answer = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise SaleorUnavailable(f"Saleor answered {status} without JSON.") from error
    if not isinstance(answer, dict):
        raise SaleorUnavailable(f"Saleor answered {status} with something that is no GraphQL answer.")
    if answer.get("errors"):
        raise _refusal([_graphql_error(error) for error in answer["errors"]])
    data = answer.get("data")
    if not isinstance(data, dict):
        raise SaleorUnavailable(f"Saleor answered {status} without data.")
    return data


def _graphql_error(error: Any) -> dict[str, object]:
    fields: dict[str, Any] = error if isinstance(error, dict) else {"message": str(error)}
    exception = (fields.get("extensions") or {}).get("exception") or {}
    return {"message": fields.get("message"), "code": exception.get("code", ""), "path": fields.get("path")}


def _refusal(errors: Sequence[dict[str, object]]) -> SaleorRefused:
    message = " ".join(str(error["message"]) for error in errors)
    revoked = any(error["code"] in _TOKEN_REFUSED for error in errors)
    return (SaleorTokenRevoked if revoked else SaleorRefused)(message, errors)
