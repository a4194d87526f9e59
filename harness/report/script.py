"""The page's scripts, and the policy that lets these run and no others."""

import base64
import contextlib
import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import markupsafe

from harness.base.files import replace

_PAGE = Path(__file__).with_name("templates") / "page.js"
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def vega(cache: Path) -> str:
    """Vega-Embed with all that it needs, as one script; kept in the cache, for it is slow to make.

    The libraries are those that vl-convert carries and draws the static charts with.
    """
    path = cache / "page" / f"vega-embed-{version('vl-convert-python')}.js"
    if not path.is_file():
        import vl_convert  # slow to import, and wanted by no other command

        made: str = vl_convert.javascript_bundle(_SNIPPET)
        with contextlib.suppress(OSError):  # without a cache it is made anew each time
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, made.encode(), sync=False)
        return made
    return path.read_text(encoding="utf-8")


def explorer_script() -> str:
    """Our own."""
    return _PAGE.read_text(encoding="utf-8")


def embedded(value: Any) -> markupsafe.Markup:
    """JSON that can stand in a script element, where `<` would end it or begin a comment."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)


def policy(scripts: Sequence[str]) -> str:
    """A Content-Security-Policy: nothing from anywhere, and only these scripts.

    Vega's expressions are interpreted, not compiled, so that none needs `unsafe-eval`.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts) or "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
