"""Fixtures of the command line's tests."""

import shutil
from pathlib import Path

import pytest

from labourqa.config import Settings
from labourqa.pipeline import open_assistant
from tests.fakes import FakeEngine, fake_models
from tests.samples import NOWHERE


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, which is also the current folder."""
    monkeypatch.setenv("LABOURQA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def embedded_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the embedded edition, which takes half a second to store."""
    settings = Settings(home=tmp_path_factory.mktemp("embedded"))
    with open_assistant(settings) as assistant:
        assistant.ingest()
    return settings.database


@pytest.fixture
def embedded_home(home: Path, embedded_database: Path) -> Path:
    """The data folder of `home`, with the embedded edition in the database."""
    shutil.copy(embedded_database, home)
    return home


@pytest.fixture
def engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Commands answer with this engine, without torch; nowhere.txt is a code of five articles."""
    (home / "nowhere.txt").write_text(NOWHERE)
    engine = FakeEngine()
    models = fake_models(engine)
    # The only place that loads models; the command line has no option for a model made of Python objects.
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: models)
    return engine
