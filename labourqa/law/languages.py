"""What languages call articles, chapters and the rest of a law: a table that the parser looks up."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

_AFTER_LABEL = r"(?: ?[.:–—-] ?(.*))?"  # a label stands alone or is set off from its title
_NEVER = re.compile(r"(?!)")
_ROMAN_OR_DIGITS = r"(?:[IVXLC]+|\d+)[A-Z]{0,2}"
# What stands in place of a repealed article's text, in any language: "(Deleted by Act A360)".
REPEALED_WORDS = (
    r"deleted|repealed|omitted|revoked|abrogated|reserved\b|neteko galios|утратил[аио]? силу|исключен|weggefallen|"
    r"aufgehoben|derogad[oa]|revogad[oa]|suprimid[oa]|abrogée?\b|uchylon[ya]|skreślon[ya]|kehtetu|kumottu|mülga"
)
_SAMPLE_WORDS = 20_000  # so many words of a text tell its language
_ENOUGH_WORDS = 40
_LEAST_STOPWORDS = 0.08  # of all words; a text in one of the languages has 0.15 or more


@dataclass(frozen=True)
class Language:
    """What a language calls the parts of a law, and how its editions print them."""

    code: str  # ISO 639-1, "" for a language that is not in the table
    stopwords: frozenset[str]  # frequent words by which a text's language is told
    articles: tuple[str, ...] = ()  # how articles are headed, # for the number; one pattern for each word
    letters: str = ""  # of which every text in the language has some, and texts in its neighbours have none
    levels: tuple[tuple[str, re.Pattern[str]], ...] = ()  # outermost first; a heading's label and title
    name: re.Pattern[str] = _NEVER  # a word in the title of every law
    date: re.Pattern[str] = _NEVER
    date_format: str = ""
    annex: re.Pattern[str] = _NEVER
    closing: re.Pattern[str] = _NEVER  # what follows a law's last article: promulgation, signature
    note: re.Pattern[str] = _NEVER  # an editor's note of one line, no part of the law
    long_note: re.Pattern[str] = _NEVER  # an editor's note up to the next blank line or number

    def match_level(self, line: str) -> tuple[str, str, str] | None:
        """A heading's level, label and title: ("part", "PART II", "INDIVIDUAL EMPLOYMENT RELATIONS")."""
        for name, pattern in self.levels:
            if match := pattern.fullmatch(line):
                return name, match[1], match[2] or ""
        return None

    def is_heading(self, line: str) -> bool:
        """Whether the line begins as the language's headings of articles do."""
        return self._heading.match(line) is not None

    @cached_property
    def _heading(self) -> re.Pattern[str]:
        return re.compile("|".join(self.articles).replace("#", r"\d{1,5}\b") or r"(?!)")

    def without_levels_named(self, words: Sequence[str]) -> "Language":
        """The language without the levels that have one of the words, because the law calls its articles so."""
        samples = [sample for word in words for sample in (f"{word.capitalize()} I", f"{word.upper()} I")]
        levels = tuple(one for one in self.levels if not any(map(one[1].fullmatch, samples)))
        return replace(self, levels=levels)


def detect_language(lines: Sequence[str]) -> Language:
    """The language whose frequent words the text has most of; in a short text, the one whose articles it has."""
    text = "\n".join(lines)[: 8 * _SAMPLE_WORDS].lower()
    words = re.findall(r"[^\W\d_]+", text)
    counts = Counter(words)
    letters = frozenset(text)
    hits = {
        one.code: sum(counts[word] for word in one.stopwords)
        if not one.letters or letters & set(one.letters)
        else 0
        for one in LANGUAGES
    }
    if len(words) >= _ENOUGH_WORDS:
        best = max(LANGUAGES, key=lambda one: hits[one.code])
        return best if hits[best.code] >= _LEAST_STOPWORDS * len(words) else _OTHER
    headings = {one.code: sum(map(one.is_heading, lines)) for one in LANGUAGES}
    return max(LANGUAGES, key=lambda one: (headings[one.code], hits[one.code]))


def _levels(**labels: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(f"({label}){_AFTER_LABEL}")) for name, label in labels.items())


def _unseparated_levels(**words: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """ "Chapter I General Provisions", where nothing but a blank stands between the label and its title."""
    small = "and|of|the|to|in|for|or|on|with|by|at|from|&|[–—-]"
    title = rf"([A-Z][\w’'-]*[,;]?(?: (?:[A-Z(][\w’'.)-]*[,;]?|{small}))*)"
    return tuple(
        (name, re.compile(rf"((?:{word}|{word.upper()}) (?:[IVXLC]+|\d+)[A-Z]?) {title}"))
        for name, word in words.items()
    )


def _english_label(word: str) -> str:
    return rf"(?:{word}|{word.upper()}) (?:[A-Z]+|[A-Z][a-z]+|\d+(?:[.-]\d+|[A-Z]{{1,2}})?)"


_ENGLISH = Language(
    code="en",
    stopwords=frozenset(["the", "of", "to", "and", "in", "or", "by", "shall", "for", "an", "be", "is"]),
    articles=(r"(?:Article|ARTICLE|Art\.) #", r"(?:Section|SECTION|Sec\.|SEC\.) #"),
    levels=_levels(
        part=_english_label("Part"), chapter=_english_label("Chapter"), section=_english_label("Section")
    )
    + _levels(
        part=_english_label("Title") + "|" + _english_label("Book"),
        section="|".join(
            map(_english_label, ("Division", "Subdivision", "Subchapter", "Subtitle", "Subpart"))
        ),
    )
    + _unseparated_levels(part="Part", chapter="Chapter"),
    name=re.compile(r"\b(?:code|act|law)\b", re.IGNORECASE),
    date=re.compile(r"(?:in force from|amended on|as at) (\d{1,2} [A-Z][a-z]+ \d{4})", re.IGNORECASE),
    date_format="%d %B %Y",
    annex=re.compile(
        r"(?:(?:ANNEX|Annex|SCHEDULE|APPENDIX)(?: [IVX\d]+)?(?:\..*)?"
        r"|(?:THE )?(?:FIRST|SECOND|THIRD|FOURTH) SCHEDULE|First [Ss]chedule|SCHEDULES|Schedules?(?: \d+[A-Z]?)?)"
    ),
    closing=re.compile(r"APPROVED|I promulgate this .*"),
    # "[RT I, 2015, 1 – entry into force]" of Estonia, "[28/95; 36/95]" of Singapore
    note=re.compile(r"\[Footnote\].*|\[RT I.*\]|\[(?:S )?\d+/\d+(?:[;,] ?(?:Act )?\d+(?:/| of )\d+)*\]"),
    long_note=re.compile(r"(?:Note from the Register of Legal Acts\.|[*†] ?NOTE ?[—–-]).*"),
)
_LITHUANIAN = Language(
    code="lt",
    letters="ėųšįū",
    stopwords=frozenset(
        ["ir", "ar", "arba", "kad", "dėl", "su", "į", "iš", "yra", "šio", "kai", "bei", "darbo"]
    ),
    articles=(r"# straipsnis",),
    levels=_levels(
        part=r"[IVXLC]+ DALIS",
        chapter=r"[IVXLC\d]+ (?:SKYRIUS|skyrius)",
        section=r"\w+ (?:SKIRSNIS|skirsnis)",
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
)
_RUSSIAN = Language(
    code="ru",
    letters="ыэ",
    stopwords=frozenset(["и", "в", "на", "с", "по", "или", "не", "о", "для", "от", "при", "к", "работника"]),
    articles=(r"(?:Статья|СТАТЬЯ) #",),
    levels=_levels(
        part=r"ЧАСТЬ [А-Я]+", section=r"(?:Раздел|РАЗДЕЛ) [IVXLC\d]+", chapter=r"(?:Глава|ГЛАВА) [\d.]*\d"
    ),
    name=re.compile(r"кодекс|закон", re.IGNORECASE),
    date=re.compile(r"(?:ред\.|редакции) от (\d\d\.\d\d\.\d{4})"),
    date_format="%d.%m.%Y",
    annex=re.compile(r"(?:Приложение|ПРИЛОЖЕНИЕ)(?: (?:N|№) ?\d+)?"),
    closing=re.compile(r"Президент"),
    note=re.compile(r"\([^()]{0,60}(?:в ред\.|введен[аоы]? Федеральным) .*\)"),
    long_note=re.compile(r"КонсультантПлюс: примечание\."),
)
_SPANISH_NUMBER = rf"(?:{_ROMAN_OR_DIGITS}|[A-ZÁÉÍÓÚa-záéíóú]+)"
_SPANISH = Language(
    code="es",
    letters="ñóí",
    stopwords=frozenset(
        ["el", "la", "los", "las", "del", "que", "y", "se", "por", "una", "en", "al", "trabajador"]
    ),
    articles=(r"(?:Art[íi]culo|ART[ÍI]CULO|Art\.|ART\.) #",),
    levels=_levels(
        part=rf"(?:Libro|LIBRO|Parte|PARTE|T[íi]tulo|T[ÍI]TULO) {_SPANISH_NUMBER}",
        chapter=rf"(?:Cap[íi]tulo|CAP[ÍI]TULO) {_SPANISH_NUMBER}",
        section=rf"(?:Secci[óo]n|SECCI[ÓO]N) {_SPANISH_NUMBER}\.?[ªa]?",
    ),
    name=re.compile(r"\b(?:código|codigo|ley|estatuto)\b", re.IGNORECASE),
    annex=re.compile(r"(?:ANEXO|Anexo)(?: [IVX\d]+)?|(?:Disposici[óo]n|DISPOSICI[ÓO]N)(?:es|ES)? .{0,60}"),
)
_FRENCH = Language(
    code="fr",
    letters="éèà",
    stopwords=frozenset(
        ["le", "la", "les", "des", "du", "et", "est", "une", "dans", "aux", "ou", "l", "d", "par"]
    ),
    articles=(r"(?:Article|ARTICLE|Art\.|ART\.) #",),
    levels=_levels(
        part=rf"(?:Partie|PARTIE|Livre|LIVRE|Titre|TITRE) {_SPANISH_NUMBER}|[A-Z]\w+ (?:partie|PARTIE)",
        chapter=rf"(?:Chapitre|CHAPITRE) {_SPANISH_NUMBER}",
        section=rf"(?:Section|SECTION) {_SPANISH_NUMBER}",
    ),
    name=re.compile(r"\b(?:code|loi)\b", re.IGNORECASE),
    annex=re.compile(r"(?:ANNEXE|Annexe)S?(?: [IVX\d]+)?"),
)
_GERMAN = Language(
    code="de",
    letters="äöüß",
    stopwords=frozenset(
        ["der", "die", "das", "und", "oder", "des", "den", "ist", "zu", "eine", "für", "nicht", "von"]
    ),
    articles=(r"§ ?#", r"(?:Art\.|Artikel) #"),
    levels=_levels(
        part=rf"(?:\w+\.? (?:Teil|Buch|TEIL|BUCH)|(?:Teil|Buch|TEIL|BUCH) {_ROMAN_OR_DIGITS})",
        chapter=rf"(?:\w+\.? (?:Kapitel|Hauptst[üu]ck)|Kapitel {_ROMAN_OR_DIGITS})",
        section=rf"(?:\w+\.? (?:Unter)?(?:Abschnitt|abschnitt|Titel)|(?:Unter)?[Aa]bschnitt {_ROMAN_OR_DIGITS})",
    ),
    name=re.compile(r"gesetz|gesetzbuch|ordnung", re.IGNORECASE),
    annex=re.compile(r"(?:Anlage|Anhang|ANLAGE|ANHANG)(?: [IVX\d]+)?(?: \(.*\))?"),
)
_POLISH = Language(
    code="pl",
    letters="łęąśż",
    stopwords=frozenset(
        ["i", "w", "na", "się", "lub", "oraz", "jest", "nie", "do", "o", "z", "pracy", "pracownika"]
    ),
    articles=(r"(?:Art\.|ART\.|Artykuł) #",),
    levels=_levels(
        part=r"(?:Dział|DZIAŁ) \w+", chapter=r"(?:Rozdział|ROZDZIAŁ) \w+", section=r"(?:Oddział|ODDZIAŁ) \w+"
    ),
    name=re.compile(r"\b(?:kodeks|ustawa)\b", re.IGNORECASE),
    annex=re.compile(r"(?:Załącznik|ZAŁĄCZNIK)(?: nr \d+)?"),
)
_PORTUGUESE = Language(
    code="pt",
    letters="ãõç",
    stopwords=frozenset(
        ["o", "a", "os", "as", "do", "da", "dos", "que", "e", "ou", "em", "no", "não", "ao", "trabalho"]
    ),
    articles=(r"(?:Art\.|ART\.|Artigo|ARTIGO) #",),
    levels=_levels(
        part=rf"(?:Livro|LIVRO|Parte|PARTE|T[íi]tulo|T[ÍI]TULO) {_SPANISH_NUMBER}",
        chapter=rf"(?:Cap[íi]tulo|CAP[ÍI]TULO) {_SPANISH_NUMBER}",
        section=rf"(?:Sec?ção|SEC?ÇÃO|Sub[Ss]ec?ção|SUBSEC?ÇÃO) {_SPANISH_NUMBER}",
    ),
    name=re.compile(r"\b(?:código|lei|consolidação)\b", re.IGNORECASE),
    annex=re.compile(r"(?:ANEXO|Anexo)(?: [IVX\d]+)?"),
)
LANGUAGES = (_ENGLISH, _LITHUANIAN, _RUSSIAN, _SPANISH, _FRENCH, _GERMAN, _POLISH, _PORTUGUESE)
# In other languages a word with a Roman number heads a chapter, and articles are told by their order alone.
_OTHER = Language(
    code="",
    stopwords=frozenset(),
    levels=_levels(chapter=r"[^\W\d_]+ [IVXLC]+|[IVXLC]+\.? [^\W\d_]{3,}"),
    name=re.compile(r"(?!)"),
)
