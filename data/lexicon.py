"""The words of the demo corpus: every English word has exactly one German translation in each role.

The long lists are in `tables.py` and are read here. `nominals.py` and `clauses.py` build phrases from the words.
"""

from typing import Literal, NamedTuple

from tables import ADJECTIVES_TABLE, NOUNS_TABLE, PLACES_TABLE, VERBS_TABLE

Case = Literal["nominative", "accusative", "dative"]
Tense = Literal["present", "perfect", "can", "must", "should", "want"]


class Noun(NamedTuple):
    """A noun with its plural, its German gender and the tags that verbs and adjectives require.

    `oblique` is the German singular outside the nominative (the n-declension: der Junge, den Jungen), `pronoun` the
    English pronoun that may replace the singular. A mass noun has no plural.
    """

    english: str
    plural: str
    gender: str
    german: str
    german_plural: str
    oblique: str
    pronoun: str
    tags: frozenset[str]


class Adjective(NamedTuple):
    """An adjective: its German form after "ist", the stem that takes endings, and the tags of the nouns it suits."""

    english: str
    german: str
    stem: str
    tags: frozenset[str]


class Verb(NamedTuple):
    """A verb with its forms in both languages; `particle` is the separable part ("auf" in "aufmachen").

    `stem` is the infinitive without the particle, which is also the plural of the present. `objects` are the tags of the
    nouns it takes, `traits` what else it combines with: places, companions, adverbs, clauses.
    """

    english: str
    third: str
    english_participle: str
    particle: str
    stem: str
    german_third: str
    participle: str
    auxiliary: str
    case: Case
    objects: frozenset[str]
    traits: frozenset[str]


class Place(NamedTuple):
    """A preposition that suits a noun, in both languages, and the German case that it governs."""

    noun: str
    english: str
    german: str
    case: Case
    kind: str


CONTRACTIONS: dict[tuple[str, str], str] = {
    ("an", "dem"): "am",
    ("in", "das"): "ins",
    ("in", "dem"): "im",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}

# English and German, unit by unit. Underscores join the words of a unit.
TIMES_ANY: tuple[tuple[str, str], ...] = (("today", "heute"), ("this week", "diese Woche"))
TIMES_PRESENT: tuple[tuple[str, str], ...] = (
    ("now", "jetzt"),
    ("every day", "jeden Tag"),
    ("every evening", "jeden Abend"),
    ("on Sunday", "am Sonntag"),
    ("in_the evening", "am Abend"),
    ("after lunch", "nach dem_Mittagessen"),
)
MANNER: dict[str, str] = {
    "slowly": "langsam",
    "quickly": "schnell",
    "carefully": "vorsichtig",
    "quietly": "leise",
}
PARTICLES = frozenset("along off on up".split())
FREQUENCY: dict[str, str] = {"often": "oft", "always": "immer", "never": "nie", "sometimes": "manchmal"}
CONJUNCTIONS: dict[str, str] = {
    "because": "weil",
    "although": "obwohl",
    "when": "wenn",
    "if": "falls",
    "while": "während",
    "before": "bevor",
    "that": "dass",
    "whether": "ob",
}
MODALS: dict[str, tuple[str, str, str, str]] = {  # English singular, plural, German singular, plural
    "can": ("can", "can", "kann", "können"),
    "must": ("must", "must", "muss", "müssen"),
    "should": ("should", "should", "sollte", "sollten"),
    "want": ("wants to", "want to", "will", "wollen"),
}
NAMES: dict[str, str] = {
    "Anna": "she",
    "Maria": "she",
    "Julia": "she",
    "Peter": "he",
    "Paul": "he",
    "Thomas": "he",
}
PRONOUNS: dict[str, dict[Case, tuple[str, str]]] = {
    "he": {"nominative": ("he", "er"), "accusative": ("him", "ihn"), "dative": ("him", "ihm")},
    "she": {"nominative": ("she", "sie"), "accusative": ("her", "sie"), "dative": ("her", "ihr")},
    "we": {"nominative": ("we", "wir"), "accusative": ("us", "uns"), "dative": ("us", "uns")},
    "they": {"nominative": ("they", "sie"), "accusative": ("them", "sie"), "dative": ("them", "ihnen")},
}


def _read_nouns() -> dict[str, Noun]:
    """Return the nouns by their English singular."""
    nouns = {}
    for line in NOUNS_TABLE.strip().splitlines():
        forms, tags = line.split(": ")
        english, plural, gender, german, german_plural = forms.split()
        german, _, oblique = german.partition("/")
        traits = frozenset(tags.split())
        pronoun = next((word for word in ("he", "she") if word in traits), "")
        plural, german_plural = plural.strip("-"), german_plural.strip("-")
        nouns[english] = Noun(english, plural, gender, german, german_plural, oblique or german, pronoun, traits)
    return nouns


def _read_adjectives() -> dict[str, Adjective]:
    """Return the adjectives by their English form."""
    adjectives = {}
    for line in ADJECTIVES_TABLE.strip().splitlines():
        forms, tags = line.split(": ")
        english, german = forms.split()
        german, _, stem = german.partition("/")
        adjectives[english] = Adjective(english, german, stem or german, frozenset(tags.split()))
    return adjectives


def _read_verbs() -> dict[str, Verb]:
    """Return the verbs by their English infinitive."""
    verbs = {}
    for line in VERBS_TABLE.strip().splitlines():
        forms, objects, traits = line.split(":")
        english, german = forms.split(";")
        base, third, english_participle = (form.replace("_", " ") for form in english.split())
        infinitive, german_third, participle, auxiliary, case = german.split()
        particle, _, stem = infinitive.rpartition("|")
        verbs[base] = Verb(
            base,
            third,
            english_participle,
            particle,
            stem,
            german_third,
            participle,
            auxiliary,
            "dative" if case == "dative" else "accusative",
            frozenset(objects.split()),
            frozenset(traits.split()),
        )
    return verbs


def _read_places() -> tuple[Place, ...]:
    """Return the places in the order of the table."""
    places = []
    for line in PLACES_TABLE.strip().splitlines():
        noun, uses = line.split(": ")
        for use in uses.split("; "):
            english, german, case, kind = use.split()
            governed: Case = "dative" if case == "dative" else "accusative"
            places.append(Place(noun, english.replace("_", " "), german, governed, kind))
    return tuple(places)


NOUNS = _read_nouns()
ADJECTIVES = _read_adjectives()
VERBS = _read_verbs()
PLACES = _read_places()
