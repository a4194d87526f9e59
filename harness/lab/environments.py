"""One Python environment per implementation, made from its lock file and kept for reuse."""

import fcntl
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.base.errors import EnvironmentFailed
from harness.inputs.manifests import Implementation

_COMPLETE = "bridgetoll-complete"
_QUOTED_LINES = 8
_NOT_FOR_UV = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPYCACHEPREFIX")
"""It must not change the harness's own environment, and bytecode belongs beside its source."""


def lock_digest(implementation: Implementation) -> str:
    """A short digest of the lock file, which identifies the measured packages."""
    return hashlib.sha256(implementation.lock_file.read_bytes()).hexdigest()[:16]


def environment_folder(cache: Path, implementation: Implementation) -> Path:
    """The folder of its environment for this lock and this interpreter."""
    identity = f"{lock_digest(implementation)} {interpreter()} {platform.python_version()}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return cache / "environments" / f"{implementation.name}-{digest}"


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
    with _locked(folder.with_name(f"{folder.name}.lock")):
        if (folder / _COMPLETE).is_file() and python.exists():
            _check_packages(implementation, python)
            return python
        shutil.rmtree(folder, ignore_errors=True)
        _uv(implementation, "venv", "--python", str(interpreter()), str(folder))
        _uv(
            implementation, "pip", "sync", "--python", str(python), "--require-hashes",
            str(implementation.lock_file),
        )  # fmt: skip
        _check_packages(implementation, python)
        (folder / _COMPLETE).touch()
    return python


def installed(python: Path) -> dict[str, str]:
    """The packages of an environment and their versions, by its interpreter."""
    folders = [str(p) for p in (python.parents[1] / "lib").glob("python3*/site-packages")]
    packages = importlib.metadata.distributions(path=folders)
    return dict(sorted((package.name, package.version) for package in packages))


def _check_packages(implementation: Implementation, python: Path) -> None:
    """Refuse a lock file that is older than its manifest: it would measure another version."""
    versions = {canonicalize_name(name): version for name, version in installed(python).items()}
    for text in implementation.dependencies:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        version = versions.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            folder = implementation.folder.name
            raise EnvironmentFailed(
                f"{folder}/pyproject.toml asks for `{text}`, but its environment has "
                f"{'no such package' if version is None else f'version {version}'}; renew "
                f"{folder}/requirements.lock as CONTRIBUTING says."
            )


def _uv(implementation: Implementation, *arguments: str) -> None:
    program = os.environ.get("UV") or shutil.which("uv")
    if program is None:
        raise EnvironmentFailed(
            "The program uv, which makes the implementations' environments, is missing; install it "
            "with `pip install uv`."
        )
    env = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_UV}
    done = subprocess.run(
        [program, "--no-config", "--quiet", "--no-progress", *arguments],
        cwd=implementation.folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        words = "\n".join(done.stderr.strip().splitlines()[-_QUOTED_LINES:])
        raise EnvironmentFailed(
            f"The environment of implementation `{implementation.name}` could not be made from "
            f"{implementation.folder.name}/requirements.lock; fix the cause and run again. uv "
            f"said:\n{words}"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other runs from making the same environment at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
