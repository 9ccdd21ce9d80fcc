from __future__ import annotations

import subprocess
import sys

from saleor_amazonpay.sandbox.purchases import PURCHASES

DEMO_SECONDS = 120  # ten on a machine that does nothing else


class TestDemo:
    def test_makes_every_purchase_and_exits_with_0(self, tmp_path):
        demo = subprocess.run(
            [sys.executable, "-m", "saleor_amazonpay.cli", "demo", "--once", "--no-color"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=DEMO_SECONDS,
            check=False,
        )
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert demo.stderr == ""
        for purchase in PURCHASES:
            assert f"✓ │ {purchase.title}" in demo.stdout
        assert list(tmp_path.iterdir()) == []
