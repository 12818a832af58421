"""Shared fixtures: the embedded edition, a code of three articles, and the real models, each loaded once."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from labourqa.config import DEFAULT_EDITION, Settings, load_settings
from labourqa.documents.document import Document, read_document
from labourqa.engine.startup import Models, load_models
from labourqa.law.edition import Edition
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article, Code, Paragraph, Point
from labourqa.pipeline import Assistant
from labourqa.progress import SilentProgress
from labourqa.store import Store

if TYPE_CHECKING:
    from labourqa.engine.local import LocalEngine

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"

FAST = "not model and not browser and not slow"  # the marker expression of the fast tests in scripts/start.py


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Among the fast tests, modules are not imported that have none: torch alone takes seconds to import."""
    if config.option.markexpr != FAST or not collection_path.name.startswith("test_"):
        return None
    has_none = re.search(r"^pytestmark = ", collection_path.read_text("utf-8"), re.MULTILINE)
    return True if has_none else None


# "fast" is the default; HYPOTHESIS_PROFILE=thorough searches ten times as long.
hypothesis.settings.register_profile("fast", max_examples=50, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=500, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@cache
def read_shared(name: str) -> Document:
    """The document of that name in SHARED, read once for all tests; skips the test where it is missing."""
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not on this machine")
    return read_document(SHARED / name)


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
    return store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)


@pytest.fixture(scope="session")
def code() -> Code:
    """The embedded edition."""
    return parse_code(read_document(DEFAULT_EDITION).text)


@pytest.fixture(scope="session")
def models_home() -> Path:
    """The user's own data folder, so that a second run of the tests downloads no models."""
    return load_settings({}).home


@pytest.fixture(scope="session")
def models(models_home: Path) -> Models:
    """The models as a user has them: in the precision that suits the machine."""
    return load_models(Settings(home=models_home, model="smollm2-135m"), SilentProgress())


@pytest.fixture(scope="session")
def float32_engine(models: Models, models_home: Path) -> "LocalEngine":
    """For exact comparisons: in float32, correct implementations agree to 1e-4 and generate the same tokens."""
    return _engine_in("float32", models, models_home)


@pytest.fixture(scope="session")
def bfloat16_engine(models: Models, models_home: Path) -> "LocalEngine":
    """For comparisons within bounds. Slow where the processor only emulates bfloat16."""
    return _engine_in("bfloat16", models, models_home)


def _engine_in(precision: str, models: Models, models_home: Path) -> "LocalEngine":
    """The embedded model in this precision: the engine of `models` if it has it, otherwise another one."""
    from labourqa.engine.local import LocalEngine  # imports torch, which the fast tests do without
    from labourqa.models.weights import fetch_weights

    if isinstance(models.engine, LocalEngine) and models.engine.info.dtype == precision:
        return models.engine
    return LocalEngine(fetch_weights("smollm2-135m", models_home / "models"), precision=precision)


@pytest.fixture(scope="session")
def prepared_home(models_home: Path, models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's data folder with the real models, and the embedded edition ingested and prepared."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home)
    # The user's own models and prefix caches: the caches of the embedded edition are built once, for all later runs.
    user_settings = Settings(home=models_home)
    for folder, own in (
        (user_settings.models, settings.models),
        (user_settings.prefix_caches, settings.prefix_caches),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        own.symlink_to(folder, target_is_directory=True)
    with Store(settings.database) as store:
        assistant = Assistant(settings, store, models=models)
        with assistant.prepare(assistant.ingest()):
            pass
    return home
