# ruff: noqa: INP001 - beside the pages, not a package
"""The documentation site, built by Sphinx without network: `make docs`. A link to nothing fails the build."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from drawing import drawn  # noqa: E402 - beside this file

from saleor_amazonpay import __version__  # noqa: E402

project = "saleor-amazonpay"
release = version = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["images"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Amazon Pay for Saleor"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False

CONTENTS = """

```{toctree}
:hidden:
:caption: For merchants

merchant
merchant.ja
subscriptions
subscriptions.ja
cv1
```

```{toctree}
:hidden:
:caption: For storefronts

sixty-minutes
sixty-minutes.ja
storefront
storefront.ja
recurring
recurring.ja
sign-in
sign-in.ja
schemas
schemas.ja
```

```{toctree}
:hidden:
:caption: For operators

operator
runbook
security
comparison
```

```{toctree}
:hidden:
:caption: For contributors

contributor
decisions/README
contributing
changelog
security-policy
```
"""
DECISIONS = """

```{toctree}
:hidden:
:glob:

0*
```
"""
APPENDED = {"index": CONTENTS, "decisions/README": DECISIONS}
REPOSITORY_PAGES = {"changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md", "security-policy": "SECURITY.md"}
LINK = re.compile(r"\]\((?P<up>(?:\.\./)*)(?P<target>[\w./-]+\.md)")


def setup(app: Sphinx) -> None:
    """Pages are plain Markdown that code hosts show too; what only the site needs is added while they are read."""
    app.connect("source-read", _prepare)


def _prepare(_app: Sphinx, name: str, source: list[str]) -> None:
    is_repositorys = name in REPOSITORY_PAGES
    text = (DOCS.parent / REPOSITORY_PAGES[name]).read_text("utf-8") if is_repositorys else source[0]
    up = "../" * name.count("/")
    source[0] = drawn(LINK.sub(lambda found: f"]({_target(found, up)}", text)) + APPENDED.get(name, "")


def _target(found: re.Match[str], up: str) -> str:
    """Pages of the repository have a page here; seen from one of those, pages here stand in ``docs/``."""
    named = {file: page for page, file in REPOSITORY_PAGES.items()}.get(found["target"])
    return f"{up}{named}.md" if named else found["up"] + found["target"].removeprefix("docs/")
