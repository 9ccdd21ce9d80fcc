"""What can be said of the container without an engine to build it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from saleor_amazonpay import __version__
from saleor_amazonpay.settings import Settings

ROOT = Path(__file__).parents[2]
IMAGE = re.compile(r"^[\w./-]+:(?P<tag>[\w.-]+)$")


def instructions(name: str) -> list[tuple[str, str]]:
    """(INSTRUCTION, arguments) of a Dockerfile, continuation lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text(encoding="utf-8"))
    lines = (line.strip() for line in text.splitlines())
    return [(word, " ".join(rest)) for line in lines if line and line[0] != "#" for word, *rest in [line.split()]]


@pytest.fixture(scope="module")
def recipe() -> list[tuple[str, str]]:
    return instructions("Dockerfile")


@pytest.fixture(scope="module")
def stages(recipe) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    starts = [position for position, (word, _) in enumerate(recipe) if word == "FROM"]
    assert len(starts) == 2
    return recipe[: starts[1]], recipe[starts[1] :]


def arguments(stage: list[tuple[str, str]], wanted: str) -> list[str]:
    return [rest for word, rest in stage if word == wanted]


class TestDockerfile:
    def test_names_a_version_of_every_image(self, recipe):
        for base in arguments(recipe, "FROM"):
            tag = IMAGE.match(base.split()[0])
            assert tag, base
            assert tag["tag"] != "latest"

    def test_installs_exactly_what_is_locked_and_no_development_tools(self, stages):
        syncs = [line for line in arguments(stages[0], "RUN") if "uv sync" in line]
        assert len(syncs) == 2
        assert all("--frozen" in line and "--no-dev" in line for line in syncs)
        assert "--no-editable" in syncs[-1]

    def test_uses_the_same_uv_as_the_makefile(self, stages):
        version = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert version
        assert any(f"uv=={version[1]}" in line for line in arguments(stages[0], "RUN"))

    def test_compiles_to_bytecode(self, stages):
        assert any("UV_COMPILE_BYTECODE=1" in line for line in arguments(stages[0], "ENV"))

    def test_carries_no_source_tree_into_the_final_stage(self, stages):
        assert arguments(stages[1], "COPY") == ["--from=builder /opt/venv /opt/venv"]

    def test_does_not_run_as_root(self, stages):
        assert arguments(stages[1], "USER")[-1] not in {"root", "0"}
        final = [word for word, _ in stages[1]]
        assert final.index("USER") < final.index("CMD")

    def test_keeps_its_data_in_a_volume_that_the_default_database_is_in(self, stages):
        assert arguments(stages[1], "VOLUME") == ["/data"]
        assert "DATABASE_URL=sqlite:////data/" in " ".join(arguments(stages[1], "ENV"))

    def test_is_asked_for_its_health(self, stages):
        (check,) = arguments(stages[1], "HEALTHCHECK")
        assert "/health/live" in check
        assert "urllib.request" in check

    def test_starts_the_server(self, stages):
        assert arguments(stages[1], "CMD") == ['["saleor-amazonpay", "serve"]']

    def test_copies_only_what_exists_and_is_not_ignored(self, stages):
        allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"}
        copied = {source for line in arguments(stages[0], "COPY") for source in line.split()[:-1]}
        assert copied == allowed
        assert all((ROOT / source).exists() for source in copied)


class TestDockerignore:
    def test_keeps_out_everything_that_is_not_named(self):
        lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        assert next(line for line in lines if line and line[0] != "#") == "*"


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "compose.yaml").read_text(encoding="utf-8")


class TestCompose:
    def test_names_a_version_of_every_image(self, text):
        images = re.findall(r"^\s+image: (\S+)$", text, re.MULTILINE)
        assert len(images) == 2
        assert all((tag := IMAGE.match(image)) and tag["tag"] != "latest" for image in images)

    @pytest.mark.parametrize("variable", ["SECRET_KEY", "POSTGRES_PASSWORD", "APP_API_BASE_URL"])
    def test_has_no_default_for_what_only_the_operator_knows(self, text, variable):
        assert f"${{{variable}:?" in text
        assert f"${{{variable}:-" not in text

    def test_sets_no_variable_that_is_no_setting(self, text):
        names = set(re.findall(r"^    ([A-Z_]+): ", text, re.MULTILINE))
        assert names
        assert names <= {name.upper() for name in Settings.model_fields}

    def test_migrates_before_the_app_starts(self, text):
        assert "command: [saleor-amazonpay, migrate]" in text
        assert re.search(r"migrate:\n\s+condition: service_completed_successfully", text)

    def test_is_reachable_only_through_a_proxy_on_the_same_machine(self, text):
        assert re.findall(r'ports: \["([^"]+)"\]', text) == ["127.0.0.1:8000:8000"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    source, venv = folder / "src", folder / "venv"
    source.mkdir()
    environment = {
        **os.environ,
        "UV_PROJECT_ENVIRONMENT": str(venv),
        "UV_LINK_MODE": "copy",
        "UV_PYTHON": sys.executable,
    }
    environment.pop("VIRTUAL_ENV", None)
    recipe = instructions("Dockerfile")
    builder = recipe[: [word for word, _ in recipe].index("FROM", 1)]
    for word, line in builder:
        if word == "COPY":
            *names, target = line.split()
            for name in names:
                copy(ROOT / name, source / target if target != "./" else source / Path(name).name)
        elif word == "RUN" and line.startswith("uv "):
            uv = Path(sys.executable).with_name("uv")
            subprocess.run([uv, *line.split()[1:]], cwd=source, env=environment, check=True, capture_output=True)
    return venv


class TestItsSteps:
    """The builder's own steps in a plain folder: only what it copies is there."""

    def test_make_an_environment_in_which_the_app_runs(self, built, tmp_path):
        command = built / "bin" / "saleor-amazonpay"
        said = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert said.strip() == __version__
        wrong = subprocess.run([command, "serve"], cwd=tmp_path, capture_output=True, text=True, check=False, env={})
        assert wrong.returncode == 1
        assert "SECRET_KEY" in wrong.stderr

    def test_bring_no_development_tools(self, built):
        assert not list((built / "lib").glob("python*/site-packages/pytest"))


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, target)
