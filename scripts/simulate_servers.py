"""How many model servers a load needs: a simulation of replicas with prefix caches, checked against measured runs.

    python scripts/simulate_servers.py --check
    python scripts/simulate_servers.py --articles 10000 --questions-a-second 0.5 --tokens-a-second 40000 \
        --request-seconds 0.0005 --cache-gigabytes 60 --out benchmarks/servers/plan.json

A server computes the tokens of a prompt that are not in its prefix cache, at a constant rate, and spends a constant
time on each request; both are fitted to two runs of scripts/bench_servers.py on one server. Questions arrive at random;
each is one request for every article, which goes to the article's own server by the same consistent hashing as in the
program. The check fits one server's runs and predicts the runs with several servers, of which one is killed.
"""

import argparse
import json
import math
import random
import statistics
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labourqa.engine.replicas import HashRing

RESULTS = Path("benchmarks/servers")
BYTES_PER_TOKEN = 112 * 1024  # keys and values of Llama 3.2 3B in 16 bits
QUESTION_TOKENS = 25  # with its part of the prompt
ARTICLE_TOKENS = 305  # of the embedded edition, on average
SIMULATED_QUESTIONS = 100


@dataclass(frozen=True)
class Load:
    articles: int
    article_tokens: float
    question_tokens: float
    questions: int
    questions_a_second: float = 0.0  # at random; 0: the next one is asked when one is answered
    at_once: int = 4  # where the rate is 0
    kill_at: int = -1  # the question at which the first server is killed


@dataclass(frozen=True)
class Speed:
    """Of one server; where servers share a processor, of one of its cores."""

    tokens_a_second: float
    request_seconds: float
    cores: float = math.inf  # that all servers share, at most one core each
    cache_tokens: float = math.inf


class Server:
    """Works off its share of each question, one question after the other."""

    def __init__(self, speed: Speed) -> None:
        self.speed = speed
        self.queue: deque[list[float]] = deque()  # question's number, seconds of work that are left
        self.cached: OrderedDict[int, None] = OrderedDict()  # articles, the one used longest ago first
        self.busy_seconds = 0.0

    def work(self, articles: Sequence[int], load: Load) -> float:
        """Seconds that a question on these articles takes, as the cache is now."""
        tokens = load.question_tokens * len(articles)
        for article in articles:
            if article not in self.cached:
                tokens += load.article_tokens
            self.cached[article] = None
            self.cached.move_to_end(article)
            if len(self.cached) * load.article_tokens > self.speed.cache_tokens:
                self.cached.popitem(last=False)
        return tokens / self.speed.tokens_a_second + len(articles) * self.speed.request_seconds


def simulate(
    load: Load, speed: Speed, replicas: int, orders: Sequence[Sequence[str]] | None = None
) -> dict[str, float]:
    """Seconds in all, and of a question; one question was asked before, so the caches are filled as far as they go.

    `orders`: the servers of each article, where they are known.
    """
    chance = random.Random(0)
    servers = {str(i): Server(speed) for i in range(replicas)}
    if orders is None:
        ring = HashRing(list(servers))
        orders = [ring.order(f"article {i}") for i in range(load.articles)]
    shares = _share_out(orders, killed="")
    for name, articles in shares.items():
        servers[name].work(articles, load)
    arrivals = [0.0] * load.questions
    for number in range(1, load.questions):
        if load.questions_a_second:
            arrivals[number] = arrivals[number - 1] + chance.expovariate(load.questions_a_second)
    asked: dict[int, float] = {}  # when, by the question's number
    parts: Counter[int] = Counter()  # of a question, that are not answered yet
    seconds: list[float] = []
    now, next_question = 0.0, 0
    while len(seconds) < load.questions:
        waiting = next_question < load.questions
        if load.questions_a_second:
            arrives = arrivals[next_question] if waiting else math.inf
        else:
            arrives = now if waiting and len(parts) < load.at_once else math.inf
        busy = [server for server in servers.values() if server.queue]
        rate = min(1.0, speed.cores / len(busy)) if busy else 1.0
        finishes = now + min((server.queue[0][1] for server in busy), default=math.inf) / rate
        then = min(arrives, finishes)
        for server in busy:
            server.queue[0][1] -= (then - now) * rate
            server.busy_seconds += then - now
        now = then
        if arrives <= finishes:
            if next_question == load.kill_at:
                _kill(next(iter(servers)), servers, orders, shares, parts, load)
            for name, articles in shares.items():
                servers[name].queue.append([next_question, servers[name].work(articles, load)])
                parts[next_question] += 1
            asked[next_question] = now
            next_question += 1
            continue
        for server in busy:
            if server.queue and server.queue[0][1] <= 1e-9:
                number = int(server.queue.popleft()[0])
                parts[number] -= 1
                if not parts[number]:
                    del parts[number]
                    seconds.append(now - asked[number])
    seconds.sort()
    return {
        "seconds": round(now, 2),
        "median": round(statistics.median(seconds), 2),
        "95th percentile": round(seconds[int(0.95 * (len(seconds) - 1))], 2),
        "share_busy": round(max(server.busy_seconds for server in servers.values()) / now, 3),
    }


def _share_out(orders: Sequence[Sequence[str]], killed: str) -> dict[str, list[int]]:
    """The articles of each server that lives."""
    shares: dict[str, list[int]] = {}
    for article, order in enumerate(orders):
        shares.setdefault(next(name for name in order if name != killed), []).append(article)
    return shares


def _kill(
    name: str,
    servers: dict[str, Server],
    orders: Sequence[Sequence[str]],
    shares: dict[str, list[int]],
    parts: Counter[int],
    load: Load,
) -> None:
    """The server's articles move to the others, with what it had not answered yet."""
    moved = {other: set(articles) for other, articles in _share_out(orders, name).items()}
    unfinished = [int(number) for number, _ in servers[name].queue]
    servers[name].queue.clear()
    lost = shares.pop(name, [])
    for number in unfinished:
        parts[number] -= 1
        for other, articles in moved.items():
            if taken := sorted(articles & set(lost)):
                servers[other].queue.append([number, servers[other].work(taken, load)])
                parts[number] += 1
    shares.clear()
    shares.update({other: sorted(articles) for other, articles in moved.items()})


def fit(result: dict[str, Any]) -> tuple[Speed, float]:
    """The speed of one server from its first run, which computed the articles, and its second, which did not.

    Also the tokens of an article.
    """
    first, second = result["runs"][:2]
    tokens = [run["prompt_tokens_of_metrics"] for run in (first, second)]
    rate = (tokens[0] - tokens[1]) / (first["seconds"] - second["seconds"])
    request_seconds = (second["seconds"] - tokens[1] / rate) / result["articles"]
    cores = result["cores"]
    return Speed(rate / cores, request_seconds * cores, cores=cores), (tokens[0] - tokens[1]) / result[
        "articles"
    ]


def check() -> dict[str, Any]:
    """Predicted and measured seconds of the runs with several servers on one machine."""
    single = json.loads((RESULTS / "llama-cpp.json").read_text())
    speed, article_tokens = fit(single)
    question_tokens = single["runs"][1]["prompt_tokens_of_metrics"] / single["articles"]
    rows = []
    for replicas in (2, 3):
        measured = json.loads((RESULTS / f"llama-cpp-{replicas}-replicas.json").read_text())
        questions = measured["questions_asked"]
        load = Load(
            measured["articles"],
            article_tokens,
            question_tokens,
            questions,
            kill_at=questions // 2,
            at_once=4,
        )
        orders = [[str(i) for i in order] for order in measured["servers_of_articles"]]
        predicted = simulate(load, speed, replicas, orders)
        rows.append(
            {
                "replicas": replicas,
                "measured_seconds": measured["seconds"],
                "predicted_seconds": predicted["seconds"],
                "measured_median": measured["seconds_of_a_question"]["median"],
                "predicted_median": predicted["median"],
            }
        )
    return {
        "tokens_a_second_of_a_core": round(speed.tokens_a_second, 1),
        "seconds_of_a_core_for_a_request": round(speed.request_seconds, 4),
        "runs": rows,
    }


def plan(options: argparse.Namespace) -> dict[str, Any]:
    """The fewest servers with which the caches hold all articles and no server is busy more than 70% of the time."""
    speed = Speed(
        options.tokens_a_second,
        options.request_seconds,
        cache_tokens=options.cache_gigabytes * 1e9 / options.bytes_per_token,
    )
    load = Load(
        options.articles, options.article_tokens, options.question_tokens, SIMULATED_QUESTIONS,
        options.questions_a_second,
    )  # fmt: skip
    prefix_bytes = options.articles * options.article_tokens * options.bytes_per_token
    rows = []
    for replicas in range(1, 65):
        rows.append({"replicas": replicas} | simulate(load, speed, replicas))
        if rows[-1]["share_busy"] < 0.7:
            break
    return {
        "options": {name: value for name, value in vars(options).items() if name not in ("check", "out")},
        "prefix_gigabytes": round(prefix_bytes / 1e9, 1),
        "replicas": rows[-1]["replicas"],
        "simulated": rows[-3:],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare with the measured runs")
    parser.add_argument("--articles", type=int, default=257)
    parser.add_argument("--article-tokens", type=float, default=ARTICLE_TOKENS)
    parser.add_argument("--question-tokens", type=float, default=QUESTION_TOKENS)
    parser.add_argument("--questions-a-second", type=float, default=1.0)
    parser.add_argument("--tokens-a-second", type=float, default=20_000.0, help="that one server computes")
    parser.add_argument(
        "--request-seconds", type=float, default=0.0, help="of each request, beside its tokens"
    )
    parser.add_argument(
        "--cache-gigabytes", type=float, default=40.0, help="that one server has for prefixes"
    )
    parser.add_argument("--bytes-per-token", type=float, default=BYTES_PER_TOKEN)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = check() if options.check else plan(options)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1, default=str) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
