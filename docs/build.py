# ruff: noqa: INP001 - a script, not a package
"""Builds these pages into a folder of plain HTML, without network; a link to nothing is an error.

Sequence diagrams (Mermaid's, which code hosts show too) become SVG; a comment ``<!-- schema: FILE -->`` becomes the
table of that JSON Schema.

python docs/build.py build/site
"""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

DOCS = Path(__file__).parent
ROOT = DOCS.parent
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")  # pages of the repository that the documentation links to
MENU = ("index", "merchant", "storefront", "recurring", "sixty-minutes", "operator", "contributor", "security")

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
img, svg { max-width: 100%; height: auto; }
svg.sequence { font: 13px system-ui, sans-serif; }
svg.sequence text { fill: currentColor; }
svg.sequence :is(line, path, rect) { stroke: currentColor; fill: none; }
svg.sequence .life { opacity: .35; stroke-dasharray: 3 4; }
svg.sequence .note { fill: color-mix(in srgb, currentColor 8%, transparent); stroke: none; }
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
        drawn = SCHEMA.sub(lambda found: schema_table(ROOT / found[1]), path.read_text("utf-8"))
        rendered = SEQUENCE.sub(lambda found: sequence_svg(html.unescape(found[1])), markdown.render(drawn))
        body, missing = relinked(rendered, path, addresses, up)
        broken += [f"{path.relative_to(ROOT)}: {target}" for target in missing]
        target = site / address
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(TEMPLATE.render(title=title(path), body=Markup(body), menu=menu, up=up), "utf-8")  # noqa: S704
    if (DOCS / "images").is_dir():
        shutil.copytree(DOCS / "images", site / "images", dirs_exist_ok=True)
    return broken


# --- Sequence diagrams

SEQUENCE = re.compile(r'<pre><code class="language-mermaid">sequenceDiagram\n(.*?)</code></pre>', re.DOTALL)
MESSAGE = re.compile(r"(\w+)\s*(-?->>)\s*(\w+)\s*:\s*(.+)")
NOTE = re.compile(r"Note over (\w+)(?:,\s*(\w+))?\s*:\s*(.+)")
COLUMN, ROW, HEAD = 200, 34, 44
ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M1 1l6 3-6 3"/></marker></defs>'
)


def sequence_svg(source: str) -> str:
    """Participants, messages (``->>``, answers ``-->>``) and notes; anything else is an error."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    names = dict(
        line.removeprefix("participant ").split(" as ", 1) for line in lines if line.startswith("participant ")
    )
    centre = {key: COLUMN // 2 + index * COLUMN for index, key in enumerate(names)}
    steps = [line for line in lines if not line.startswith("participant ")]
    width, height = COLUMN * len(names), HEAD + ROW * len(steps) + 14
    size = f'viewBox="0 0 {width} {height}" width="{width}"'
    parts = [f'<svg class="sequence" role="img" aria-label="Sequence diagram" {size}>', ARROW]
    for key, name in names.items():
        parts.append(f'<line class="life" x1="{centre[key]}" x2="{centre[key]}" y1="{HEAD - 12}" y2="{height}"/>')
        parts.append(_text(centre[key], 18, name, "font-weight:600"))
    for index, step in enumerate(steps):
        parts.append(_step(step, centre, HEAD + ROW * index + 22))
    return "".join([*parts, "</svg>"])


def _step(step: str, centre: Mapping[str, int], y: int) -> str:
    note = NOTE.fullmatch(step)
    if note:
        left, right = centre[note[1]], centre[note[2] or note[1]]
        box = f'<rect class="note" x="{left - 76}" y="{y - 18}" width="{right - left + 152}" height="26" rx="4"/>'
        return box + _text((left + right) // 2, y, note[3])
    message = MESSAGE.fullmatch(step)
    if message is None:
        raise ValueError(f"No step of a sequence diagram: {step!r}")
    begin, end = centre[message[1]], centre[message[3]]
    dashed = ' stroke-dasharray="5 4"' if message[2] == "-->>" else ""
    line = f'<line x1="{begin}" x2="{end}" y1="{y}" y2="{y}" marker-end="url(#arrow)"{dashed}/>'
    return line + _text((begin + end) // 2, y - 5, message[4])


def _text(x: int, y: int, text: str, style: str = "") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" style="{style}">{html.escape(text)}</text>'


# --- JSON Schemas

SCHEMA = re.compile(r"<!-- schema: (\S+) -->")


def schema_table(path: Path) -> str:
    """Every field with its type, whether it must be there, and what it means; one table for each shape."""
    schema = json.loads(path.read_text("utf-8"))
    shapes = schema.get("oneOf", [schema])
    tables = [f"<p>{html.escape(schema['description'])}</p>"]
    for shape in (_resolved(schema, each) for each in shapes):
        title = f"<p><strong>{html.escape(_title(shape))}</strong></p>" if len(shapes) > 1 else ""
        rows = "".join(_rows(schema, shape, ""))
        tables.append(f"{title}<table><tr><th>field</th><th>type</th><th>meaning</th></tr>{rows}</table>")
    return "".join(tables)


def _title(shape: Mapping[str, Any]) -> str:
    flow = shape.get("properties", {}).get("flow", {})
    return str(shape.get("title") or f"flow: {flow.get('const', '')}")


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return {**root["$defs"][name], **{key: text for key, text in schema.items() if key != "$ref"}} if name else schema


def _rows(root: Mapping[str, Any], shape: Mapping[str, Any], before: str) -> Iterator[str]:
    required = shape.get("required", ())
    for name, given in shape.get("properties", {}).items():
        field = _resolved(root, given)
        must = " <small>required</small>" if name in required else ""
        meaning = html.escape(field.get("description", ""))
        yield f"<tr><td><code>{before}{name}</code>{must}</td><td>{_type(field)}</td><td>{meaning}</td></tr>"
        for inner in (field, *(_resolved(root, each) for each in field.get("oneOf", ())[:1])):
            yield from _rows(root, inner, f"{before}{name}.")


def _type(field: Mapping[str, Any]) -> str:
    values = field.get("enum") or ([field["const"]] if "const" in field else None)
    if values:
        return ", ".join(f"<code>{html.escape(json.dumps(value))}</code>" for value in values)
    kind = field.get("type", "object" if "oneOf" in field else "any")
    return html.escape(" or ".join(kind) if isinstance(kind, list) else str(kind))


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
