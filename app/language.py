"""The language of the page: English, or another one that `locale/` has messages for. The browser's language decides.

Messages stand in the source in English, in `_("...")` or `ngettext("...", "...", count)`; their translations are in
`locale/LANGUAGE/LC_MESSAGES/labourqa.po`, which is compiled when it is first needed. What `labourqa` says (answers,
notices, errors) is English in all languages.
"""

import gettext
import io
from datetime import date
from functools import cache
from pathlib import Path

import streamlit as st
from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LOCALES = Path(__file__).with_name("locale")
ENGLISH = "en"
_CHOSEN = "language"  # in the session
_declare = st.components.v2.component(
    "declare_language",
    js="export default ({ data }) => { document.documentElement.lang = data.language }",
)


@cache
def languages() -> dict[str, str]:
    """The name of each language of the page, in that language, by its code."""
    codes = [ENGLISH, *sorted(path.parts[-3] for path in LOCALES.glob("*/LC_MESSAGES/labourqa.po"))]
    return {code: (Locale(code).get_display_name() or code).capitalize() for code in codes}


def current_language() -> str:
    """The language that the visitor chose in the settings, else the browser's if the page has it, else English."""
    if chosen := st.session_state.get(_CHOSEN):
        return str(chosen)
    code = (st.context.locale or ENGLISH).partition("-")[0].lower()
    return code if code in languages() else ENGLISH


def declare_language() -> None:
    """Tell the browser, and with it screen readers, in which language the page is."""
    _declare(data={"language": current_language()}, key="declare-language", height="content")


def choose_language(code: str) -> None:
    st.session_state[_CHOSEN] = code


def _(message: str) -> str:
    """The message in the visitor's language."""
    return translations(current_language()).gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """The form of the message that goes with the number."""
    return translations(current_language()).ngettext(singular, plural, count)


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The messages of a language; those of English are the ones in the source."""
    if language == ENGLISH:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with (LOCALES / language / "LC_MESSAGES" / "labourqa.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def format_number(value: float, decimals: int = 0) -> str:
    """A number as it is written in the visitor's language: 1,234.5 or 1 234,5."""
    pattern = "#,##0" + ("." + decimals * "0" if decimals else "")
    return str(format_decimal(value, format=pattern, locale=current_language()))


def format_day(day: date) -> str:
    """A date as it is written in the visitor's language."""
    return str(format_date(day, "medium", locale=current_language()))


def message_names() -> tuple[str, ...]:
    """Messages that the page gets from `labourqa` by name, so that they are found for translation."""
    return (
        _("New list"), _("New evaluation"),
        _("added"), _("removed"), _("renumbered"), _("changed"), _("unchanged"),
        _("auto"), _("quoted"), _("written"), _("refused"),
        _("articles read"), _("questions asked"), _("questions before this one"), _("reading the code once"),
    )  # fmt: skip
