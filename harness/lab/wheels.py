"""Wheels of checkouts: built once by uv, and kept by their content."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name, parse_wheel_filename

from harness.base.errors import EnvironmentFailed
from harness.base.files import locked, replace
from harness.inputs.locks import BUILT
from harness.lab.uv import reason, run_uv

_DIRTY = "-dirty"
_LEFT_BY_BUILDS = ("build", "dist", "*.egg-info", "__pycache__")


class BuiltWheel(msgspec.Struct, frozen=True):
    """A wheel that is kept.

    digest: of its content. version: of the package.
    commit: of its checkout, with `-dirty` where files differ from it; None without one.
    """

    name: str
    version: str
    digest: str
    commit: str | None

    @property
    def requirement(self) -> str:
        """As a setup names it."""
        return f"{self.name} @ {BUILT}{self.digest}"

    @property
    def dirty(self) -> bool:
        """Whether it has changes that no commit has."""
        return self.commit is not None and self.commit.endswith(_DIRTY)

    @property
    def title(self) -> str:
        """What a reader is told."""
        at = f"at {self.commit}" if self.commit else f"wheel {self.digest}"
        return f"{self.name} {self.version} {at}"


def build_wheel(cache: Path, name: str, source: Path) -> BuiltWheel:
    """Build a checkout's wheel, or take a wheel as it is, and keep it.

    It is built from a source distribution, as releases are: some backends would put files of an
    earlier build into it, which the checkout has no more.

    Args:
        cache: where wheels are kept.
        name: of the package that it must be.
        source: a folder with a project, or a wheel.

    Raises:
        EnvironmentFailed: it cannot be built, or is of another package.
    """
    if source.suffix == ".whl" and source.is_file():
        return _keep(cache, name, source, None)
    if not source.is_dir():
        raise EnvironmentFailed(
            f"{source} is neither a folder nor a wheel; name the checkout of {name}, or a file "
            "that ends in .whl."
        )
    with tempfile.TemporaryDirectory() as folder:
        commit = _commit(source)  # before a build leaves files behind
        done = run_uv(source, "build", "--out-dir", folder, ".", quiet=False)
        if done.returncode != 0:
            raise EnvironmentFailed(
                f"{source} does not build: {reason(done.stderr)}; `uv build` in that folder shows "
                "all."
            )
        (wheel,) = Path(folder).glob("*.whl")
        return _keep(cache, name, wheel, commit)


def kept_wheel(cache: Path, digest: str) -> Path:
    """The file of a kept wheel.

    Raises:
        EnvironmentFailed: it is not here.
    """
    found = sorted((cache / "wheels" / digest).glob("*.whl"))
    if not found:
        raise EnvironmentFailed(
            f"The wheel {digest} is not kept here; build it again with `bridgetoll ab … --with "
            "'PACKAGE @ FOLDER'`."
        )
    return found[0]


def _keep(cache: Path, name: str, wheel: Path, commit: str | None) -> BuiltWheel:
    try:
        found, version, _, _ = parse_wheel_filename(wheel.name)
    except ValueError as error:
        raise EnvironmentFailed(f"{wheel.name} is no wheel: {error}.") from None
    if found != canonicalize_name(name):
        raise EnvironmentFailed(f"{wheel.name} is of the package `{found}`, and not of `{name}`.")
    body = wheel.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:16]
    folder = cache / "wheels" / digest
    folder.mkdir(parents=True, exist_ok=True)
    with locked(cache / "wheels.lock"):
        if not (folder / wheel.name).exists():
            replace(folder / wheel.name, body)
    return BuiltWheel(canonicalize_name(name), str(version), digest, commit)


def _commit(source: Path) -> str | None:
    """Of a git checkout; None without one.

    New files count as changes: a wheel has them. What a build leaves behind does not.
    """
    commit = _git(source, "describe", "--always", "--exclude", "*")
    if not commit:
        return None
    left = [f":(exclude,glob)**/{name}/**" for name in _LEFT_BY_BUILDS]
    changed = _git(source, "status", "--porcelain", "--", ".", *left)
    return f"{commit}{_DIRTY}" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    """What git says of a checkout; nothing where there is no git, or no checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
