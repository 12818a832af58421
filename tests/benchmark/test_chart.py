import struct
from dataclasses import replace
from pathlib import Path

import pytest

from labourqa.benchmark.chart import draw_chart
from labourqa.benchmark.results import RefusedMethod
from labourqa.errors import EvaluationError
from tests.benchmark.conftest import result_from_json
from tests.conftest import ROOT

ALL_METHODS = ROOT / "benchmarks" / "embedded-cpu-all.json"
WITH_SWEEP = ROOT / "benchmarks" / "embedded-cpu-sweep.json"


def png_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_methods_and_refusals_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "new" / "chart.png"
    draw_chart(result_from_json(ALL_METHODS), path)
    assert png_size(path) == (1500, 645)  # six rows
    assert list(path.parent.iterdir()) == [path]


def test_a_sweep_is_drawn_below_the_methods(tmp_path: Path) -> None:
    result = result_from_json(WITH_SWEEP)
    draw_chart(result, tmp_path / "with.png")
    draw_chart(replace(result, sweep=()), tmp_path / "without.png")
    assert png_size(tmp_path / "with.png")[1] == png_size(tmp_path / "without.png")[1] + 540


def test_a_chart_without_any_measured_method_is_drawn(tmp_path: Path) -> None:
    result = replace(result_from_json(ALL_METHODS), methods=(RefusedMethod("whole-code", "Too long."),))
    draw_chart(result, tmp_path / "chart.png")
    assert png_size(tmp_path / "chart.png") == (1500, 270)


def test_a_chart_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be written"):
        draw_chart(result_from_json(WITH_SWEEP), tmp_path)
