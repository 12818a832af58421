"""Fit `data/probe.safetensors`, with which the language model judges whether an article answers a question.

    python scripts/train_probe.py FOLDER WORK

FOLDER has the laws' documents, under the names of the question files in data/other-laws. WORK receives 10 GB of prefix
caches and the mean states of the questions' tokens, one file for each law: an interrupted run continues, and another
fit with the same states takes a minute. With another --model of the Llama architecture, WORK must be another folder.

The probe is a linear function of the mean state after DEPTH layers, fitted by a softmax over the candidates of a
question: those that the relevance ranks first, the needed articles, and some others. First, each country's laws
are ranked with a probe that was fitted on the laws of the other countries; then the probe is fitted on all of them.
"""

import argparse
import hashlib
import json
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from safetensors.numpy import load_file, save_file

from labourqa.config import DATA, load_settings
from labourqa.engine.attention import PrefixAttention
from labourqa.engine.local import LocalEngine
from labourqa.engine.prefix_cache import OpenPrefixCache
from labourqa.engine.startup import load_models
from labourqa.evaluation.cases import Case, read_cases
from labourqa.evaluation.metrics import reciprocal_rank
from labourqa.models.probe import PROBE, Probe
from labourqa.pipeline import Assistant
from labourqa.preparation import PreparedCode
from labourqa.progress import SilentProgress
from labourqa.store import Store

QUESTIONS = DATA / "other-laws"
EMBEDDED_TRAINING = DATA / "questions-written.jsonl"
EMBEDDED_DEVELOPMENT = DATA / "questions-dev.jsonl"
EMBEDDED = "embedded"
DEPTH = 20  # layers (docs/quality.md)
FIRST_CANDIDATES = 14
OTHER_CANDIDATES = 2
USEFUL_TARGET = 0.3  # of an article of grade 1, beside 1 of a needed one
MAX_TOKENS = 70  # of a question; longer ones are left out
PASS_TOKENS = 1_200
REGULARIZATION = 0.3  # of the squared weights of the standardized states
WEIGHTS = (0.5, 1.0, 1.25, 1.5, 2.0)  # of the probe's score beside the relevance, that are measured


@dataclass(frozen=True)
class Example:
    """A question, and the states after which its candidates are scored."""

    law: str
    case: Case
    relevance: dict[str, float]  # by number, of all articles
    numbers: tuple[str, ...]  # of each candidate; an article that is read in windows occurs several times
    states: NDArray[np.float32]  # (candidates, hidden)
    held_back: bool  # a question of the embedded edition for measuring alone

    @property
    def country(self) -> str:
        return next((one for one in ("india", "malaysia") if one in self.law), "lithuania")

    @property
    def targets(self) -> NDArray[np.float32]:
        values = {2: 1.0, 1: USEFUL_TARGET}
        targets = np.array([values.get(self.case.grades.get(number, 0), 0.0) for number in self.numbers])
        normalized: NDArray[np.float32] = (targets / targets.sum()).astype(np.float32)
        return normalized


class StateReader:
    """Reads questions after the cached prefixes of a law, and remembers the mean states in a file."""

    def __init__(self, assistant: Assistant, folder: Path) -> None:
        engine = assistant.models.engine
        assert isinstance(engine, LocalEngine)
        self._assistant, self._engine, self._folder = assistant, engine, folder
        hidden = engine.runner.config.hidden_size
        engine.runner.probe = Probe(DEPTH, np.zeros(hidden, dtype=np.float32))

    def read(self, law: str, path: Path | None, cases: Sequence[Case], held_back: set[str]) -> list[Example]:
        """The examples of a law in the document at `path`, by default the embedded edition."""
        edition = self._assistant.ingest(path, name=law, force=True)
        file = self._folder / f"{law}.safetensors"
        known = load_file(file) if file.exists() else {}
        examples = []
        with self._assistant.prepare(edition) as code:
            for case in track(cases, law, console=Console(stderr=True), transient=True):
                relevance = self._relevance(code, case.question)
                indices = choose_candidates(code, case, relevance)
                key = hashlib.sha256(f"{case.question} {indices}".encode()).hexdigest()[:16]
                if key not in known:
                    known[key] = self._mean_states(code, indices, case.question).astype(np.float16)
                    if len(known) % 50 == 0:
                        save_file(known, file)
                numbers = tuple(code.windows[i].number for i in indices)
                states = known[key].astype(np.float32)
                examples.append(
                    Example(law, case, relevance, numbers, states, held_back=case.id in held_back)
                )
        save_file(known, file)
        return examples

    def _relevance(self, code: PreparedCode, question: str) -> dict[str, float]:
        models = self._assistant.models
        share = models.relevance.delta_share(code.articles)
        [vector], [states] = models.encoder.encode_tokens([question], np.asarray, delta_share=share)
        interaction = models.relevance.interaction.score(states, code.tokens) if code.tokens else None
        scored = models.relevance.score(code.articles, code.embeddings, question, vector, interaction)
        return dict(scored.articles)

    def _mean_states(self, code: PreparedCode, indices: Sequence[int], question: str) -> NDArray[np.float32]:
        """(indices, hidden)"""
        assert isinstance(code.prefix_cache, OpenPrefixCache)
        cache, runner = code.prefix_cache.cache, self._engine.runner
        suffix = self._engine.tokenizer.suffix("probe", question)
        tokens, outputs = len(suffix.ids), suffix.output_states
        mask = torch.full((tokens, tokens), -torch.inf).triu(1)
        means = []
        size = max(1, PASS_TOKENS // tokens)
        for start in range(0, len(indices), size):
            spans = [cache.spans[i] for i in indices[start : start + size]]
            starts = torch.tensor([span.stop - span.start for span in spans])
            firsts = torch.arange(len(spans))[:, None] * tokens
            with runner.forward_pass():
                states = runner.states(
                    suffix.ids * len(spans),
                    (starts[:, None] + torch.arange(tokens)).flatten(),
                    PrefixAttention(cache, spans, mask),
                    (firsts + torch.arange(tokens - outputs, tokens)).flatten(),
                    True,
                ).view(len(spans), outputs, -1)
            means.append(states.float().mean(1).numpy())
        return np.concatenate(means)


def choose_candidates(code: PreparedCode, case: Case, relevance: dict[str, float]) -> list[int]:
    """Indices of the windows that are read for a question."""
    ranked = sorted(relevance, key=lambda number: -relevance[number])
    others = random.Random(case.question).sample(ranked[FIRST_CANDIDATES:], OTHER_CANDIDATES)
    chosen = {*ranked[:FIRST_CANDIDATES], *case.needed, *others}
    return [i for i, window in enumerate(code.windows) if window.number in chosen]


def fit(examples: Sequence[Example]) -> NDArray[np.float32]:
    """The probe's weights, (hidden,); each country has the same weight."""
    centred = [torch.from_numpy(one.states - one.states.mean(0)) for one in examples]
    scale = torch.cat(centred).std(0) + 1e-3
    widest = max(map(len, centred))
    states = torch.zeros(len(examples), widest, len(scale))
    targets, padding = torch.zeros(2, len(examples), widest)
    for i, (one, own) in enumerate(zip(examples, centred, strict=True)):
        states[i, : len(own)] = own / scale
        targets[i, : len(own)] = torch.from_numpy(one.targets)
        padding[i, len(own) :] = -1e9
    counts = {one.country: sum(other.country == one.country for other in examples) for one in examples}
    shares = torch.tensor([1 / counts[one.country] / len(counts) for one in examples])
    weights = torch.zeros(len(scale), requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, history_size=20)

    def loss() -> float:
        optimizer.zero_grad()
        log_probabilities = torch.log_softmax(states @ weights + padding, 1)
        value = (
            -(shares * (targets * log_probabilities).sum(1)).sum() + REGULARIZATION * weights.square().sum()
        )
        value.backward()
        return float(value)

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted: NDArray[np.float32] = (weights.detach() / scale).numpy()
    return fitted


def measure(examples: Sequence[Example], probe: NDArray[np.float32]) -> dict[str, float]:
    """MRR of the relevance, of the probe among the candidates, and of both by the probe's weight."""
    rows = []
    for one in examples:
        scores: dict[str, float] = {}
        for number, score in zip(one.numbers, (one.states @ probe).tolist(), strict=True):
            scores[number] = max(score, scores.get(number, score))
        ranked = sorted(one.relevance, key=lambda number: -one.relevance[number])
        row = {"relevance": reciprocal_rank(ranked, one.case.needed)}
        row["probe"] = reciprocal_rank(sorted(scores, key=lambda n: -scores[n]), one.case.needed)
        first, rest = ranked[:FIRST_CANDIDATES], ranked[FIRST_CANDIDATES:]
        for weight in WEIGHTS:
            fused = {number: one.relevance[number] + weight * scores[number] for number in first}
            again = sorted(first, key=lambda number: -fused[number])
            row[f"weight {weight:g}"] = reciprocal_rank([*again, *rest], one.case.needed)
        rows.append(row)
    return {name: round(statistics.fmean(row[name] for row in rows), 3) for name in rows[0]}


def print_by_law(examples: Sequence[Example], probe_of: Callable[[str], NDArray[np.float32]]) -> None:
    """`probe_of`: the probe to measure on the laws of a country."""
    for law in dict.fromkeys(one.law for one in examples):
        own = [one for one in examples if one.law == law]
        print(law, len(own), measure(own, probe_of(own[0].country)), flush=True)


def read_examples(reader: StateReader, folder: Path, questions: int, seed: int) -> list[Example]:
    """`questions` of each law, and as many training and development questions on the embedded edition."""
    chooser = random.Random(seed)

    def choose(path: Path) -> list[Case]:
        cases = [case for case in read_cases(path) if case.needed and len(case.question) < 4 * MAX_TOKENS]
        return chooser.sample(cases, min(questions, len(cases)))

    development, training = choose(EMBEDDED_DEVELOPMENT), choose(EMBEDDED_TRAINING)
    held_back = {case.id for case in development}
    examples = reader.read(EMBEDDED, None, [*training, *development], held_back)
    for path in sorted(QUESTIONS.glob("*.jsonl")):
        examples += reader.read(path.stem, next(folder.glob(f"{path.stem}.*")), choose(path), set())
    return examples


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the laws' documents")
    parser.add_argument("work", type=Path, help="folder for prefix caches and states")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--questions", type=int, default=400, help="of each law")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=PROBE)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    settings = load_settings({"model": arguments.model})
    models = load_models(settings, SilentProgress())
    with Store(arguments.work / "labourqa.db") as store:
        assistant = Assistant(replace(settings, home=arguments.work), store, models=models)
        reader = StateReader(assistant, arguments.work)
        examples = read_examples(reader, arguments.folder, arguments.questions, arguments.seed)
    fitting = [one for one in examples if not one.held_back]
    without = {
        country: fit([one for one in fitting if one.country != country])
        for country in sorted({one.country for one in examples})
    }
    print("fitted on the laws of the other countries")
    print_by_law(examples, without.__getitem__)
    probe = fit(fitting)
    held_back = [one for one in examples if one.held_back]
    print("development questions, fitted on all others", measure(held_back, probe))
    save_file(
        {"weights": probe},
        arguments.out,
        metadata={
            "revision": models.engine.info.revision,
            "depth": str(DEPTH),
            "questions": str(len(fitting)),
            "data": json.dumps(
                {
                    path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                    for path in [EMBEDDED_TRAINING, *sorted(QUESTIONS.glob("*.jsonl"))]
                }
            ),
        },
    )


if __name__ == "__main__":
    main()
