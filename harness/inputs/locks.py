"""Lock files of implementations: which version of which package they hold."""

import platform
import re
from collections.abc import Collection
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.base.errors import UsageError, nearest, plain

BUILT = "built:"
"""How a requirement names a kept wheel: `asgiref @ built:DIGEST`. No path of a machine enters a
run."""
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def lock_arguments() -> list[str]:
    """Arguments of uv that make a lock file from the manifest of the folder where it runs."""
    python = ".".join(platform.python_version_tuple()[:2])
    return [
        "pip", "compile", "--universal", "--generate-hashes", "--no-header", "-p", python,
        "pyproject.toml", "-o", "requirements.lock",
    ]  # fmt: skip


def lock_command(folder: str) -> str:
    """The whole command that makes an implementation's lock file, for the repository's root."""
    return f"uv --directory implementations/{folder} {' '.join(lock_arguments())}"


def locked_versions(lock_file: Path) -> dict[str, str]:
    """Versions by canonical name, as a `requirements.lock` pins them."""
    text = lock_file.read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, version in _PIN.findall(text)}


_ANOTHER = re.compile(r",\s*(?=[A-Za-z][A-Za-z0-9._-]*\s*(?:\[|@|[=<>!~]|,|$))")
"""A comma before the name of a package: it ends a requirement, as uv's `--with` takes them."""
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def several(text: str) -> tuple[str, ...]:
    """The requirements of one option: `django==6.0.*,asgiref==3.11.1` are two.

    A comma that another limit of the same package follows, as in `asgiref>=3.8,<3.10`, ends none.
    So do those between extras, in brackets.
    """
    found: list[str] = []
    for part in _ANOTHER.split(text):
        if found and found[-1].count("[") > found[-1].count("]"):
            found[-1] = f"{found[-1]},{part}"
        else:
            found.append(part)
    return tuple(part.strip() for part in found)


def source_of(text: str) -> str | None:
    """The folder or wheel of a requirement such as `asgiref @ ../asgiref`; None for any other."""
    source = text.partition("@")[2].strip()
    return source if source and "://" not in source and not source.startswith(BUILT) else None


def package_of(text: str) -> str:
    """The package of a requirement by its canonical name, or the text where it has none."""
    name = _NAME.match(text)
    return canonicalize_name(name[1]) if name else text


def check_package(name: str, lock_file: Path, at: str, beside: Collection[str] = ()) -> None:
    """Refuse a package that the lock lacks.

    Args:
        name: canonical. lock_file: of the implementation. at: where it stands, for messages.
        beside: packages that are added to those of the lock, by canonical name.

    Raises:
        UsageError: with the nearest that it has.
    """
    known = [*locked_versions(lock_file), *beside]
    if name not in known:
        near = nearest(name, known)
        hint = f"the nearest that it uses is `{near}`" if near else f"it uses {', '.join(known)}"
        raise UsageError(f"{at}: the variant does not use the package `{plain(name)}`; {hint}.")


def requirement(text: str, lock_file: Path, at: str, beside: Collection[str] = ()) -> Requirement:
    """A requirement in place of what a lock file pins.

    Args:
        text: e.g. `asgiref==3.11.1`.
        lock_file: of the implementation.
        at: where it stands, for messages.
        beside: packages that are added to those of the lock, by canonical name.

    Raises:
        UsageError: it is no requirement of an index, or of a package that the lock lacks.
    """
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        better = f"PACKAGE @ {plain(text)}" if "/" in text else "asgiref==3.11.1"
        raise UsageError(
            f"{at}: {plain(text)!r} is no requirement; write e.g. {better!r}."
        ) from None
    built = wanted.url is not None and wanted.url.startswith(BUILT)
    if (wanted.url is not None and not built) or wanted.marker is not None:
        raise UsageError(
            f"{at}: {plain(text)!r} has an address or a marker; name a version, e.g. "
            "'asgiref==3.11.1'. `bridgetoll ab` takes a folder or a wheel."
        )
    name = canonicalize_name(wanted.name)
    check_package(name, lock_file, at, beside)
    if not wanted.specifier and not built:
        locked = locked_versions(lock_file).get(name, "1.0")
        raise UsageError(f"{at}: {plain(text)!r} names no version; write e.g. '{name}=={locked}'.")
    return wanted
