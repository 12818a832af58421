"""Damage: bytes overwritten in the database, the weights, the prefix cache and the settings, and full disks."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labourqa.config import Settings, load_settings
from labourqa.errors import SettingsError
from labourqa.models.catalogue import SMOLLM2
from labourqa.models.package_index import find_changed_file
from scripts.campaign_parts.common import (
    ANSWER,
    QUESTION,
    Budget,
    Done,
    Tally,
    finish,
    look,
    make_home,
    run_here,
    start,
)

PAGE_BYTES = 4096
WEIGHT_REGIONS = 64
COMMANDS = (("show", "3"), ("search", "overtime"), ("ask", QUESTION))
EXPECTED = (ANSWER, "Art. 4", ANSWER)


def damage_database(budget: Budget, most: int) -> Tally:
    """Overwrite bytes in every page; each command gives what was stored, or says what is damaged or lost."""
    base = make_home(budget.folder / "base")
    content = (base / "labourqa.db").read_bytes()
    pages = len(content) // PAGE_BYTES
    kinds = ("header", "one byte", "8 bytes")
    tally = Tally(f"bytes overwritten in the database, one of its {pages} pages after the other")
    outcomes = {"nothing was lost": 0, "the code is to be ingested again": 0, "nothing could be read": 0}
    for number in budget.rounds(min(most, len(kinds) * pages)):
        page, kind = number % pages, kinds[number // pages]
        home = budget.folder / str(number)
        shutil.copytree(base, home)
        damaged = bytearray(content)
        used = [i for i in range(page * PAGE_BYTES, (page + 1) * PAGE_BYTES - 8) if content[i]] or [
            page * PAGE_BYTES
        ]
        start_at = page * PAGE_BYTES if kind == "header" else budget.chosen.choice(used)
        length = {"header": 100, "one byte": 1, "8 bytes": 8}[kind]
        damaged[start_at : start_at + length] = budget.chosen.randbytes(length)
        (home / "labourqa.db").write_bytes(damaged)
        problem, said = _use_damaged(home)
        tally.count(f"page {page}, {kind}: {problem}" if problem else "", said)
        if not problem:
            end = look(home)
            lost = "the code is to be ingested again" if "lost" in end else "nothing could be read"
            outcomes[lost if end else "nothing was lost"] += 1
        shutil.rmtree(home)
    tally.notes += [f"{count} times {outcome}" for outcome, count in outcomes.items() if count]
    return tally


def _use_damaged(home: Path) -> tuple[str, str]:
    """What went wrong with commands on a damaged folder, and what the first one said that failed."""
    said = ""
    is_lost = False
    for _ in range(2):  # the second time it is repaired
        for arguments, expected in zip(COMMANDS, EXPECTED, strict=True):
            done = run_here(*arguments, home=home)
            said = said or done.sentence
            is_lost = is_lost or _says_lost(done)
            if done.problem:
                return f"{arguments[0]}: {done.problem}", said
            if done.code == 0 and expected not in done.out and not is_lost:
                return f"{arguments[0]}: a wrong answer: {done.out[:80]!r}", said
            if done.code and not done.sentence:
                return f"{arguments[0]}: no sentence", said
    return "", said


def _says_lost(done: Done) -> bool:
    """Whether a command said that something was lost; then the embedded edition may answer."""
    return "was lost when the database" in done.err or "Not everything could be read back" in done.err


def damage_weights(budget: Budget, most: int) -> Tally:
    """Overwrite bytes in every region of the embedded model's weights; the check at loading must name the file."""
    tally = Tally("bytes overwritten in every region of the weights")
    source = load_settings({}).models / SMOLLM2
    if not source.is_dir():
        tally.notes.append("left out: the model is not on this machine")
        return tally
    folder = budget.folder / SMOLLM2
    shutil.copytree(source, folder)
    if find_changed_file(folder):
        tally.failures.append("undamaged weights are taken for damaged ones")
    files = [path for path in folder.iterdir() if path.name != "labourqa.json" and path.stat().st_size]
    large = max(files, key=lambda path: path.stat().st_size)
    for number in budget.rounds(most):
        path = files[number] if number < len(files) else large
        size = path.stat().st_size
        region = (number - len(files)) % WEIGHT_REGIONS
        at = budget.chosen.randrange(size) if path is not large else region * size // WEIGHT_REGIONS
        with path.open("rb+") as file:
            file.seek(at)
            [old] = file.read(1)
            file.seek(at)
            file.write(bytes([old ^ (1 << budget.chosen.randrange(8))]))
            file.flush()
            found = find_changed_file(folder)
            file.seek(at)
            file.write(bytes([old]))
        tally.count("" if found == path else f"{path.name}: a changed bit at {at} was not found")
    return tally


def damage_cache(budget: Budget, most: int) -> Tally:
    """Overwrite bytes in every region of the prefix cache, in a process with the real models."""
    tally = Tally("bytes overwritten in every region of the prefix cache")
    if not load_settings({}).models.is_dir():
        tally.notes.append("left out: the models are not on this machine")
        return tally
    home = budget.folder / "home"
    home.mkdir()
    (home / "models").symlink_to(load_settings({}).models, target_is_directory=True)
    script = Path(__file__).with_name("cache_damage.py").name.removesuffix(".py")
    process = subprocess.Popen(
        [sys.executable, "-m", f"scripts.campaign_parts.{script}", str(most), str(budget.seconds)],
        env=os.environ | {"LABOURQA_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    done = finish(process, budget.seconds + 300)
    if done.problem or done.code:
        tally.failures.append(done.problem or done.err[-200:])
    for line in done.out.splitlines():
        tally.count("" if line == "good" else line)
    return tally


def damage_settings(budget: Budget, most: int) -> Tally:
    """Overwrite bytes in labourqa.toml; the settings are read, or the error names the file."""
    tally = Tally("bytes overwritten in the settings")
    home = budget.folder / "home"
    home.mkdir()
    text = b'method = "article-cache"\ntop = 5\nread_seconds = 6.5\nlog = true\ncode = "Nowhere"\ncache_bits = 8\n'
    for number in budget.rounds(most):
        content = bytearray(text)
        at, length = number % len(text), budget.chosen.choice((1, 1, 3, 12))
        content[at : at + length] = budget.chosen.randbytes(budget.chosen.choice((0, length)))
        (home / "labourqa.toml").write_bytes(content)
        try:
            problem = "" if isinstance(load_settings({}, {"LABOURQA_HOME": str(home)}), Settings) else "?"
            said = ""
        except SettingsError as error:
            said = str(error)
            problem = "" if "labourqa.toml" in said else f"the file is not named: {said}"
        except Exception as error:  # noqa: BLE001  # what is looked for
            problem, said = f"traceback: {error!r}", ""
        tally.count(problem, said)
    return tally


def fill_disk(budget: Budget, most: int) -> Tally:
    """Let the disk fill up after each amount of writing; nothing stored is lost, and afterwards all goes on."""
    with _small_disk(budget.folder / "disk") as disk:
        how = "a disk of 12 MB" if disk else "a limit of the size of files"
        tally = Tally(f"disk full after each amount of writing ({how})")
        base = make_home(budget.folder / "base")
        for number in budget.rounds(most):
            room = number // 2 * 8192
            command = ("ask", QUESTION) if number % 2 else ("ingest", str(base / "other.txt"))
            home = (disk or budget.folder) / f"home-{number}"
            shutil.copytree(base, home)
            if disk:
                filler = disk / "filler"
                _fill(filler, os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - room)
                done = run_here(*command, home=home)
                filler.unlink()
            else:
                size = (home / "labourqa.db").stat().st_size
                done = finish(_start_limited(*command, home=home, most_bytes=size - 65536 + room))
            problem = done.problem or look(home)
            if not problem and done.code and not done.sentence:
                problem = "no sentence"
            if not problem and command[0] == "ask" and ANSWER not in done.out:
                problem = f"the answer is lost: {done.sentence}"
            again = run_here(*command, home=home)
            problem = problem or again.problem or again.sentence
            said = done.sentence or next(
                (line for line in done.err.splitlines() if "not recorded" in line), ""
            )
            tally.count(f"{command[0]} with {room} bytes: {problem}" if problem else "", said)
            shutil.rmtree(home)
    return tally


def _start_limited(*arguments: str, home: Path, most_bytes: int) -> subprocess.Popen[str]:
    """A command that may write no file larger than that."""
    return start(*arguments, home=home, CAMPAIGN_LARGEST_FILE=str(max(0, most_bytes)))


def _fill(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.write(bytes(max(0, size)))


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk in memory that only root can make; None for others."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)  # noqa: S607
