# ruff: noqa: INP001 - beside the pages, not a package
"""What the pages draw: sequence diagrams and the tables of JSON Schemas.

Sequence diagrams are Mermaid's, which code hosts show too, and become SVG here, without a browser or a network; a
comment ``<!-- schema: FILE -->`` becomes the table of that JSON Schema.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def drawn(text: str) -> str:
    """A page's Markdown with diagrams and tables in their places, as HTML blocks."""
    tables = SCHEMA.sub(lambda found: schema_table(ROOT / found[1]), text)
    return SEQUENCE.sub(lambda found: sequence_svg(found[1]), tables)


# --- Sequence diagrams

SEQUENCE = re.compile(r"^```mermaid\nsequenceDiagram\n(.*?)^```$", re.DOTALL | re.MULTILINE)
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
