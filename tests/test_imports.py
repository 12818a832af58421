"""The package is read in one direction, and each outside library has one owner."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "labourqa"
ORDER = [
    "errors", "config", "document", "references", "articles", "store", "weights", "relevance", "batches", "engine",
    "encoder", "attention", "threads", "article_cache", "layers", "decoder", "loading", "llama", "remote",
    "selection", "language", "conversation", "citations", "verification", "answer", "report", "pipeline", "export",
    "metrics", "evaluation", "benchmark", "chart", "installation", "cli", "__main__",
]  # fmt: skip
OWNERS = {
    "sqlite_utils": {"store"},
    "sqlite3": {"store"},
    "pypdf": {"document"},
    "torch": {
        "attention", "threads", "article_cache", "layers", "decoder", "loading", "llama", "encoder", "weights",
        "pipeline", "benchmark", "installation",
    },
    "transformers": {"attention", "loading", "encoder", "weights"},
    "safetensors": {"article_cache", "loading", "relevance", "weights"},
    "matplotlib": {"chart"},
    "docx": {"export"},
    "streamlit": {"cli"},  # and the page in app/
    "huggingface_hub": {"weights"},
    "urllib": {"remote"},
    "rich": {"cli"},
    "py3langid": {"language"},
    "snowballstemmer": {"verification"},
    "argparse": {"cli"},
    "platformdirs": {"config"},
}  # fmt: skip  # weights, pipeline, benchmark and installation import torch inside the functions that need it


def imports(module: str) -> list[tuple[str, bool]]:
    """Every imported module of the package ("engine") or outside it ("torch"), and whether at the top."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    found = []
    for node in ast.walk(tree):
        top = node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found += [(f".{name}", top) for name in names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module.split(".")[0], top))
        elif isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], top) for alias in node.names]
    return found


def test_the_order_names_every_module() -> None:
    assert sorted(ORDER) == sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_what_stands_before_it(module: str) -> None:
    before = {f".{name}" for name in ORDER[: ORDER.index(module)]} | {".__version__"}
    assert {name for name, _ in imports(module) if name.startswith(".")} <= before


@pytest.mark.parametrize("module", ORDER)
def test_an_outside_library_is_imported_by_its_owners_only(module: str) -> None:
    for name, _ in imports(module):
        assert module in OWNERS.get(name, {module}), f"{module} imports {name}"


def test_the_command_line_starts_without_torch() -> None:
    code = "import sys, labourqa.cli; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
