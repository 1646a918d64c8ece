"""Pages: one file each, with style, script and data inside, that loads nothing and runs nothing but its own script.

Whatever comes from a corpus, a model or a file name stays text. Templates escape it, control characters are written out,
data for the script lies in a JSON block that it cannot end, and the policy names the two texts of ours by their hashes.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from translator.text.visible import visible

FOLDER = Path(__file__).parent
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src {}; script-src {}"
ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class Table(NamedTuple):
    """Cells as text; the first of each row names it."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""


def render(template: str, page: object, data: object, *, script: str = "") -> str:
    """The page that a template of this folder, which extends `base.html`, makes of `page` and, by its script, of `data`."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, code = ((FOLDER / name).read_text("utf-8") if name else "" for name in ("style.css", script))
    policy = POLICY.format(source_hash(style), source_hash(code))
    return environment.get_template(template).render(
        page=page, policy=policy, style=Markup(style), script=Markup(code), data=Markup(json_block(data))
    )


def source_hash(text: str) -> str:
    """How a content security policy names an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def shown(value: object) -> object:
    """What stands for a value: in strings, control characters and lone surrogates written out; tuples with named fields."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value.encode(errors="backslashreplace").decode())
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(shown(key)): shown(one) for key, one in value.items()}
    return [shown(one) for one in value] if isinstance(value, list | tuple) else value


def json_block(data: object) -> str:
    """The data as JSON that may stand inside a script element."""
    text = json.dumps(shown(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(ESCAPES)
