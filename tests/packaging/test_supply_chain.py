"""What the app is made of: fetched as locked, under licences that allow it, listed for whoever asks."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from saleor_amazonpay import __version__
from tests.audit import told
from tests.handlers.merchant import open_merchant, request

ROOT = Path(__file__).parents[2]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
ALLOWED = re.compile(
    r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|LGPL|Lesser General Public|Unlicense|CC0)",
    re.IGNORECASE,
)


def exported(*options):
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "export", "--frozen", "--quiet", "--no-dev", "--all-extras", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def at_run_time():
    """Names of the packages that are installed with the app."""
    lines = exported("--no-emit-project", "--no-hashes", "--no-annotate", "--no-header").splitlines()
    return [match[0] for line in lines if (match := re.match(r"[\w.-]+", line))]


def test_every_file_of_every_package_has_its_hash():
    files = [
        (package["name"], file)
        for package in LOCK
        for file in [*package.get("wheels", ()), package.get("sdist")]
        if file
    ]
    assert len(files) > 500
    assert [name for name, file in files if not file.get("hash", "").startswith("sha256:")] == []


def test_every_licence_allows_what_we_do(at_run_time):
    unknown = {}
    for name in at_run_time:
        try:
            metadata = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        classifiers = " ".join(each for each in metadata.get_all("Classifier") or () if each.startswith("License"))
        said = " ".join([metadata.get("License-Expression") or "", (metadata.get("License") or "")[:200], classifiers])
        if not ALLOWED.search(said) or "AGPL" in said:
            unknown[name] = said.strip()
    assert len(at_run_time) > 40
    assert unknown == {}


def test_the_bill_of_materials_names_them_all(at_run_time):
    bill = json.loads(exported("--format", "cyclonedx1.5"))
    assert bill["bomFormat"] == "CycloneDX"
    assert set(at_run_time) <= {component["name"] for component in bill["components"]}


class TestAudit:
    def test_a_known_vulnerability_fails(self, capsys):
        flaw = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
        report = {
            "dependencies": [
                {"name": "a", "version": "1.0", "vulns": [flaw]},
                {"name": "b", "version": "1", "vulns": []},
            ]
        }
        assert told(json.dumps(report), "") == 1
        assert capsys.readouterr().out == "a 1.0: PYSEC-1, fixed in 2.0\n"

    @pytest.mark.parametrize(
        ("report", "complaint", "said"),
        [
            (
                {"dependencies": [{"name": "a", "version": "1", "vulns": []}]},
                "",
                "No known vulnerability in 1 of 1 packages.\n",
            ),
            (
                {"dependencies": [{"name": "a", "skip_reason": "?"}]},
                "",
                "No advisories: the package index does not tell them.\n",
            ),
            ("", "no route\n", "No advisories: no route\n"),
        ],
    )
    def test_else_it_says_how_much_that_is_worth(self, capsys, report, complaint, said):
        assert told(json.dumps(report) if report else "", complaint) == 0
        assert capsys.readouterr().out == said


def test_the_changelog_is_about_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert headings[0] in {"Unreleased", __version__}
    assert len(headings) == len(set(headings))


def test_the_installed_package_has_this_version():
    assert importlib.metadata.version("saleor-amazonpay") == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_no_other_file_names_a_version_of_its_own():
    """`saleor_amazonpay/__init__.py` is the one place; pyproject and the manifest take theirs from it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "saleor_amazonpay/__init__.py"
    assert "version" not in json.loads((ROOT / "manifest.json").read_text("utf-8"))


async def test_saleor_is_shown_this_version(sqlite_url):
    async with open_merchant(sqlite_url) as merchant:
        manifest = (await request("GET", f"{merchant.url}/api/manifest")).json()
        assert manifest["version"] == __version__
