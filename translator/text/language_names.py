"""Names of languages, to recognise what a file or a column holds: `de`, `deu`, `German`, `Deutsch`, `de-DE`, `text_de`."""

import re

_TABLE = """
af afr Afrikaans | am amh Amharic አማርኛ | ar ara Arabic العربية | az aze Azerbaijani | be bel Belarusian беларуская
bg bul Bulgarian български | bn ben Bengali বাংলা | bo bod Tibetan | br bre Breton brezhoneg | bs bos Bosnian bosanski
ca cat Catalan català | cs ces Czech čeština | cy cym Welsh cymraeg | da dan Danish dansk | de deu German deutsch
el ell Greek ελληνικά | en eng English | eo epo Esperanto | es spa Spanish español | et est Estonian eesti
eu eus Basque euskara | fa fas Persian فارسی | fi fin Finnish suomi | fr fra French français | ga gle Irish gaeilge
gl glg Galician galego | gu guj Gujarati ગુજરાતી | ha hau Hausa | he heb Hebrew עברית | hi hin Hindi हिन्दी
hr hrv Croatian hrvatski | ht hat Haitian | hu hun Hungarian magyar | hy hye Armenian հայերեն
id ind Indonesian | ig ibo Igbo | is isl Icelandic íslenska | it ita Italian italiano | ja jpn Japanese 日本語
jv jav Javanese | ka kat Georgian ქართული | kk kaz Kazakh қазақ | km khm Khmer ខ្មែរ | kn kan Kannada ಕನ್ನಡ
ko kor Korean 한국어 | ku kur Kurdish kurdî | ky kir Kyrgyz | la lat Latin | lo lao Lao ລາວ | lt lit Lithuanian lietuvių
lv lav Latvian latviešu | mg mlg Malagasy | mi mri Maori māori | mk mkd Macedonian македонски | ml mal Malayalam മലയാളം
mn mon Mongolian монгол | mr mar Marathi मराठी | ms msa Malay melayu | mt mlt Maltese malti | my mya Burmese မြန်မာ
ne nep Nepali नेपाली | nl nld Dutch nederlands | no nor Norwegian norsk | nb nob Bokmål | nn nno Nynorsk | om orm Oromo
or ori Odia ଓଡ଼ିଆ | pa pan Punjabi ਪੰਜਾਬੀ | pl pol Polish polski | ps pus Pashto پښتو | pt por Portuguese português
qu que Quechua | ro ron Romanian română | ru rus Russian русский | rw kin Kinyarwanda | si sin Sinhala සිංහල
sk slk Slovak slovenčina | sl slv Slovenian slovenščina | sn sna Shona | so som Somali | sq sqi Albanian shqip
sr srp Serbian српски | sv swe Swedish svenska | sw swa Swahili kiswahili | ta tam Tamil தமிழ் | te tel Telugu తెలుగు
tg tgk Tajik | th tha Thai ไทย | ti tir Tigrinya ትግርኛ | tk tuk Turkmen | tl tgl Tagalog | tr tur Turkish türkçe
tt tat Tatar татарча | uk ukr Ukrainian українська | ur urd Urdu اردو | uz uzb Uzbek | vi vie Vietnamese
wo wol Wolof | xh xho Xhosa | yi yid Yiddish | yo yor Yoruba yorùbá | zh zho Chinese 中文 | zu zul Zulu
"""
"""For each language its tag, its three-letter code, its English name and, in most cases, its own name."""
_OTHER_NAMES = """
ar Arabisch arabe árabe | cs Tschechisch tchèque checo | da Dänisch danois danés | de allemand alemán tedesco Duits alemão
en Englisch anglais inglés inglese Engels inglês angielski английский 英语 英文 英語
es Spanisch espagnol spagnolo Spaans espanhol
fi Finnisch finnois finés | fr Französisch francés francese Frans | he Hebräisch | hu Ungarisch
it Italienisch italien italiano Italiaans | ja Japanisch japonais japonés | ko Koreanisch coréen coreano
nl Niederländisch néerlandais neerlandés | no Norwegisch | pl Polnisch polonais polaco | pt Portugiesisch portugais portugués
ro Rumänisch | ru Russisch russe ruso русский | sv Schwedisch suédois sueco | tr Türkisch turc turco | uk Ukrainisch
zh Chinesisch chinois chino 汉语 漢語 中国語 | de немецкий 德语 德文 ドイツ語 | fr французский 法语
"""
"""Names that people who speak another language than English give to columns."""

_TAGS = {
    name.casefold(): entry.split()[0]
    for entry in re.split(r"[|\n]", _TABLE + _OTHER_NAMES)
    if entry.strip()
    for name in entry.split()
}
_TAGS |= {"ger": "de", "fre": "fr", "dut": "nl", "cze": "cs", "gre": "el", "rum": "ro", "chi": "zh", "per": "fa"}
_OTHER_MEANINGS = {"id", "no"}
"""Tags that as names of columns more often mean an identifier and a number."""


def tag_of(name: str) -> str:
    """Return the language tag, without region or script, that a name or code of a language stands for; else the name."""
    first = re.split(r"[-_]", name.casefold())[0]
    return _TAGS.get(name.casefold(), _TAGS.get(first, first))


def is_known(name: str) -> bool:
    """Return whether a name is that of a language, or its code with or without region and script."""
    return tag_of(name) in _TAGS.values()


def names_language(label: str, language: str) -> bool:
    """Return whether a label, such as the name of a column, names a language: alone, or as its first or last part."""
    return tag_of(language) in map(tag_of, _parts(label))


def language_of(label: str) -> str | None:
    """Return the tag of the language that a label names, or None if it names none."""
    found = (_TAGS.get(part) for part in _parts(label) if part not in _OTHER_MEANINGS)
    return next((tag for tag in found if tag), None)


def _parts(label: str) -> list[str]:
    """Return the whole label, its first and its last word; in a label with spaces, short words are not codes."""
    label = label.strip().casefold()
    words = re.findall(r"[^\W_]+", label)
    ends = [word for word in (words[:1] + words[-1:]) if " " not in label or len(word) > 3]
    return [label, *ends]
