"""Shared parts: the real embedded edition, a three-article code, and the real models, loaded once."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labourqa import pipeline
from labourqa.articles import Article, Code, Paragraph, Point
from labourqa.config import DEFAULT_EDITION, Settings, load_settings
from labourqa.document import read_document
from labourqa.store import Edition, Store

if TYPE_CHECKING:
    from labourqa.llama import LlamaEngine

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


def small_code() -> Code:
    """Three articles: numbered paragraphs with points, a raised number, and no numbers at all."""
    return Code(
        name="Labour Code of Nowhere",
        date="2025-01-01",
        articles=(
            Article(
                "1",
                "Kinds of Leave",
                (
                    Paragraph("1", "Leave is annual or special."),
                    Paragraph(
                        "2",
                        "Special leave is granted for:\n1) a wedding;\n2) study under Article 2^1(1).",
                        (Point("1", "a wedding;"), Point("2", "study under Article 2^1(1).")),
                    ),
                ),
                part="PART I. LEAVE",
            ),
            Article(
                "2", "Night Work", (Paragraph("", "Night work is paid at one and a half times the pay."),)
            ),
            Article("2^1", "Study", (Paragraph("1", "Study leave lasts ten days."),)),
        ),
    )


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as store:
        yield store


@pytest.fixture
def small_edition(store: Store) -> Edition:
    return store.save_code(small_code(), source="nowhere.txt", sha256="0" * 64)


@pytest.fixture(scope="session")
def models_home() -> Path:
    """The user's own model cache, so that a second run of the tests fetches nothing."""
    return load_settings({}).home


@pytest.fixture(scope="session")
def models(models_home: Path) -> pipeline.Models:
    """As a user has them: in the precision that suits the machine, which is not the same on all machines."""
    return pipeline.load_models(Settings(home=models_home, model="smollm2-135m"), pipeline.Silent())


@pytest.fixture(scope="session")
def float32_engine(models: pipeline.Models, models_home: Path) -> "LlamaEngine":
    """For what is exact: in float32 right implementations agree to 1e-4, and token by token."""
    return load_engine(models, models_home, "float32")


@pytest.fixture(scope="session")
def bfloat16_engine(models: pipeline.Models, models_home: Path) -> "LlamaEngine":
    """For test_bfloat16. Slow where the processor only emulates it: a few short articles, a few tokens."""
    return load_engine(models, models_home, "bfloat16")


def load_engine(models: pipeline.Models, models_home: Path, precision: str) -> "LlamaEngine":
    """The embedded model in this precision; that of `models` where it is the same one."""
    from labourqa.llama import LlamaEngine  # torch, which the fast tests do without
    from labourqa.weights import fetch_weights

    if isinstance(models.engine, LlamaEngine) and models.engine.info.dtype == precision:
        return models.engine
    return LlamaEngine(fetch_weights("smollm2-135m", models_home / "models"), precision=precision)


@pytest.fixture(scope="session")
def prepared_home(
    models_home: Path, models: pipeline.Models, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A user's data folder with the embedded edition ingested and prepared, and the real models in it."""
    home = tmp_path_factory.mktemp("home")
    # The user's own article cache as well: it is found by its content, or filled for all later runs.
    for folder in ("models", "article-cache"):
        (models_home / folder).mkdir(parents=True, exist_ok=True)
        (home / folder).symlink_to(models_home / folder, target_is_directory=True)
    with Store(home / "labourqa.db") as store:
        edition = pipeline.ingest(store)
        articles = store.articles(edition)
        pipeline.prepare(
            store,
            edition,
            articles,
            settings=Settings(home=home),
            models=models,
            progress=pipeline.Silent(),
        )
    return home


@pytest.fixture(scope="session")
def code() -> Code:
    from labourqa.articles import split_articles

    return split_articles(read_document(DEFAULT_EDITION).text)
