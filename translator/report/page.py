"""HTML pages in one file each, with style, script and data inside; a page loads nothing and runs no other script.

Text from a corpus, a model or a file name is never markup or code: templates escape it, control characters are made
visible, data for the script is JSON that cannot end its element, and the content security policy allows only our own style
and script, by their hashes.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from translator.text.visible import plain_value, visible

FOLDER = Path(__file__).parent
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src {}; script-src {}; connect-src {}"
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render(template: str, page: object, data: object, *, scripts: Sequence[str] = (), connects: bool = False) -> str:
    """Render a template of this folder with `page`; the scripts of the page, if any, read `data`.

    Only with `connects` may they send requests, to the server that the page came from.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, *parts = ((FOLDER / name).read_text("utf-8") for name in ("style.css", *scripts))
    code = "".join(parts)
    policy = _POLICY.format(source_hash(style), source_hash(code), "'self'" if connects else "'none'")
    return environment.get_template(template).render(
        page=page, policy=policy, style=Markup(style), script=Markup(code), data=Markup(json_block(data))
    )


def source_hash(text: str) -> str:
    """Return the source expression for an inline text in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def shown(value: object) -> object:
    """Return a value as the page shows it: texts escaped for the eye, except `Markup`, and named tuples as dicts."""

    def escape(text: str) -> str:
        return text if isinstance(text, Markup) else visible(text.encode(errors="backslashreplace").decode())

    return plain_value(value, escape)


def json_block(data: object) -> str:
    """Return data as JSON that is safe inside a script element."""
    text = json.dumps(shown(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)
