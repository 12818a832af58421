"""The original of an article: its printed page as a picture, or its lines, with the cited paragraphs marked."""

import base64
from collections.abc import Collection, Mapping
from html import escape

import streamlit as st
from language import _

from labourqa.documents.pdf import draw_page
from labourqa.errors import DocumentError, StoreError
from labourqa.law.edition import Edition
from labourqa.law.places import Place
from labourqa.law.references import Reference, show_number
from labourqa.law.structure import Article
from labourqa.store import Store
from labourqa.store.originals import Original
from labourqa.text import escape_markdown

CONTEXT_LINES = 5  # shown before and after the marked ones
MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "xml": "application/xml",
    "md": "text/markdown",
    "txt": "text/plain",
}
_LINES_STYLE = """<style>
.original-lines { font-size: 0.9rem; line-height: 1.5; max-height: 32rem; overflow: auto; }
.original-lines div { display: flex; gap: 0.75rem; overflow-wrap: anywhere; padding-top: 0.2rem; }
.original-lines span { flex: none; min-width: 3rem; opacity: 0.75; text-align: right; user-select: none; }
.original-lines mark {
  background: rgba(255, 196, 0, 0.25); border-left: 4px solid #d49a00; color: inherit; padding-left: 0.4rem;
}
.original-lines i { border-left: 4px solid transparent; font-style: normal; padding-left: 0.4rem; }
</style>"""
_page_picture = st.components.v2.component(
    "page_picture",
    html="""<div class="tools">
<button type="button" class="smaller">−</button><output></output><button type="button" class="larger">+</button>
</div>
<div class="view" tabindex="0" role="region"><div class="page"><img></div></div>""",
    css="""
.tools { align-items: center; display: flex; gap: 0.5rem; justify-content: end; margin-bottom: 0.4rem; }
button {
  background: none; border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  color: var(--st-text-color); cursor: pointer; font: inherit; min-height: 2rem; min-width: 2rem;
}
button:focus-visible, .view:focus-visible { outline: 2px solid var(--st-primary-color); }
output { min-width: 3.5rem; text-align: center; }
.view { border: 1px solid var(--st-border-color); max-height: 40rem; overflow: auto; }
.page { position: relative; }
img { display: block; width: 100%; }
.mark {
  background: rgba(255, 196, 0, 0.28); border-left: 4px solid #d49a00; mix-blend-mode: multiply; position: absolute;
}
""",
    js="""export default function ({ data, parentElement }) {
  const find = (name) => parentElement.querySelector(name)
  const [view, page, img, output] = [".view", ".page", "img", "output"].map(find)
  const [smaller, larger] = [".smaller", ".larger"].map(find)
  const share = (value) => `${100 * value}%`
  view.setAttribute("aria-label", data.description)
  smaller.setAttribute("aria-label", data.smaller)
  larger.setAttribute("aria-label", data.larger)
  page.querySelectorAll(".mark").forEach((mark) => mark.remove())
  const marks = data.marks.map(([left, top, right, bottom]) => {
    const mark = document.createElement("div")
    mark.className = "mark"
    mark.style.left = `calc(${share(left)} - 6px)`
    mark.style.top = share(top)
    mark.style.width = `calc(${share(right - left)} + 8px)`
    mark.style.height = share(bottom - top)
    page.append(mark)
    return mark
  })
  const zoom = (percent) => {
    view.dataset.zoom = Math.min(400, Math.max(100, percent))
    page.style.width = `${view.dataset.zoom}%`
    output.textContent = `${view.dataset.zoom} %`
  }
  const step = (by) => () => zoom(Number(view.dataset.zoom) + by)
  smaller.onclick = step(-50)
  larger.onclick = step(50)
  zoom(Number(view.dataset.zoom ?? 100))
  img.alt = data.description
  if (img.getAttribute("src") !== data.picture) {
    img.onload = () => { view.scrollTop = marks.length ? marks[0].offsetTop - 60 : 0 }
    img.src = data.picture
  }
}""",
)


def show(store: Store, edition: Edition, article: Article, cited: Collection[Reference]) -> None:
    """The place of the article in its document, on demand; nothing where the document was not kept."""
    places = store.originals.places(edition, article.number)
    if not places:
        return
    numbers = [one.paragraph for one in cited if one.article == article.number and one.paragraph in places]
    marked = {number: places[number] for number in dict.fromkeys(numbers)} or places
    first = next(iter(marked.values()))
    key = f"original-{article.number}-{'-'.join(marked)}"
    opened = st.expander(
        _("Printed on page {page}").format(page=first.page) if first.page else _("The original text"),
        icon=":material/article:",
        key=key,
        on_change="rerun",
    )
    if not opened.open:
        return
    with opened:
        try:
            original = store.originals.read(edition)
            if original is None:
                st.write(_("The original file is no longer there. Add it again in the settings."))
                return
            if first.marks:
                _show_pages(edition, original, marked, key)
            else:
                _show_lines(original, article, marked)
            _show_download(edition, original, key)
        except DocumentError as error:  # whose sentence lacks the file's name
            st.warning(escape_markdown(f"{edition.source} {error}"))
        except StoreError as error:
            st.warning(escape_markdown(str(error)))


def _show_pages(edition: Edition, original: Original, marked: Mapping[str, Place], key: str) -> None:
    marks = [mark for place in marked.values() for mark in place.marks]
    pages = sorted({mark.page for mark in marks})
    page = pages[0]
    if len(pages) > 1:
        page = st.segmented_control(
            _("Page"),
            pages,
            default=page,
            required=True,
            key=f"{key}-page",
            format_func=lambda one: _("Page {page}").format(page=one),
        )
    picture = base64.b64encode(_draw(original.data, page)).decode("ascii")
    boxes = [mark.box for mark in marks if mark.page == page]
    _page_picture(
        data={
            "picture": f"data:image/png;base64,{picture}",
            "marks": [[box.left, box.top, box.right, box.bottom] for box in boxes],
            "description": _("Page {page} of {file}, with the cited text marked").format(
                page=page, file=edition.source
            ),
            "smaller": _("Zoom out"),
            "larger": _("Zoom in"),
        },
        key=f"{key}-picture-{page}",
    )


@st.cache_data(show_spinner=False, max_entries=100)  # of about 150 kB
def _draw(data: bytes, page: int) -> bytes:
    return draw_page(data, page)


def _show_lines(original: Original, article: Article, marked: Mapping[str, Place]) -> None:
    lines = original.lines
    numbers = {line for place in marked.values() for line in place.lines}
    printed = [number for number, line in enumerate(lines) if line.strip()]
    shown: set[int] = set()
    for position, number in enumerate(printed):
        if number in numbers:
            shown.update(printed[max(0, position - CONTEXT_LINES) : position + CONTEXT_LINES + 1])
    label = escape(
        _("Lines of the original around Article {number}").format(number=show_number(article.number)),
        quote=True,
    )
    rows = "".join(_format_line(number, lines[number], number in numbers) for number in sorted(shown))
    st.html(
        f'{_LINES_STYLE}<div class="original-lines" tabindex="0" role="region" aria-label="{label}">{rows}</div>'
    )


def _format_line(number: int, line: str, is_marked: bool) -> str:
    tag = "mark" if is_marked else "i"
    return f"<div><span>{number + 1}</span><{tag}>{escape(line)}</{tag}></div>"


def _show_download(edition: Edition, original: Original, key: str) -> None:
    st.download_button(
        _("Open the original"),
        lambda: original.data,
        edition.source,
        MEDIA_TYPES[original.suffix],
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"{key}-download",
    )
    st.caption(escape_markdown(f"{edition.source}, SHA-256 {edition.sha256[:16]}…"))
