"""Write labelled questions as hurried, polite or angry people would type them.

    python scripts/make_noisy_questions.py data/questions-dev.jsonl greeting noisy.jsonl

The kinds of noise: `greeting` (greetings and thanks around the question), `markup` (HTML or Markdown), `typos` (one
mistake in every eight words: two letters exchanged, one missing, doubled or the neighbouring key), `angry` (angry
sentences around it) and `long` (a story around it, nearly 2,000 characters in all). The labels stay as they are. The
same seed gives the same file.
"""

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path

from labourqa.answering.question import MAX_QUESTION_CHARACTERS

GREETINGS = ("Hello,", "Hi there!", "Good morning,", "Dear Sir or Madam,", "hey", "Hello everyone,")
THANKS = (
    "Thanks!",
    "Thank you in advance.",
    "Thanks a lot, Anna",
    "Many thanks!",
    "Kind regards, Tom",
    "thx",
)
TAGS = ("p", "b", "div", "span", "em", "h2")
ANGRY = (
    "I am so angry that I cannot sleep!!!",
    "This is unbelievable and a disgrace.",
    "They think that they can do whatever they want with us.",
    "I have had enough of these people.",
    "How can they treat people like this?!",
    "Nobody ever answers my e-mails.",
    "My boss is an idiot and everybody knows it.",
    "WHY DOES NOBODY CARE???",
    "I am sick and tired of all this.",
    "They laugh in your face when you ask.",
    "It has been going on for ages.",
    "Honestly, what a circus.",
)
STORY = (
    "I came to this company when my cousin told me about it, and at first it was quite pleasant.",
    "We have a big canteen, the colleagues are friendly, and the bus stops right in front of the gate.",
    "Then a new manager arrived, and since then nothing has been the same.",
    "My wife says that I should stop thinking about it and enjoy the garden.",
    "Last winter the heating broke down, and we all sat there in our coats.",
    "I was never one to complain, you can ask anybody who knows me.",
    "My neighbour, who used to be in the navy, told me to write it all down.",
    "There was a meeting about it on a Tuesday, or maybe it was a Wednesday.",
    "They promised to get back to me, and of course nothing happened.",
    "The woman in the office just shrugged and went on with her crossword.",
    "I looked on the internet, but everybody there says something different.",
    "My brother had something similar years ago, but that was in another trade.",
    "We even talked about it at Christmas, which spoiled the evening for everyone.",
    "Sometimes I think that I should have become a baker like my father.",
    "On the other hand I like the people, and the coffee is not bad either.",
    "The new printer does not work, and nobody seems to mind.",
    "I have kept all the letters in a blue folder in the kitchen.",
    "My doctor says that I should walk more and worry less.",
    "Anyway, I am not good at writing, so please excuse my style.",
    "It rained the whole week, and the car park was under water again.",
)
NEIGHBOURS = dict(
    zip("qwertyuiopasdfghjklzxcvbnm", "wqwrtyuyioasdfghjksxzcvvbn", strict=True)
)  # of each key, one beside it


def add_greeting(question: str, rng: random.Random) -> str:
    return f"{rng.choice(GREETINGS)} {question} {rng.choice(THANKS)}"


def add_markup(question: str, rng: random.Random) -> str:
    words = question.split()
    i = rng.randrange(len(words))
    if rng.random() < 0.5:
        tag = rng.choice(TAGS)
        words[i] = f"<{tag}>{words[i]}</{tag}>"
        return f'<div class="msg"><p style="color:red">{" ".join(words)}</p>&nbsp;<br/></div>'
    words[i] = f"**{words[i]}**"
    return f"# Question\n> {' '.join(words)}\n\n[source](https://example.org/forum?id={rng.randrange(10**6)})"


def add_typos(question: str, rng: random.Random) -> str:
    words = question.split(" ")
    for i, word in enumerate(words):
        if len(word) > 3 and rng.random() < 1 / 8:
            at = rng.randrange(1, len(word) - 1)
            words[i] = rng.choice(
                (
                    word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
                    word[:at] + word[at + 1 :],
                    word[:at] + word[at] + word[at:],
                    word[:at] + NEIGHBOURS.get(word[at], word[at]) + word[at + 1 :],
                )
            )
    return " ".join(words)


def add_anger(question: str, rng: random.Random) -> str:
    sentences = rng.sample(ANGRY, 6)
    return " ".join([*sentences[:4], question, *sentences[4:]])


def add_story(question: str, rng: random.Random) -> str:
    before: list[str] = []
    after: list[str] = []
    for sentence in rng.sample(STORY, len(STORY)):
        if len(" ".join([*before, question, *after, sentence])) >= MAX_QUESTION_CHARACTERS:
            break
        (before if rng.random() < 0.6 else after).append(sentence)
    return " ".join([*before, question, *after])


NOISE: dict[str, Callable[[str, random.Random], str]] = {
    "greeting": add_greeting,
    "markup": add_markup,
    "typos": add_typos,
    "angry": add_anger,
    "long": add_story,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("questions", type=Path, help="labelled questions (data/README.md)")
    parser.add_argument("noise", choices=NOISE)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with arguments.out.open("w", encoding="utf-8") as out:
        for line in arguments.questions.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            rng = random.Random(f"{arguments.seed} {fields['id']}")
            fields["question"] = NOISE[arguments.noise](fields["question"], rng)
            out.write(json.dumps(fields, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
