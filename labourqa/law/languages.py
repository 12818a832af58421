"""What languages call articles, chapters and the rest of a law: a table that the parser looks up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from labourqa.law.references import NUMBER


@dataclass(frozen=True)
class Language:
    """What a language calls the parts of a law, and how its editions print them."""

    article: re.Pattern[str]  # a heading's number and title
    levels: tuple[tuple[str, re.Pattern[str]], ...]  # outermost first; a heading's label and title
    name: re.Pattern[str]  # a word in the title of every code
    date: re.Pattern[str]
    date_format: str
    annex: re.Pattern[str]
    closing: re.Pattern[str]  # what follows a law's last article: promulgation, signature
    note: re.Pattern[str]  # an editor's note of one line, no part of the law
    long_note: re.Pattern[str]  # an editor's note up to the next blank line or number

    def match_level(self, line: str) -> tuple[str, str, str] | None:
        """A heading's level, label and title: ("part", "PART II", "INDIVIDUAL EMPLOYMENT RELATIONS")."""
        for name, pattern in self.levels:
            if match := pattern.fullmatch(line):
                return name, match[1], match[2] or ""
        return None


_AFTER_LABEL = r"(?: ?[.:–—-] ?(.*))?"  # a label stands alone or is set off from its title
_NEVER = r"(?!)"


def _english(article: str, *levels: str) -> Language:
    return Language(
        article=re.compile(rf"(?:{article}) ({NUMBER})(?:[.:]| [–—-] |$) ?(.*)"),
        levels=tuple(
            (
                level.lower(),
                re.compile(rf"((?:{level}|{level.upper()}) (?:[A-Z]+|[A-Z][a-z]+|\d+)){_AFTER_LABEL}"),
            )
            for level in levels
        ),
        name=re.compile(r"\b(?:code|act|law)\b", re.IGNORECASE),
        date=re.compile(r"(?:in force from|amended on|as at) (\d{1,2} [A-Z][a-z]+ \d{4})", re.IGNORECASE),
        date_format="%d %B %Y",
        annex=re.compile(r"(?:ANNEX|Annex|SCHEDULE|APPENDIX)(?: [IVX\d]+)?(?:\..*)?"),
        closing=re.compile(r"APPROVED|I promulgate this .*"),
        note=re.compile(_NEVER),
        long_note=re.compile(r"Note from the Register of Legal Acts\..*"),
    )


LANGUAGES = (
    _english("Article|ARTICLE|Art\\.", "Part", "Chapter", "Section"),
    _english("Section|SECTION", "Part", "Chapter"),
    Language(
        article=re.compile(rf"({NUMBER}) straipsnis(?:\.|$) ?(.*)"),
        levels=(
            ("part", re.compile(rf"([IVXLC]+ DALIS){_AFTER_LABEL}")),
            ("chapter", re.compile(rf"([IVXLC\d]+ (?:SKYRIUS|skyrius)){_AFTER_LABEL}")),
            ("section", re.compile(rf"(\w+ (?:SKIRSNIS|skirsnis)){_AFTER_LABEL}")),
        ),
        name=re.compile(r"kodeksas|įstatymas", re.IGNORECASE),
        date=re.compile(r"redakcija nuo (\d{4}-\d\d-\d\d)"),
        date_format="%Y-%m-%d",
        annex=re.compile(r"Lietuvos Respublikos|(?:.{0,100} )?priedas|PRIEDAS"),
        closing=re.compile(r"PATVIRTINTA|Skelbiu šį .*"),
        note=re.compile(
            r"(?:Straipsnio|Skirsnio|Skyriaus|Dalies|Priedo|Kodekso) [\w ]{0,40}(?:pakeitim|naikinim)\w+:"
            r"|(?:Papildyta|Pakeista\w*|TAR pastaba)\b.{0,80}[:.]|Nr\. [IVX]+-\d+, \d{4}-\d\d-\d\d, paskelbta .*"
        ),
        long_note=re.compile(r"TAR pastaba\..*"),
    ),
    Language(
        article=re.compile(rf"(?:Статья|СТАТЬЯ) ({NUMBER})(?:\.|$) ?(.*)"),
        levels=(
            ("part", re.compile(rf"(ЧАСТЬ [А-Я]+){_AFTER_LABEL}")),
            ("section", re.compile(rf"((?:Раздел|РАЗДЕЛ) [IVXLC\d]+){_AFTER_LABEL}")),
            ("chapter", re.compile(rf"((?:Глава|ГЛАВА) [\d.]*\d){_AFTER_LABEL}")),
        ),
        name=re.compile(r"кодекс|закон", re.IGNORECASE),
        date=re.compile(r"(?:ред\.|редакции) от (\d\d\.\d\d\.\d{4})"),
        date_format="%d.%m.%Y",
        annex=re.compile(r"(?:Приложение|ПРИЛОЖЕНИЕ)(?: (?:N|№) ?\d+)?"),
        closing=re.compile(r"Президент"),
        note=re.compile(r"\([^()]{0,60}(?:в ред\.|введен[аоы]? Федеральным) .*\)"),
        long_note=re.compile(r"КонсультантПлюс: примечание\."),
    ),
)


def detect_language(lines: Sequence[str]) -> Language:
    """The language in which most lines are headings of articles."""
    return max(LANGUAGES, key=lambda language: sum(1 for line in lines if language.article.match(line)))
