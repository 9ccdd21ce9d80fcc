from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_amazonpay.observability.logging import LONGEST_TEXT, MASK, configure, log_context, masked, redact

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
DETACHED = "eyJhbGciOiJSUzI1NiIsImI2NCI6ZmFsc2V9..c2lnbmF0dXJl"


@pytest.fixture
def restored() -> Iterator[None]:
    """The logging of this process is as it was, afterwards."""
    root = logging.getLogger()
    before = (root.handlers, root.level)
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


@pytest.fixture
def configured(restored: None) -> Callable[..., io.BytesIO]:
    def start(log_format: str = "json", log_level: str = "INFO") -> io.BytesIO:
        stream = io.BytesIO()
        configure(log_format=log_format, log_level=log_level, stream=stream)
        return stream

    return start


def fail(message: str) -> None:
    raise ValueError(message)


def records(stream: io.BytesIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestJson:
    def test_is_one_object_a_line(self, configured):
        stream = configured()
        structlog.get_logger().info("charged", amount_minor=3500, currency="JPY")
        (record,) = records(stream)
        assert record.items() >= {"event": "charged", "level": "info", "amount_minor": 3500, "currency": "JPY"}.items()
        assert str(record["timestamp"]).endswith("Z")

    def test_leaves_out_what_is_below_the_level(self, configured):
        stream = configured(log_level="WARNING")
        structlog.get_logger().info("quiet")
        logging.getLogger("anything").info("quiet")
        assert stream.getvalue() == b""

    def test_a_line_end_in_a_value_does_not_end_the_record(self, configured):
        stream = configured()
        structlog.get_logger().info("asked", message='x\n{"event":"forged"}\r\n')
        assert [record["event"] for record in records(stream)] == ["asked"]

    def test_shows_a_traceback_without_its_secrets(self, configured):
        stream = configured()
        try:
            fail(f"bad key {PEM}")
        except ValueError:
            structlog.get_logger().exception("failed")
        (record,) = records(stream)
        assert "ValueError: bad key" in record["exception"]
        assert "MIIEvQ" not in record["exception"]

    def test_takes_any_object(self, configured):
        stream = configured()
        structlog.get_logger().info("odd", value=object, raw=b"bytes", many={1, 2})
        assert len(records(stream)) == 1


class TestConsole:
    def test_is_a_line_for_a_person(self, configured):
        stream = configured("console")
        structlog.get_logger().warning("declined", reason_code="AmazonRejected")
        assert stream.getvalue().decode().split(maxsplit=1)[1] == "warning  declined reason_code=AmazonRejected\n"

    @pytest.mark.parametrize("ending", ["\n", "\r", "\x1b[2J", "\x85", "\u2028", "\x00"])
    def test_a_control_character_cannot_forge_a_line(self, configured, ending):
        stream = configured("console")
        structlog.get_logger().info(f"a{ending}forged", value=f"b{ending}forged")
        text = stream.getvalue().decode()
        assert len(text.splitlines()) == 1
        assert ending not in text[:-1]

    def test_a_traceback_is_indented(self, configured):
        stream = configured("console")
        try:
            fail("first\n2026-01-01 info forged")
        except ValueError:
            structlog.get_logger().exception("failed")
        head, *rest = stream.getvalue().decode().splitlines()
        assert head.endswith("failed")
        assert rest
        assert all(line.startswith("    ") for line in rest)


class TestStandardLibrary:
    def test_its_records_take_the_same_way(self, configured):
        stream = configured()
        logging.getLogger("uvicorn.error").warning("token %s", JWT)
        (record,) = records(stream)
        assert record.items() >= {"event": f"token {MASK}", "level": "warning", "logger": "uvicorn.error"}.items()

    def test_its_exceptions_come_along(self, configured):
        stream = configured()
        try:
            fail("missing")
        except ValueError:
            logging.getLogger("aiohttp.client").exception("broke")
        assert "ValueError: missing" in str(records(stream)[0]["exception"])

    def test_uvicorn_prints_nothing_by_itself(self, configured):
        logging.getLogger("uvicorn").handlers = [logging.StreamHandler()]
        stream = configured()
        logging.getLogger("uvicorn").info("started")
        assert len(records(stream)) == 1
        assert logging.getLogger("uvicorn").handlers == []

    @pytest.mark.parametrize("name", ["uvicorn.access", "httpx2", "procrastinate"])
    def test_chatter_is_left_out(self, configured, name):
        stream = configured()
        logging.getLogger(name).info("GET / 200")
        assert stream.getvalue() == b""


class TestContext:
    def test_is_in_every_record_until_it_ends(self, configured):
        stream = configured()
        with log_context(tenant="https://shop.example/graphql/", transaction="VHJhbnM6MQ=="):
            structlog.get_logger().info("inside")
            logging.getLogger("library").info("inside too")
        structlog.get_logger().info("outside")
        inside, library, outside = records(stream)
        assert (inside["transaction"], library["tenant"]) == ("VHJhbnM6MQ==", "https://shop.example/graphql/")
        assert "tenant" not in outside
        assert "permission" not in inside

    def test_nested_names_add_up_and_go_back(self, configured):
        stream = configured()
        with log_context(request_id="r1"):
            with log_context(permission="S01-1", request_id="r2"):
                structlog.get_logger().info("inner")
            structlog.get_logger().info("outer")
        inner, outer = records(stream)
        assert (inner["permission"], inner["request_id"], outer["request_id"]) == ("S01-1", "r2", "r1")


class TestRedact:
    @pytest.mark.parametrize(
        "key",
        [
            *("token", "auth_token", "Authorization", "Authorization-Bearer", "Saleor-Signature", "private_key"),
            *("privateKey", "SECRET_KEY", "client_secret", "password", "Cookie", "x-api-key", "email", "userEmail"),
            *("phoneNumber", "buyer", "shippingAddress", "billing_address", "addressLine1", "name", "firstName"),
        ],
    )
    def test_masks_by_key_at_any_depth(self, key):
        event = redact(None, "info", {key: "hush", "body": {"list": [{key: {"deep": "hush"}}]}})
        assert event == {key: MASK, "body": {"list": [{key: MASK}]}}

    @pytest.mark.parametrize(
        "key", ["idempotency_key", "publicKeyId", "merchantId", "psp_reference", "reason_code", "tenant", "event"]
    )
    def test_keeps_what_is_needed_to_follow_a_payment(self, key):
        assert redact(None, "info", {key: "P21-1111111-1111111"}) == {key: "P21-1111111-1111111"}

    @pytest.mark.parametrize(
        ("text", "secret"),
        [
            (f"key {PEM} end", "MIIEvQ"),
            (f"cut off {PEM[:50]}", "MIIEvQ"),
            (PEM.replace("\n", "\\n"), "MIIEvQ"),
            (f"token {JWT}.", "c2lnbmF0dXJl"),
            (f"header {DETACHED}", "c2lnbmF0dXJl"),
            ("Authorization: Bearer x7Jh29Jq", "x7Jh29Jq"),
            ("AMZN-PAY-RSASSA-PSS-V2 PublicKeyId=SANDBOX-A, Signature=q7F3/x+9==", "q7F3"),
            ("postgresql://app:hunter2@db/app", "hunter2"),
            ("buyer is taro.yamada@example.co.jp", "yamada"),
        ],
    )
    def test_masks_inside_texts(self, text, secret):
        assert secret not in masked(text)
        assert MASK in masked(text)

    @settings(deadline=None)
    @given(
        st.recursive(
            st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    )
    def test_no_value_hides_a_key_block(self, value):
        event = redact(None, "info", {"first": [value, {"second": f"{value}{PEM}"}], "third": (PEM, value)})
        assert "MIIEvQ" not in repr(event)

    def test_ends_on_deep_and_long_values(self):
        deep: list[object] = []
        for _ in range(10_000):
            deep = [deep]
        event = redact(None, "info", {"deep": deep, "long": "x" * 1_000_000})
        assert len(event["long"]) == LONGEST_TEXT + 1
        assert "…" in repr(event["deep"])
