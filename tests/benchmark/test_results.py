import json
from dataclasses import replace
from pathlib import Path

import pytest

from labourqa.benchmark.memory import PeakMemory
from labourqa.benchmark.results import MethodResult, check_writable, write_results
from labourqa.errors import EvaluationError
from tests.benchmark.conftest import BENCHMARKS, result_from_json


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_the_document_has_the_fields_and_values_of_earlier_versions(path: Path) -> None:
    document = result_from_json(path).to_json()
    # As text, so that the order of the fields counts as well.
    assert json.dumps(document, indent=2, ensure_ascii=False) + "\n" == path.read_text(encoding="utf-8")


def test_the_memory_of_a_gpu_has_a_field_of_its_own() -> None:
    assert PeakMemory(5, None).to_json() == {"peak_memory_bytes": 5}
    assert PeakMemory(5, 7).to_json() == {"peak_memory_bytes": 5, "peak_device_memory_bytes": 7}


def test_the_seconds_of_a_method_are_the_median_of_the_rounds() -> None:
    method = MethodResult(
        method="packed",
        seconds=(4.0, 2.0, 30.0),
        tokens=100,
        peak_memory=PeakMemory(1, None),
        selected=0,
        decisions_that_differ=0,
        ratio_to_published=None,
        agreement=None,
    )
    assert (method.median_seconds, method.tokens_per_second) == (4.0, 25.0)
    assert (method.to_json()["seconds"], method.to_json()["seconds_all"]) == (4.0, [4.0, 2.0, 30.0])


def test_results_are_written_atomically(tmp_path: Path) -> None:
    result = replace(result_from_json(BENCHMARKS[0]), question="Ar leidžiama?")
    path = tmp_path / "new" / "results.json"
    write_results(result, path)
    assert json.loads(path.read_text(encoding="utf-8"))["question"] == "Ar leidžiama?"
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(EvaluationError, match="folder cannot be written"):
        write_results(result, tmp_path / "folder")


def test_a_path_that_cannot_be_written_is_found_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file.pdf").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file.pdf" / "results.json", tmp_path / "folder"):
        with pytest.raises(EvaluationError, match=f"{path.name} cannot be written"):
            check_writable(path)


def test_earlier_results_survive_until_new_ones_are_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    check_writable(path)
    path.write_text("earlier")
    check_writable(path)
    assert path.read_text() == "earlier"
