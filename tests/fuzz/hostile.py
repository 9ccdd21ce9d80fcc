"""Values nobody should send, and ways to put them into what somebody does send."""

from __future__ import annotations

import copy
import json

from hypothesis import strategies as st

TEXTS = [
    "",
    " ",
    "\x00",
    "\r\nSet-Cookie: a=b",
    "<script>alert(1)</script>",
    "'; DROP TABLE payments; --",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "../../../../etc/passwd",
    "javascript:alert(1)",
    "http://127.0.0.1:1/",
    "http://169.254.169.254/latest/meta-data/",
    "\ud800",
    "\u202e\u0000\ufffe",
    "٣",
    "😀" * 50,
    "x" * 20_000,
    "0",
    "-1",
    "NaN",
    "1e309",
    "null",
    "P01-0000000-0000000",
    "__proto__",
]
NUMBERS = [0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 0.1, 1e308, 5e-324, 123456789.123456789]


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


values = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS),
    st.sampled_from([None, True, False, [], {}, [None], {"": None}, {"__typename": "Order"}, deep(50), [0] * 2000]),
    st.text(max_size=30),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5
    ),
)


def places(value, at=()):
    """Every path in a JSON value."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*at, index))


@st.composite
def spoiled(draw, seeds):
    """A genuine JSON value with up to three places changed, dropped or swapped for another's."""
    value = copy.deepcopy(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([place for place in places(value) if place] or [()]))
        if not path:
            return draw(values)
        parent = value
        for step in path[:-1]:
            parent = parent[step]
        if draw(st.integers(0, 3)) == 0:
            del parent[path[-1]]
        else:
            parent[path[-1]] = copy.deepcopy(draw(values))
    return value


def encoded(value):
    """As bytes, also what no JSON encoder of UTF-8 would write."""
    return json.dumps(value).encode()
