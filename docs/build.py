# ruff: noqa: INP001 - a script, not a package
"""Builds these pages into a folder of plain HTML, without network; a link to nothing is an error.

python docs/build.py build/site
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

DOCS = Path(__file__).parent
ROOT = DOCS.parent
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")  # pages of the repository that the documentation links to
MENU = ("index", "merchant", "storefront", "operator", "contributor", "security")

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
nav { display: flex; flex-wrap: wrap; gap: 0 1.25rem; border-bottom: 1px solid var(--line); padding-bottom: .5rem; }
code { font: .9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 6px; line-height: 1.35; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .35rem .7rem; text-align: left; vertical-align: top; }
img { max-width: 100%; }
</style>
<nav>{% for name, label in menu %}<a href="{{ up }}{{ name }}.html">{{ label }}</a>{% endfor %}</nav>
<main>{{ body }}</main>
</html>
"""

TEMPLATE = Environment(autoescape=select_autoescape(default=True)).from_string(PAGE)
LINK = re.compile(r'(?P<before>(?:href|src)=")(?P<target>(?![a-z]+:|#)[^"#]+)(?P<after>#[^"]*)?(?=")')
HEADING = re.compile(r"^# (.+)$", re.MULTILINE)


def pages() -> Iterator[tuple[Path, str]]:
    """Each Markdown file and the address of its HTML page within the site."""
    for path in sorted(DOCS.rglob("*.md")):
        yield path, path.relative_to(DOCS).with_suffix(".html").as_posix()
    for name in OUTSIDE:
        yield ROOT / name, Path(name).with_suffix(".html").as_posix()


def title(path: Path) -> str:
    found = HEADING.search(path.read_text("utf-8"))
    return found[1] if found else path.stem


def build(site: Path) -> list[str]:
    """Write every page; the broken links are returned, each with its page."""
    addresses = {path.resolve(): address for path, address in pages()}
    menu = [(name, title(DOCS / f"{name}.md")) for name in MENU]
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    broken: list[str] = []
    for path, address in addresses.items():
        up = "../" * address.count("/")
        body, missing = relinked(markdown.render(path.read_text("utf-8")), path, addresses, up)
        broken += [f"{path.relative_to(ROOT)}: {target}" for target in missing]
        target = site / address
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(TEMPLATE.render(title=title(path), body=Markup(body), menu=menu, up=up), "utf-8")  # noqa: S704
    if (DOCS / "images").is_dir():
        shutil.copytree(DOCS / "images", site / "images", dirs_exist_ok=True)
    return broken


def relinked(html: str, page: Path, addresses: dict[Path, str], up: str) -> tuple[str, list[str]]:
    """Links to Markdown become links to pages; targets that do not exist come back beside the HTML."""
    missing: list[str] = []

    def link(found: re.Match[str]) -> str:
        target = (page.parent / found["target"]).resolve()
        if not target.exists():
            missing.append(found["target"])
        address = up + addresses[target] if target in addresses else found["target"]
        return found["before"] + address + (found["after"] or "")

    return LINK.sub(link, html), missing


if __name__ == "__main__":
    destination = Path(sys.argv[1])
    problems = build(destination)
    sys.stdout.write("".join(f"broken link in {problem}\n" for problem in problems) or f"{destination}/index.html\n")
    sys.exit(bool(problems))
