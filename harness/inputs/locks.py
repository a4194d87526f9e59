"""Lock files of implementations: which version of which package they hold."""

import re
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.base.errors import UsageError, nearest, plain

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def locked_versions(lock_file: Path) -> dict[str, str]:
    """Versions by canonical name, as a `requirements.lock` pins them."""
    text = lock_file.read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, version in _PIN.findall(text)}


def requirement(text: str, lock_file: Path, at: str) -> Requirement:
    """A requirement in place of what a lock file pins.

    Args:
        text: e.g. `asgiref==3.11.1`.
        lock_file: of the implementation.
        at: where it stands, for messages.

    Raises:
        UsageError: it is no requirement of an index, or of a package that the lock lacks.
    """
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        raise UsageError(
            f"{at}: {plain(text)!r} is no requirement; write e.g. 'asgiref==3.11.1'."
        ) from None
    built = wanted.url is not None and wanted.url.startswith("built:")
    if (wanted.url is not None and not built) or wanted.marker is not None:
        raise UsageError(
            f"{at}: {plain(text)!r} has an address or a marker; name a version, e.g. "
            "'asgiref==3.11.1'. `bridgetoll ab` takes a folder or a wheel."
        )
    known = locked_versions(lock_file)
    name = canonicalize_name(wanted.name)
    if name not in known:
        near = nearest(name, list(known))
        hint = f"the nearest that it uses is `{near}`" if near else f"it uses {', '.join(known)}"
        raise UsageError(f"{at}: the variant does not use the package `{plain(name)}`; {hint}.")
    if not wanted.specifier and not built:
        raise UsageError(
            f"{at}: {plain(text)!r} names no version; write e.g. '{name}=={known[name]}'."
        )
    return wanted
