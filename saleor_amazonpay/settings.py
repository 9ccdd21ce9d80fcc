"""What an operator decides, read once at the start; nothing else reads the environment.

Each field is one environment variable of the same name in upper case. ``Settings(...)`` itself never looks at the
environment, so tests and the sandbox state what they mean; :func:`load_settings` does. Source: DESIGN §2.
"""

# ruff: noqa: ARG003 - pydantic-settings dictates the signature of settings_customise_sources

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from saleor_amazonpay.errors import AppError

SECRET_KEY_MIN_LENGTH = 32
DATABASE_SCHEMES = ("sqlite", "postgresql")


class SettingsError(AppError):
    """The environment is unusable; ``public_message`` has one line a variable: its name and what it should be."""

    code = "SETTINGS_INVALID"


def setting(default: Any = ..., *, means: str, expected: str, **constraints: Any) -> Any:
    """A field that documents itself: what it ``means`` to an operator and, when it is wrong, what is ``expected``."""
    return Field(default, description=means, json_schema_extra={"expected": expected}, **constraints)


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _split(value: object) -> object:
    """``"a, b"`` is how a list is written in an environment variable."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
LogFormat = Annotated[Literal["json", "console"], BeforeValidator(_lower)]
Worker = Annotated[Literal["embedded", "off"], BeforeValidator(_lower)]
SecretList = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
HostList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
OriginList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")


class Settings(BaseSettings):
    """Frozen. Fields validated later may depend on ``allow_local_network`` and ``port``, hence the order."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    secret_key: SecretStr = setting(
        means="Encrypts the secrets in the database. Keep a copy: without it the stored Amazon Pay keys are lost.",
        expected=f"a random text of at least {SECRET_KEY_MIN_LENGTH} characters, e.g. from `openssl rand -base64 48`",
    )
    previous_secret_keys: SecretList = setting(
        (),
        means="Former values of `SECRET_KEY`, still able to decrypt. Empty it after `saleor-amazonpay rotate-keys`.",
        expected=f"former secret keys of at least {SECRET_KEY_MIN_LENGTH} characters each, separated by commas",
    )
    allow_local_network: bool = setting(
        False,
        means="Lets Saleor and Amazon Pay be plain HTTP on loopback and private addresses. For development only.",
        expected="true or false",
    )
    port: int = setting(
        8000,
        ge=0,
        le=65535,
        means="The port that `serve` listens on.",
        expected="a port number; 0 takes any free one",
    )
    host: str = setting(
        "0.0.0.0",  # noqa: S104 - a container is reached from outside
        means="The address that `serve` listens on. `127.0.0.1` lets only this machine in.",
        expected="an IP address of this machine, or 0.0.0.0 for all of them",
        pattern=r"^(localhost|[0-9.]+|[0-9a-fA-F:]+)$",
    )
    database_url: str = setting(
        "sqlite:///./data/saleor-amazonpay.db",
        repr=False,  # holds a password on PostgreSQL
        means="Where everything is stored: a SQLite file for one container, PostgreSQL for replicas.",
        expected="sqlite:///path/to/file.db or postgresql://user:password@host:5432/name",
    )
    app_api_base_url: str = setting(
        "",
        means="The public address of this app, as Saleor and buyers' browsers reach it. "
        "May be left out with `ALLOW_LOCAL_NETWORK`: then `http://localhost:<PORT>`.",
        expected="the app's public https:// address without query or fragment (http:// only with ALLOW_LOCAL_NETWORK)",
    )
    app_iframe_base_url: str = setting(
        "",
        means="The address of the Dashboard page, where it differs from `APP_API_BASE_URL`.",
        expected="an https:// address without query or fragment (http:// only with ALLOW_LOCAL_NETWORK)",
    )
    dashboard_origins: OriginList = setting(
        (),
        means="Where Saleor's Dashboard is served, if not at the address of Saleor's API: it may show the app's page.",
        expected="https:// origins separated by commas, e.g. https://dashboard.shop.example",
    )
    manifest_app_id: str = setting(
        "saleor.app.payment.amazonpay",
        pattern=r"^[A-Za-z0-9._-]{1,60}$",
        means="The app's identifier in Saleor. Storefronts name it as the payment gateway; never change it in use.",
        expected="up to 60 letters, digits, dots, hyphens and underscores",
    )
    allowed_domain_pattern: re.Pattern[str] | None = setting(
        None,
        means="Which Saleor instances may install the app: a regular expression that their whole API URL must match. "
        "Unset, any Saleor that proves itself may.",
        expected=r"a regular expression for the whole API URL, e.g. https://[a-z-]+\.saleor\.cloud/graphql/",
    )
    amazon_pay_api_url: str | None = setting(
        None,
        means="Replaces the host of every Amazon Pay region, scheme included; path and signature stay.",
        expected="an https:// origin (http:// only with ALLOW_LOCAL_NETWORK)",
    )
    amazon_pay_script_url: str | None = setting(
        None,
        means="Replaces Amazon's `checkout.js`. Only with `ALLOW_LOCAL_NETWORK`.",
        expected="an address, and only together with ALLOW_LOCAL_NETWORK=true",
    )
    amazon_pay_sns_cert_hosts: HostList = setting(
        (),
        means="Further hosts whose certificates may sign notifications. Only with `ALLOW_LOCAL_NETWORK`.",
        expected="host names separated by commas, and only together with ALLOW_LOCAL_NETWORK=true",
    )
    log_level: LogLevel = setting(
        "INFO",
        means="The least severe messages that are logged.",
        expected="DEBUG, INFO, WARNING, ERROR or CRITICAL",
    )
    log_format: LogFormat = setting(
        "json",
        means="One JSON object a line, or text for people.",
        expected="json or console",
    )
    tracing: bool = setting(
        False,
        means="Sends OpenTelemetry traces; where to is said by OpenTelemetry's own variables "
        "(`OTEL_EXPORTER_OTLP_ENDPOINT`). Needs `pip install 'saleor-amazonpay[otel]'`.",
        expected="true or false",
    )
    worker: Worker = setting(
        "embedded",
        means="Whether `serve` runs the jobs too. `off` needs `saleor-amazonpay work` beside it.",
        expected="embedded or off",
    )
    billing_schedules: bool = setting(
        False,
        means="Lets agreements be billed by a schedule. The manifest then asks for `HANDLE_CHECKOUTS` and "
        "`IMPERSONATE_USER` too, with which the app makes the orders; grant them where it is installed already.",
        expected="true or false",
    )
    webhook_max_bytes: int = setting(
        262_144,
        ge=16_384,
        le=16_777_216,
        means="The largest request body accepted, in bytes.",
        expected="a number of bytes from 16384 to 16777216",
    )
    same_request_seconds: int = setting(
        60,
        ge=0,
        le=3600,
        means="How long after a charge, refund or cancel is settled another of the same amount is taken for a mistake.",
        expected="seconds, 0 to 3600",
    )
    report_delay_seconds: int = setting(
        60,
        ge=0,
        le=3600,
        means="How long an answer already given to Saleor waits before it is reported again, should it have been lost.",
        expected="seconds, 0 to 3600",
    )
    claim_seconds: float = setting(
        30.0,
        ge=0.1,
        le=600,
        means="How long one actor may work on a payment before another may take over; longer than any CV2 time-out.",
        expected="seconds, 0.1 to 600",
    )
    poll_seconds: float = setting(
        5.0,
        ge=0.05,
        le=3600,
        means="How soon a charge or refund that Amazon is still deciding is looked at first; later looks are rarer.",
        expected="seconds, 0.05 to 3600",
    )
    job_lease_seconds: float = setting(
        30.0,
        ge=0.3,
        le=600,
        means="How long a worker may give no sign of life before its running jobs are taken over by another.",
        expected="seconds, 0.3 to 600",
    )
    answer_budget_seconds: float = setting(
        12.0,
        ge=0.5,
        le=15,
        means="How long a webhook may work before it answers that the outcome follows. Saleor waits 18 seconds.",
        expected="seconds, 0.5 to 15",
    )
    authorization_warning_hours: int = setting(
        120,
        ge=1,
        le=720,
        means="How long before an authorization ends the merchant is warned, or what the account says is done.",
        expected="hours, 1 to 720",
    )
    rate_limit_factor: float = setting(
        1.0,
        gt=0,
        le=1000,
        means="How many times Amazon Pay's published request rates may be used; Amazon raises them for some merchants.",
        expected="a factor above 0, up to 1000",
    )
    cv1_order_reference_states: Literal["upgrade-guide", "faq"] = setting(
        "upgrade-guide",
        means="Which of Amazon's documents is believed about an Order Reference of CV1 that reads NonChargeable: the "
        "upgrade guide (it is Suspended) or the FAQ (every one does). It is charged either way.",
        expected="upgrade-guide or faq",
    )
    timeline_retention_days: int = setting(
        400,
        ge=30,
        le=3650,
        means="After how many days a payment's timeline, its delivered reports and the events of billing schedules "
        "are deleted.",
        expected="days, 30 to 3650",
    )
    inbox_retention_days: int = setting(
        30,
        ge=1,
        le=3650,
        means="After how many days Amazon Pay's notifications are deleted.",
        expected="days, 1 to 3650",
    )
    buyer_data_retention_days: int = setting(
        30,
        ge=0,
        le=3650,
        means="How many days after an agreement ended Amazon's id of its buyer and the words for the card are erased. "
        "Buyers' names, addresses and e-mail addresses are never stored.",
        expected="days, 0 to 3650",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < SECRET_KEY_MIN_LENGTH:
            raise ValueError("is too short")
        return value

    @field_validator("previous_secret_keys")
    @classmethod
    def _each_long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(cls._long_enough(key) for key in value)

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        scheme, separator, rest = value.partition("://")
        if scheme not in DATABASE_SCHEMES or not separator or not rest.strip("/"):
            raise ValueError("names no database")
        return value

    @field_validator("app_api_base_url")
    @classmethod
    def _public_address(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("allow_local_network"):
            return f"http://localhost:{info.data.get('port')}"
        return _address(value, info)

    @field_validator("app_iframe_base_url")
    @classmethod
    def _iframe_address(cls, value: str, info: ValidationInfo) -> str:
        # A faulty APP_API_BASE_URL is absent from info.data and reported by itself.
        return _address(value, info) if value else str(info.data.get("app_api_base_url", ""))

    @field_validator("dashboard_origins")
    @classmethod
    def _bare_origins(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        origins = tuple(origin.lower().rstrip("/") for origin in value)
        schemes = {"https", "http"} if info.data.get("allow_local_network") else {"https"}
        found = [_ORIGIN.fullmatch(origin) for origin in origins]
        if not all(match and match[1] in schemes for match in found):
            raise ValueError("has something else than origins")
        return origins

    @field_validator("amazon_pay_api_url")
    @classmethod
    def _amazon_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if urlsplit(value).path.strip("/"):
            raise ValueError("has a path, which would change the signature")
        return _address(value, info)

    @field_validator("amazon_pay_script_url", "amazon_pay_sns_cert_hosts")
    @classmethod
    def _local_only(cls, value: Any, info: ValidationInfo) -> Any:
        if value and not info.data.get("allow_local_network"):
            raise ValueError("is for development only")
        return value

    @property
    def secret_keys(self) -> tuple[SecretStr, ...]:
        """The key ring: the first encrypts, all of them decrypt."""
        return (self.secret_key, *self.previous_secret_keys)

    def allows_saleor(self, api_url: str) -> bool:
        """Whether ``ALLOWED_DOMAIN_PATTERN`` lets this Saleor install the app."""
        return self.allowed_domain_pattern is None or self.allowed_domain_pattern.fullmatch(api_url) is not None


def _address(value: str, info: ValidationInfo) -> str:
    """``value`` without a trailing slash."""
    url = urlsplit(value)
    schemes = ("https", "http") if info.data.get("allow_local_network") else ("https",)
    if not value:
        raise ValueError("is missing")
    if url.scheme not in schemes or not url.hostname:
        raise ValueError(f"is not an {' or '.join(schemes)} address")
    if url.query or url.fragment or url.username is not None:
        raise ValueError("has more than a host and a path")
    return value.rstrip("/")


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process's environment, or of ``env`` alone when it is given.

    Raises:
        SettingsError: naming every variable that is missing or wrong, and what it should be.

    """
    try:
        return Settings(**_values(env))
    except ValidationError as wrong:
        raise SettingsError("\n".join(_complaints(wrong))) from None


def sandbox_settings(env: Mapping[str, str] | None = None, **fixed: Any) -> Settings:
    """As :func:`load_settings`, for loopback: the local network is allowed and a missing secret key is made up.

    ``fixed`` wins over the environment. A made-up key is forgotten with the process: give one to reopen a database.

    Raises:
        SettingsError: as :func:`load_settings`.

    """
    values = {"secret_key": secrets.token_urlsafe(48), **_values(env), "allow_local_network": True, **fixed}
    try:
        return Settings(**values)
    except ValidationError as wrong:
        raise SettingsError("\n".join(_complaints(wrong))) from None


def _values(env: Mapping[str, str] | None) -> dict[str, Any]:
    source = EnvSettingsSource(Settings)
    if env is not None:
        source.env_vars = {name.lower(): value for name, value in env.items() if value}
    return source()


def _complaints(wrong: ValidationError) -> Iterator[str]:
    for error in wrong.errors(include_url=False, include_input=False):
        name = str(error["loc"][0])
        yield f"{name.upper()}: {_fault(error)}; it should be {_expected(name)}"


def _fault(error: Mapping[str, Any]) -> str:
    """Our validators complete the sentence; pydantic's own messages may quote the value, so they are not shown."""
    if error["type"] == "missing":
        return "is missing"
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else "is not usable"


def _expected(name: str) -> str:
    extra = Settings.model_fields[name].json_schema_extra
    return str(extra["expected"]) if isinstance(extra, dict) else "left out: there is no such setting"


def settings_table() -> str:
    """The settings as a Markdown table, for docs/operator.md."""
    rows = (
        f"| `{name.upper()}` | {_default(field.default, required=field.is_required())} | {field.description} |"
        for name, field in Settings.model_fields.items()
    )
    return "\n".join(("| variable | default | meaning |", "|---|---|---|", *rows))


def _default(value: object, *, required: bool) -> str:
    if required:
        return "**required**"
    if value in (None, (), ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
