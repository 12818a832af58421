"""How a question is read: in which language, without mistyped words, and of a long one the part that asks."""

from collections.abc import Sequence

from labourqa.answering.asking_part import Rate, choose_sentences, find_outcries
from labourqa.answering.conversation import ResolvedQuestion
from labourqa.answering.language import detect_mismatch, may_be_english
from labourqa.answering.spelling import Correction, load_corrector
from labourqa.law.structure import Article

SHORTENED = "The question was long, so only the part of it that asks was read."  # beside the answer
LANGUAGE_CHARACTERS = 6_000  # of the articles, beside their titles, to tell the code's language


def understand_question(
    question: ResolvedQuestion, articles: Sequence[Article], rate: Rate | None
) -> tuple[str, tuple[str, ...]]:
    """The question as it is read, and sentences on what was left out or changed.

    Mistyped words are corrected, and of many sentences those are chosen that the law answers by `rate`, in English
    only. Without `rate`, and for a follow-up, the form of the sentences decides.
    """
    if not (may_be_english(question.whole) and may_be_english(_sample(articles))):
        return question.text, _describe((), shortened=question.text != question.whole)
    correct = load_corrector(tuple(articles)).correct
    if rate is None or question.follows_up:
        text, corrections = correct(question.text)
        return text, _describe(corrections, shortened=question.text != question.whole)
    whole, corrections = correct(question.whole)
    text = choose_sentences(whole, rate, outcries=find_outcries(question.asked))
    read = tuple(one for one in corrections if one.read in text)
    return text, _describe(read, shortened=text != whole)


def find_language_mismatch(question: str, articles: Sequence[Article]) -> tuple[str, str] | None:
    """The names of the languages of question and law, if they surely differ."""
    return detect_mismatch(question, _sample(articles))


def _describe(corrections: Sequence[Correction], *, shortened: bool) -> tuple[str, ...]:
    read = f"Read {', '.join(map(str, corrections))}." if corrections else ""
    return tuple(filter(None, (SHORTENED if shortened else "", read)))


def _sample(articles: Sequence[Article]) -> str:
    """A part of a law by which its language is told: the titles of a short code are too few words."""
    share = LANGUAGE_CHARACTERS // len(articles)
    return "\n".join(f"{article.title}\n{article.text[:share]}" for article in articles)
