"""Packages are ordered: each imports only those before it. Each outside library belongs to few packages."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "labourqa"
ORDER = [
    "errors", "files", "text", "memory", "progress", "methods", "config",
    "law", "documents", "models", "engine", "answering", "store", "evaluation", "ingestion", "reading", "large_code",
    "preparation", "searching", "answerer", "restoration", "pipeline",
    "benchmark", "doctor", "server", "cli", "__main__",
]  # fmt: skip
OWNERS = {
    "sqlite_utils": {"store"},
    "sqlite3": {"store"},
    "pypdfium2": {"documents"},
    "lxml": {"documents"},
    "charset_normalizer": {"documents"},
    "torch": {"engine", "models", "benchmark", "doctor"},
    "transformers": {"engine", "models"},
    "safetensors": {"engine", "models"},
    "huggingface_hub": {"models"},
    "matplotlib": {"benchmark"},
    "docx": {"answering"},
    "fpdf": {"answering"},
    "openpyxl": {"evaluation"},
    "streamlit": {"cli", "server"},  # and the page in app/
    "fastapi": {"server"},
    "starlette": {"server"},
    "uvicorn": {"server"},
    "prometheus_client": {"server"},
    "limits": {"server"},
    "mcp": {"server"},
    "urllib": {"engine", "server"},
    "rich": {"cli"},
    "click": {"cli"},
    "py3langid": {"answering", "law"},
    "snowballstemmer": {"answering", "models"},
    "platformdirs": {"config"},
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def unit(path: Path) -> str:
    """The package, or the module at the top level, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported_modules(path: Path) -> list[str]:
    """Dotted names of all imported modules; for `from a import b`, "a.b"."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names


def test_the_order_names_every_package_and_module() -> None:
    assert sorted(ORDER) == sorted({unit(path) for path in MODULES})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_package_imports_only_those_before_it(path: Path) -> None:
    allowed = {*ORDER[: ORDER.index(unit(path)) + 1], "__version__"}
    for name in imported_modules(path):
        if name.startswith("labourqa."):
            assert name.split(".")[1] in allowed, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_an_outside_library_is_imported_by_its_owners_only(path: Path) -> None:
    for name in imported_modules(path):
        owners = OWNERS.get(name.split(".")[0])
        assert owners is None or unit(path) in owners, f"{path} imports {name}"


@pytest.mark.parametrize(
    "package", sorted(path.parent for path in PACKAGE.glob("*/__init__.py")), ids=lambda p: p.name
)
def test_a_package_says_what_it_owns_and_what_it_may_import(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert docstring
    assert "may import" in docstring.lower()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["labourqa.cli.main", "labourqa.pipeline", "labourqa.server.application"])
def test_the_program_starts_without_torch(command: str) -> None:
    code = f"import sys, {command}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
