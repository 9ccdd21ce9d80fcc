from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs/decisions"
NAME = re.compile(r"^[A-Za-z0-9_.-]+")


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def names(requirements: list[str]) -> set[str]:
    return {found.group() for line in requirements if (found := NAME.match(line))}


def listed(section: str) -> set[str]:
    """The first column of the table under a heading of 0002."""
    text = (DECISIONS / "0002-dependencies.md").read_text("utf-8").split(f"### {section}\n")[1].split("\n#")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")][2:]
    return {name.strip() for row in rows for name in row.split(",")}


class TestDependencies:
    def test_each_one_at_run_time_has_its_reason(self, project):
        assert listed("At run time") == names(project["project"]["dependencies"])

    def test_each_one_of_an_extra_has_its_reason(self, project):
        assert listed("Extras") == {
            name for extra in project["project"]["optional-dependencies"].values() for name in names(extra)
        }

    def test_each_one_for_development_has_its_reason(self, project):
        assert listed("For development") == names(project["dependency-groups"]["dev"]) - listed("Extras")


class TestIndex:
    def test_lists_every_decision_under_its_title(self):
        index = (DECISIONS / "README.md").read_text("utf-8")
        pages = sorted(DECISIONS.glob("0*.md"))
        assert pages
        for page in pages:
            number, title = page.read_text("utf-8").splitlines()[0].removeprefix("# ").split(". ", 1)
            assert f"| [{number}]({page.name}) | {title} |" in index

    def test_numbers_run_without_a_gap(self):
        numbers = [int(page.name[:4]) for page in sorted(DECISIONS.glob("0*.md"))]
        assert numbers == list(range(1, len(numbers) + 1))
