"""Templates in the merchant's language. Times and amounts are marked up exactly, and written out by the browser."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from saleor_amazonpay.dashboard.translations import Language, language
from saleor_amazonpay.domain.money import Money

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER: Final = Path(__file__).parent / "templates"


@cache
def environment(code: str) -> Environment:
    """The templates, speaking one of ``translations.LANGUAGES``.

    Jinja is imported at the first page: an app that mostly takes webhooks starts without it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    spoken = language(code)
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {"say": spoken.say, "time": time, "amount": amount}
    return made


def render(template: str, spoken: Language, **context: Any) -> str:
    return environment(spoken.code).get_template(template).render(language=spoken, **context)


def time(moment: datetime) -> Markup:
    """UTC until the browser, which knows the merchant's time zone, writes it anew."""
    shown = moment.strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), shown)


def amount(money: Money) -> Markup:
    return Markup('<data class="amount" value="{}" data-currency="{}">{}</data>').format(
        money.amount, money.currency.value, str(money)
    )
