"""Every rule of German grammar, compared with sentences that were written and checked by hand."""

import pytest
from clauses import (
    Clause,
    after_subordinate,
    both_clauses,
    both_predicates,
    fronted,
    infinitive,
    object_relative,
    question,
    statement,
    subject_relative,
    subordinate,
)
from lexicon import ADJECTIVES, NOUNS, PLACES, VERBS
from nominals import (
    Both,
    Described,
    Name,
    NounPhrase,
    Pronoun,
    adverb,
    at_place,
    at_time,
    for_person,
    with_person,
)
from phrases import finish


def the(noun: str, adjective: str = "", determiner: str = "the", plural: bool = False) -> NounPhrase:
    return NounPhrase(determiner, adjective, NOUNS[noun], plural)


def german(phrase: object, mark: str = ".") -> str:
    return finish(phrase, mark).german  # type: ignore[arg-type]


ANNA = Name("Anna")
OPENS = Clause(ANNA, VERBS["open"], object=the("door"))
DECLENSION = [
    (the("man", "old"), "Der alte Mann", "Den alten Mann", "Dem alten Mann"),
    (the("woman", "old"), "Die alte Frau", "Die alte Frau", "Der alten Frau"),
    (the("child", "small"), "Das kleine Kind", "Das kleine Kind", "Dem kleinen Kind"),
    (the("man", "old", plural=True), "Die alten Männer", "Die alten Männer", "Den alten Männern"),
    (the("man", "old", "a"), "Ein alter Mann", "Einen alten Mann", "Einem alten Mann"),
    (the("woman", "old", "my"), "Meine alte Frau", "Meine alte Frau", "Meiner alten Frau"),
    (the("child", "small", "our"), "Unser kleines Kind", "Unser kleines Kind", "Unserem kleinen Kind"),
    (the("man", "young", "this"), "Dieser junge Mann", "Diesen jungen Mann", "Diesem jungen Mann"),
    (the("book", "new", "these", True), "Diese neuen Bücher", "Diese neuen Bücher", "Diesen neuen Büchern"),
    (the("dog", "big", "two", True), "Zwei große Hunde", "Zwei große Hunde", "Zwei großen Hunden"),
    (the("lamp", "red", "", True), "Rote Lampen", "Rote Lampen", "Roten Lampen"),
    (the("coffee", "hot", ""), "Heißer Kaffee", "Heißen Kaffee", "Heißem Kaffee"),
    (the("milk", "cold", ""), "Kalte Milch", "Kalte Milch", "Kalter Milch"),
    (the("water", "cold", ""), "Kaltes Wasser", "Kaltes Wasser", "Kaltem Wasser"),
    (the("boy", "tired"), "Der müde Junge", "Den müden Jungen", "Dem müden Jungen"),
    (the("farmer"), "Der Bauer", "Den Bauern", "Dem Bauern"),
    (the("neighbour", "", "a"), "Ein Nachbar", "Einen Nachbarn", "Einem Nachbarn"),
    (the("car", "", "", True), "Autos", "Autos", "Autos"),
    (the("apple", "expensive"), "Der teure Apfel", "Den teuren Apfel", "Dem teuren Apfel"),
    (Pronoun("he"), "Er", "Ihn", "Ihm"),
    (Pronoun("she"), "Sie", "Sie", "Ihr"),
    (Pronoun("we"), "Wir", "Uns", "Uns"),
    (Pronoun("they"), "Sie", "Sie", "Ihnen"),
    (Both(ANNA, the("boy")), "Anna und der Junge", "Anna und den Jungen", "Anna und dem Jungen"),
]


@pytest.mark.parametrize(
    ("nominal", "nominative", "accusative", "dative"), DECLENSION, ids=lambda value: str(value)[:20]
)
def test_nominals_decline(nominal: NounPhrase, nominative: str, accusative: str, dative: str) -> None:
    forms = [german(nominal.phrase(case), "") for case in ("nominative", "accusative", "dative")]
    assert forms == [nominative, accusative, dative]


PLACED = {(place.noun, place.english, place.kind): place for place in PLACES}
PHRASES = [
    (at_place(PLACED["garden", "in", "home"], the("garden")), "Im Garten"),
    (at_place(PLACED["garden", "into", "to"], the("garden", "big")), "In den großen Garten"),
    (at_place(PLACED["kitchen", "in", "home"], the("kitchen", "", "this")), "In dieser Küche"),
    (at_place(PLACED["house", "into", "to"], the("house")), "Ins Haus"),
    (at_place(PLACED["station", "at", "stop"], the("station")), "Am Bahnhof"),
    (at_place(PLACED["station", "to", "to"], the("station", "old")), "Zum alten Bahnhof"),
    (at_place(PLACED["school", "to", "to"], the("school")), "Zur Schule"),
    (at_place(PLACED["station", "from", "from"], the("station")), "Vom Bahnhof"),
    (at_place(PLACED["forest", "from", "from"], the("forest", "", "our")), "Aus unserem Wald"),
    (with_person(the("boy", "tired")), "Mit dem müden Jungen"),
    (for_person(the("neighbour")), "Für den Nachbarn"),
]


@pytest.mark.parametrize(("phrase", "expected"), PHRASES, ids=lambda value: value if isinstance(value, str) else "")
def test_prepositions_govern_their_case_and_contract_with_the_article(phrase: object, expected: str) -> None:
    assert german(phrase, "") == expected


READS = Clause(the("woman"), VERBS["read"], object=the("book", "old", "a"))
HE_HELPS = Clause(Pronoun("he"), VERBS["help"], object=the("man", "old"))
GIVES = Clause(ANNA, VERBS["give"], recipient=the("child"), object=the("book", "", "a"))
GETS_UP = Clause(the("boy", plural=True), VERBS["get up"] if "get up" in VERBS else VERBS["get_up"], plural=True)
TIRED = Clause(the("girl"), None, predicate=ADJECTIVES["tired"])
TODAY = at_time("today", "heute")
SENTENCES = [
    (statement(READS), "Die Frau liest ein altes Buch."),
    (statement(OPENS), "Anna macht die Tür auf."),
    (statement(OPENS._replace(negated=True)), "Anna macht die Tür nicht auf."),
    (statement(OPENS._replace(tense="perfect")), "Anna hat die Tür aufgemacht."),
    (statement(OPENS._replace(tense="can")), "Anna kann die Tür aufmachen."),
    (statement(OPENS._replace(tense="must", adverb=adverb("quickly"))), "Anna muss schnell die Tür aufmachen."),
    (statement(OPENS._replace(time=TODAY)), "Anna macht heute die Tür auf."),
    (fronted(OPENS._replace(time=TODAY)), "Heute macht Anna die Tür auf."),
    (statement(GETS_UP), "Die Jungen stehen auf."),
    (statement(GETS_UP._replace(tense="perfect")), "Die Jungen sind aufgestanden."),
    (statement(HE_HELPS), "Er hilft dem alten Mann."),
    (statement(HE_HELPS._replace(tense="perfect")), "Er hat dem alten Mann geholfen."),
    (statement(GIVES), "Anna gibt dem Kind ein Buch."),
    (statement(GIVES._replace(time=TODAY, tense="perfect")), "Anna hat dem Kind heute ein Buch gegeben."),
    (statement(OPENS._replace(object=Pronoun("he"), verb=VERBS["visit"], time=TODAY)), "Anna besucht ihn heute."),
    (statement(TIRED), "Das Mädchen ist müde."),
    (statement(TIRED._replace(negated=True)), "Das Mädchen ist nicht müde."),
    (subordinate("because", OPENS), "Weil Anna die Tür aufmacht."),
    (subordinate("because", OPENS._replace(tense="perfect")), "Weil Anna die Tür aufgemacht hat."),
    (subordinate("when", OPENS._replace(tense="should")), "Wenn Anna die Tür aufmachen sollte."),
    (subordinate("although", TIRED), "Obwohl das Mädchen müde ist."),
    (subordinate("that", HE_HELPS, TIRED), "Dass er dem alten Mann hilft und das Mädchen müde ist."),
    (after_subordinate(subordinate("if", TIRED), OPENS), "Falls das Mädchen müde ist, macht Anna die Tür auf."),
    (
        both_clauses(statement(OPENS), "but", statement(TIRED)),
        "Anna macht die Tür auf, aber das Mädchen ist müde.",
    ),
    (
        both_clauses(statement(TIRED), "and", after_subordinate(subordinate("if", TIRED), OPENS)),
        "Das Mädchen ist müde, und falls das Mädchen müde ist, macht Anna die Tür auf.",
    ),
    (
        both_predicates(statement(OPENS), READS._replace(subject=None)),
        "Anna macht die Tür auf und liest ein altes Buch.",
    ),
    (
        statement(OPENS._replace(subject=Described(the("man"), subject_relative(the("man"), HE_HELPS)))),
        "Der Mann, der dem alten Mann hilft, macht die Tür auf.",
    ),
    (
        statement(READS._replace(tail=object_relative(the("book"), Clause(ANNA, VERBS["buy"], tense="perfect")))),
        "Die Frau liest ein altes Buch, das Anna gekauft hat.",
    ),
    (
        statement(HE_HELPS._replace(tail=object_relative(the("man"), Clause(ANNA, VERBS["thank"])))),
        "Er hilft dem alten Mann, dem Anna dankt.",
    ),
    (
        statement(
            HE_HELPS._replace(
                object=the("man", "old", plural=True),
                tail=object_relative(the("man", plural=True), Clause(ANNA, VERBS["thank"])),
            )
        ),
        "Er hilft den alten Männern, denen Anna dankt.",
    ),
    (
        statement(Clause(ANNA, VERBS["try"], tail=infinitive(OPENS._replace(subject=None)))),
        "Anna versucht, die Tür aufzumachen.",
    ),
    (
        statement(Clause(ANNA, VERBS["go"], tail=infinitive(READS._replace(subject=None), purpose=True))),
        "Anna geht, um ein altes Buch zu lesen.",
    ),
]


@pytest.mark.parametrize(("phrase", "expected"), SENTENCES, ids=lambda value: value if isinstance(value, str) else "")
def test_german_clauses_have_their_verbs_and_commas_in_place(phrase: object, expected: str) -> None:
    assert german(phrase) == expected


@pytest.mark.parametrize(
    ("clause", "word", "expected"),
    [
        (OPENS, None, "Macht Anna die Tür auf?"),
        (OPENS._replace(tense="perfect"), None, "Hat Anna die Tür aufgemacht?"),
        (HE_HELPS._replace(time=TODAY), ("why", "warum"), "Warum hilft er heute dem alten Mann?"),
        (OPENS._replace(tense="can"), ("why", "warum"), "Warum kann Anna die Tür aufmachen?"),
    ],
)
def test_questions_have_the_verb_before_the_subject(
    clause: Clause, word: tuple[str, str] | None, expected: str
) -> None:
    assert german(question(clause, word), "?") == expected


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        (statement(OPENS._replace(negated=True)), "Anna does not open the door."),
        (statement(OPENS._replace(tense="can", negated=True)), "Anna cannot open the door."),
        (statement(OPENS._replace(time=TODAY)), "Anna opens the door today."),
        (after_subordinate(subordinate("if", TIRED), OPENS), "If the girl is tired, Anna opens the door."),
        (statement(READS._replace(object=the("apple", "", "a"))), "The woman reads an apple."),
    ],
)
def test_english_clauses_are_correct(phrase: object, expected: str) -> None:
    assert finish(phrase).english == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("verb", "order"), [("pick up", "pick {} up"), ("listen to", "listen to {}")])
def test_an_english_pronoun_stands_before_a_particle_but_not_before_a_preposition(verb: str, order: str) -> None:
    clause = Clause(ANNA, VERBS[verb], tense="can", object=Pronoun("he"))
    assert finish(statement(clause)).english == f"Anna can {order.format('him')}."
    assert finish(infinitive(clause._replace(subject=None))).english == f"To {order.format('him')}."
    assert finish(object_relative(the("man"), clause)).english == f"Whom Anna can {verb}."


def test_a_time_is_aligned_unit_by_unit() -> None:
    assert finish(at_time("after lunch", "nach dem_Mittagessen")).alignment == "0-0 1-1 1-2"
    assert finish(at_time("in_the evening", "am Abend")).alignment == "0-0 1-0 2-1"
