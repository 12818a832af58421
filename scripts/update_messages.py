"""Brings the translations of the page up to date: new messages are added untranslated, those that are gone are removed.

python scripts/update_messages.py            # all languages of app/locale
python scripts/update_messages.py lv         # begins another one
"""

import io
import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

_NEEDED = "Language:|Plural-Forms:|MIME-Version:|Content-"
APP = Path(__file__).parents[1] / "app"


def extract_messages() -> Catalog:
    """The messages in the source of the page."""
    catalog = Catalog(project="labourqa", fuzzy=False)
    for file, _, message, _, _ in extract_from_dir(
        APP, method_map=[("**.py", "python")], keywords={"_": None, "ngettext": (1, 2)}
    ):
        catalog.add(message, locations=[(file, 0)])
    return catalog


def update(language: str) -> str:
    """The updated file of a language."""
    path = locate(language)
    messages = extract_messages()
    catalog = Catalog(locale=language, project="labourqa", fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file, locale=language)
    catalog.update(messages, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.header_comment = "# Messages of the page; see app/language.py and scripts/update_messages.py."
    written = io.BytesIO()
    write_po(
        written,
        catalog,
        width=120,
        sort_output=True,
        omit_header=False,
        include_lineno=False,
        no_location=True,
    )
    # The header keeps what is needed to read the file, so that the same messages give the same file.
    return re.sub(rf'"(?!{_NEEDED})[A-Z][\w-]+: .*\\n"\n', "", written.getvalue().decode())


def locate(language: str) -> Path:
    return APP / "locale" / language / "LC_MESSAGES" / "labourqa.po"


if __name__ == "__main__":
    for language in sys.argv[1:] or [path.parts[-3] for path in APP.glob("locale/*/LC_MESSAGES/labourqa.po")]:
        path = locate(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(update(language), encoding="utf-8")
