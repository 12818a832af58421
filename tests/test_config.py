from pathlib import Path

import pytest

from labourqa.config import (
    DATA,
    DEFAULT_EDITION,
    PROMPTS,
    REFERENCE_CASES,
    load_settings,
    read_data,
    read_prompt,
)
from labourqa.errors import InstallationError, PromptError, SettingsError
from labourqa.models.relevance import TrainedRelevance


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_flag_overrides_the_environment_which_overrides_the_file(home: Path) -> None:
    (home / "labourqa.toml").write_text('model = "file"\ntop = 3\nshortlist = 5\n')
    environ = {"LABOURQA_HOME": str(home), "LABOURQA_MODEL": "environment", "LABOURQA_TOP": "4"}
    settings = load_settings({"model": "flag", "top": None}, environ)
    assert (settings.model, settings.top, settings.shortlist) == ("flag", 4, 5)


def test_the_home_variable_says_where_everything_is_kept(home: Path) -> None:
    settings = load_settings({}, {"LABOURQA_HOME": str(home / "x")})
    assert settings.database == home / "x" / "labourqa.db"
    assert settings.models == home / "x" / "models"


def test_the_file_in_the_data_folder_counts_when_the_current_folder_has_none(home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "labourqa.toml").write_text("threshold = 0.5\nlog = false\n")
    settings = load_settings({}, {"LABOURQA_HOME": str(home / "data")})
    assert (settings.threshold, settings.log) == (0.5, False)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"cache_bits": "4"}, "cache_bits is one of 16, 8"),
        ({"cache_size": "-1"}, "cache_size is a number of gigabytes, not '-1'"),
        ({"read_seconds": "long"}, "read_seconds is a number of seconds, not 'long'"),
        ({"precision": "int2"}, "precision is one of auto, float32"),
        ({"method": "magic"}, "method is one of auto, article-cache"),
        ({"top": "0"}, "top is a whole number of at least 1"),
        ({"top": "-3"}, "top is a whole number"),
        ({"top": "9" * 5_000}, "top is a whole number"),
        ({"threshold": "high"}, "threshold is a number"),
        ({"threshold": "nan"}, "threshold is a number"),
        ({"log": "perhaps"}, "log is true or false"),
        ({"open_page": "2"}, "open_page is true or false"),
        ({"keep_days": "0"}, "keep_days is a whole number of at least 1"),
        ({"passphrase": "secret"}, "passphrase has at least 8 characters"),
        ({"model": " "}, "model is empty"),
        ({"colour": "red"}, "'colour' is not a setting"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_the_setting(
    home: Path, flags: dict[str, object], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load_settings(flags, {"LABOURQA_HOME": str(home)})


def test_a_bad_file_is_one_sentence_that_names_it(home: Path) -> None:
    (home / "labourqa.toml").write_text("model = \n")
    with pytest.raises(SettingsError, match=r"labourqa\.toml cannot be read"):
        load_settings({}, {"LABOURQA_HOME": str(home)})


def test_every_prompt_has_its_variables() -> None:
    assert "{question}" in read_prompt("filter_question", ("question",))
    with pytest.raises(PromptError, match=r"lacks \{colour\}"):
        read_prompt("filter_question", ("colour",))
    with pytest.raises(PromptError, match="cannot be read"):
        read_prompt("poem", ())


def test_the_article_stands_before_the_question_and_no_prompt_knows_the_date() -> None:
    assert "{question}" not in (PROMPTS / "filter_article.txt").read_text()
    assert "{text}" not in (PROMPTS / "filter_question.txt").read_text()
    for path in PROMPTS.glob("*.txt"):
        assert "{date}" not in path.read_text()


def test_data_is_where_the_program_looks_for_it() -> None:
    assert DEFAULT_EDITION.is_file()
    assert REFERENCE_CASES.is_file()


def test_the_checksums_of_the_data_are_those_of_its_files() -> None:
    """After training: `cd data && sha256sum labour-code-lt.en.txt *.safetensors > SHA256SUMS`."""
    for name in (
        "labour-code-lt.en.txt",
        "interaction.safetensors",
        "probe.safetensors",
        "relevance.safetensors",
        "scope.safetensors",
    ):
        assert name in (DATA / "SHA256SUMS").read_text()
        assert read_data(DATA / name)


@pytest.mark.parametrize("position", [0, 100, 2_000, -1])
def test_damaged_data_is_refused_instead_of_giving_other_answers(tmp_path: Path, position: int) -> None:
    for name in ("SHA256SUMS", "scope.safetensors"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    content = bytearray((DATA / "scope.safetensors").read_bytes())
    content[position] ^= 1
    (tmp_path / "scope.safetensors").write_bytes(content)
    with pytest.raises(InstallationError, match=r"scope\.safetensors is damaged; install labourqa again"):
        TrainedRelevance(scope=tmp_path / "scope.safetensors")
    (tmp_path / "scope.safetensors").unlink()
    with pytest.raises(InstallationError, match="cannot be read"):
        TrainedRelevance(scope=tmp_path / "scope.safetensors")
