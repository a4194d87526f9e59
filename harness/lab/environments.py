"""One Python environment per implementation, made from its lock file and kept for reuse."""

import hashlib
import importlib.metadata
import platform
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.base.errors import EnvironmentFailed
from harness.base.files import locked
from harness.inputs.locks import BUILT, lock_arguments, lock_command
from harness.inputs.manifests import Implementation
from harness.lab.uv import is_offline, reason, run_uv
from harness.lab.wheels import kept_wheel

_COMPLETE = "bridgetoll-complete"


def lock_digest(implementation: Implementation) -> str:
    """A short digest that identifies the measured packages: of the lock file, and of what a setup
    has in place of it."""
    digest = hashlib.sha256(implementation.lock_file.read_bytes())
    for text in (*implementation.packages, implementation.python or "", *implementation.added):
        if text:
            digest.update(b"\0" + text.encode())
    return digest.hexdigest()[:16]


def environment_folder(cache: Path, implementation: Implementation) -> Path:
    """The folder of its environment for this lock and this interpreter."""
    python = implementation.python or f"{interpreter()} {platform.python_version()}"
    identity = f"{lock_digest(implementation)} {python}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return cache / "environments" / f"{implementation.name.partition('+')[0]}-{digest}"


def interpreter() -> Path:
    """The Python of all environments: the one that the harness's own environment is based on."""
    return Path(getattr(sys, "_base_executable", sys.executable))


def is_made(cache: Path, implementation: Implementation) -> bool:
    """Whether the environment exists already, so that `prepare` takes no time."""
    return (environment_folder(cache, implementation) / _COMPLETE).is_file()


def prepare(cache: Path, implementation: Implementation) -> Path:
    """Make the environment if it does not exist yet; return its interpreter.

    Raises:
        EnvironmentFailed: uv is missing or could not install the lock's packages, or these are not
            the ones that the manifest asks for.
    """
    folder = environment_folder(cache, implementation)
    python = folder / "bin" / "python"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if (folder / _COMPLETE).is_file() and python.exists():
            _check_packages(implementation, python)
            return python
        shutil.rmtree(folder, ignore_errors=True)
        asked = implementation.python or str(interpreter())
        _uv(implementation, "venv", "--python", asked, str(folder))
        lock = implementation.lock_file
        if _differs(implementation):
            lock = folder.with_name(f"{folder.name}.requirements")
            _make_lock(cache, implementation, lock, python)
        _uv(implementation, "pip", "sync", "--python", str(python), "--require-hashes", str(lock))
        if not _differs(implementation):  # a setup may want what its packages do not declare
            _uv(implementation, "pip", "check", "--python", str(python))
        _check_packages(implementation, python)
        (folder / _COMPLETE).touch()
    return python


def installed(python: Path) -> dict[str, str]:
    """The packages of an environment and their versions, by its interpreter."""
    folders = [str(p) for p in (python.parents[1] / "lib").glob("python3*/site-packages")]
    packages = importlib.metadata.distributions(path=folders)
    return dict(sorted((package.name, package.version) for package in packages))


def write_lock(folder: Path, name: str) -> None:
    """Write the lock file of a folder with a manifest; versions in one that is there are kept.

    Args:
        folder: where the manifest stands. name: of the implementation, for messages.

    Raises:
        EnvironmentFailed: uv is missing, or found no packages that fit.
    """
    done = run_uv(folder, *lock_arguments())
    if done.returncode != 0:
        why = reason(done.stderr)
        remedy = _OFFLINE if is_offline(why) else "mend the dependencies"
        raise EnvironmentFailed(
            f"The lock file of `{name}` cannot be made: {why}; {remedy}, then run the same command."
        )


_OFFLINE = "connect to the network"


def _differs(implementation: Implementation) -> bool:
    """Whether its environment is another than that of its lock file."""
    changed = implementation.packages or implementation.added
    return bool(changed) or implementation.python is not None


def _make_lock(cache: Path, implementation: Implementation, lock: Path, python: Path) -> None:
    """Write a lock file with a setup's packages, those of its server, or for its interpreter.

    What they do not name keeps its version, as far as they allow that.
    """
    added = lock.with_suffix(".added")
    added.write_text("".join(f"{text}\n" for text in implementation.added))
    overrides = lock.with_suffix(".overrides")
    overrides.write_text("".join(f"{_found(cache, text)}\n" for text in implementation.packages))
    shutil.copyfile(implementation.lock_file, lock)  # uv keeps the versions that it finds here
    changed = (*implementation.packages, *implementation.added)
    names = [Requirement(text).name for text in changed]
    upgrade = [part for name in names for part in ("--upgrade-package", name)]
    _uv(
        implementation, "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate",
        "--python", str(python), "--overrides", str(overrides), *upgrade,
        str(implementation.folder / "pyproject.toml"), str(added), "--output-file", str(lock),
    )  # fmt: skip


def _found(cache: Path, text: str) -> str:
    """A requirement as uv takes it: a kept wheel by its address."""
    name, _, digest = text.partition(f" @ {BUILT}")
    return f"{name} @ {kept_wheel(cache, digest).as_uri()}" if digest else text


def _check_packages(implementation: Implementation, python: Path) -> None:
    """Refuse a lock file that is older than its manifest: it would measure another version."""
    versions = {canonicalize_name(name): version for name, version in installed(python).items()}
    own = {canonicalize_name(Requirement(text).name) for text in implementation.packages}
    replaceable = (*implementation.dependencies, *implementation.added)
    for text in (*replaceable, *implementation.packages):
        wanted = Requirement(text)
        if text in replaceable and canonicalize_name(wanted.name) in own:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        version = versions.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            folder = implementation.folder.name
            raise EnvironmentFailed(
                f"{folder}/pyproject.toml asks for `{text}`, but its environment has "
                f"{'no such package' if version is None else f'version {version}'}; make its lock "
                f"anew with `{lock_command(folder)}`."
            )


def _uv(implementation: Implementation, *arguments: str) -> None:
    done = run_uv(implementation.folder, *arguments)
    if done.returncode != 0:
        why = reason(done.stderr)
        raise EnvironmentFailed(
            f"The environment of implementation `{implementation.folder.name}` cannot be made from "
            f"{_source(implementation)}: {why}; {_remedy(implementation, why)}."
        )


def _source(implementation: Implementation) -> str:
    """What its environment is made from."""
    lock = f"{implementation.folder.name}/requirements.lock"
    parts = [lock, *implementation.packages, *implementation.added]
    if implementation.python is not None:
        parts.append(f"Python {implementation.python}")
    return " with ".join([parts[0], ", ".join(parts[1:])]) if parts[1:] else parts[0]


def _remedy(implementation: Implementation, why: str) -> str:
    if is_offline(why):
        return f"{_OFFLINE}, then run the same command"
    if implementation.python is not None:
        return "name a Python that `uv python list` shows and the packages support"
    if implementation.added and not implementation.packages:
        return "name another server, or put its packages into the implementation's lock"
    if implementation.packages:
        return "name another release"
    return f"make its lock anew with `{lock_command(implementation.folder.name)}`"
