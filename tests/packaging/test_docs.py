from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"<!-- (webhooks/\S+\.json) -->\n```json\n(.*?)\n```", re.DOTALL)
STOREFRONT = (ROOT / "docs/storefront.md").read_text("utf-8")
STOREFRONT_JA = (ROOT / "docs/storefront.ja.md").read_text("utf-8")
CODE = re.compile(r"```(?:js|html)\n.*?\n```", re.DOTALL)


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_drawing", ROOT / "docs/drawing.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Built once, as `make docs` does: a broken link, or a page that no menu leads to, is an error."""
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", ROOT / "docs", built]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return built


class TestSite:
    def test_has_every_page(self, site):
        pages = {
            page.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for page in (ROOT / "docs").rglob("*.md")
        }
        built = {page.relative_to(site).as_posix() for page in site.rglob("*.html")}
        assert built == pages | {"genindex.html", "search.html"}

    def test_turns_links_between_pages_into_links_between_html(self, site):
        assert 'href="decisions/0008-storage-transactions.html"' in (site / "contributor.html").read_text()
        assert 'href="changelog.html"' in (site / "contributing.html").read_text()

    def test_asks_nothing_of_the_network(self, site):
        loaded = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//")
        assert [page.name for page in site.rglob("*.html") if loaded.search(page.read_text())] == []

    def test_draws_every_sequence_diagram(self, site, drawing):
        drawn = (site / "storefront.html").read_text()
        assert drawn.count('<svg class="sequence"') == STOREFRONT.count("```mermaid") > 0
        assert "checkoutResultReturnUrl?transaction=" in drawn
        with pytest.raises(ValueError, match="No step"):
            drawing.sequence_svg("participant A as app\nA thinks")

    def test_shows_every_field_of_every_schema(self, site):
        shown = (site / "schemas.html").read_text()
        assert "<!-- schema:" not in shown
        for field in ("recurring.frequency.unit", "paymentMethodId", "signInReturnUrl", "buyer.missingFields"):
            assert f"<code>{field}</code>" in shown
        schemas = [*ROOT.glob("webhooks/saleor/*/data.schema.json"), *ROOT.glob("webhooks/storefront/*/*.schema.json")]
        listed = (ROOT / "docs/schemas.md").read_text()
        assert [path for path in schemas if f"<!-- schema: {path.relative_to(ROOT)} -->" not in listed] == []


BOTH = sorted(page.name.removesuffix(".ja.md") for page in (ROOT / "docs").glob("*.ja.md"))
COUNTED = (r"^## ", r"^```mermaid", r"^\w+-?->>\w+:", r"^\|", r"^<!-- schema:", r"^\d\. ")


class TestBothLanguages:
    def test_whatever_merchants_and_storefronts_read_is_there(self):
        assert set(BOTH) >= {
            *("merchant", "storefront", "sixty-minutes", "sign-in", "schemas", "recurring", "subscriptions")
        }

    @pytest.mark.parametrize("name", sorted({*BOTH} - {"merchant"}))  # which is for readers in Japan in another order
    def test_a_page_has_the_same_sections_tables_and_code(self, name):
        english, japanese = ((ROOT / f"docs/{name}{ending}").read_text("utf-8") for ending in (".md", ".ja.md"))
        for mark in COUNTED:
            counted = [len(re.findall(mark, page, re.MULTILINE)) for page in (english, japanese)]
            assert counted[0] == counted[1], mark
        blocks = re.compile(r"```(?:json|graphql|sh)\n.*?\n```", re.DOTALL)
        assert blocks.findall(japanese) == blocks.findall(english)

    @pytest.mark.parametrize("name", ["sign-in", "recurring", "subscriptions"])
    def test_a_page_has_the_same_words_of_the_program(self, name):
        english, japanese = ((ROOT / f"docs/{name}{ending}").read_text("utf-8") for ending in (".md", ".ja.md"))
        words = [{*re.findall(r"`([A-Za-z][\w./ ]{2,})`", page)} for page in (english, japanese)]
        assert words[0] - words[1] == set()

    @pytest.mark.parametrize("name", BOTH)
    def test_a_page_leads_to_its_other_language_and_on_in_its_own(self, name):
        english, japanese = ((ROOT / f"docs/{name}{ending}").read_text("utf-8") for ending in (".md", ".ja.md"))
        assert f"({name}.ja.md)" in english
        assert f"({name}.md)" in japanese
        elsewhere = {*re.findall(r"\]\(([\w-]+)\.md", japanese)} & {*BOTH} - {name}
        assert elsewhere == set()


class TestStorefrontPage:
    def test_shows_the_same_examples_in_both_languages(self):
        assert EXAMPLE.findall(STOREFRONT_JA) == EXAMPLE.findall(STOREFRONT)
        assert CODE.findall(STOREFRONT_JA) == CODE.findall(STOREFRONT)

    def test_has_the_same_sections_and_diagrams_in_both_languages(self):
        for mark in (r"^##+ ", r"^```mermaid", r"^\w+-?->>\w+:", r"^\|"):
            english, japanese = (re.findall(mark, page, re.MULTILINE) for page in (STOREFRONT, STOREFRONT_JA))
            assert len(japanese) == len(english) > 0, mark

    def test_shows_examples(self):
        assert len(EXAMPLE.findall(STOREFRONT)) == STOREFRONT.count("```json")

    @pytest.mark.parametrize(("file", "shown"), EXAMPLE.findall(STOREFRONT), ids=lambda text: Path(text[:120]).name)
    def test_shows_the_examples_that_are_tested(self, file, shown):
        assert json.loads(shown) == json.loads((ROOT / file).read_text("utf-8"))
