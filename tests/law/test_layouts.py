"""How the laws of many countries are laid out: a small law of each kind, written for these tests."""

import textwrap
from pathlib import Path

import pytest

from labourqa.errors import NoArticlesError
from labourqa.law.parser import parse_code, parse_law
from labourqa.law.structure import Article

# For each law in layouts/: its language and its articles, each as "number | own title | paragraphs (points)".
LAYOUTS = {
    "australia": ("en", ["1 | Short title | -", "2 | Commencement | 1 2", "3 | Object of this Act | -(a,b)",
        "4 | Guide to this Act | 1", "5 | Terms and conditions of employment | 1",
        "6 | Rights and responsibilities of employees | 1"]),
    "brazil": ("pt", ["1 | | -", "2 | | - 1 2", "3 | | -", "4 | | -", "5 | | -", "5A | | -", "6 | | -"]),
    "bulgaria": ("", ["1 | Предмет и цел | 1 2", "2 | Определени трудови отношения | -",
        "3 | Тристранно сътрудничество | 1", "4 | Синдикално сдружаване | 1", "5 | Сдружаване на работодателите | 1"]),
    "canada": ("en", ["166 | Definitions | -", "167 | Application of Part | 1 2", "168 | Rest day | 1",
        "169 | Hours of work | 1 2", "169.1 | Modified work schedule | 1 2", "169.2 | Breaks | 1",
        "170 | Medical breaks | 1", "171 | Maximum hours | 1"]),
    "china": ("en", ["1 | | -", "2 | | -", "3 | | -", "4 | | -", "5 | | -"]),
    "clauses": ("en", ["1 | Hours of work | -", "2 | Overtime | 1 2", "3 | Leave | -", "4 | (Repealed) | ",
        "5 | (Repealed) | ", "6 | (Repealed) | ", "7 | Notice | -"]),
    "estonia": ("en", ["1 | Definition of employment contract | 1 2", "2 | Mandatory nature of provisions | -",
        "3 | Principle of equal treatment | -", "3^1 | Application of Act | 1",
        "4 | Entry into employment contract | 1 2"]),
    "finland": ("", ["1:1 | Soveltamisala | -", "1:2 | Poikkeukset soveltamisalasta | -",
        "1:3 | Työsopimuksen muoto ja kesto | -", "2:1 | Yleisvelvoite | -", "2:2 | Tasapuolinen kohtelu | -",
        "3:1 | Yleiset velvollisuudet | -", "3:2 | Työturvallisuus | -"]),
    "france-articles": ("fr", ["1 | | -", "2 | | -", "3 | | -", "4 | | -"]),
    "france": ("fr", ["L1121-1 | | -", "L1121-2 | | -", "L1122-1 | | -", "L1122-1-1 | | -", "L1122-2 | | -"]),
    "georgia": ("en", ["1 | Scope of the Law | 1 2", "2 | Labour relations | 1",
        "3 | Parties to labour relations | 1(a,b)", "4 | Prohibition of discrimination | -"]),
    "germany": ("de", ["1 | Sozial ungerechtfertigte Kündigungen | 1 2(1,2)",
        "1A | Abfindungsanspruch bei betriebsbedingter Kündigung | 1 2", "2 | Änderungskündigung | -",
        "3 | Kündigungseinspruch | -", "4 | (weggefallen) | ", "5 | Zulassung verspäteter Klagen | 1"]),
    "ghana": ("en", ["1 | Scope of Application | -", "2 | Establishment of Public Employment Centres | 1 2",
        "3 | Functions of the Centres | -(a,b)", "4 | Registration of unemployed persons | 1"]),
    "ireland": ("en", ["1 | Short title and commencement | 1 2", "2 | Interpretation | 1",
        "3 | Non-application of Act or provisions thereof | 1", "4 | Exemptions | 1",
        "5 | Exceptional circumstances | -", "6 | Compensatory rest periods | 1"]),
    "japan": ("en", ["1 | Principle of Working Conditions | 1 2", "2 | Determination of Working Conditions | 1",
        "3 | Equal Treatment | -", "4 | Principle of Equal Wages for Men and Women | -"]),
    "kenya": ("en", ["1 | Short title | -", "2 | Interpretation | -", "3 | Application | 1 2(a,b)",
        "4 | Prohibition against forced labour | 1", "5 | Discrimination in employment | 1",
        "6 | Sexual harassment | 1"]),
    "korea": ("en", ["1 | Purpose | -", "2 | Definitions | 1(1,2) 2", "3 | Standards for Working Conditions | -",
        "4 | Decision on Working Conditions | -"]),
    "maryland": ("en", ["3-101 | Definitions | -(a,b)", "3-102 | Scope of title | -(a)",
        "3-103 | Investigations | -(a)", "3-104 | Reserved | ", "3-201 | Employment standards service | -",
        "3-202 | Duties | -"]),
    "mexico": ("es", ["1 | | -", "2 | | -", "3 | | -", "3bis | | -(a,b)", "4 | | -", "5 | | -(I,II)"]),
    "nepal": ("en", ["1 | Short title and commencement | 1 2", "2 | Working hours | 1 2", "3 | Appointment | 1",
        "4 | Weekly leave | 1 2", "5 | Sick leave | 1"]),
    "nigeria": ("en", ["1 | Manner of payment of wages | 1(a,b) 2",
        "2 | Agreements as to place and manner of spending wages illegal | -",
        "3 | Wages not to be paid on certain premises | 1", "4 | Advances | 1", "5 | Deductions | 1",
        "6 | General provisions | 1"]),
    "philippines": ("en", ["82 | Coverage | -", "83 | Normal hours of work | -", "84 | Hours worked | -",
        "85 | Meal periods | -"]),
    "philippines-renumbered": ("en", ["293 | [278] Coverage | -", "294 | [279] Security of tenure | -",
        "295 | [280] Regular and casual employment | -", "296 | [281] Probationary employment | -"]),
    "poland": ("pl", ["1 | | -", "2 | | -", "3 | | -", "3^1 | | 1 2", "4 | | -", "5 | | -"]),
    "portugal": ("pt", ["1 | Fontes específicas | -",
        "2 | Instrumentos de regulamentação colectiva de trabalho | 1 2(a,b)",
        "3 | Relações entre fontes de regulação | 1"]),
    "singapore": ("en", ["1 | Short title | -", "2 | Interpretation | 1 2", "3 | Appointment of officers | 1",
        "4 | | -", "5 | Rules and orders | -", "6 | Existing law not affected | -",
        "8 | Illegal terms of contract of service | -"]),
    "south-africa": ("en", ["1 | Definitions | -", "2 | Purpose of this Act | -(a,b)",
        "3 | Application of this Act | 1(a,b) 2", "4 | Inclusion of provisions in contracts of employment | -",
        "5 | This Act not affected by agreements | -"]),
    "spain": ("es", ["1 | Ámbito de aplicación | 1 2(a,b)", "2 | Relaciones laborales de carácter especial | -",
        "3 | Fuentes de la relación laboral | 1", "3bis | Derechos digitales | -", "4 | (Derogado) | ",
        "5 | Deberes laborales | -"]),
    "texas": ("en", ["61.001 | DEFINITIONS | - 1 2", "61.002 | EFFECT ON OTHER LAW | -",
        "61.003 | MULTIPLE CONTRACTS | -(a,b)", "61.011 | PAYDAYS | -(a,b)", "61.012 | PAYDAYS; NOTICE | -"]),
    "turkey": ("", ["1 | Amaç ve kapsam | -", "2 | Tanımlar | -", "3 | İşyerini bildirme | -",
        "4 | İstisnalar | -(a,b)", "5 | Eşit davranma ilkesi | -"]),
    "two-acts": ("en", ["1 | Short title | -", "2 | Interpretation | -", "3 | Contracts | 1 2", "4 | Wages | -",
        "5 | Leave | 1 2", "6 | Termination | -"]),
    "united-kingdom": ("en", ["1 | Statement of initial employment particulars | 1 2(a,b)",
        "2 | Statement of initial particulars: supplementary | 1",
        "3 | Note about disciplinary procedures and pensions | 1", "4 | Statement of changes | 1",
        "5 | Exclusion from rights to statements | 1",
        "6 | Reasonably accessible document or collective agreement | -",
        "7 | Power to require particulars of further matters | -", "7A | | -", "8 | Itemised pay statement | 1"]),
    "untitled-wrapped": ("en", ["98 | | -", "99 | | -", "100 | | -", "101 | | -", "102 | | -"]),
    "untitled": ("en", ["1 | | -", "2 | | -", "3 | | -", "4 | | -", "5 | | 1 2"]),
    "vietnam": ("en", ["90 | Wages | 1 2", "91 | Minimum wages | 1 2(a,b)", "92 | National Wage Council | -"]),
}  # fmt: skip


def text_of(name: str) -> str:
    return (Path(__file__).parent / "layouts" / f"{name}.txt").read_text()


def describe(article: Article) -> str:
    title = f" {article.title}" if article.title_is_own else ""
    paragraphs = (
        (one.number or "-") + (f"({','.join(point.number for point in one.points)})" if one.points else "")
        for one in article.paragraphs
    )
    return f"{article.number} |{title} | {' '.join(paragraphs)}"


def get(name: str, number: str) -> Article:
    return next(article for article in parse_code(text_of(name)).articles if article.number == number)


def test_every_sample_is_tried() -> None:
    assert sorted(path.stem for path in (Path(__file__).parent / "layouts").iterdir()) == sorted(LAYOUTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_law_of_each_layout_is_read(name: str) -> None:
    language, articles = LAYOUTS[name]
    law = parse_law(text_of(name))
    assert [describe(article) for article in law.code.articles] == articles
    assert law.report.language == language
    assert not law.report.unassigned_lines or name == "united-kingdom"


@pytest.mark.parametrize("width", [70, 100])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_law_of_each_layout_is_read_from_wrapped_lines(name: str, width: int) -> None:
    text = "\n".join(textwrap.fill(line, width) for line in text_of(name).split("\n"))
    assert [describe(article) for article in parse_code(text).articles] == LAYOUTS[name][1]


@pytest.mark.parametrize("name", ["untitled", "untitled-wrapped", "china", "france"])
def test_a_law_without_titles_keeps_all_its_text(name: str) -> None:
    text = " ".join(text_of(name).split())
    for article in parse_code(text_of(name)).articles:
        for paragraph in article.paragraphs:
            assert " ".join(paragraph.text.split()) in text
            assert len(paragraph.text) > 40


def test_a_title_that_the_law_does_not_give_is_its_chapters() -> None:
    article = get("untitled", "4")
    assert (article.title, article.title_is_own) == ("The contract", False)
    assert article.format().startswith(
        "Article 4. The contract\nAn employment contract shall be made in writing."
    )


def test_an_article_without_any_title_is_shown_without_one() -> None:
    article = get("untitled-wrapped", "99")
    assert (article.title, article.title_is_own) == ("", False)
    assert article.format().startswith("Article 99.\nThe wages of an employee who leaves")


@pytest.mark.parametrize(
    ("name", "number"),
    [("singapore", "4"), ("poland", "4"), ("spain", "4"), ("germany", "4"), ("clauses", "5"),
     ("united-kingdom", "7A"), ("maryland", "3-104")],
)  # fmt: skip
def test_a_repealed_article_is_kept_and_marked(name: str, number: str) -> None:
    assert get(name, number).repealed
    assert parse_law(text_of(name)).report.repealed.count(number) == 1


def test_an_article_on_repeal_is_not_repealed() -> None:
    text = text_of("south-africa") + "\n6. Repeal of laws\n\nThe Wage Act, 1957, is repealed.\n"
    assert not parse_code(text).articles[-1].repealed


def test_a_repealed_paragraph_does_not_repeal_its_article() -> None:
    text = text_of("kenya") + "\n7. Pay\n(1) (Deleted by Act 5 of 2009).\n(2) Wages are paid monthly.\n"
    assert not parse_code(text).articles[-1].repealed


def test_levels_have_the_names_of_each_language() -> None:
    assert get("spain", "1").chapter == "CAPÍTULO I. Disposiciones generales"
    assert get("portugal", "1").part == "TÍTULO I. Fontes e aplicação do direito do trabalho"
    assert get("poland", "1").part == "DZIAŁ PIERWSZY. PRZEPISY OGÓLNE"
    assert get("germany", "1").section == "Erster Abschnitt. Allgemeiner Kündigungsschutz"
    assert get("france", "L1122-1").chapter == "Chapitre II. Dispositions générales"
    assert get("korea", "1").chapter == "CHAPTER I. GENERAL PROVISIONS"
    assert get("south-africa", "1").chapter == "CHAPTER ONE. Definitions, purpose and application of this Act"


def test_the_largest_act_is_read_and_the_others_are_listed() -> None:
    law = parse_law(text_of("two-acts"))
    assert [(act.number, act.name, act.articles) for act in law.acts] == [
        (1, "Employment Act 1990", 6),
        (2, "Trade Unions Act 1959", 5),
    ]
    assert law.code.name == "Employment Act 1990"
    assert law.report.chosen_act == 1
    assert "Seamen" in law.code.annex
    assert "Trade" not in law.code.annex + law.code.articles[-1].text


@pytest.mark.parametrize("wanted", ["2", "trade unions"])
def test_an_act_is_chosen_by_number_or_name(wanted: str) -> None:
    code = parse_law(text_of("two-acts"), act=wanted).code
    assert code.name == "Trade Unions Act 1959"
    assert len(code.articles) == 5


@pytest.mark.parametrize("wanted", ["3", "0", "Wages Act", "²"])
def test_an_act_that_is_not_there_is_refused_with_those_that_are(wanted: str) -> None:
    with pytest.raises(
        NoArticlesError, match="its acts are 1: Employment Act 1990; 2: Trade Unions Act 1959"
    ):
        parse_law(text_of("two-acts"), act=wanted)


def test_titles_come_from_the_contents_where_the_text_has_none() -> None:
    titles = ["Short title", "Interpretation", "Contracts", "Wages", "Leave", "Termination"]
    contents = "\n".join(f"{n}. {title} ........ {n}" for n, title in enumerate(titles, 1))
    body = text_of("two-acts").partition("FIRST SCHEDULE")[0].replace("Wages\n4.", "4.")
    articles = parse_code(f"ARRANGEMENT OF SECTIONS\n{contents}\n\n{body}").articles
    assert [article.title for article in articles] == titles
    assert articles[3].title_is_own


def test_page_headers_are_no_part_of_an_article() -> None:
    lines = text_of("nigeria").splitlines()
    for page, i in enumerate(range(len(lines) - 1, 0, -3)):
        lines.insert(i, f"Laws of Nigeria {40 - page}")
    code = parse_code("\n".join(lines))
    assert [describe(article) for article in code.articles] == LAYOUTS["nigeria"][1]
    assert "Laws of Nigeria" not in "".join(article.text for article in code.articles)


def test_a_number_on_a_line_of_its_own_belongs_to_the_next_line() -> None:
    text = text_of("kenya").replace("(1) ", "(1)\n").replace("(a) ", "(a)\n")
    assert [describe(article) for article in parse_code(text).articles] == LAYOUTS["kenya"][1]


@pytest.mark.parametrize(
    ("lines", "points"),
    [
        ("(a) who means—\n(i) one;\n(ii) two; and\n(b) other.", ["a", "b"]),
        ("(a) one;\n(b) two;\n(c) three;\n(d) four;\n(e) five;\n(f) six;\n(g) seven;\n(h) eight;\n(i) nine;\n(j) ten.",
         list("abcdefghij")),
        ("(i) one;\n(ii) two;\n(iii) three;\n(iv) four.", ["i", "ii", "iii", "iv"]),
        ("(a) (i) one;\n(ii) two;\n(b) three.", ["a", "b"]),
        ("I. Uno;\nII. Dos;\na) tres;\nb) cuatro;\nIII. Cinco.", ["I", "II", "III"]),
    ],
)  # fmt: skip
def test_roman_numbers_and_letters_are_told_apart(lines: str, points: list[str]) -> None:
    paragraph = (
        parse_code(f"Article 1. Title\nEvery person:\n{lines}\nArticle 2. End\nText.")
        .articles[0]
        .paragraphs[-1]
    )
    assert [point.number for point in paragraph.points] == points


def test_a_point_on_its_paragraphs_line_is_a_point() -> None:
    text = "Article 1. Leave\n(1) (a) Every employee rests;\n(b) every employer pays.\n(2) Leave is paid.\n"
    paragraph = parse_code(text).articles[0].paragraph("1")
    assert [point.text for point in paragraph.points] == ["Every employee rests;", "every employer pays."]
    assert paragraph.text == "(a) Every employee rests;\n(b) every employer pays."


def test_definitions_stand_on_lines_of_their_own() -> None:
    assert get("singapore", "2").paragraph("1").text.split("\n") == [
        "In this Act, unless the context otherwise requires —",
        '"apprenticeship contract" means a written contract entered into by a person with an employer;',
        '"child" means a person who has not completed his or her 15th year of age.',
    ]


def test_a_list_inside_a_line_becomes_points() -> None:
    text = (
        "3. Duties.—(1) Every employer shall,-- (a) pay wages under clause (a) of section 2; and (b) keep-- "
        "(i) a register, and (ii) a muster roll of the workers; (c) rest."
    )
    law = "\n\n".join(text.replace("3.", f"{number}.") for number in range(1, 8))
    paragraph = parse_code(law).articles[0].paragraph("1")
    assert [(point.number, point.text) for point in paragraph.points] == [
        ("a", "pay wages under clause (a) of section 2; and"),
        ("b", "keep--\n(i) a register, and\n(ii) a muster roll of the workers;"),
        ("c", "rest."),
    ]
    assert " ".join(paragraph.text.split()) == text.removeprefix("3. Duties.—(1) ")


def test_a_year_above_the_first_section_is_no_section() -> None:
    text = (Path(__file__).parent / "layouts" / "united-kingdom.txt").read_text()
    name, _, sections = text.partition("\n")
    code = parse_code(f"{name}\n\n1996 CHAPTER 18\n{sections}")
    assert code.name == name
    assert [one.number for one in code.articles] == [one.number for one in parse_code(text).articles]


def test_a_law_whose_name_stands_above_its_contents_has_that_name() -> None:
    titles = [
        "Definitions",
        "Purpose",
        "Hours of work",
        "Annual leave",
        "Notice",
        "Wages",
        "Records",
        "Offences",
    ]
    contents = "".join(f"{i}. {title}\n" for i, title in enumerate(titles, 1))
    sections = "".join(
        f"{i}. {title}\n(1) The employer observes section {i} in every contract under this Act.\n(2) So do others.\n"
        for i, title in enumerate(titles, 1)
    )
    heading = "CHAPTER ONE\nDEFINITIONS AND PURPOSE OF THIS ACT\n"
    text = (
        f"HOURS AND LEAVE ACT 75 OF 1997\nARRANGEMENT OF SECTIONS\n{heading}{contents}\n{heading}{sections}"
    )
    assert parse_code(text).name == "Hours and Leave Act 75 of 1997"
