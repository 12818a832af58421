"""Loads the models that answer questions: the language model's engine and the sentence encoder."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labourqa.config import Settings
from labourqa.engine.base import Engine, is_server_url
from labourqa.law.structure import Article
from labourqa.methods import METHODS, LogitScoring, Method
from labourqa.models.catalogue import MINILM
from labourqa.models.relevance import TrainedRelevance
from labourqa.models.weights import choose_model, fetch_weights, start_check
from labourqa.progress import Progress

if TYPE_CHECKING:
    from labourqa.models.encoder import (
        SentenceEncoder,  # imports torch, which is imported when models are loaded
    )


@dataclass(frozen=True)
class Models:
    """What is loaded once in a process and shared by all questions."""

    engine: Engine
    encoder: "SentenceEncoder"
    relevance: TrainedRelevance
    reason: str  # why this language model was chosen, in a few words
    load_seconds: float


def choose_model_name(settings: Settings) -> tuple[str, str]:
    """The language model that the settings mean, and the reason in one line."""
    if settings.model != "auto":
        return settings.model, "as you chose"
    import torch

    return choose_model(settings.models, has_cuda=torch.cuda.is_available())


def load_models(settings: Settings, progress: Progress) -> Models:
    """Find or fetch the models, and load them. Raises WeightsError or EngineError."""
    started = time.perf_counter()
    with _garbage_collection_paused():
        encoder_weights = fetch_weights(MINILM, settings.models, progress=progress)
        # The checks run while torch and transformers are imported.
        finish_encoder_check = start_check(encoder_weights, settings.models, progress=progress)
        name, reason = choose_model_name(settings)
        engine: Engine
        if is_server_url(name):
            from labourqa.engine.remote import RemoteEngine  # imports an HTTP client

            engine = RemoteEngine(name, api_key=settings.api_key)
        else:
            weights = fetch_weights(name, settings.models, progress=progress)
            finish_check = start_check(weights, settings.models, progress=progress)
            from labourqa.engine.local import LocalEngine

            finish_check()
            engine = LocalEngine(weights, precision=settings.precision)

        from labourqa.models.encoder import SentenceEncoder

        finish_encoder_check()
        relevance = TrainedRelevance()
        encoder = SentenceEncoder(encoder_weights, relevance)
    return Models(engine, encoder, relevance, reason, time.perf_counter() - started)


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Imports leave no garbage, but searching for it takes a seventh of a cold start, and time at exit as well."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()


def choose_scoring(models: Models, articles: Sequence[Article]) -> LogitScoring:
    """How the model scores the articles of a code.

    In the embedded edition and other versions of that law, which have trained class vectors, by likelihood instead of
    the probe: with both, needed articles other than the best one rank lower (docs/quality.md).
    """
    mode = models.engine.scoring_mode
    return "query_likelihood" if mode == "probe" and models.relevance.has_trained_classes(articles) else mode


def choose_method(name: str, engine: Engine) -> Method:
    """The method of that name; "auto" is the prefix cache where the engine supports it.

    Otherwise, on a CPU, "auto" is a shortlist, because the model is too large to read everything there.
    """
    if name == "auto":
        if engine.supports_prefix_cache:
            name = "article-cache"
        else:
            name = "shortlist" if engine.info.device == "cpu" else "token-batches-logits"
    return METHODS[name]
