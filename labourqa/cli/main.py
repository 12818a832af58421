"""The command line: results go to stdout, progress and messages to stderr. `labourqa --help` lists the commands."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from labourqa import __version__, pipeline
from labourqa.answering.conversation import Turn
from labourqa.answering.export import NOTICE, describe_edition
from labourqa.benchmark.chart import draw_chart
from labourqa.benchmark.compare import (
    BENCH_METHODS,
    compare_methods,
    read_margins,
    repeat_articles,
    sweep_batches,
    table_rows,
    write_results,
)
from labourqa.config import (
    ANSWER_KINDS,
    CACHE_BITS,
    METHODS,
    PAGE,
    PRECISIONS,
    REFERENCE_CASES,
    Settings,
    load_settings,
)
from labourqa.doctor import describe_installation
from labourqa.engine.remote import is_server
from labourqa.errors import LabourQAError, QuestionError, SettingsError
from labourqa.evaluation.cases import Case, ask_cases, published_figures, read_cases, summarize
from labourqa.law.citations import quote_reference
from labourqa.law.references import Reference, parse_reference, show_number
from labourqa.law.structure import Article
from labourqa.store.database import Store

# 19 tokens with the embedded model's tokenizer; with the template's behind it the question's part has 25.
BENCH_QUESTION = "May I be dismissed during sick leave, and how long before must notice be given in writing?"

stderr = Console(stderr=True, highlight=False, soft_wrap=True)
stdout = Console(highlight=False, markup=False, soft_wrap=True)


def run() -> None:
    """The entry point: exit status 0 done, 1 cannot be done, 2 wrong usage, 130 interrupted."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `labourqa show 117 | head -1` ends quietly
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    arguments = vars(_parser().parse_args(argv))
    command = arguments.pop("run")
    flags = {name: arguments.pop(name) for name in list(arguments) if name in _SETTING_NAMES}
    try:
        command(load_settings(flags), **arguments)
    except LabourQAError as error:
        stderr.print(Text(f"labourqa: {_printable(str(error))}"))
        return 1
    except MemoryError:
        stderr.print("labourqa: The memory does not suffice; choose a smaller model or --batch-tokens.")
        return 1
    except KeyboardInterrupt:
        stderr.print("\nlabourqa: interrupted.")
        return 130
    return 0


_SETTING_NAMES = {field.name for field in fields(Settings)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="labourqa",
        description="Ask a labour code a question; a language model reads it, and the answer cites it.",
    )
    parser.add_argument("--version", action="version", version=f"labourqa {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--model",
        help="smollm2-135m (embedded), a hub id such as meta-llama/Llama-3.2-3B-Instruct, "
        "a local folder or a GGUF file",
    )
    model.add_argument("--precision", choices=PRECISIONS, help="in which the model computes (default: auto)")
    model.add_argument("--method", choices=METHODS, help="how the articles are read (default: auto)")
    model.add_argument(
        "--cache-bits", choices=CACHE_BITS, help="of a number in the article cache (default: 16)"
    )
    asking = argparse.ArgumentParser(add_help=False, parents=[model])
    asking.add_argument(
        "--answer", choices=ANSWER_KINDS, help="the code's own words or the model's (default: auto)"
    )
    asking.add_argument("--threshold", metavar="SCORE", help="select articles from this score on")
    asking.add_argument("--top", metavar="N", help="select at most N articles")
    asking.add_argument(
        "--shortlist", metavar="N", help="articles that the model reads with --method shortlist"
    )
    asking.add_argument("--batch-tokens", metavar="N", help="token budget of one batch (default: 10000)")
    asking.add_argument(
        "--answer-tokens", metavar="N", help="a written answer is at most so long (default: 400)"
    )
    asking.add_argument("--json", action="store_true", help="print one JSON document")

    command = commands.add_parser("ask", parents=[asking], help="answer a question")
    command.add_argument("question", help='the question in plain words, or "-" to read it from stdin')
    command.set_defaults(run=_ask)

    command = commands.add_parser("chat", parents=[asking], help="answer questions and follow-up questions")
    command.set_defaults(run=_chat)

    command = commands.add_parser("ingest", parents=[model], help="read a labour code into the database")
    command.add_argument(
        "file", nargs="?", type=Path, help="text, PDF or DOCX; the embedded edition if left out"
    )
    command.set_defaults(run=_ingest)

    command = commands.add_parser("show", help="print an article, paragraph or point")
    command.add_argument("reference", help='such as 117, "144(4)" or 72^1')
    command.set_defaults(run=_show)

    command = commands.add_parser("search", help="find articles by their words")
    command.add_argument("words")
    command.set_defaults(run=_search)

    command = commands.add_parser("eval", parents=[asking], help="measure answers on a file of questions")
    command.add_argument(
        "file", nargs="?", type=Path, help="JSON lines; the four reference cases if left out"
    )
    command.add_argument("--out", type=Path, help="write one report a line; an interrupted run resumes")
    command.set_defaults(run=_eval)

    command = commands.add_parser(
        "bench", parents=[model], help="compare the ways to read the whole code, on this machine"
    )
    command.add_argument("--question", default=BENCH_QUESTION, help="what is asked (default: %(default)s)")
    command.add_argument(
        "--methods", default=",".join(BENCH_METHODS), help="which, with commas between (default: all)"
    )
    command.add_argument(
        "--articles",
        type=_whole_number,
        metavar="N",
        help="the first N; beyond the code's end it starts again",
    )
    command.add_argument(
        "--repetitions", type=_whole_number, metavar="N", default=3, help="timed runs of each (default: 3)"
    )
    command.add_argument("--batch-tokens", metavar="N", help="token budget of one batch (default: 10000)")
    command.add_argument("--batch-articles", metavar="N", help="articles of a fixed batch (default: 8)")
    command.add_argument("--sweep", action="store_true", help="try other sizes of batches as well")
    command.add_argument(
        "--out",
        type=Path,
        help="where the JSON result goes, and beside it the chart (default: the data folder)",
    )
    command.add_argument("--json", action="store_true", help="print the JSON document")
    command.set_defaults(run=_bench)

    command = commands.add_parser("models", help="list, fetch or check model files")
    command.add_argument("action", nargs="?", choices=("list", "fetch", "verify"), default="list")
    command.add_argument("name", nargs="?", help="a model; the embedded ones if left out")
    command.set_defaults(run=_models)

    command = commands.add_parser("history", help="list the questions asked on this machine")
    command.add_argument("--erase", action="store_true", help="erase them and their answers")
    command.set_defaults(run=_history)

    command = commands.add_parser("ui", parents=[model], help="open the page in a browser")
    command.add_argument("--port", type=_whole_number, metavar="N", help="of the page (default: 8501)")
    command.set_defaults(run=_ui)

    command = commands.add_parser("doctor", parents=[model], help="say what is installed, and where")
    command.set_defaults(run=_doctor)
    return parser


class _Bars:
    """Progress on stderr: bars on a terminal, and a line for what is done if `announce`."""

    def __init__(self, *, announce: bool = True, show_text: bool = False) -> None:
        self._announce = announce
        self._show_text = show_text
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=stderr,
            transient=True,
        )

    def __enter__(self) -> "_Bars":
        if stderr.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def show_done(self, what: str, done: float, total: int | None = None) -> None:
        count = f"{done:.0f} of {total}" if total else f"{100 * done:.0f} %"
        whole = total or 1
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=whole, count=count)
            if self._announce and not total and not stderr.is_terminal:
                stderr.print(what)  # no bar shows it
        self._progress.update(self._tasks[what], completed=done, total=whole, count=count)
        if done >= whole:
            self._progress.remove_task(self._tasks.pop(what))
            if self._announce and (total or stderr.is_terminal):
                stderr.print(f"{count} {what}" if total else what)

    def show_text(self, piece: str) -> None:
        if self._show_text:
            self._stop()
            _print(piece, end="")

    def _stop(self) -> None:
        if stderr.is_terminal:  # elsewhere there is no bar, and rich would print an empty line
            self._progress.stop()


def _ask(settings: Settings, *, question: str, json: bool) -> None:
    if question == "-":
        question = _read_stdin()
    question = pipeline.check_question(question)  # before minutes are spent on loading
    with Store(settings.database) as store, _Bars(show_text=not json) as bars:
        pipeline.open_edition(store)
        models = pipeline.load_models(settings, bars)
        _say_model(models)
        report = pipeline.ask(
            question,
            settings=settings,
            store=store,
            models=models,
            progress=bars,
            load_seconds=models.load_seconds,
        ).to_json()
        if settings.log:
            store.log_answer(report)
    if json:
        _print_json(report)
    else:
        _print_answer(report)
    _print_seconds(report)


def _chat(settings: Settings, *, json: bool) -> None:
    """One question a line, until the end of the input."""
    before = conversation = None
    with Store(settings.database) as store:
        pipeline.open_edition(store)
        with _Bars() as bars:
            models = pipeline.load_models(settings, bars)
        _say_model(models)
        stderr.print("Ask, and ask on; an empty line begins a new subject, Ctrl-D ends.")
        while True:
            if sys.stdin.isatty():
                stderr.print("> ", end="")
            line = sys.stdin.readline()
            if not line:
                return
            if not line.strip():
                before = conversation = None
                continue
            try:
                with _Bars(announce=False, show_text=not json) as bars:
                    report = pipeline.ask(
                        line, settings=settings, store=store, models=models, progress=bars, before=before
                    )
            except QuestionError as error:
                stderr.print(Text(_printable(str(error))))
                continue
            before = Turn(report.understood, report.selection.selected)
            document = report.to_json()
            if settings.log:
                _, conversation = store.log_answer(document, conversation)
            if json:
                _print_json(document)
            else:
                _print_answer(document)
            _print_seconds(document)


def _ingest(settings: Settings, *, file: Path | None) -> None:
    with Store(settings.database) as store, _Bars() as bars:
        edition = pipeline.ingest(store, file)
        articles = store.articles(edition)
        _print(f"{edition}: {len(articles)} articles, {_numbers(articles)}")
        models = pipeline.load_models(settings, bars)
        pipeline.prepare(store, edition, articles, settings=settings, models=models, progress=bars)
        tokens = sum(store.token_counts(edition, models.engine.tokenizer_name).values())
        _print(f"{tokens:,} tokens for {models.engine.info.name}; kept in {settings.database}")


def _show(settings: Settings, *, reference: str) -> None:
    wanted = parse_reference(reference)
    with Store(settings.database) as store:
        edition = pipeline.open_edition(store)
        article = store.article(edition, wanted.article)
        if wanted.paragraph or wanted.point:
            words = quote_reference(wanted, [article])
            _print(f"{wanted}  {article.title}\n\n{words}")
        else:
            for heading in filter(None, (article.part, article.chapter, article.section)):
                _print(heading)
            _print(f"\nArticle {show_number(article.number)}. {article.title}\n\n{article.text}")
            if referring := store.references_to(edition, article.number):
                _print(f"\nReferred to in: {', '.join(f'Art. {show_number(n)}' for n in referring)}")
        _print(f"\n{edition}")


def _search(settings: Settings, *, words: str) -> None:
    with Store(settings.database) as store:
        found = store.search_articles(pipeline.open_edition(store), words)
    if not found:
        raise QuestionError(f"No article contains all of: {words}")
    for number, title, excerpt in found:
        _print(f"Art. {show_number(number)}  {title}\n    {' '.join(excerpt.split())}")


def _eval(settings: Settings, *, file: Path | None, out: Path | None, json: bool) -> None:
    cases = read_cases(file or REFERENCE_CASES)
    with Store(settings.database) as store, _Bars(announce=False) as bars:
        edition = pipeline.open_edition(store)
        models = pipeline.load_models(settings, bars)
        _say_model(models)
        reports = ask_cases(
            cases, settings=settings, store=store, edition=edition, models=models, progress=bars, out=out
        )
    summary = summarize(cases, reports)
    if json:
        _print_json({"summary": summary, "published": published_figures(), "reports": reports})
    else:
        if file is None:
            _print_reference_cases(cases, reports)
        _print_summary(summary)


def _bench(
    settings: Settings,
    *,
    question: str,
    methods: str,
    articles: int | None,
    repetitions: int,
    sweep: bool,
    out: Path | None,
    json: bool,
) -> None:
    question = pipeline.check_question(question)
    wanted = [name.strip() for name in methods.split(",")]
    if unknown := [name for name in wanted if name not in BENCH_METHODS]:
        raise SettingsError(f"methods are {', '.join(BENCH_METHODS)}, not {unknown[0]!r}.")
    out = out or settings.home / "benchmarks" / f"{datetime.now():%Y-%m-%d-%H%M%S}.json"
    if out.suffix != ".json":
        raise SettingsError(f"--out names a .json file, not {out.name!r}; the chart goes beside it.")
    write_results({}, out)  # before many minutes are spent on what could not be written
    with Store(settings.database) as store, _Bars(announce=False) as bars:
        code = store.articles(pipeline.open_edition(store))
        read = repeat_articles(code, articles or len(code))
        reference = None
        models = pipeline.load_models(settings, bars)
        if not is_server(models.engine.info.device) and models.engine.info.dtype != "float32":
            exact = pipeline.load_models(replace(settings, precision="float32"), bars)
            reference = read_margins(read, question, exact.engine, show_done=bars.show_done)
            del exact
        _say_model(models)
        # Before the article cache is opened: its pages would count as memory of the batches.
        swept = sweep_batches(read, question, models.engine, show_done=bars.show_done) if sweep else None
        results = compare_methods(
            read,
            question,
            models.engine,
            methods=wanted,
            repetitions=repetitions,
            batch_tokens=settings.batch_tokens,
            batch_articles=settings.batch_articles,
            cache_folder=settings.article_cache,
            cache_bits=settings.cache_bits,
            reference_margins=reference,
            show_done=bars.show_done,
        )
    if swept:
        results["sweep"] = swept
    write_results(results, out)
    draw_chart(results, out.with_suffix(".png"))
    if json:
        _print_json(results)
    else:
        _print_table(table_rows(results))
        for method in results["methods"]:
            if "refused" in method:
                _print(f"{method['method']}: {method['refused']}")
    stderr.print(Text(f"{out} and {out.with_suffix('.png').name} written"))


def _models(settings: Settings, *, action: str, name: str | None) -> None:
    from labourqa.models.weights import EMBEDDED, fetch_weights, find_weights, verify_weights

    names = [name] if name else list(EMBEDDED)
    with _Bars() as bars:
        for one in names:
            if action == "fetch":
                weights = fetch_weights(one, settings.models, show_progress=bars.show_done)
                _print(f"{one}: {weights.folder}")
                continue
            found = find_weights(one, settings.models)
            if found is None:
                _print(f"{one}: not here yet; `labourqa models fetch {one}` fetches it")
            elif action == "verify":
                verify_weights(found)
                _print(f"{one}: as it should be")
            else:
                _print(f"{one}: {found.folder} ({found.revision})")


def _history(settings: Settings, *, erase: bool) -> None:
    with Store(settings.database) as store:
        if erase:
            _print(f"{store.erase_answers()} answers erased.")
            return
        for asked_at, question in store.answers():
            _print(f"{asked_at[:16].replace('T', ' ')}  {question}")


def _doctor(settings: Settings) -> None:
    with Store(settings.database) as store:
        for key, value in describe_installation(settings, store).items():
            _print(f"{key:<13} {value}")


def _ui(settings: Settings, *, port: int | None) -> None:
    """Serve the page, which reads the settings anew: what was chosen here goes through the environment."""
    from streamlit.web.cli import main as streamlit

    with Store(settings.database) as store:
        pipeline.open_edition(store)  # what is wrong with the database is said here
    for name in ("model", "precision", "method", "cache_bits"):
        os.environ[f"LABOURQA_{name.upper()}"] = str(getattr(settings, name))
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a visitor who goes away must not end the server
    options = [f"--server.port={port}"] if port else []
    streamlit(["run", str(PAGE), *options], standalone_mode=False)


def _whole_number(text: str) -> int:
    """For argparse, which words the error."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def _read_stdin() -> str:
    try:
        return sys.stdin.read(10 * pipeline.QUESTION_CHARACTERS)
    except UnicodeDecodeError as error:
        raise QuestionError("The question on stdin is not UTF-8 text.") from error


def _say_model(models: pipeline.Models) -> None:
    info = models.engine.info
    stderr.print(Text(f"{info.name} in {info.dtype} on {info.device} ({models.reason})"))


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """The first column to the left, numbers to the right; nothing is cut off, however narrow the terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        _print("  ".join([first.ljust(widths[0]), *cells]).rstrip())


def _print_answer(report: dict[str, Any]) -> None:
    answer = report["answer"]
    if report["understood"] != report["question"]:
        _print(f"Understood as: {report['understood']}\n")
    for reference in report["unknown"]:
        _print(f"The {report['edition']['code']} has no {reference}.")
    _print("" if answer["kind"] == "written" else answer["text"])  # a written one was streamed
    titles = {article["number"]: article["title"] for article in report["articles"]}
    if report["selected"]:
        _print("\nSources")
        for number in report["selected"]:
            _print(f"  Art. {show_number(number)}  {titles[number]}")
    if report["related"]:
        _print("\nReferred to there")
        for place in report["related"]:
            reference = Reference(place["article"], place["paragraph"], place["point"])
            _print(f"  {reference}  {titles[place['article']]}")
    if doubted := [statement for statement in answer["statements"] if statement["doubts"]]:
        _print("\nNot borne out by the law")
        for statement in doubted:
            _print(f"  {statement['text']}\n    ({'; '.join(statement['doubts'])})")
    if not answer["complete"]:
        limit = report["settings"]["answer_tokens"]
        _print(f"  The answer stopped at its limit of {limit} tokens; --answer-tokens raises it.")
    _print(f"\n{describe_edition(report)}. {NOTICE}")


def _print_seconds(report: dict[str, Any]) -> None:
    seconds, tokens = report["seconds"], report["tokens"]
    stderr.print(
        f"{report['read']} of {len(report['articles'])} articles read by the model "
        f"({tokens['filter']:,} tokens, {report['method']}), {len(report['selected'])} selected"
    )
    stages = ("load", "tokenize", "filter", "answer", "total")
    stderr.print("seconds: " + ", ".join(f"{stage} {seconds[stage]:.1f}" for stage in stages))
    stderr.print(f"peak memory: {report['peak_memory_bytes'] / 1e9:.1f} GB")


def _print_reference_cases(cases: Sequence[Case], reports: Sequence[dict[str, Any]]) -> None:
    figures = published_figures()
    filter_seconds = figures["filter_seconds"]["token-batches"]
    answer_seconds = "{} to {}".format(*figures["answer_seconds"])
    _print(f"In brackets: what was published ({figures['model']}, {figures['device']}).")
    for case, report in zip(cases, reports, strict=True):
        assert case.published is not None
        named, selected = case.published["answer_articles"], report["selected"]
        seconds, tokens = report["seconds"], report["tokens"]
        found = [number for number in named if number in selected]
        _print(
            f"\n{case.id}: {case.question}\n"
            f"  selected  {len(selected)} [{case.published['selected']}]: {' '.join(selected) or 'none'}\n"
            f"  of those named in the published answer: {' '.join(found) or 'none'} [{' '.join(named)}]\n"
            f"  seconds   load {seconds['load']:.1f}, filter {seconds['filter']:.1f} [{filter_seconds}], "
            f"answer {seconds['answer']:.1f} [{answer_seconds}], total {seconds['total']:.1f}\n"
            f"  tokens    filter {tokens['filter']:,}, answer {tokens['with_cache']:,} "
            f"({tokens['without_cache']:,} without a KV cache)\n"
        )
        _print(report["answer"]["text"])
    _print("")


def _print_summary(summary: dict[str, Any]) -> None:
    def show(value: object) -> str:
        return "undefined" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"

    intervals = summary["intervals"]
    for name, value in [*summary["selection"].items(), *summary.items()]:
        if name in intervals:
            low, high = intervals[name]
            _print(f"{name}: {show(value)} ({low:.3f} to {high:.3f})")
        elif name in ("median_seconds", "tokens"):
            _print(f"{name}: " + ", ".join(f"{key} {show(item)}" for key, item in value.items()))
        elif name == "by_style":
            for style, means in value.items():
                shown = means["selection"] | {"facts_stated": means["facts_stated"]}
                chosen = (
                    f"{key} {show(shown.get(key))}"
                    for key in ("mrr", "recall_at_10", "recall", "facts_stated")
                )
                _print(f"{style}: {means['questions']} questions, " + ", ".join(chosen))
        elif name not in ("selection", "intervals", "worst"):
            _print(f"{name}: {show(value)}")


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))  # noqa: T201  # rich would wrap it


def _numbers(articles: Sequence[Article]) -> str:
    return f"Art. {show_number(articles[0].number)} to {show_number(articles[-1].number)}"


def _print(text: str, end: str = "\n") -> None:
    """Print a result. Law, questions and replies are untrusted, so what a terminal would obey is left out."""
    stdout.print(_printable(text), end=end)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable() or character in "\n\t")
