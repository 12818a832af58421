from labourqa.benchmark.table import table_rows
from tests.benchmark.conftest import result_from_json
from tests.conftest import ROOT


def test_the_table_has_a_row_for_each_method() -> None:
    header, *rows = table_rows(result_from_json(ROOT / "benchmarks" / "embedded-cpu-all.json"))
    assert header == [
        "method", "seconds", "tokens", "tokens/s", "peak memory", "yes", "differ", "max diff", "rank corr.",
        "top 20 flips", "× published",
    ]  # fmt: skip
    assert rows == [
        ["whole-code", "refused", "", "", "", "", "", "", "", "", ""],
        ["one-by-one", "186.57", "101,264", "543", "1.08 GB", "3", "0", "0", "1.0000", "0", "1.18"],
        ["token-batches", "219.35", "101,778", "464", "2.40 GB", "3", "0", "", "", "", "1"],
        ["token-batches-logits", "206.94", "101,264", "489", "1.56 GB", "3", "0", "2.3e-05", "1.0000", "0", "1.06"],
        ["packed", "159.29", "101,264", "636", "1.14 GB", "3", "0", "1.7e-05", "1.0000", "0", "1.38"],
        ["article-cache", "11.48", "6,425", "560", "3.32 GB", "3", "0", "0.0019", "1.0000", "0", "19.1"],
    ]  # fmt: skip


def test_without_the_published_method_there_is_no_ratio() -> None:
    _, row = table_rows(result_from_json(ROOT / "benchmarks" / "embedded-cpu-8bit.json"))
    assert row == ["article-cache", "11.41", "6,425", "563", "2.48 GB", "2", "1", "0.094", "0.9904", "1", ""]
