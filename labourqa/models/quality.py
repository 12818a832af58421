"""What is known of how well the articles of a code are found: whether questions on it were labelled, what was measured.

The figures are those of docs/quality.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labourqa.law.structure import Article
from labourqa.models.relevance import TrainedRelevance

Training = Literal["labelled", "another version", "none"]


@dataclass(frozen=True)
class SearchQuality:
    training: Training
    description: str  # for users, in a sentence or two


_MEASURED = {
    "labelled": "trained on labelled questions on this very text. On 350 others: MRR 0.94, recall@10 0.98; of the "
    "questions that it does not answer, 0.91 were refused, of the others 0.003.",
    "another version": "trained on labelled questions on another version of this law. On 350 others about its official "
    "text of 2023: MRR 0.89, recall@10 0.96; of the questions that it does not answer, 0.91 were refused, of the "
    "others 0.01.",
    "none": "no question on this law was labelled. On five other laws whose questions were left out of the training: "
    "MRR 0.76, recall@10 0.93; of the questions that they do not answer, about 0.7 were refused, of the others 0.02. "
    "Check the selected articles more carefully.",
}


def describe_search(relevance: TrainedRelevance, articles: Sequence[Article]) -> SearchQuality:
    """How the search in these articles was trained, and how good it was where it was measured."""
    training: Training = "none"
    if 2 * sum(map(relevance.is_trained, articles)) >= len(articles):
        training = "labelled"
    elif relevance.has_trained_classes(articles):
        training = "another version"
    return SearchQuality(training, _MEASURED[training])
