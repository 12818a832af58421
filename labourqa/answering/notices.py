"""Fixed sentences beside an answer: for a question on another country's law, and for a personal emergency."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from labourqa.law.structure import Article

INJURY = (
    "If somebody is hurt or in danger, call the emergency number first (112 in the European Union and in India, 999 in "
    "Malaysia); after an accident at work, see a doctor and have the accident recorded."
)
HARASSMENT = (
    "If you are harassed or threatened at work, write down what happened, when, and who saw it; the labour "
    "inspectorate, a trade union or a lawyer can help you, and in danger the police."
)
COERCION = (
    "If somebody locks you in, keeps your passport or forces you to work, call the police (112 in the European Union "
    "and in India, 999 in Malaysia); the labour inspectorate and your embassy can help you, too."
)
DISTRESS = (
    "If you think of harming yourself, please talk to somebody now: call the emergency number (112 in the European "
    "Union and in India, 999 in Malaysia) or a crisis line."
)
_EMERGENCIES = (
    (
        DISTRESS,
        r"kill(?:ing)? myself|suicid\w+|end (?:my|it) (?:life|all)|don'?t want to live|harm(?:ing)? myself|"
        r"can(?:no|')?t go on living|(?:want|wish) (?:to die|i was dead|i were dead)",
    ),
    (
        COERCION,
        r"lock(?:s|ed|ing)? (?:me|us|him|her|them) (?:in|up)|"
        r"(?:keeps?|kept|keeping|took|takes|taken|holds?|holding|has|have|withholds?) "
        r"(?:away )?(?:my|our|his|her|their) (?:passport|identity card|id card)s?|"
        r"(?:do|does|did|will)(?: not|n't) let (?:me|us) (?:leave|go home|out)|forced labou?r|"
        r"blackmail(?:s|ed|ing)? (?:me|us)|blackmailed by",
    ),
    (
        HARASSMENT,
        r"harass\w*|sexual (?:remarks|comments|jokes|advances|favou?rs)|(?:nude|naked|dirty) (?:pictures|photos|pics)|"
        r"attack(?:s|ed)? (?:me|us|by)|(?:pushe[sd]|kick(?:s|ed)|shove[sd]|grab(?:s|bed)|corner(?:s|ed)) "
        r"me(?! (?:out|off|into|to))|spat (?:at|on) me|"
        r"follow(?:s|ed|ing)? me (?:home|around)|hand on my (?:thigh|leg|knee|bottom|butt|breast)|"
        r"humiliat(?:es|ed|ing)? me|threaten(?:s|ed|ing)? (?:my|our) (?:family|children|wife|husband|life)|"
        r"grop(?:e[ds]?|ing)|molest\w*|rap(?:e[ds]?|ing)|(?:sexually )?assault\w*|stalk(?:s|ed|ing)|"
        r"bull(?:y|ies|ied|ying)|mobb(?:ed|ing)|threaten(?:s|ed|ing)? (?:me|us|to (?:hit|hurt|beat|kill))|"
        r"beats? me|beat(?:en)? (?:me|up)|hits? me|slapp?e?d? me|punched me|touch(?:es|ed|ing)? (?:me|my)|"
        r"violen(?:t|ce)",
    ),
    (
        INJURY,
        r"(?:i|he|she|colleague|worker|workmate|somebody|someone)(?:'ve| have| has| was| were| got| is| am|'m)?"
        r"(?: (?:just|badly|been|seriously))* (?:injured|hurt|(?:burnt|burned)(?! out)|bleeding|electrocuted|"
        r"unconscious|poisoned|collapsed)|"
        r"not breathing|inhaled (?:\w+ )?(?:chemicals|fumes|gas|smoke)|got (?:caught|stuck|trapped) in (?:the|a)|"
        r"(?:broke|cut|cut off|lost|crushed|burnt|burned|injured|hurt) (?:my|his|her) (?:\w+ )?(?:arm|leg|hand|"
        r"finger|thumb|foot|"
        r"back|head|eye|wrist|ankle|skull|nose|knee|shoulder|ribs?)s?|(?:my|his|her) life (?:is )?in danger|"
        r"accident at work|work(?:place)? accident|i(?: a|')m in danger|immediate danger|"
        r"about to collapse|exits? (?:is|are) (?:locked|blocked)|"
        r"unsafe (?:machine|scaffold\w*)|gas leak|caught fire",
    ),
)
_EMERGENCY_PATTERNS = tuple(
    (notice, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for notice, words in _EMERGENCIES
)
# An emergency of somebody, not a question on the rules in general.
_PERSON = re.compile(
    r"\b(?:i|me|my|we|us|our|he|she|him|his|her|colleague|workmate|friend|wife|husband|somebody|someone)\b",
    re.IGNORECASE,
)

# Country: other names and adjectives.
_COUNTRIES = """
Argentina: Argentine, Argentinian | Australia: Australian | Austria: Austrian | Bangladesh: Bangladeshi
Belarus: Belarusian | Belgium: Belgian | Brazil: Brazilian | Bulgaria: Bulgarian | Canada: Canadian
Chile: Chilean | China: Chinese | Croatia: Croatian | Cyprus: Cypriot | Czechia: Czech, Czech Republic
Denmark: Danish | Egypt: Egyptian | Estonia: Estonian | Finland: Finnish | France: French | Georgia: Georgian
Germany: German | Greece: Greek | Hungary: Hungarian | Iceland: Icelandic | India: Indian | Indonesia: Indonesian
Ireland: Irish | Israel: Israeli | Italy: Italian | Japan: Japanese | Kazakhstan: Kazakh | Kenya: Kenyan
Latvia: Latvian | Lithuania: Lithuanian | Luxembourg: Luxembourgish | Malaysia: Malaysian | Malta: Maltese
Mexico: Mexican | Moldova: Moldovan | Nepal: Nepalese | the Netherlands: Netherlands, Dutch, Holland
New Zealand: | Nigeria: Nigerian | Norway: Norwegian | Pakistan: Pakistani | the Philippines: Philippines, Filipino
Poland: Polish | Portugal: Portuguese | Romania: Romanian | Russia: Russian | Saudi Arabia: Saudi | Serbia: Serbian
Singapore: Singaporean | Slovakia: Slovak | Slovenia: Slovenian | South Africa: South African
South Korea: Korean, Korea | Spain: Spanish | Sri Lanka: Sri Lankan | Sweden: Swedish | Switzerland: Swiss
Taiwan: Taiwanese | Thailand: Thai | Turkey: Turkish, Türkiye | Ukraine: Ukrainian | Uzbekistan: Uzbek
the United Arab Emirates: United Arab Emirates, UAE, Dubai
the United Kingdom: United Kingdom, UK, U.K., Britain, British, England, English, Scotland, Scottish, Wales, Welsh
the United States: United States, USA, US, U.S., U.S.A., American, California, Texas
Vietnam: Vietnamese
"""
_LANGUAGE_ADJECTIVES = {"English", "French", "German", "Russian", "Polish", "Spanish"}


def _read_countries() -> dict[str, str]:
    names = {}
    for entry in re.split(r"[|\n]", _COUNTRIES.strip()):
        country, _, others = entry.strip().partition(":")
        for name in (country.removeprefix("the "), *others.split(",")):
            if name.strip():
                names[name.strip()] = country
    return names


_COUNTRY_OF = _read_countries()
_NAME = "|".join(re.escape(name) for name in sorted(_COUNTRY_OF, key=len, reverse=True))
_COUNTRY = re.compile(rf"(?<!\w)(?:{_NAME})(?!\w)")
_LAW = (
    r"(?i:(?:(?:labou?r|employment|work|working|national|federal|state) )?(?:law|laws|code|codes|legislation|rules|"
    r"regulations|act|statute|minimum wage|labou?r court)\b)"
)
# "German law", "the UK's labour code", "the rules in Poland", "under the law of France"
_FOREIGN_LAW = re.compile(
    rf"(?<!\w)(?P<before>{_NAME})(?:'s|’s)? {_LAW}|\b{_LAW} (?:of|in|for) (?:the )?(?P<after>{_NAME})(?!\w)"
)


def find_notices(question: str, code: str, articles: Sequence[Article], *, answered: bool) -> tuple[str, ...]:
    """At most one sentence on another country's law and one on a personal emergency.

    `code` is the name of the law. If the law does not answer the question, any other country in it is taken for the one
    whose law is meant; a law whose own country is unknown is not compared.
    """
    notices = []
    own = find_country(code, tuple(articles))
    if own and (other := _find_other_country(question, own, answered=answered)):
        notices.append(
            f"This is the law of {own}: it does not say what the law of {other} requires; ask the labour authority "
            "or a trade union there."
        )
    is_personal = _PERSON.search(question)
    emergency = next(
        (one for one, words in _EMERGENCY_PATTERNS if is_personal and words.search(question)), None
    )
    return (*notices, emergency) if emergency else tuple(notices)


def names_other_law(question: str, code: str, articles: Sequence[Article]) -> bool:
    """Whether a question that is not answered asks what another country's law says."""
    own = find_country(code, tuple(articles))
    return bool(own and _find_other_country(question, own, answered=False))


@lru_cache(maxsize=8)
def find_country(code: str, articles: tuple[Article, ...]) -> str:
    """The country of a law: the one in its name, else the one that its text names most; "" if there is none."""
    names = [_COUNTRY_OF[name] for name in _COUNTRY.findall(code)]
    if not names:
        names = [
            _COUNTRY_OF[name]
            for article in articles
            for name in _COUNTRY.findall(article.text)
            if name not in _LANGUAGE_ADJECTIVES
        ]
    return Counter(names).most_common(1)[0][0] if names else ""


def _find_other_country(question: str, own: str, *, answered: bool) -> str:
    found = [_COUNTRY_OF[match["before"] or match["after"]] for match in _FOREIGN_LAW.finditer(question)]
    if not answered and not found:
        found = [_COUNTRY_OF[name] for name in _COUNTRY.findall(question) if name not in _LANGUAGE_ADJECTIVES]
        if own in found:
            return ""
    return next((country for country in found if country != own), "")
