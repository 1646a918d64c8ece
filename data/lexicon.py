"""The words of the demo corpus: every English word has one German word in its role.

Only tables and the few lines that read them; what may be built from the words is in `rules.py`.
"""

from typing import Literal, NamedTuple

Case = Literal["nominative", "accusative", "dative"]
Tense = Literal["present", "perfect", "can", "must", "should", "want"]


class Noun(NamedTuple):
    """A noun with its plural, its German gender and the tags that verbs and adjectives ask for.

    `oblique` is the German singular outside the nominative (the n-declension: der Junge, den Jungen), `pronoun` the
    English pronoun that may stand for the singular. A mass noun has no plural.
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
    """An adjective: its German form after "ist", the stem that takes endings, and the tags of nouns it suits."""

    english: str
    german: str
    stem: str
    tags: frozenset[str]


class Verb(NamedTuple):
    """A verb with its forms in both languages; `particle` is the separable part ("auf" in "aufmachen").

    `stem` is the infinitive without the particle and, German being kind here, the plural of the present too.
    `objects` are the tags of the nouns it takes, `traits` the other company it keeps (see `TRAITS`).
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
    """A preposition that suits a noun, in both languages, and the German case that it governs there."""

    noun: str
    english: str
    german: str
    case: Case
    kind: str


# english, plural, gender, German, German plural: tags. "-" is no plural, "/" sets the form of the n-declension apart.
_NOUNS = """
man men m Mann Männer: person years character mood he
woman women f Frau Frauen: person years character mood she
child children n Kind Kinder: person size mood
boy boys m Junge/Jungen Jungen: person size mood he
girl girls n Mädchen Mädchen: person size mood
teacher teachers f Lehrerin Lehrerinnen: person years character mood she
doctor doctors f Ärztin Ärztinnen: person years character she
cook cooks m Koch Köche: person years character mood he
farmer farmers m Bauer/Bauern Bauern: person years character mood he
neighbour neighbours m Nachbar/Nachbarn Nachbarn: person years character he
friend friends m Freund Freunde: person years character he
sister sisters f Schwester Schwestern: person character mood she
brother brothers m Bruder Brüder: person character mood he
uncle uncles m Onkel Onkel: person years character he
aunt aunts f Tante Tanten: person years character she
guest guests m Gast Gäste: person character mood he
dog dogs m Hund Hunde: animal years size hungry black
cat cats f Katze Katzen: animal years size hungry black
horse horses n Pferd Pferde: animal years beautiful hungry black
bird birds m Vogel Vögel: animal size beautiful hungry black
bread - n Brot -: food fresh price taste
cheese - m Käse -: food fresh price taste
cake cakes m Kuchen Kuchen: food fresh sweet taste size
apple apples m Apfel Äpfel: food fresh sweet red size
soup soups f Suppe Suppen: food cooked heat taste price
fish fish m Fisch Fische: food cooked fresh size price
coffee - m Kaffee -: drink heat price taste
tea - m Tee -: drink heat price taste
milk - f Milch -: drink heat fresh cheap
water - n Wasser -: drink heat fresh
book books n Buch Bücher: text written ware content age price
letter letters m Brief Briefe: text written content age
newspaper newspapers f Zeitung Zeitungen: text content age
story stories f Geschichte Geschichten: text written content age
door doors f Tür Türen: opening age size colour
window windows n Fenster Fenster: opening age size dirt
box boxes f Kiste Kisten: opening ware size colour heavy
suitcase suitcases m Koffer Koffer: opening ware age colour heavy
lamp lamps f Lampe Lampen: device ware age colour price
radio radios n Radio Radios: device ware age size price
computer computers m Computer Computer: device ware age price
coat coats m Mantel Mäntel: clothes ware age colour dirt
hat hats m Hut Hüte: clothes ware age colour price
shirt shirts n Hemd Hemden: clothes ware colour price dirt
jacket jackets f Jacke Jacken: clothes ware age colour dirt
picture pictures n Bild Bilder: ware gift age size beautiful
flower flowers f Blume Blumen: gift colour beautiful fresh
key keys m Schlüssel Schlüssel: ware age size
bicycle bicycles n Fahrrad Fahrräder: vehicle ware age colour dirt
car cars n Auto Autos: vehicle ware age colour price
garden gardens m Garten Gärten: sight size beautiful
house houses n Haus Häuser: room sight size age beautiful
kitchen kitchens f Küche Küchen: room size age dirt
room rooms n Zimmer Zimmer: room size dirt
school schools f Schule Schulen: sight size age
station stations m Bahnhof Bahnhöfe: sight size age
town towns f Stadt Städte: sight size beautiful
forest forests m Wald Wälder: size beautiful
park parks m Park Parks: sight size beautiful
"""

# English, German; a stem after "/" where the endings do not simply follow: the tags of the nouns it suits.
_ADJECTIVES = """
old alt: age years
new neu: age
young jung: years
big groß: size
small klein: size
red rot: colour red
blue blau: colour
white weiß: colour
black schwarz: colour black
green grün: colour
expensive teuer/teur: price
cheap billig: price cheap
beautiful schön: beautiful
heavy schwer: heavy
dirty schmutzig: dirt
clean sauber/sauber: dirt
interesting interessant: content
long lang: content
funny lustig: content
fresh frisch: fresh
sweet süß: sweet
good gut: taste
hot heiß: heat
cold kalt: heat
friendly freundlich: character
clever klug: character
tired müde/müd: mood
happy glücklich: mood
hungry hungrig: mood hungry
"""

# English forms; German forms, the particle before "|", auxiliary, case: tags of the objects: traits.
_VERBS = """
eat eats eaten; essen isst gegessen haben accusative: food: slowly quickly home with
cook cooks cooked; kochen kocht gekocht haben accusative: cooked: slowly carefully home for
drink drinks drunk; trinken trinkt getrunken haben accusative: drink: slowly quickly home with
buy buys bought; kaufen kauft gekauft haben accusative: food drink ware gift: for
read reads read; lesen liest gelesen haben accusative: text: slowly quietly home out
write writes written; schreiben schreibt geschrieben haben accusative: written: slowly carefully home for
open opens opened; auf|machen macht aufgemacht haben accusative: opening: slowly quickly carefully quietly
close closes closed; zu|machen macht zugemacht haben accusative: opening: slowly quickly carefully quietly
switch_on switches_on switched_on; an|schalten schaltet angeschaltet haben accusative: device: quickly quietly
switch_off switches_off switched_off; aus|schalten schaltet ausgeschaltet haben accusative: device: quickly quietly
put_on puts_on put_on; an|ziehen zieht angezogen haben accusative: clothes: slowly quickly
take_off takes_off taken_off; aus|ziehen zieht ausgezogen haben accusative: clothes: slowly quickly
wash washes washed; waschen wäscht gewaschen haben accusative: clothes vehicle: slowly quickly carefully
repair repairs repaired; reparieren repariert repariert haben accusative: device vehicle: quickly carefully for
sell sells sold; verkaufen verkauft verkauft haben accusative: ware food:
look_for looks_for looked_for; suchen sucht gesucht haben accusative: ware animal: out
find finds found; finden findet gefunden haben accusative: ware animal: out
bring_along brings_along brought_along; mit|bringen bringt mitgebracht haben accusative: food text gift: for
tidy_up tidies_up tidied_up; auf|räumen räumt aufgeräumt haben accusative: room: slowly quickly
see sees seen; sehen sieht gesehen haben accusative: person animal sight: out
visit visits visited; besuchen besucht besucht haben accusative: person sight:
invite invites invited; ein|laden lädt eingeladen haben accusative: person:
call calls called; an|rufen ruft angerufen haben accusative: person: quickly
pick_up picks_up picked_up; ab|holen holt abgeholt haben accusative: person: stop
feed feeds fed; füttern füttert gefüttert haben accusative: animal: slowly carefully home
help helps helped; helfen hilft geholfen haben dative: person: home
thank thanks thanked; danken dankt gedankt haben dative: person:
listen_to listens_to listened_to; zu|hören hört zugehört haben dative: person: quietly
follow follows followed; folgen folgt gefolgt sein dative: person animal: slowly quickly quietly
show shows shown; zeigen zeigt gezeigt haben accusative: ware text gift: recipient
give gives given; geben gibt gegeben haben accusative: ware gift drink: recipient
send sends sent; schicken schickt geschickt haben accusative: text gift: recipient
sleep sleeps slept; schlafen schläft geschlafen haben accusative:: beast home
sing sings sung; singen singt gesungen haben accusative:: quietly home out with
work works worked; arbeiten arbeitet gearbeitet haben accusative:: slowly quickly carefully home with
laugh laughs laughed; lachen lacht gelacht haben accusative:: quietly home with
wait waits waited; warten wartet gewartet haben accusative:: beast quietly out stop with
get_up gets_up got_up; auf|stehen steht aufgestanden sein accusative:: slowly quickly purpose
fall_asleep falls_asleep fallen_asleep; ein|schlafen schläft eingeschlafen sein accusative:: beast quickly
come_back comes_back come_back; zurück|kommen kommt zurückgekommen sein accusative:: beast slowly quickly from purpose
go goes gone; gehen geht gegangen sein accusative:: slowly quickly quietly to with purpose
run runs run; laufen läuft gelaufen sein accusative:: beast to purpose
say says said; sagen sagt gesagt haben accusative:: that
ask asks asked; fragen fragt gefragt haben accusative:: whether
know knows known; wissen weiß gewusst haben accusative:: that present
believe believes believed; glauben glaubt geglaubt haben accusative:: that present
hope hopes hoped; hoffen hofft gehofft haben accusative:: that infinitive present
try tries tried; versuchen versucht versucht haben accusative:: infinitive
promise promises promised; versprechen verspricht versprochen haben accusative:: infinitive that
"""

# noun; English and German preposition, case, kind.
_PLACES = """
garden: in in dative home; in in dative out; into in accusative to; from aus dative from
house: in_front_of vor dative out; behind hinter dative out; into in accusative to
kitchen: in in dative home; into in accusative to
room: in in dative home; into in accusative to
school: in_front_of vor dative out; behind hinter dative out; to zu dative to; from von dative from
station: at an dative stop; to zu dative to; from von dative from
town: in in dative out; into in accusative to; from aus dative from
forest: in in dative out; into in accusative to; from aus dative from
park: in in dative out; into in accusative to; from aus dative from
"""

TRAITS: dict[str, str] = {
    "slowly quickly carefully quietly": "adverbs of manner that suit the verb",
    "home out stop to from": "kinds of places that it may be joined by",
    "with for": "persons: in whose company, for whose good",
    "recipient": "a dative noun phrase beside the object",
    "beast": "animals may do it too",
    "that whether infinitive purpose": "clauses that it may govern",
    "present": "used in the present only",
}

CONTRACTIONS: dict[tuple[str, str], str] = {
    ("an", "dem"): "am",
    ("in", "das"): "ins",
    ("in", "dem"): "im",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}

# English and German, word for word.
TIMES_ANY: tuple[tuple[str, str], ...] = (("today", "heute"), ("this week", "diese Woche"))
TIMES_PRESENT: tuple[tuple[str, str], ...] = (
    ("now", "jetzt"),
    ("every day", "jeden Tag"),
    ("every evening", "jeden Abend"),
    ("on Sunday", "am Sonntag"),
    ("in the evening", "am Abend"),
    ("after lunch", "nach dem Mittagessen"),
)
MANNER: dict[str, str] = {
    "slowly": "langsam",
    "quickly": "schnell",
    "carefully": "vorsichtig",
    "quietly": "leise",
}
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


def read_nouns() -> dict[str, Noun]:
    """The nouns by their English singular."""
    nouns = {}
    for line in _NOUNS.strip().splitlines():
        forms, tags = line.split(": ")
        english, plural, gender, german, german_plural = forms.split()
        german, _, oblique = german.partition("/")
        traits = frozenset(tags.split())
        pronoun = next((word for word in ("he", "she") if word in traits), "")
        plural, german_plural = plural.strip("-"), german_plural.strip("-")
        nouns[english] = Noun(english, plural, gender, german, german_plural, oblique or german, pronoun, traits)
    return nouns


def read_adjectives() -> dict[str, Adjective]:
    """The adjectives by their English form."""
    adjectives = {}
    for line in _ADJECTIVES.strip().splitlines():
        forms, tags = line.split(": ")
        english, german = forms.split()
        german, _, stem = german.partition("/")
        adjectives[english] = Adjective(english, german, stem or german, frozenset(tags.split()))
    return adjectives


def read_verbs() -> dict[str, Verb]:
    """The verbs by their English infinitive."""
    verbs = {}
    for line in _VERBS.strip().splitlines():
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


def read_places() -> tuple[Place, ...]:
    """The places of all kinds, in the order of the table."""
    places = []
    for line in _PLACES.strip().splitlines():
        noun, uses = line.split(": ")
        for use in uses.split("; "):
            english, german, case, kind = use.split()
            governed: Case = "dative" if case == "dative" else "accusative"
            places.append(Place(noun, english.replace("_", " "), german, governed, kind))
    return tuple(places)


NOUNS = read_nouns()
ADJECTIVES = read_adjectives()
VERBS = read_verbs()
PLACES = read_places()
