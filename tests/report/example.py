"""A made-up comparison: several runs, any sentences, known attention weights."""

import base64
import math
import random
from pathlib import Path

from translator.decoding.settings import DecodingSettings
from translator.evaluation.comparison import Difference, GroupScore, MostDifferent, sentence_scores
from translator.evaluation.metrics import Score
from translator.jobs.compare.compare import Comparison, Row
from translator.jobs.compare.conditions import Condition
from translator.jobs.compare.evaluate import Evaluation, RunFacts
from translator.jobs.inspect.views import View
from translator.jobs.show.report import Curves, page_of
from translator.jobs.show.report_attention import MAX_MAP_BYTES, MapData, RunAttention, packed, within
from translator.jobs.translate.candidates import Candidate
from translator.runs.folder import HeldOut

DATA = Path(__file__).parent.parent.parent / "data"
HOSTILE = [
    "</script><script>alert(1)</script>",
    '<img src="https://example.org/x.png" onerror="alert(1)">',
    "{{7*7}} {% raw %} ${1+1} &amp; &lt;",
    "a \x1b[2J \x1b]0;title\x07 b \x9b31m",
    "\u202egnp.exe \u2066x\u2069 \u200f",
    "lone \ud800 and \udcff",
    "x" * 10_000,
    "<!-- <script> ]]> --> '\"` \\ \u2028 \u2029 \x00",
    "javascript:alert(1) style=color:red",
    "",
]
SIGNATURE = "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"


def demo_pairs(count: int) -> list[tuple[str, str, str]]:
    """(source, reference, kind) from the demo's test set, repeated as often as needed."""
    lines = zip(*((DATA / f"test.{side}").read_text().splitlines() for side in ("en", "de", "kind")), strict=True)
    pairs = list(lines)
    return [pairs[number % len(pairs)] for number in range(count)]


def hostile_pairs() -> list[tuple[str, str, str]]:
    """Sentences that a page must show as text and never execute."""
    return [(text, f"{text} und {text}", "<b>kind</b>") for text in HOSTILE]


def example(pairs: list[tuple[str, str, str]], names: list[str]) -> tuple[Comparison, list[Curves], list[RunAttention]]:
    """The arguments of `page_of`. Each run makes more mistakes than the one before; a third has no attention weights."""
    test = HeldOut([pair[0] for pair in pairs], [pair[1] for pair in pairs], [pair[2] for pair in pairs])
    rows = []
    for run, name in enumerate(names):
        found = evaluation(test, run, name)
        scores = sentence_scores(found.hypotheses, test.references)
        rows.append(Row(found, facts(run), test_of(run), MostDifferent([], []), scores))
    unequal = [Condition("architecture", ["transformer", *["recurrent"] * (len(names) - 1)])] if len(names) > 1 else []
    verdict = f"{names[0]} scores 3.1 BLEU above {names[-1]} (95 % interval 2.2 to 4.0, p = 0.002, paired bootstrap)."
    comparison = Comparison(verdict, 0, rows, test, DecodingSettings(), unequal)
    attention = [
        attention_of(row.evaluation, test)
        if run < 2
        else RunAttention([], 0, "it has no weights over words", [None] * len(pairs))
        for run, row in enumerate(rows)
    ]
    return comparison, [curves(run) for run in range(len(names))], attention


def example_page(pairs: list[tuple[str, str, str]], names: list[str]) -> str:
    """The page itself."""
    return page_of(*example(pairs, names))


def evaluation(test: HeldOut, run: int, name: str) -> Evaluation:
    chance = random.Random(run)
    best = [Candidate(err(target, chance, 0.03 + 0.09 * run), -1.0, -9.0, True, ()) for target in test.target]
    scores = [
        Score(metric, 97.3 - 3.1 * run, 96.2 - 3.1 * run, 98.4 - 3.1 * run, SIGNATURE)
        for metric in ("BLEU", "BLEU lc", "chrF2", "TER")
    ]
    lengths = [
        GroupScore(group, 150, 98.0 - run * (2 + place * 3))
        for place, group in enumerate(("<10 words", "10-17 words", "18-24 words", "25+ words"))
    ]
    kinds = [
        GroupScore(kind, 300, 97.0 - place - 3 * run) for place, kind in enumerate(dict.fromkeys(test.kinds or []))
    ]
    return Evaluation(name, DecodingSettings(), scores, lengths, kinds, [], best, 2.5, [], [])


def err(text: str, chance: random.Random, share: float) -> str:
    """Return the text with some words replaced, removed, repeated or moved."""
    words = text.split(" ")
    for _ in range(sum(chance.random() < share for _ in words)):
        place = chance.randrange(len(words))
        words[place : place + 1] = chance.choice([[], [words[place]] * 2, ["Hund"], [words[-1], words[place]]])
    return " ".join(words)


def facts(run: int) -> RunFacts:
    architecture = "recurrent" if run else "transformer"
    return RunFacts(architecture, 1, 1200, "step 1,200", 810751 + 100 * run, 75.2)


def test_of(run: int) -> Difference:
    return Difference(3.1 * run, 2.2 * run, 4.0 * run, 0.002 if run else 1.0)


def curves(run: int) -> Curves:
    steps = range(15, 1201, 15)
    cross_entropy = [(step, 0.2 + 0.2 * run + 2 * math.exp(-step / 300)) for step in (300, 600, 900, 1200)]
    return {
        "loss": [
            (step, 1.2 + 0.2 * run + 6.5 * math.exp(-step / (150 + 60 * run)) + 0.05 * math.sin(step)) for step in steps
        ],
        "cross_entropy": cross_entropy,
        "perplexity": [(step, math.exp(value)) for step, value in cross_entropy],
        "bleu": [(step, (97 - 3 * run) * (1 - math.exp(-step / 250))) for step in (300, 600, 900, 1200)],
        "speed": [(step, 5200 - 1500 * run + 300 * math.sin(step / 40)) for step in steps],
        "learning_rate": [
            (step, 0.006 * min(step / 150, math.cos((step - 150) / 1050 * math.pi / 2))) for step in steps
        ],
    }


def attention_of(evaluation: Evaluation, test: HeldOut) -> RunAttention:
    """Known weights: in the default view, word t attends to word t with 71 percent, and less to words further away."""
    cross = [View(layer, 2, head, 2) for layer in (1, 2) for head in (None, 1, 2)]
    cross[3] = cross[3]._replace(reason="lowest alignment error on validation, 0.108")
    views = [*cross, *(View(1, 1, head, 2, kind=kind) for kind in ("encoder", "decoder") for head in (None, 1, 2))]
    found: list[MapData | str] = []
    for source, candidate in zip(test.source, evaluation.best, strict=True):
        if not candidate.text:
            found.append("the source is empty")
            continue
        read, written = [*source.split(" "), "</s>"], [*candidate.text.split(" "), "</s>"]
        sides = {"source": read, "target": written, "previous": ["<s>", *written[:-1]]}
        words = {name: " ".join(side) for name, side in sides.items()}
        percent = [percent_of(number, view, sides) for number, view in enumerate(views)]
        weights = packed(percent[3]), packed(b"".join(percent))
        found.append(MapData(*(words | {"weights": of_views} for of_views in weights)))
    return RunAttention(views, 3, None, within(found, range(len(found)), MAX_MAP_BYTES // 2))


def unpacked(weights: str) -> list[int]:
    """Return the weights of a page, where the byte 100 + n stands for n zeros."""
    return [value for byte in base64.b64decode(weights) for value in ([0] * (byte - 100) if byte > 100 else [byte])]


def percent_of(number: int, view: View, sides: dict[str, list[str]]) -> bytes:
    """Return the weights of a view, whose diagonal is moved by its distance from the default view."""
    rows, columns = {
        "cross": ("target", "source"), "encoder": ("source", "source"), "decoder": ("target", "previous")
    }[view.kind]  # fmt: skip
    num_columns, shift = len(sides[columns]), abs(number - 3)
    percent = [
        weight(row + shift, column, num_columns) for row in range(len(sides[rows])) for column in range(num_columns)
    ]
    return bytes(percent)


def weight(row: int, column: int, num_columns: int) -> int:
    """In percent."""
    distance = abs(min(row, num_columns - 1) - column)
    return {0: 71, 1: 12, 2: 3}.get(distance, 0)
