"""Settings and the locations of `prompts/`, `data/`, `app/`, the user's data folder and the model files.

Every setting has a default, which `labourqa.toml` (in the current folder, else in the user's data folder)
overrides, which `LABOURQA_<NAME>` in the environment overrides, which a command-line flag overrides.
"""

import hashlib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import platformdirs

from labourqa.errors import InstallationError, PromptError, SettingsError
from labourqa.methods import QUESTION_METHODS

PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8", "int4")
CACHE_BITS = ("16", "8")
ANSWER_KINDS = ("auto", "quoted", "written")

_PACKAGE = Path(__file__).parent
# `pip install` puts data/, prompts/ and app/ inside the package; a checkout keeps them beside it.
_RESOURCES = _PACKAGE if (_PACKAGE / "prompts").is_dir() else _PACKAGE.parent
DATA = _RESOURCES / "data"
PROMPTS = _RESOURCES / "prompts"
PAGE = _RESOURCES / "app" / "streamlit_app.py"
DEFAULT_EDITION = DATA / "labour-code-lt.en.txt"
REFERENCE_CASES = DATA / "reference-cases.jsonl"


@dataclass(frozen=True)
class Settings:
    """What a user can choose. `None` and "auto" mean that the program decides, by model and machine."""

    home: Path  # the data folder: database, models, prefix caches
    model: str = "auto"  # an embedded model's name, a hub id, a folder, a GGUF file or a server's URL
    precision: str = "auto"  # numeric precision of the model, one of PRECISIONS
    code: str = (
        ""  # which code answers, by name or part of it, "NAME@DATE" for an edition; "": the current one
    )
    method: str = "auto"  # how the articles are read, one of QUESTION_METHODS
    answer: str = "auto"  # one of ANSWER_KINDS
    threshold: float | None = None  # lowest score of a selected article
    top: int | None = None  # the most articles that are selected
    shortlist: int = 12  # articles that the model reads with method "shortlist"
    batch_tokens: int = 10_000  # padded tokens of one batch, as published
    batch_articles: int = 8  # articles of one batch with method "fixed-batches"
    cache_bits: Literal[16, 8] = 16  # of each number in the prefix cache
    cache_size: float | None = None  # gigabytes that all prefix caches may take; None: half of the free disk
    read_seconds: float = 6.0  # for search and reading, where a code is too large to be read whole
    answer_tokens: int = 400  # the longest written answer
    api_key: str = field(default="", repr=False)  # for a server
    log: bool = True  # store questions and answers in the database on this machine
    serve_key: str = field(default="", repr=False)  # that clients of `labourqa serve` send
    requests_per_minute: int = 120  # of each client of the server
    waiting_questions: int = 8  # of each client of the server
    question_seconds: int = 300  # after which the server gives a question up
    keep_days: int | None = None  # erase conversations that were not continued for so long; None: never
    passphrase: str = field(
        default="", repr=False
    )  # that visitors of the page enter, unless they use this machine
    open_page: bool = False  # let other machines open the page without passphrase and sign-in

    @property
    def database(self) -> Path:
        return self.home / "labourqa.db"

    @property
    def lists(self) -> Path:
        """Lists of questions that visitors uploaded, with their answers."""
        return self.home / "lists"

    @property
    def prefix_caches(self) -> Path:
        return self.home / "article-cache"

    @property
    def cache_bytes(self) -> int | None:
        """What all prefix caches together may take on disk; None: a share of the free disk."""
        return None if self.cache_size is None else int(self.cache_size * 1e9)

    @property
    def models(self) -> Path:
        return self.home / "models"


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Settings:
    """Defaults, then labourqa.toml, then LABOURQA_* variables, then `flags` that are not None.

    Raises SettingsError for an unknown setting or a value of the wrong kind.
    """
    home = Path(environ.get("LABOURQA_HOME") or platformdirs.user_data_dir("labourqa", appauthor=False))
    settings = Settings(home=home.expanduser().absolute())
    source, in_file = _read_toml(settings.home)
    values: dict[str, tuple[object, str]] = {name: (value, f" ({source})") for name, value in in_file.items()}
    for name in _SETTABLE:
        variable = f"LABOURQA_{name.upper()}"
        if text := environ.get(variable):
            values[name] = (text, f" (the variable {variable})")
    values |= {name: (value, "") for name, value in flags.items() if value is not None}
    converted = {name: _convert_from(source, name, value) for name, (value, source) in values.items()}
    return replace(settings, **converted)


def read_prompt(name: str, variables: tuple[str, ...]) -> str:
    """The text of prompts/NAME.txt. Raises PromptError unless each of `variables` occurs in it as {variable}."""
    path = PROMPTS / f"{name}.txt"
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise PromptError(f"The prompt file {path} cannot be read; install labourqa again.") from error
    for variable in variables:
        if f"{{{variable}}}" not in text:
            raise PromptError(f"The prompt file {path} lacks {{{variable}}}; put it back.")
    return text


def read_data(path: Path) -> bytes:
    """The content of a file that comes with the program, checked where SHA256SUMS in its folder names it.

    Raises InstallationError where it is missing or damaged.
    """
    sums = path.with_name("SHA256SUMS")
    try:
        content = path.read_bytes()
        lines = sums.read_text(encoding="utf-8", errors="replace").splitlines() if sums.exists() else []
    except OSError as error:
        raise InstallationError(
            f"{path} cannot be read ({error.strerror}); install labourqa again."
        ) from error
    expected = [line.partition(" ")[0] for line in lines if line.endswith(f" {path.name}")]
    if expected and expected != [hashlib.sha256(content).hexdigest()]:
        raise InstallationError(f"{path} is damaged; install labourqa again.")
    return content


@cache
def prompts_sha256() -> str:
    """One SHA-256 of all prompt files."""
    digest = hashlib.sha256()
    for path in sorted(PROMPTS.glob("*.txt")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read_toml(home: Path) -> tuple[Path, dict[str, Any]]:
    """The configuration file, and the settings in it."""
    own = home / "labourqa.toml"
    for path in (Path("labourqa.toml").absolute(), own):
        try:
            if path.is_file():
                return path, tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path} cannot be read: {error}.") from error
    return own, {}


def _convert_from(source: str, name: str, value: object) -> Any:
    """`_convert`, with the setting's source in the sentence of its error."""
    try:
        return _convert(name, value)
    except SettingsError as error:
        raise SettingsError(f"{str(error).removesuffix('.')}{source}.") from error


_CHOICES = {
    "method": QUESTION_METHODS,
    "answer": ANSWER_KINDS,
    "precision": PRECISIONS,
    "cache_bits": CACHE_BITS,
}
_WHOLE_NUMBERS = {  # name -> smallest value
    "top": 1, "shortlist": 1, "batch_tokens": 1, "batch_articles": 1, "answer_tokens": 1,
    "requests_per_minute": 1, "waiting_questions": 1, "question_seconds": 1,
    "keep_days": 1,
}  # fmt: skip
_LARGEST = 999_999_999
_AMOUNTS = {"cache_size": "gigabytes", "read_seconds": "seconds"}  # name -> unit
_PASSPHRASE_CHARACTERS = 8  # at least
_YES_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _convert(name: str, value: object) -> Any:
    """`value` converted to the type of the setting `name`. Raises SettingsError."""
    text = str(value).strip()
    if name in _CHOICES:
        if text in _CHOICES[name]:
            return int(text) if name == "cache_bits" else text
        raise SettingsError(f"{name} is one of {', '.join(_CHOICES[name])}, not {text!r}.")
    if name in _WHOLE_NUMBERS:
        if re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= _WHOLE_NUMBERS[name]:
            return int(text)
        raise SettingsError(
            f"{name} is a whole number of at least {_WHOLE_NUMBERS[name]} and at most {_LARGEST:,}, not {text[:40]!r}."
        )
    if name in ("threshold", *_AMOUNTS):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and (name == "threshold" or number >= 0):
            return number
        what = f"a number of {_AMOUNTS[name]}" if name in _AMOUNTS else "a number"
        raise SettingsError(f"{name} is {what}, not {text!r}.")
    if name in ("log", "open_page"):
        if text.lower() in _YES_NO:
            return _YES_NO[text.lower()]
        raise SettingsError(f"{name} is true or false, not {text!r}.")
    if name in ("api_key", "code", "serve_key"):
        return text
    if name == "passphrase":
        if not text or len(text) >= _PASSPHRASE_CHARACTERS:
            return text
        raise SettingsError(
            f"passphrase has at least {_PASSPHRASE_CHARACTERS} characters; choose a longer one."
        )
    if name == "model":
        if text:
            return text
        raise SettingsError("model is empty; name a model, or leave the setting out.")
    raise SettingsError(f"{name!r} is not a setting; the settings are {', '.join(_SETTABLE)}.")


_SETTABLE = tuple(setting.name for setting in fields(Settings) if setting.name != "home")
