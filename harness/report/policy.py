"""Content-Security-Policies of pages: none of them asks for anything from elsewhere."""

import base64
import hashlib
from collections.abc import Sequence

_PICTURES = "img-src data:"


def of_scripts(scripts: Sequence[str]) -> str:
    """Pictures within the page, any style, and these scripts alone.

    Vega's expressions are interpreted, not compiled, so no script needs `unsafe-eval`.
    """
    allowed = " ".join(map(_digest, scripts)) or "'none'"
    return _policy(_PICTURES, "style-src 'unsafe-inline'", f"script-src {allowed}")


def of_style(style: str, *, pictures: bool) -> str:
    """This style alone, and no script; with pictures within the page, or without any."""
    return _policy(*([_PICTURES] if pictures else []), f"style-src {_digest(style)}")


def _policy(*sources: str) -> str:
    return "; ".join(("default-src 'none'", *sources, "base-uri 'none'", "form-action 'none'"))


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
