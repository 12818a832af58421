"""Prompts as token ids: an article's prefix, then the question's suffix.

The two are tokenized separately and their ids concatenated, so that what the model computes for an article never
depends on the question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labourqa.config import read_prompt
from labourqa.law.structure import Article
from labourqa.methods import ScoringMode

# Llama 3's chat template would write today's date into every prompt and invalidate every cached prefix each day.
TEMPLATE_DATE = "26 Jul 2024"


@dataclass(frozen=True)
class Suffix:
    """The token ids after every article's prefix, and what the score is read from."""

    ids: list[int]
    targets: list[int] | None = None  # query likelihood: the ids that the last len(targets) states predict
    probed: bool = False  # the score is read by a probe

    @property
    def output_states(self) -> int:
        """How many states, counted from the end, the score is read from."""
        if self.probed:
            return len(self.ids) - 1  # the first token is the same for all questions
        return len(self.targets) if self.targets else 1


@dataclass(frozen=True)
class _Template:
    """One pair of prompt files, and the chat template's ids around them."""

    article: str  # text of the article's part
    before: list[int]  # ids before the article's part
    question_lead: list[int]  # ids of the question's part before the question
    question_space: str  # joins the question; it belongs to its first token, as it would inside a text
    question_rest: str  # text of the question's part after the question
    after: list[int]  # ids after the question's part


class PromptTokenizer:
    """Turns articles, questions and chat prompts into token ids."""

    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer`: as loading.load_tokenizer returns it."""
        self._tokenizer = tokenizer
        self.yes, self.no = (self.encode(word)[0] for word in ("Yes", "No"))
        self._newline = self.encode("\n")
        self._chat_before, self._chat_after = self._chat_template()
        chat = self._read_template("filter", self._chat_before, self._chat_after)
        # The query likelihood reads the question as a continuation of the law, without a chat around it.
        continuation = self._read_template("likelihood", tokenizer.encode(""), [])
        self._templates: dict[ScoringMode, _Template] = {
            "yes_no": chat,
            "generated": chat,
            "query_likelihood": continuation,
            "probe": continuation,
        }

    def encode(self, text: str) -> list[int]:
        """Ids of a text without special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def chat(self, prompt: str) -> list[int]:
        """Ids of a user's message in the chat template, up to where the model replies."""
        return self._chat_before + self.encode(prompt) + self._chat_after

    def prefix(self, scoring: ScoringMode, article: Article) -> list[int]:
        """Ids of everything before the question; they depend on the article alone."""
        before, text, lead = self._prefix_parts(scoring, article)
        return before + self.encode(text) + lead

    def describe_prefix(self, scoring: ScoringMode, article: Article) -> bytes:
        """What the ids of `prefix` depend on besides the tokenizer; it takes a tenth of the time."""
        before, text, lead = self._prefix_parts(scoring, article)
        return f"{before} {lead} {text}".encode()

    def suffix(self, scoring: ScoringMode, question: str) -> Suffix:
        """Ids of the question and everything after it."""
        template = self._templates[scoring]
        ids = self.encode(template.question_space + question + template.question_rest)
        if scoring == "query_likelihood":
            return Suffix(template.question_lead[-1:] + ids[:-1], targets=ids)
        if scoring == "probe":
            return Suffix(template.question_lead[-1:] + ids + self._newline, probed=True)
        return Suffix(ids + template.after)

    def _prefix_parts(self, scoring: ScoringMode, article: Article) -> tuple[list[int], str, list[int]]:
        """Ids before the article's part of the prompt, that part, and the ids between it and the question."""
        template = self._templates[scoring]
        text = template.article.format(number=article.number, title=article.title, text=article.text)
        # The last token before a query likelihood's question predicts its first one, and so is part of the suffix.
        # A probe reads the same prefix.
        continues = scoring in ("query_likelihood", "probe")
        lead = template.question_lead[:-1] if continues else template.question_lead
        return template.before, text, lead

    def _read_template(self, name: str, before: list[int], after: list[int]) -> _Template:
        article = read_prompt(f"{name}_article", ("number", "title", "text"))
        lead, rest = read_prompt(f"{name}_question", ("question",)).split("{question}")
        space = " " if lead.endswith(" ") else ""
        return _Template(article, before, self.encode(lead.removesuffix(" ")), space, rest, after)

    def _chat_template(self) -> tuple[list[int], list[int]]:
        """The ids that the chat template puts before and after a user's message."""
        message = "\x00"
        if self._tokenizer.chat_template is None:
            return self._tokenizer.encode(""), []
        text = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": message}],
            tokenize=False,
            add_generation_prompt=True,
            date_string=TEMPLATE_DATE,
        )
        before, after = text.split(message)
        encode = self._tokenizer.encode
        return (
            encode(before, add_special_tokens=False, split_special_tokens=False),
            encode(after, add_special_tokens=False, split_special_tokens=False),
        )
