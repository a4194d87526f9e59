"""One Python environment per implementation, made from its lock file and kept while that stands."""

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


def lock_digest(implementation: Implementation) -> str:
    """A short digest of the lock file: the identity of the packages that are measured."""
    return hashlib.sha256(implementation.lock_file.read_bytes()).hexdigest()[:16]


def environment_folder(cache: Path, implementation: Implementation) -> Path:
    """Where its environment stands for this lock and this interpreter."""
    identity = f"{lock_digest(implementation)} {interpreter()} {platform.python_version()}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return cache / "environments" / f"{implementation.name}-{digest}"


def interpreter() -> Path:
    """The Python on which everything runs: the one below the harness's own environment."""
    return Path(getattr(sys, "_base_executable", sys.executable))


def prepare(cache: Path, implementation: Implementation) -> Path:
    """Make the environment if it does not stand yet; return its interpreter.

    Raises:
        EnvironmentFailed: uv is missing, could not install what the lock names, or what it names is
            not what the manifest asks for.
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
            "--compile-bytecode", str(implementation.lock_file),
        )  # fmt: skip
        _check_packages(implementation, python)
        (folder / _COMPLETE).touch()
    return python


def installed(python: Path) -> dict[str, str]:
    """The packages of an environment and their versions, by its interpreter."""
    folders = [str(p) for p in (python.parents[1] / "lib").glob("python3*/site-packages")]
    found = importlib.metadata.distributions(path=folders)
    return dict(sorted((item.name, item.version) for item in found))


def _check_packages(implementation: Implementation, python: Path) -> None:
    """A lock file that has fallen behind its manifest would measure another version."""
    found = {canonicalize_name(name): version for name, version in installed(python).items()}
    for text in implementation.dependencies:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        version = found.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            folder = implementation.folder.name
            raise EnvironmentFailed(
                f"{folder}/pyproject.toml asks for `{text}`, and its environment has "
                f"{'no such package' if version is None else f'version {version}'}; make "
                f"{folder}/requirements.lock anew, as CONTRIBUTING says."
            )


def _uv(implementation: Implementation, *arguments: str) -> None:
    program = os.environ.get("UV") or shutil.which("uv")
    if program is None:
        raise EnvironmentFailed(
            "The program uv is missing, which makes the implementations' environments; install it "
            "with `pip install uv`."
        )
    # The harness's own environment must not be taken for the one to change.
    env = {
        k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    }
    done = subprocess.run(
        [program, "--no-config", "--quiet", "--no-progress", *arguments],
        cwd=implementation.folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        words = "\n".join(done.stderr.strip().splitlines()[-_QUOTED_LINES:])
        raise EnvironmentFailed(
            f"The environment of implementation `{implementation.name}` could not be made from "
            f"{implementation.folder.name}/requirements.lock; mend what uv says and run again:\n"
            f"{words}"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two runs at a time must not make one environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
