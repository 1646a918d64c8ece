"""The words of the demo corpus as tables to be edited by hand. `lexicon.py` reads them."""

# English, plural, gender, German, German plural: tags. "-" means no plural; a form after "/" is that of the n-declension.
# Tags are kinds that verbs require, groups of adjectives, and: may follow "my" or "our" (own), does not follow "a" (kin).
NOUNS_TABLE = """
man men m Mann Männer: person years character mood he
woman women f Frau Frauen: person years character mood she
child children n Kind Kinder: person size mood own
boy boys m Junge/Jungen Jungen: person size mood he
girl girls n Mädchen Mädchen: person size mood
teacher teachers f Lehrerin Lehrerinnen: person years character mood she own
doctor doctors f Ärztin Ärztinnen: person years character she own
cook cooks m Koch Köche: person years character mood he lasting
farmer farmers m Bauer/Bauern Bauern: person years character mood he
neighbour neighbours m Nachbar/Nachbarn Nachbarn: person years character he own kin
friend friends m Freund Freunde: person years character he own kin
sister sisters f Schwester Schwestern: person character mood she own kin
brother brothers m Bruder Brüder: person character mood he own kin
uncle uncles m Onkel Onkel: person years character he own kin
aunt aunts f Tante Tanten: person years character she own kin
guest guests m Gast Gäste: person character mood he own
dog dogs m Hund Hunde: animal years size hungry black own
cat cats f Katze Katzen: animal years size hungry black own
horse horses n Pferd Pferde: animal years beautiful hungry black own
bird birds m Vogel Vögel: animal size beautiful hungry black
bread - n Brot -: food fresh price taste
cheese - m Käse -: food fresh price taste
cake cakes m Kuchen Kuchen: food fresh sweet taste size
apple apples m Apfel Äpfel: food fresh sweet red size
soup soups f Suppe Suppen: food cooked heat taste price
fish - m Fisch -: food cooked fresh price
coffee - m Kaffee -: drink heat price taste
tea - m Tee -: drink heat price taste
milk - f Milch -: drink heat fresh cheap
water - n Wasser -: drink heat fresh
book books n Buch Bücher: text written ware content age price
letter letters m Brief Briefe: text written content age
newspaper newspapers f Zeitung Zeitungen: text content age own
story stories f Geschichte Geschichten: text written content age
door doors f Tür Türen: opening age size colour own
window windows n Fenster Fenster: opening age size dirt own
box boxes f Kiste Kisten: opening ware size colour heavy own
suitcase suitcases m Koffer Koffer: opening ware age colour heavy own
lamp lamps f Lampe Lampen: device ware age colour price own
radio radios n Radio Radios: device ware age size price own
computer computers m Computer Computer: device ware age price own
coat coats m Mantel Mäntel: clothes ware age colour dirt own
hat hats m Hut Hüte: ware age colour price own
shirt shirts n Hemd Hemden: clothes ware colour price dirt own
jacket jackets f Jacke Jacken: clothes ware age colour dirt own
picture pictures n Bild Bilder: ware gift age size beautiful own
flower flowers f Blume Blumen: gift colour beautiful fresh
key keys m Schlüssel Schlüssel: ware age size own
bicycle bicycles n Fahrrad Fahrräder: vehicle ware age colour dirt own
car cars n Auto Autos: vehicle ware age colour price own
garden gardens m Garten Gärten: sight size beautiful own
house houses n Haus Häuser: room sight size age beautiful own
kitchen kitchens f Küche Küchen: room size age dirt own
room rooms n Zimmer Zimmer: room size dirt own
school schools f Schule Schulen: sight size age own
station stations m Bahnhof Bahnhöfe: sight size age
town towns f Stadt Städte: sight size beautiful own
forest forests m Wald Wälder: size beautiful
park parks m Park Parks: sight size beautiful
"""

# English, German, with the stem after "/" if it differs: the tags of the nouns it suits.
ADJECTIVES_TABLE = """
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

# English forms; German forms with the particle before "|", auxiliary, case: tags of the objects: traits. The traits are
# adverbs of manner that suit the verb, kinds of places (home, out, stop, to, from), other people (with, for, recipient),
# clauses that it may govern (that, whether, infinitive, purpose), and: animals do it too (beast), it takes a while
# (lasting), it occurs in the present only (present).
VERBS_TABLE = """
eat eats eaten; essen isst gegessen haben accusative: food: slowly quickly home with lasting
cook cooks cooked; kochen kocht gekocht haben accusative: cooked: slowly home for lasting
drink drinks drunk; trinken trinkt getrunken haben accusative: drink: slowly quickly home with lasting
buy buys bought; kaufen kauft gekauft haben accusative: food drink ware gift: for
read reads read; lesen liest gelesen haben accusative: text: slowly quietly home out lasting
write writes written; schreiben schreibt geschrieben haben accusative: written: slowly home for lasting
open opens opened; auf|machen macht aufgemacht haben accusative: opening: slowly quickly carefully quietly
close closes closed; zu|machen macht zugemacht haben accusative: opening: slowly quickly carefully quietly
switch_on switches_on switched_on; an|schalten schaltet angeschaltet haben accusative: device: quickly quietly
switch_off switches_off switched_off; aus|schalten schaltet ausgeschaltet haben accusative: device: quickly quietly
put_on puts_on put_on; an|ziehen zieht angezogen haben accusative: clothes: slowly quickly
take_off takes_off taken_off; aus|ziehen zieht ausgezogen haben accusative: clothes: slowly quickly
wash washes washed; waschen wäscht gewaschen haben accusative: clothes vehicle: slowly quickly carefully lasting
repair repairs repaired; reparieren repariert repariert haben accusative: device vehicle: quickly for lasting
sell sells sold; verkaufen verkauft verkauft haben accusative: ware:
look_for looks_for looked_for; suchen sucht gesucht haben accusative: ware animal: out lasting
find finds found; finden findet gefunden haben accusative: ware animal: out
bring_along brings_along brought_along; mit|bringen bringt mitgebracht haben accusative: food drink text gift: for
tidy_up tidies_up tidied_up; auf|räumen räumt aufgeräumt haben accusative: room: slowly quickly lasting
see sees seen; sehen sieht gesehen haben accusative: person animal sight: out
visit visits visited; besuchen besucht besucht haben accusative: person sight:
invite invites invited; ein|laden lädt eingeladen haben accusative: person:
call calls called; an|rufen ruft angerufen haben accusative: person: quickly
pick_up picks_up picked_up; ab|holen holt abgeholt haben accusative: person: stop
feed feeds fed; füttern füttert gefüttert haben accusative: animal: slowly carefully home lasting
help helps helped; helfen hilft geholfen haben dative: person: home lasting
thank thanks thanked; danken dankt gedankt haben dative: person:
listen_to listens_to listened_to; zu|hören hört zugehört haben dative: person: quietly lasting
follow follows followed; folgen folgt gefolgt sein dative: person animal: slowly quickly quietly
show shows shown; zeigen zeigt gezeigt haben accusative: ware text gift: recipient
give gives given; geben gibt gegeben haben accusative: ware gift drink: recipient
send sends sent; schicken schickt geschickt haben accusative: text gift: recipient
sleep sleeps slept; schlafen schläft geschlafen haben accusative:: beast home lasting
sing sings sung; singen singt gesungen haben accusative:: quietly home out with lasting
work works worked; arbeiten arbeitet gearbeitet haben accusative:: slowly quickly home with lasting
laugh laughs laughed; lachen lacht gelacht haben accusative:: quietly home with lasting
wait waits waited; warten wartet gewartet haben accusative:: beast quietly out stop with lasting
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
promise promises promised; versprechen verspricht versprochen haben accusative:: infinitive
"""

# noun; English and German preposition, case, kind.
PLACES_TABLE = """
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
