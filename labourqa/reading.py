"""Lets the language model score articles for a question, each by its best window, calibrated where that applies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from labourqa.config import Settings, prompts_sha256
from labourqa.engine.base import PrefixCacheHandle, ScoringResult
from labourqa.engine.startup import Models, choose_scoring
from labourqa.law.edition import Edition
from labourqa.law.structure import Article
from labourqa.methods import Method, ScoringMode
from labourqa.store import Store

# A question without content: an article's score for it is what the model thinks of the article alone (contextual
# calibration, Zhao et al., arXiv 2102.09690).
CALIBRATION_QUESTION = "N/A"


@dataclass(frozen=True)
class Reading:
    """What the model's reading of articles gave."""

    scoring: ScoringMode
    scores: Mapping[str, float]  # by number, of the articles that the model read
    best_windows: Mapping[str, Article]  # by number; usually the article itself
    tokens: int
    tokenize_seconds: float

    def joined_with(self, other: "Reading") -> "Reading":
        """This reading and one of other articles."""
        return replace(
            self,
            scores={**self.scores, **other.scores},
            best_windows={**self.best_windows, **other.best_windows},
            tokens=self.tokens + other.tokens,
            tokenize_seconds=self.tokenize_seconds + other.tokenize_seconds,
        )


class ArticleReader:
    """Reads articles of one edition by one method."""

    def __init__(
        self,
        models: Models,
        store: Store,
        settings: Settings,
        method: Method,
        edition: Edition,
        articles: Sequence[Article],
    ) -> None:
        """`articles`: all of the edition."""
        self._engine, self._store, self._settings = models.engine, store, settings
        self._method, self._edition = method, edition
        self.scoring: ScoringMode = (
            "generated" if method.scoring == "generated" else choose_scoring(models, articles)
        )

    def read(
        self,
        question: str,
        windows: Sequence[Article],
        prefix_cache: PrefixCacheHandle | None,
        count_progress: Callable[[str, int], Callable[[int], None]],
    ) -> Reading:
        """Score the articles that consist of `windows`, usually one each.

        `count_progress` takes what is done and how many times, and returns a function that receives how many more are
        done.
        """
        if not windows:
            return Reading(self.scoring, {}, {}, 0, 0.0)
        whole = len({window.number for window in windows}) == len(windows)

        def score(some: Sequence[Article], asked: str, what: str) -> ScoringResult:
            return self._engine.score_articles(
                some,
                asked,
                scoring=self.scoring,
                batching=self._method.batching,
                batch_tokens=self._settings.batch_tokens,
                batch_articles=self._settings.batch_articles,
                prefix_cache=prefix_cache,
                show_read=count_progress(what if whole else f"parts of {what}", len(some)),
            )

        result = score(windows, question, "articles read")
        scores: Mapping[str, float] = result.scores
        info, values = self._engine.info, self._store.computed
        if self.scoring == "yes_no" and not info.server_url:  # a server's requests may cost money
            model = f"{info.name} {info.revision} {info.dtype} {prompts_sha256()}"
            margins = values.calibration_margins(self._edition, model)
            if missing := [window for window in windows if window.number not in margins]:
                computed = score(missing, CALIBRATION_QUESTION, "articles read without a question").scores
                values.save_calibration_margins(self._edition, model, computed)
                margins |= computed
            scores = {number: margin - margins[number] for number, margin in scores.items()}
        best_windows: dict[str, Article] = {}
        for window, score_of_window in zip(windows, result.articles, strict=True):
            if score_of_window.score == result.scores[window.number]:
                best_windows.setdefault(window.number, window)
        return Reading(self.scoring, scores, best_windows, result.tokens, result.tokenize_seconds)
