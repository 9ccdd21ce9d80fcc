"""What was taken from elsewhere is what SOURCE.md says it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from saleor_amazonpay import dashboard

VENDOR = Path(dashboard.__file__).parent / "static" / "vendor"
SHA256 = {
    "app-bridge.js": "924cd57b6acc023c048f105522b257767222d65b9b2aacf05e95c4741d6056a8",
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "inter-latin-wght-normal.woff2": "3100e775e8616cd2611beecfa23a4263d7037586789b43f035236a2e6fbd4c62",
    "macaw-tokens.css": "1bce403be97652f887a1897ceff7f8723189592c99a59dc2af616adf1b2285e8",
}


@pytest.mark.parametrize("name", SHA256)
def test_a_file_is_as_it_was_taken(name):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == SHA256[name]


def test_every_file_has_its_source():
    source = (VENDOR / "SOURCE.md").read_text("utf-8")
    files = {path.name for path in VENDOR.iterdir()} - {"SOURCE.md"}
    assert files == SHA256.keys()
    assert [name for name in files if f"`{name}`" not in source] == []
