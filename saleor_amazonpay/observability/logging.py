"""One line an event, without secrets or buyers' data, whoever logs it.

Everything ends here: our own ``structlog.get_logger()`` and the standard library's loggers of uvicorn, aiohttp,
SQLAlchemy and the rest. A record with its context costs about 20 µs, so one a webhook is affordable.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import Any, BinaryIO, Literal

import msgspec
import structlog
from structlog.processors import TimeStamper, add_log_level, format_exc_info
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "[redacted]"
LONGEST_TEXT = 16_384
DEEPEST = 8

# Compared without case, hyphens and underscores: private_key, privateKey and PRIVATE-KEY are one.
SECRET_KEYS = frozenset({"authorization", "authorizationbearer", "cookie", "setcookie"})
SECRET_PARTS = ("apikey", "token", "secret", "password", "signature", "privatekey", "email", "phone", "address")
BUYER_KEYS = frozenset({"buyer", "name", "firstname", "lastname", "fullname", "postalcode", "city", "companyname"})

# Each with a text that must be present, since looking for one is far cheaper than a regular expression.
SECRET_TEXTS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("-----BEGIN", re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL), MASK),
    ("eyJ", re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w-]*"), MASK),
    ("earer ", re.compile(r"([Bb]earer )\S+"), rf"\1{MASK}"),
    ("ignature=", re.compile(r"([Ss]ignature=)[^\s,;&]+"), rf"\1{MASK}"),
    ("@", re.compile(r"(://)[^/\s@]+(?=@)"), rf"\1{MASK}"),
    ("@", re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), MASK),
)

_HINTS = re.compile("|".join(re.escape(hint) for hint, _, _ in SECRET_TEXTS)).search

# What could end a line or move a terminal's cursor, and so forge another record.
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

# Their INFO is one line a request or a job; ours says the same with its context.
QUIET = ("httpx2", "httpcore2", "aiohttp.access", "uvicorn.access", "procrastinate", "alembic")

LogFormat = Literal["json", "console"]


def configure(*, log_format: LogFormat, log_level: str, stream: BinaryIO | None = None) -> None:
    """Send every log record of this process, redacted, to ``stream`` (standard error, so that output stays clean)."""
    structlog.configure(
        processors=list(_processors(log_format)),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(log_level)),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer if stream is None else stream),
        cache_logger_on_first_use=stream is None,
    )
    root = logging.getLogger()
    root.handlers = [_Forward()]
    root.setLevel(log_level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):  # their own handlers would print a second time
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


_named: ContextVar[Mapping[str, str]] = ContextVar("named", default=MappingProxyType({}))


class log_context:  # noqa: N801  # used as a word: ``with log_context(…):``
    """Name these in every record until the ``with`` ends; follows the task, not the thread."""

    def __init__(self, **names: str | None) -> None:
        self._names = names

    def __enter__(self) -> None:
        self._before = _named.get()
        _name(self._names)

    def __exit__(self, *_: object) -> None:
        _named.set(self._before)


def name_in_log(
    *,
    tenant: str | None = None,
    transaction: str | None = None,
    permission: str | None = None,
    request_id: str | None = None,
    job: str | None = None,
) -> None:
    """Name these too, once they are known, in what this task still logs."""
    _name(
        {
            "tenant": tenant,
            "transaction": transaction,
            "permission": permission,
            "request_id": request_id,
            "job": job,
        }
    )


def _name(names: Mapping[str, str | None]) -> None:
    _named.set({**_named.get(), **{name: value for name, value in names.items() if value is not None}})


def forget_names() -> None:
    """What this task logs from here on is about something else."""
    _named.set(MappingProxyType({}))


def _add_names(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**_named.get(), **event}


_USABLE_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


_process = secrets.token_hex(4)
_requests = count()


def request_id(given: str | None) -> str:
    """The id a reverse proxy has given the request, if it looks like one; else a new one of this process."""
    return given if given and _USABLE_REQUEST_ID.fullmatch(given) else f"{_process}{next(_requests):08x}"


def _processors(log_format: LogFormat) -> tuple[Processor, ...]:
    render: Processor = render_json if log_format == "json" else render_console
    return (_add_names, add_log_level, TimeStamper(fmt="iso", utc=True), format_exc_info, redact, render)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets and buyers' data by key, and what looks like a secret inside any text."""
    if _is_harmless(event):
        return event
    return {key: MASK if _is_secret(key) else _redacted(value, DEEPEST) for key, value in event.items()}


_PLAIN = frozenset({str, int, float})


def _is_harmless(event: EventDict) -> bool:
    """Of most records one look tells."""
    if _name_secrets(tuple(event)) or not _PLAIN.issuperset(map(type, event.values())):
        return False
    text = " ".join(map(str, event.values()))
    return len(text) <= LONGEST_TEXT and not _HINTS(text)


@lru_cache(maxsize=256)
def _name_secrets(keys: tuple[str, ...]) -> bool:
    return any(map(_is_secret, keys))


def _redacted(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return masked(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): MASK if _is_secret(str(key)) else _redacted(item, depth - 1) for key, item in value.items()}
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [_redacted(item, depth - 1) for item in value]
    return masked(repr(value))


def masked(text: str) -> str:
    """``text`` with PEM blocks, tokens, signatures, passwords in URLs and e-mail addresses masked, and cut."""
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + "…"
    for hint, pattern, replacement in SECRET_TEXTS:
        if hint in text:
            text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    plain = key.lower().replace("_", "").replace("-", "")
    return plain in SECRET_KEYS or plain in BUYER_KEYS or any(part in plain for part in SECRET_PARTS)


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """One JSON object; line ends inside values are escaped by JSON itself."""
    return _encode(event)


_encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=repr).encode


def render_console(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """``time level event key=value …``, then the traceback, indented so that it never looks like a record."""
    exception = event.pop("exception", None)
    head = f"{event.pop('timestamp')} {event.pop('level'):<8} {_one_line(event.pop('event', ''))}"
    line = " ".join((head, *(f"{key}={_one_line(value)}" for key, value in event.items())))
    if exception is not None:
        line += "".join(f"\n    {_one_line(part)}" for part in str(exception).split("\n"))
    return line.encode("utf-8", "backslashreplace")


def _one_line(value: object) -> str:
    return CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), str(value))


class _Forward(logging.Handler):
    """Hands the standard library's records to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger()
        logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)
