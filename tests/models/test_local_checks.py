"""Damage of models that are not embedded: the content of a file is compared with what was downloaded or loaded."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from labourqa.errors import WeightsError
from labourqa.models.weights import Weights, find_weights, start_check

CONTENT = b"weights " * 1_000


def damage(path: Path) -> None:
    """Change a byte, but neither size nor time."""
    stat = path.stat()
    path.write_bytes(b"X" + path.read_bytes()[1:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def hub_model(folder: Path) -> Weights:
    """A model as the hub's cache keeps it: the file's name is its SHA-256."""
    blob = folder / "blobs" / hashlib.sha256(CONTENT).hexdigest()
    snapshot = folder / "snapshots" / "c0ffee"
    blob.parent.mkdir()
    snapshot.mkdir(parents=True)
    blob.write_bytes(CONTENT)
    (snapshot / "model.safetensors").symlink_to(blob)
    return Weights("ada/model", snapshot, "", "c0ffee")


def test_a_damaged_file_of_the_hub_is_refused_with_what_to_do(tmp_path: Path) -> None:
    weights = hub_model(tmp_path)
    start_check(weights, tmp_path / "cache")()
    [blob] = (tmp_path / "blobs").iterdir()
    blob.write_bytes(CONTENT[:-1] + b"X")  # with another time: it is hashed at once
    with pytest.raises(WeightsError, match=f"delete {blob} and run `labourqa models fetch ada/model` again"):
        start_check(weights, tmp_path / "cache")()


def test_a_file_of_the_same_size_and_time_is_hashed_once_a_week(tmp_path: Path) -> None:
    weights = hub_model(tmp_path)
    start_check(weights, tmp_path / "cache")()
    damage(next((tmp_path / "blobs").iterdir()))
    start_check(weights, tmp_path / "cache")()  # within the week it is not noticed
    record = tmp_path / "cache" / "checked.json"
    known = json.loads(record.read_text())
    for entry in known.values():
        entry["checked"] -= 8 * 24 * 3600
    record.write_text(json.dumps(known))
    with pytest.raises(WeightsError, match="is damaged"):
        start_check(weights, tmp_path / "cache")()


def test_a_local_file_whose_content_changed_but_not_its_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    path = tmp_path / "model" / "model.safetensors"
    path.write_bytes(CONTENT)
    weights = Weights("model", path.parent, "", "files:1")
    start_check(weights, tmp_path)()
    path.write_bytes(CONTENT + b"!")  # the user's own new weights
    start_check(weights, tmp_path)()
    damage(path)
    record = tmp_path / "checked.json"
    record.write_text(record.read_text().replace('"checked": 1', '"checked": -1'))
    with pytest.raises(WeightsError, match="its content has changed, but not its time; copy it again"):
        start_check(weights, tmp_path)()


@pytest.mark.parametrize("name", ["a" * 3_000, "a\0b", "~nobody-of-this-name/model", ""])
def test_a_name_that_can_be_no_path_is_no_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="is not a model: give"):
        find_weights(name, tmp_path)


@pytest.mark.parametrize("content", ['{"broken', "[1]"])
def test_a_damaged_record_is_made_again(tmp_path: Path, content: str) -> None:
    weights = hub_model(tmp_path)
    (tmp_path / "checked.json").write_text(content)
    start_check(weights, tmp_path)()
    assert json.loads((tmp_path / "checked.json").read_text())
