"""Files are written whole or not at all."""

from pathlib import Path

import pytest

from labourqa.files import write_atomically


@pytest.mark.parametrize("name", ["", "a" * 3_000])
def test_a_name_that_no_file_can_have_is_an_error_of_the_system(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"directory|too long"):
        write_atomically(Path(name), "content")
    assert not list(tmp_path.iterdir())
