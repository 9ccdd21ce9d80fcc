"""Tables at the end of a run, one line from each test that hands one in (``table`` of its user properties)."""

from __future__ import annotations

from collections import defaultdict


def pytest_terminal_summary(terminalreporter):
    tables = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, line in getattr(report, "user_properties", ()):
                if name == "table" and report.when == "call":
                    tables[line[0]].append([*line[1:], report.outcome])
    for title, lines in tables.items():
        terminalreporter.section(title)
        terminalreporter.write_line(columns(sorted(lines)))


def columns(lines):
    """Plain text, each column as wide as its widest cell."""
    texts = [[str(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(text, widths, strict=True)).rstrip() for text in texts
    )
