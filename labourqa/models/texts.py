"""The texts of articles that the sentence encoder embeds: paragraphs and points, cut to what it can read at once."""

import re

from labourqa.law.structure import Article

# Of 7,310 windows of ten laws, two have more than the 256 tokens that the encoder reads.
WINDOW_WORDS = 120
OVERLAP_WORDS = 30
# Changes with `window_texts`: vectors that were stored under another version are computed anew.
TEXTS_VERSION = "windows-1"
_HEADING_NUMBER = re.compile(r"^(?:part|chapter|section)\s+\S+\s*", re.IGNORECASE)


def trained_texts(article: Article) -> list[str]:
    """The texts of an article with trained vectors: each whole paragraph, then each of its points after the lead.

    All begin with the article's title, which says what the paragraph is about.
    """
    return [
        f"{article.title}. {text}"
        for paragraph in article.paragraphs
        for text in (paragraph.text, *(f"{paragraph.lead} {point.text}" for point in paragraph.points))
    ]


def window_texts(article: Article) -> list[list[list[str]]]:
    """The texts of an article without trained vectors: for each paragraph, the windows of each of its texts.

    The first text of a paragraph is the whole of it, the others are its points. A point stands after the lead where
    both fit into one window. All windows begin with the heading of the chapter, if there is one, and the article's
    title.
    """
    heading = _HEADING_NUMBER.sub("", article.section or article.chapter or article.part).capitalize()
    start = f"{article.title}. "
    if heading and heading.casefold() != article.title.casefold():
        start = f"{heading}. {start}"

    paragraphs = []
    for paragraph in article.paragraphs:
        texts = [paragraph.text]
        for point in paragraph.points:
            with_lead = f"{paragraph.lead} {point.text}"
            texts.append(with_lead if len(with_lead.split()) <= WINDOW_WORDS else point.text)
        paragraphs.append([[start + window for window in split_words(text)] for text in texts])
    return paragraphs


def split_words(text: str) -> list[str]:
    """Overlapping windows of at most WINDOW_WORDS words, cut at the ends of sentences and lines where possible."""
    if len(text.split()) <= WINDOW_WORDS:
        return [text]
    pieces: list[list[str]] = []
    for sentence in re.split(r"(?<=[.;:])\s+|\n+", text):
        words = sentence.split()
        pieces += [words[start : start + WINDOW_WORDS] for start in range(0, len(words), WINDOW_WORDS)]
    windows: list[str] = []
    window: list[list[str]] = []
    for piece in pieces:
        used = sum(map(len, window))
        if used + len(piece) > WINDOW_WORDS:
            windows.append(_join(window))
            while window and (used > OVERLAP_WORDS or used + len(piece) > WINDOW_WORDS):
                used -= len(window.pop(0))
        window.append(piece)
    return [*windows, _join(window)]


def _join(pieces: list[list[str]]) -> str:
    return " ".join(word for piece in pieces for word in piece)
