"""Templates in the merchant's language. Times and amounts are marked up exactly, and written out by the browser."""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from saleor_amazonpay.dashboard.translations import Language, language
from saleor_amazonpay.domain.money import Money
from saleor_amazonpay.messages import Message

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
    made.filters |= {"say": spoken.say, "time": time, "amount": amount, "told": partial(told, spoken)}
    return made


def render(template: str, spoken: Language, **context: Any) -> str:
    return environment(spoken.code).get_template(template).render(language=spoken, **context)


def told(spoken: Language, sentence: Any) -> Any:
    """A sentence whose amounts and times the browser writes out; ``say`` is for attributes and plain text."""
    if isinstance(sentence, Message):
        inner = {name: told(spoken, value) for name, value in sentence.parameters.items()}
        template = escape(spoken.gettext(sentence.template))
        return template.format(**inner) if inner else template
    if isinstance(sentence, tuple):
        return Markup("; ").join(told(spoken, each) for each in sentence)
    if isinstance(sentence, Money):
        return amount(sentence)
    return time(sentence) if isinstance(sentence, datetime) else sentence


def time(moment: datetime) -> Markup:
    """UTC until the browser, which knows the merchant's time zone, writes it anew."""
    shown = moment.strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), shown)


def amount(money: Money) -> Markup:
    return Markup('<data class="amount" value="{}" data-currency="{}">{}</data>').format(
        money.amount, money.currency.value, str(money)
    )
