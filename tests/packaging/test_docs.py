from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"<!-- (webhooks/\S+\.json) -->\n```json\n(.*?)\n```", re.DOTALL)
STOREFRONT = (ROOT / "docs/storefront.md").read_text("utf-8")


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs/build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestSite:
    def test_has_every_page_and_no_broken_link(self, builder, tmp_path):
        assert builder.build(tmp_path) == []
        built = {page.relative_to(tmp_path).as_posix() for page in tmp_path.rglob("*.html")}
        assert built == {address for _, address in builder.pages()}

    def test_turns_links_between_pages_into_links_between_html(self, builder, tmp_path):
        builder.build(tmp_path)
        assert 'href="decisions/0008-storage-transactions.html"' in (tmp_path / "contributor.html").read_text()

    def test_draws_every_sequence_diagram(self, builder, tmp_path):
        builder.build(tmp_path)
        drawn = (tmp_path / "storefront.html").read_text()
        assert drawn.count('<svg class="sequence"') == STOREFRONT.count("```mermaid") > 0
        assert "checkoutResultReturnUrl?transaction=" in drawn
        with pytest.raises(ValueError, match="No step"):
            builder.sequence_svg("participant A as app\nA thinks")

    def test_shows_every_field_of_every_schema(self, builder, tmp_path):
        builder.build(tmp_path)
        shown = (tmp_path / "schemas.html").read_text()
        assert "<!-- schema:" not in shown
        for field in ("recurring.frequency.unit", "paymentMethodId", "signInReturnUrl", "buyer.missingFields"):
            assert f"<code>{field}</code>" in shown
        schemas = [*ROOT.glob("webhooks/saleor/*/data.schema.json"), *ROOT.glob("webhooks/storefront/*/*.schema.json")]
        listed = (ROOT / "docs/schemas.md").read_text()
        assert [path for path in schemas if f"<!-- schema: {path.relative_to(ROOT)} -->" not in listed] == []

    def test_tells_a_broken_link(self, builder):
        html, missing = builder.relinked('<a href="nowhere.md#x">', ROOT / "docs/index.md", {}, "")
        assert (html, missing) == ('<a href="nowhere.md#x">', ["nowhere.md"])


class TestStorefrontPage:
    def test_shows_examples(self):
        assert len(EXAMPLE.findall(STOREFRONT)) == STOREFRONT.count("```json")

    @pytest.mark.parametrize(("file", "shown"), EXAMPLE.findall(STOREFRONT), ids=lambda text: Path(text[:120]).name)
    def test_shows_the_examples_that_are_tested(self, file, shown):
        assert json.loads(shown) == json.loads((ROOT / file).read_text("utf-8"))
