"""Progress as a terminal and a log show it."""

import io

import pytest

from labourqa.cli.progress import TerminalProgress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def put_stderr_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called in the test itself: between a fixture and its test, pytest replaces stderr."""
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    return terminal


def test_a_log_names_each_finished_count_and_each_started_share_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TerminalProgress() as progress:
        progress.show_done("articles read", 0, 3)
        progress.show_done("articles read", 2, 3)
        progress.show_done("articles read", 3, 3)
        progress.show_done("reading the code once", 0.1)
        progress.show_done("reading the code once", 0.6)
        progress.show_done("reading the code once", 1.0)
    shown = capsys.readouterr()
    assert shown.err == "3 of 3 articles read\nreading the code once\n"
    assert shown.out == ""


def test_nothing_is_announced_when_that_is_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress(announce=False) as progress:
        progress.show_done("articles read", 3, 3)
        progress.show_done("reading the code once", 0.1)
        progress.announce = True
        progress.show_done("questions asked", 2, 2)
    assert capsys.readouterr().err == "2 of 2 questions asked\n"


def test_a_terminal_shows_a_bar_that_leaves_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = put_stderr_on_a_terminal(monkeypatch)
    with TerminalProgress() as progress:
        progress.show_done("articles read", 0, 257)
        progress.show_done("articles read", 257, 257)
        progress.show_done("reading the code once", 0.5)
        progress.show_done("reading the code once", 1)
    shown = terminal.getvalue()
    assert "0 of 257" in shown
    assert "50 %" in shown
    assert "━" in shown
    assert shown.count("257 of 257 articles read\n") == 1
    assert shown.endswith("reading the code once\n")


def test_a_bar_is_removed_when_an_error_ends_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = put_stderr_on_a_terminal(monkeypatch)

    def read() -> None:
        with TerminalProgress() as progress:
            progress.show_done("articles read", 100, 257)
            raise MemoryError

    with pytest.raises(MemoryError):
        read()
    erase_line, show_cursor = "\x1b[2K", "\x1b[?25h"
    assert terminal.getvalue().rindex(erase_line) > terminal.getvalue().rindex("100 of 257")
    assert show_cursor in terminal.getvalue()


def test_a_streamed_answer_goes_to_stdout_below_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = put_stderr_on_a_terminal(monkeypatch)
    with TerminalProgress(stream_text=True) as progress:
        progress.show_done("articles read", 2, 3)
        progress.show_text("Night work \x1b[31m")
        progress.show_text("is paid.\n")
    assert capsys.readouterr().out == "Night work [31mis paid.\n"
    assert "Night work" not in terminal.getvalue()


def test_a_written_answer_is_not_streamed_into_a_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress(stream_text=False) as progress:
        progress.show_text("Night work is paid.")
    assert capsys.readouterr().out == ""
