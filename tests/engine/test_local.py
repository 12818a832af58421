"""The engine on the real embedded model, in float32 on every machine; test_bfloat16 has the other precision."""

from pathlib import Path

import pytest
import torch

from labourqa.engine.local import LocalEngine
from labourqa.errors import EngineError, WeightsError
from labourqa.law.structure import Article, Paragraph
from labourqa.models.weights import Weights, fetch_weights
from tests.conftest import small_code
from tests.engine.helpers import score

pytestmark = pytest.mark.model

PROMPT = "Name three colours."


@pytest.fixture(scope="module")
def engine(float32_engine: LocalEngine) -> LocalEngine:
    return float32_engine


def test_the_question_is_likelier_after_the_article_that_answers_it(engine: LocalEngine) -> None:
    scores = score(engine, small_code().articles)
    assert max(scores, key=scores.__getitem__) == "2"


def test_the_engine_says_which_model_it_runs_and_how(engine: LocalEngine) -> None:
    info = engine.info
    assert (info.name, info.dtype, info.server_url) == ("smollm2-135m", "float32", "")
    assert info.revision.startswith("sha256:")
    assert info.parameters == 134_515_008
    assert info.is_small
    assert engine.scoring_mode == "probe"
    assert engine.supports_prefix_cache
    assert engine.context_tokens == 8_192
    assert engine.tokenizer_name == f"{info.name} {info.revision}"


def test_generation_is_what_transformers_generates(engine: LocalEngine) -> None:
    ids = torch.tensor([engine.tokenizer.chat(PROMPT)])
    expected = engine.runner.model.generate(ids, max_new_tokens=20, do_sample=False, pad_token_id=0)[
        0, ids.shape[1] :
    ]
    pieces = list(engine.generate(PROMPT, max_tokens=20))
    assert "".join(piece for piece, _ in pieces) == engine.tokenizer.decode(expected.tolist())
    assert sum(tokens for _, tokens in pieces) == len(expected)
    assert len(pieces) > 3  # it streams
    assert engine.count_prompt_tokens(PROMPT) == ids.shape[1]


def test_without_the_decoder_the_answer_is_the_same(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks inside: an architecture without a decoder would need another model's files."""

    def answer() -> str:
        return "".join(piece for piece, _ in engine.generate(PROMPT, max_tokens=15))

    expected = answer()
    monkeypatch.setattr(engine, "_decoder", None)
    assert answer() == expected


def test_a_character_of_several_tokens_is_shown_when_it_is_complete(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = engine.tokenizer.encode("In 𒀀 ქ!")
    assert any("\ufffd" in engine.tokenizer.decode([token]) for token in ids)  # part of a character

    class Replay:
        """A decoder that generates these tokens."""

        def generate(self, *_: object, **options: object) -> list[list[int]]:
            return [[token] for token in ids]

    monkeypatch.setattr(engine, "_decoder", Replay())  # the model itself does not write this
    pieces = list(engine.generate(PROMPT, max_tokens=20))
    assert "".join(piece for piece, _ in pieces) == "In 𒀀 ქ!"
    assert all("\ufffd" not in piece for piece, _ in pieces)
    assert sum(tokens for _, tokens in pieces) == len(ids)


@pytest.mark.parametrize(
    ("precision", "largest_difference"),
    [("float32", 0.0), ("bfloat16", 0.1), ("float16", 0.01), ("int8", 0.3), ("int4", 1.0)],
)
def test_every_precision_is_loaded_and_scores(
    engine: LocalEngine, models_home: Path, precision: str, largest_difference: float
) -> None:
    other = LocalEngine(fetch_weights("smollm2-135m", models_home / "models"), precision=precision)
    assert other.info.dtype == precision
    articles = small_code().articles
    scores = score(other, articles, batching="packed")
    expected = score(engine, articles, batching="packed")
    assert scores == pytest.approx(expected, abs=largest_difference + 1e-5)
    assert max(scores, key=scores.__getitem__) == "2"


def test_an_article_longer_than_the_context_is_one_sentence(engine: LocalEngine) -> None:
    long = Article("9", "Long", (Paragraph("1", "work " * 9_000),))
    with pytest.raises(EngineError, match="Article 9 and the question take"):
        score(engine, (long,))


def test_an_article_longer_than_the_context_is_found_before_its_cache_is_built(
    engine: LocalEngine, tmp_path: Path
) -> None:
    long = Article("9", "Long", (Paragraph("1", "work " * 9_000),))
    with pytest.raises(EngineError, match="Article 9 and the question take"):
        engine.open_prefix_cache(
            [long], scoring="yes_no", folder=tmp_path, bits=16, show_share=lambda _: None
        )
    assert list(tmp_path.iterdir()) == []


def test_a_prompt_longer_than_the_context_is_one_sentence(engine: LocalEngine) -> None:
    with pytest.raises(EngineError, match="select fewer articles with --top"):
        next(engine.generate("work " * 9_000, max_tokens=10))


def test_files_that_are_no_language_model_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(WeightsError, match="cannot be loaded as a causal language model"):
        LocalEngine(Weights("x", tmp_path, "", ""))


def test_a_sentence_encoder_is_not_taken_for_a_language_model(models_home: Path) -> None:
    with pytest.raises(WeightsError, match="minilm-l6-v2 is not a causal language model"):
        LocalEngine(fetch_weights("minilm-l6-v2", models_home / "models"))


def test_a_local_folder_gives_the_same_scores_as_the_embedded_name(
    engine: LocalEngine, models_home: Path
) -> None:
    weights = fetch_weights(str(models_home / "models" / "smollm2-135m"), models_home / "models")
    local = LocalEngine(weights, precision="float32")
    assert score(local, small_code().articles) == score(engine, small_code().articles)
