"""Packages of a server that an application's environment lacks, in a folder of ours.

The folder is searched after all of the application's own, so it shadows nothing. Its packages fit
the interpreter and the versions that are installed there.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.base.errors import UsageError
from harness.base.files import locked
from harness.inputs.servers import Server, missing
from harness.lab.applications.interpreter import FoundPython, ProbedApplication
from harness.lab.uv import is_offline, reason, run_uv

_COMPLETE = "bridgetoll-complete"
_MADE_SO = "compiled"
"""Another word makes overlays anew that were made otherwise."""
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)", re.MULTILINE)
_OLDEST = {"gunicorn": "20.1", "uvicorn": "0.20", "httptools": "0.5", "uvloop": "0.17"}
"""Releases that an application may have: its command line is fitted to them. They are older than
those that `shared/servers.toml` asks for, which our own variants get."""


class Overlay(msgspec.Struct, frozen=True):
    """Packages beside an application's own.

    folder: None where nothing is missing. packages: their versions by name.
    """

    folder: Path | None = None
    packages: dict[str, str] = {}


def make_overlay(
    cache: Path, name: str, server: Server, python: FoundPython, probed: ProbedApplication
) -> Overlay:
    """Install what a server needs and the application's environment lacks; kept for reuse.

    Args:
        cache: where it is kept.
        name, server: the server, with its knobs fitted.
        python, probed: the application's interpreter.

    Raises:
        UsageError: an installed package is too old or too new for the server, or no packages fit.
    """
    lacking = missing(server.requires, probed.packages)
    wanted = []
    for text in lacking:
        package = canonicalize_name(Requirement(text).name)
        if (installed := probed.packages.get(package)) is None:
            wanted.append(text)
        elif not _is_old_enough(package, installed):
            raise UsageError(
                f"The application's environment has {package} {installed}, and `--server {name}` "
                f"needs `{text}`; name another server, or install that release there."
            )
    if not wanted:
        return Overlay()
    folder = cache / "overlays" / f"{name}-{_digest(wanted, python, probed)}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not (folder / _COMPLETE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, name, wanted, python, probed)
        return Overlay(folder, _read(folder / _COMPLETE))


def _is_old_enough(package: str, installed: str) -> bool:
    """Whether an installed release, older than our own, can serve all the same."""
    oldest = _OLDEST.get(package)
    return oldest is not None and Requirement(f"{package}>={oldest}").specifier.contains(
        installed, prereleases=True
    )


def _digest(wanted: list[str], python: FoundPython, probed: ProbedApplication) -> str:
    installed = [f"{name}=={version}" for name, version in sorted(probed.packages.items())]
    identity = [
        _MADE_SO, str(python.path), probed.python, probed.prefix, *wanted, *installed,
    ]  # fmt: skip
    return hashlib.sha256("\0".join(identity).encode()).hexdigest()[:12]


def _install(
    folder: Path, name: str, wanted: list[str], python: FoundPython, probed: ProbedApplication
) -> None:
    """Resolve beside what is installed, then install only what is not.

    It is compiled once, because no start of an application writes bytecode.

    Raises:
        UsageError: no packages fit, or the network is missing.
    """
    with tempfile.TemporaryDirectory(prefix="bridgetoll-") as scratch:
        asked, fixed = Path(scratch) / "asked.txt", Path(scratch) / "fixed.txt"
        asked.write_text("".join(f"{text}\n" for text in wanted))
        fixed.write_text(_constraints(probed.packages))
        target = ["--python", str(python.path)]
        done = run_uv(
            Path(scratch), "pip", "compile", *target, "--constraint", str(fixed), "--no-header",
            "--no-annotate", str(asked),
        )  # fmt: skip
        if done.returncode != 0:
            raise UsageError(_unfit(name, reason(done.stderr)))
        pins = {canonicalize_name(m["name"]): m["version"] for m in _PINNED.finditer(done.stdout)}
        added = {name: v for name, v in pins.items() if name not in probed.packages}
        names = [f"{package}=={version}" for package, version in added.items()]
        done = run_uv(
            Path(scratch), "pip", "install", *target, "--no-deps", "--compile-bytecode",
            "--target", str(folder), *names,
        )  # fmt: skip
        if done.returncode != 0:
            raise UsageError(_unfit(name, reason(done.stderr)))
    (folder / _COMPLETE).write_bytes(msgspec.json.encode(added))


def _read(file: Path) -> dict[str, str]:
    return msgspec.json.decode(file.read_bytes(), type=dict[str, str])


def _constraints(packages: Mapping[str, str]) -> str:
    """What is installed, as it must stay; a local version (`1.0+cu1`) counts as its release."""
    return "".join(f"{name}=={v.partition('+')[0]}\n" for name, v in sorted(packages.items()))


def _unfit(name: str, why: str) -> str:
    if is_offline(why):
        return (
            f"The packages of `--server {name}` are missing in the application's environment, and "
            f"cannot be fetched: {why}; connect to the network, or name a server that is installed "
            "there."
        )
    return (
        f"No packages of `--server {name}` fit the application's environment: {why}; name another "
        "server, or install this one there."
    )
