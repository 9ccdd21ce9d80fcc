"""Signs, sends and, where that is safe, sends again; every failure leaves as one of the three of ``errors``."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Generic, NewType, Protocol, TypedDict, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from saleor_amazonpay.amazonpay import errors
from saleor_amazonpay.amazonpay.payloads import CheckoutSessionPayload, SignInPayload, to_json
from saleor_amazonpay.amazonpay.redaction import redact_text
from saleor_amazonpay.amazonpay.regions import Environment, Region, environment_of, path_prefix
from saleor_amazonpay.amazonpay.requests import OPERATIONS, ApiRequest, Operation
from saleor_amazonpay.amazonpay.signing import Algorithm, button_signature, canonical_request, sign
from saleor_amazonpay.amazonpay.transport import NoAnswer, NotSent, RawAnswer, Transport
from saleor_amazonpay.clock import Clock
from saleor_amazonpay.errors import AmazonPayError, AmazonPayUnresolved, KeyUnusable

T = TypeVar("T")
ButtonSignature = NewType("ButtonSignature", str)

MAX_ATTEMPTS: Final = 6  # 0.3 s doubled five times is 9.3 s: no usual budget has room for a seventh
_FIRST_WAIT: Final = 0.3
_REQUEST_ID: Final = "x-amz-pay-request-id"
_decode_raw: Final = msgspec.json.Decoder(float_hook=Decimal).decode


class CreateCheckoutSessionConfig(TypedDict):
    """What the button takes, as the browser spells it; ``payloadJSON`` is the very text that was signed."""

    payloadJSON: str
    signature: str
    algorithm: str
    publicKeyId: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """One set of keys. ``api_url`` replaces scheme and host only (a simulator); path and signature stay.

    Raises:
        KeyUnusable: the key id names another environment.
    """

    public_key_id: str
    private_key: RSAPrivateKey = field(repr=False)
    region: Region
    environment: Environment
    algorithm: Algorithm = Algorithm.PSS_V2
    api_url: str | None = None

    def __post_init__(self) -> None:
        named = environment_of(self.public_key_id)
        if named not in (None, self.environment):
            raise KeyUnusable(f"The public key ID is for {named}, the account is set to {self.environment}.")

    @property
    def origin(self) -> str:
        """Scheme and host of every URL, without a final slash."""
        return (self.api_url or f"https://{self.region.host}").rstrip("/")

    @property
    def prefix(self) -> str:
        return path_prefix(self.public_key_id, self.environment)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A success. ``status`` 202 means that Amazon has not decided yet."""

    value: T
    status: int
    request_id: str | None
    body: bytes = field(repr=False)

    @property
    def raw(self) -> dict[str, Any]:
        """The answer as it came, with keys the model leaves out; decoded on each use, numbers exactly."""
        decoded: dict[str, Any] = _decode_raw(self.body or b"{}")
        return decoded


class Attempt(msgspec.Struct, frozen=True):
    """One sending, for logs and metrics. ``message`` is Amazon's own text, masked; log it, never show it."""

    operation: str
    number: int
    seconds: float
    status: int | None
    error: str | None
    reason_code: str
    request_id: str | None
    message: str


Observer = Callable[[Attempt], None]


class Gate(Protocol):
    """Whom each sending asks first: Amazon counts requests per operation (§7.1)."""

    async def admit(self, operation: str, seconds: float) -> bool:
        """Wait for the turn; False when it does not come within ``seconds``."""
        ...

    def throttled(self, operation: str, retry_after: float) -> None:
        """Amazon answered 429, and ``retry_after`` seconds if it said so."""
        ...


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why an attempt gave no ``Answer``."""

    error: AmazonPayError
    can_retry: bool
    retry_after: float = 0.0
    message: str = ""


class AmazonPayClient:
    """Executes requests for one set of credentials; cheap to make, shares its ``transport``."""

    def __init__(
        self,
        credentials: Credentials,
        transport: Transport,
        clock: Clock,
        jitter: random.Random | None = None,
        observer: Observer | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.credentials = credentials
        self._gate = gate
        self._transport = transport
        self._clock = clock
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, hides nothing
        self._observer = observer
        self._origin = credentials.origin
        self._prefix = credentials.prefix
        self._headers = {
            "accept": "application/json",
            "content-type": "application/json",
            "x-amz-pay-host": credentials.region.host,
            "x-amz-pay-region": credentials.region.value,
        }

    async def execute(
        self,
        request: ApiRequest[T],
        *,
        budget: float = 10.0,
        retries: bool = True,
        simulation_code: str | None = None,
    ) -> Answer[T]:
        """Sends ``request`` until it is answered or ``budget`` seconds are over, waits included.

        A repeat carries the same idempotency key and the very same body, signed anew. ``simulation_code`` makes the
        sandbox decline and the like (§9.1).

        Raises:
            AmazonPayRejected: Amazon said no. Codes in ``errors.STATE_CONFLICTS`` ask for a look at the object first.
            AmazonPayUnavailable: nothing happened.
            AmazonPayUnresolved: it may have happened; also when only an earlier attempt may have.
            ValueError: a simulation code outside the sandbox.
        """
        extra = self._simulation(simulation_code)
        deadline = self._clock.monotonic() + budget
        number = 1
        while not isinstance(outcome := await self._attempt(request, number, deadline, extra), Answer):
            wait = self._wait(number, outcome)
            if not retries or self._clock.monotonic() + wait >= deadline:
                raise outcome.error
            if isinstance(outcome.error, AmazonPayUnresolved):
                request = replace(request, is_replay=True)
            await self._clock.sleep(wait)
            number += 1
        return outcome

    def button(self, payload_json: str) -> ButtonSignature:
        """The signature of exactly this text; it does not expire."""
        key, algorithm = self.credentials.private_key, self.credentials.algorithm
        return ButtonSignature(button_signature(key, algorithm, payload_json))

    def sign_button(
        self, payload: Mapping[str, Any] | CheckoutSessionPayload | SignInPayload
    ) -> CreateCheckoutSessionConfig:
        """The signed configuration of a button: checkout, ``ProcessOrder`` or sign-in."""
        payload_json = to_json(payload).decode()
        return CreateCheckoutSessionConfig(
            payloadJSON=payload_json,
            signature=self.button(payload_json),
            algorithm=self.credentials.algorithm.value,
            publicKeyId=self.credentials.public_key_id,
        )

    def signed_headers(self, request: ApiRequest[Any]) -> dict[str, str]:
        """The headers of one sending: Amazon's PHP set, signed with the time of now (§2.2)."""
        headers = {**self._headers, "x-amz-pay-date": self._clock.now().strftime("%Y%m%dT%H%M%SZ")}
        if request.idempotency_key is not None:
            headers["x-amz-pay-idempotency-key"] = request.idempotency_key
        path = self._prefix + request.resource
        text = canonical_request(request.method, path, request.query, headers, request.body)
        credentials = self.credentials
        signature = sign(credentials.private_key, credentials.algorithm, text)
        headers["authorization"] = (
            f"{credentials.algorithm} PublicKeyId={credentials.public_key_id}, "
            f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
        )
        return headers

    async def _attempt(
        self, request: ApiRequest[T], number: int, deadline: float, extra: Mapping[str, str]
    ) -> Answer[T] | _Failed:
        operation: Operation[T] = OPERATIONS[request.operation]
        headers = {**self.signed_headers(request), **extra}
        started = self._clock.monotonic()
        answer: RawAnswer | None = None
        outcome: Answer[T] | _Failed
        try:
            answer = await self._send(request, headers, deadline - started)
        except NotSent as error:
            outcome = _unsent(request, operation, error)
        except NoAnswer as error:
            outcome = _unanswered(operation, error)
        else:
            outcome = self._judged(request, operation, answer)
        self._observe(request, number, self._clock.monotonic() - started, answer, outcome)
        return outcome

    async def _send(self, request: ApiRequest[T], headers: Mapping[str, str], seconds: float) -> RawAnswer:
        if self._gate is not None:
            started = self._clock.monotonic()
            if not await self._gate.admit(request.operation, seconds):
                raise NotSent("Amazon's request rate leaves no room for this call now.")
            seconds -= self._clock.monotonic() - started
        if seconds <= 0:  # a late wake-up; to the engine it would mean "no limit"
            raise NotSent("The time for this call is over.")
        url = f"{self._origin}{self._prefix}{request.resource}"
        target = f"{url}?{request.query}" if request.query else url
        return await self._transport.send(request.method, target, headers, request.body, seconds)

    def _judged(self, request: ApiRequest[T], operation: Operation[T], answer: RawAnswer) -> Answer[T] | _Failed:
        request_id = answer.headers.get(_REQUEST_ID)
        if answer.status in operation.success:
            try:
                return Answer(operation.decode(answer.body), answer.status, request_id, answer.body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                return _unanswered(operation, error, answer.status, request_id, can_retry=False)
        reason_code, message = errors.read_refusal(answer.body)
        retry_after = self._retry_after(answer.headers.get("retry-after"))
        if self._gate is not None and answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._gate.throttled(request.operation, retry_after)
        failure = errors.classify(
            answer.status, reason_code, moves_money=operation.moves_money, is_replay=request.is_replay
        )
        return _Failed(
            errors.as_error(failure, reason_code, answer.status, request_id),
            can_retry=answer.status in errors.RETRIED_STATUSES,
            retry_after=retry_after,
            message=redact_text(message),
        )

    def _wait(self, number: int, failed: _Failed) -> float:
        """Seconds until the next attempt: 0.3 doubled each time, up to half of it left away so that clients spread."""
        if not failed.can_retry or number >= MAX_ATTEMPTS:
            return math.inf
        backoff: float = _FIRST_WAIT * 2.0 ** (number - 1) * self._jitter.uniform(0.5, 1.0)
        return max(backoff, failed.retry_after)

    def _retry_after(self, value: str | None) -> float:
        """Seconds, from either form of ``Retry-After``; 0 for none or nonsense."""
        if not value:
            return 0.0
        if value.isdecimal():
            return float(value[:6])
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return 0.0
        return max(0.0, (_aware(moment) - self._clock.now()).total_seconds())

    def _simulation(self, code: str | None) -> Mapping[str, str]:
        """Left out of the signature, as Amazon's documents have it (§14, row 2)."""
        if code is None:
            return {}
        if self.credentials.environment is not Environment.SANDBOX:
            raise ValueError("Simulation codes are for the sandbox only.")
        return {"x-amz-pay-simulation-code": code}

    def _observe(
        self,
        request: ApiRequest[T],
        number: int,
        seconds: float,
        answer: RawAnswer | None,
        outcome: Answer[T] | _Failed,
    ) -> None:
        if self._observer is None:
            return
        failed = outcome if isinstance(outcome, _Failed) else None
        attempt = Attempt(
            operation=request.operation,
            number=number,
            seconds=seconds,
            status=answer and answer.status,
            error=type(failed.error).__name__ if failed else None,
            reason_code=failed.error.reason_code if failed else "",
            request_id=answer and answer.headers.get(_REQUEST_ID),
            message=failed.message if failed else "",
        )
        # A broken log must not turn an answered payment into an unanswered one.
        with contextlib.suppress(Exception):
            self._observer(attempt)


def _unsent(request: ApiRequest[T], operation: Operation[T], cause: NotSent) -> _Failed:
    is_open = request.is_replay and operation.moves_money
    error = errors.as_error(errors.Failure.UNRESOLVED if is_open else errors.Failure.UNAVAILABLE)
    error.__cause__ = cause
    return _Failed(error, can_retry=True, message=str(cause))


def _unanswered(
    operation: Operation[T],
    cause: Exception,
    status: int | None = None,
    request_id: str | None = None,
    *,
    can_retry: bool = True,
) -> _Failed:
    failure = errors.classify(None, "", moves_money=operation.moves_money)
    error = errors.as_error(failure, http_status=status, request_id=request_id)
    error.__cause__ = cause
    return _Failed(error, can_retry=can_retry, message=str(cause))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
