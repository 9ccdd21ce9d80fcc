from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = (".ci/run", "tests/system-packages.sh")


def make(*arguments: str) -> str:
    shown = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return shown.stdout


class TestMakefile:
    def test_help_is_what_make_alone_shows(self):
        assert make() == make("help")

    @pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "soak", "docs", "format", "lock", "clean"])
    def test_help_names_every_command(self, target):
        assert f"  make {target} " in make("help")

    @pytest.mark.parametrize("target", ["demo", "test", "check", "docs"])
    def test_installs_first_when_the_lock_file_changed(self, target):
        plan = make("--dry-run", "--what-if=uv.lock", target)
        assert "uv sync --frozen" in plan


class TestScripts:
    @pytest.mark.parametrize("script", SCRIPTS)
    def test_are_executable_and_stop_at_the_first_failure(self, script):
        path = ROOT / script
        assert os.access(path, os.X_OK)
        assert "set -euo pipefail" in path.read_text("utf-8")
        subprocess.run(["bash", "-n", path], check=True)

    def test_ci_runs_what_a_contributor_runs(self):
        lines = (ROOT / ".ci/run").read_text("utf-8").splitlines()
        assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]

    def test_missing_packages_are_named_to_those_who_may_not_install(self, tmp_path):
        (tmp_path / "bash").symlink_to("/bin/bash")  # a PATH with nothing else: everything is missing, apt-get too
        shown = subprocess.run(
            ["bash", ROOT / "tests/system-packages.sh"],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert shown.returncode == 1
        assert "chromium" in shown.stderr
        assert "nodejs npm" in shown.stderr
