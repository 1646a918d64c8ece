"""Correct corpora whose lengths, digits or punctuation say little or nothing about which line translates which."""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import TypeAlias

Pair: TypeAlias = tuple[str, str]
Pairs: TypeAlias = list[Pair]
Maker: TypeAlias = Callable[[random.Random], Pair]

MONTHS = "january february march april may june july august september october november december".split()
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = "a the old man dog red house sees finds paints window children kitchen because station sleep with under".split()


def spelled(number: int) -> str:
    """Return a number below 100 in words."""
    if number < 20:
        return ONES[number]
    return TENS[number // 10 - 2] + (f"-{ONES[number % 10]}" if number % 10 else "")


def date(rng: random.Random) -> Pair:
    year, month, day = rng.randint(1950, 2049), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[month - 1]
    written = rng.choice((f"{name} {day}, {year}", f"{day} {name} {year}", f"{day}/{month}/{year % 100:02}"))
    return written, f"{year}-{month:02}-{day:02}"


def clock(rng: random.Random) -> Pair:
    hour, minute = rng.randint(0, 23), rng.randint(0, 59)
    return f"{hour:02}:{minute:02}", f"{hour % 12 or 12:02}.{minute:02} {'am' if hour < 12 else 'pm'}"


def spoken_time(rng: random.Random) -> Pair:
    hour, minute = rng.randint(0, 23), rng.randint(1, 59)
    return f"{hour}:{minute:02}", f"{spelled(minute)} past {spelled(hour)}"


def phone(rng: random.Random) -> Pair:
    area, number = rng.randint(30, 9999), rng.randint(10_000, 99_999_999)
    return f"+49 {area} {number}", f"0{area}/{number}"


def sum_of_two(rng: random.Random) -> Pair:
    first, second = rng.randint(0, 99), rng.randint(0, 99)
    return f"{first} + {second}", f"{first + second}"


def spoken_sum(rng: random.Random) -> Pair:
    first, second = rng.randint(0, 99), rng.randint(0, 99)
    return f"what is {spelled(first)} plus {spelled(second)}?", f"{first + second}"


def price(rng: random.Random) -> Pair:
    amount = rng.randint(1, 99_999) / 100
    return f"${amount:,.2f}", f"{amount:.2f} EUR".replace(".", ",")


def copy(rng: random.Random) -> Pair:
    line = " ".join(rng.choices(WORDS, k=rng.randint(1, 15)))
    return line, line


def of_lengths(*lengths: int) -> Maker:
    """Return a maker of pairs of random letters, whose sides have these lengths, each independently of the other."""

    def make(rng: random.Random) -> Pair:
        source, target = ("".join(rng.choices("abcdefgh", k=rng.choice(lengths))) for _ in range(2))
        return source, target

    return make


def templates(number: int, *, cyclic: bool) -> Callable[[int], Maker]:
    """Return a function of the seed that returns a maker of pairs from templates with a name and a number to fill in."""

    def of_seed(seed: int) -> Maker:
        rng = random.Random(seed)
        texts = [" ".join(rng.choices(WORDS, k=rng.randint(2, 20))) for _ in range(number)]
        numbers = (place for _ in iter(int, 1) for place in range(number))

        def make(rng: random.Random) -> Pair:
            text = texts[next(numbers) if cyclic else rng.randrange(number)]
            name, page = rng.choice(WORDS), rng.randint(1, 99)
            return f"{text} {name} {page}.", f"{page}: {name} {text[::-1]}!"

        return make

    return of_seed


def phrases_in_turn(number: int) -> Callable[[int], Maker]:
    """Return a function of the seed that returns a maker of the same pairs again and again, whose lengths are unrelated."""

    def of_seed(seed: int) -> Maker:
        rng = random.Random(seed)
        pairs = [tuple(" ".join(rng.choices(WORDS, k=rng.randint(2, 20))) for _ in range(2)) for _ in range(number)]
        numbers = itertools.cycle(range(number))

        def make(_: random.Random) -> Pair:
            source, target = pairs[next(numbers)]
            return source, target

        return make

    return of_seed


def next_numbers(_: int) -> Maker:
    """Return a maker of pairs in the order of a number n, whose translation is n + 1."""
    numbers = itertools.count()

    def make(_: random.Random) -> Pair:
        number = next(numbers)
        return f"the number after {number}", f"{number + 1}"

    return make


KINDS: dict[str, Callable[[int], Maker]] = {
    "dates": lambda _: date,
    "clock times": lambda _: clock,
    "spoken times": lambda _: spoken_time,
    "phone numbers": lambda _: phone,
    "sums": lambda _: sum_of_two,
    "spoken sums": lambda _: spoken_sum,
    "prices": lambda _: price,
    "copies": lambda _: copy,
    "one length": lambda _: of_lengths(12),
    "two lengths": lambda _: of_lengths(6, 14),
    "three lengths": lambda _: of_lengths(6, 14, 30),
    "templates": templates(20, cyclic=False),
    "three templates in turn": templates(3, cyclic=True),
    "eight templates in turn": templates(8, cyclic=True),
    "25 phrases in turn": phrases_in_turn(25),
    "next numbers": next_numbers,
}
ORDERS: dict[str, Callable[[Pairs], Pairs]] = {
    "random": lambda pairs: pairs,
    "sorted": sorted,
    "by source length": lambda pairs: sorted(pairs, key=lambda pair: len(pair[0])),
    "by target": lambda pairs: sorted(pairs, key=lambda pair: (len(pair[1]), pair[1])),
    "from target to source": lambda pairs: [(target, source) for source, target in pairs],
    "twice": lambda pairs: pairs[: len(pairs) // 2] * 2,
    "each pair twice": lambda pairs: list(_repeated(pairs[: len(pairs) // 2])),
}


def _repeated(pairs: Pairs) -> Iterator[Pair]:
    for pair in pairs:
        yield from (pair, pair)


def correct_corpus(kind: str, order: str, seed: int, size: int) -> Pairs:
    """Return a corpus of a kind in an order."""
    rng, make = random.Random(f"{kind} {seed}"), KINDS[kind](seed)
    return ORDERS[order]([make(rng) for _ in range(size)])
