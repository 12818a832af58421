"""The methods of reading a code for a question: one table for settings, command line, page and benchmark."""

from dataclasses import dataclass
from typing import Literal

# How a model's reply about an article becomes a score:
#   yes_no            logit of "Yes" minus logit of "No" after "Does this article help to answer the question?"
#   query_likelihood  mean log-probability of the question's tokens after the article, in nats a token
#                     (Sachan et al., arXiv 2204.07496), for models too small to answer yes or no
#   probe             what a trained linear probe reads from the states of the question's tokens after middle layers
#                     (models/probe.py): log-odds up to a constant, for the embedded model
#   generated         a few tokens are generated and read as "yes" or "no"
LogitScoring = Literal["yes_no", "query_likelihood", "probe"]
ScoringMode = LogitScoring | Literal["generated"]

# How the prompts of all articles go through the model:
#   one-by-one     each prompt in a forward pass of its own
#   fixed-batches  a fixed number of prompts a pass, in the code's order, padded to the longest
#   token-batches  sorted by length, as many prompts a pass as fit a budget of padded tokens
#   packed         prompts one after the other in one row without padding; each attends to itself alone
#   prefix-cache   the question alone, after the cached keys and values of every article
#   whole-code     one prompt with all articles, which the model answers with article numbers
BatchingStrategy = Literal[
    "one-by-one", "fixed-batches", "token-batches", "packed", "prefix-cache", "whole-code"
]


@dataclass(frozen=True)
class Method:
    """One way to read a code. Those with `generated` scoring reply in words; all others are read from logits."""

    name: str
    batching: BatchingStrategy
    scoring: Literal["logits", "generated"]
    help: str  # one line
    for_questions: bool = True  # offered for questions; otherwise in the benchmark alone
    in_benchmark: bool = True


_TABLE = (
    Method(
        "article-cache", "prefix-cache", "logits", "the question after the cached prefix of every article"
    ),
    Method(
        "shortlist", "packed", "logits", "only the articles that the encoder ranks first", in_benchmark=False
    ),
    Method("packed", "packed", "logits", "all articles anew, in rows without padding"),
    Method("token-batches-logits", "token-batches", "logits", "all articles anew, in batches"),
    Method(
        "token-batches",
        "token-batches",
        "generated",
        "the published method (minutes without a GPU)",
    ),
    Method(
        "fixed-batches",
        "fixed-batches",
        "generated",
        "an older published method (minutes without a GPU)",
    ),
    Method("one-by-one", "one-by-one", "logits", "all articles anew, one at a time"),
    Method("whole-code", "whole-code", "generated", "all articles in one prompt", for_questions=False),
)
METHODS = {method.name: method for method in _TABLE}
QUESTION_METHODS = ("auto", *(method.name for method in _TABLE if method.for_questions))
BENCHMARK_METHODS = tuple(method.name for method in reversed(_TABLE) if method.in_benchmark)  # oldest first

# The method that this program is compared with: yes or no generated for every article, in length-sorted batches within
# a token budget (docs/performance.md#the-published-method).
PUBLISHED_METHOD = "token-batches"
