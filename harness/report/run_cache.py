"""What the analysis of a run gives, kept in the cache folder, because it takes seconds.

What is kept counts only for the very files of the run, what it was asked with, and the code that
made it. A file that is damaged or of anything else is made again, so the cache can be removed at
any time.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from harness.base.files import replace
from harness.records.packed import PACKED

_HARNESS = Path(__file__).parents[1]
_ROOMS = ("analysis", "base", "inputs", "records")
"""The analysis, and all that it may import."""
_LIBRARIES = ("hdrhistogram", "msgspec", "numpy", "scipy")
_DIGEST = hashlib.sha256().digest_size


class RunCache[T]:
    """One kept value for each run, in a folder of the cache.

    failed: the first error of writing; values are then made each time.

    Args:
        folder: for this kind of value; made when something is kept.
        kind: of the values, for msgspec.
        asked: what else the values depend on.
    """

    def __init__(self, folder: Path, kind: type[T], asked: bytes = b"") -> None:
        self._folder = folder
        self._kind = kind
        self._asked = asked
        self.failed: OSError | None = None

    def key(self, run: Path) -> bytes | None:
        """What the value of a run depends on, as a digest; None if it must not be kept.

        Args:
            run: its folder.
        """
        digest = hashlib.sha256(_code())
        digest.update(self._asked)
        try:
            for path in _files(run):
                body = path.read_bytes() if _is_plain(path) else None
                if body is None:
                    return None
                digest.update(f"{path.relative_to(run)}\0{len(body)}\0".encode())
                digest.update(body)
        except (OSError, UnicodeEncodeError):
            return None
        return digest.digest()

    def read(self, run: Path, key: bytes | None) -> T | None:
        """What was kept under this key; None if nothing was, or it is damaged."""
        with suppress(OSError, msgspec.DecodeError):
            text = self._path(run).read_bytes()
            found, check, body = text[:_DIGEST], text[_DIGEST : 2 * _DIGEST], text[2 * _DIGEST :]
            if key is not None and found == key and check == hashlib.sha256(body).digest():
                return msgspec.msgpack.decode(body, type=self._kind)
        return None

    def keep(self, run: Path, key: bytes | None, value: T) -> None:
        """Keep a run's value in place of an earlier one; `failed` tells if that fails."""
        if key is None or self.failed is not None:
            return
        body = msgspec.msgpack.encode(value)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace(self._path(run), key + hashlib.sha256(body).digest() + body, sync=False)
        except OSError as error:
            self.failed = error

    def _path(self, run: Path) -> Path:
        """One file per run's folder, so that the cache does not grow with each change."""
        name = hashlib.sha256(os.fsencode(run.resolve())).hexdigest()[:24]
        return self._folder / f"{name}.msgpack"


def _files(run: Path) -> Iterator[Path]:
    """The files of a run that its analysis reads."""
    yield run / "run.json"
    if os.path.lexists(run / PACKED):
        yield run / PACKED
    yield from sorted((run / "trials").glob("*.json"))


def _is_plain(path: Path) -> bool:
    """A stranger's link or pipe is refused by the one who reads the run."""
    return stat.S_ISREG(path.lstat().st_mode)


@cache
def _code() -> bytes:
    """A digest of everything that makes values of trials."""
    digest = hashlib.sha256(f"{sys.version}\0{_versions(_LIBRARIES)}".encode())
    for room in _ROOMS:
        for path in sorted((_HARNESS / room).rglob("*.py")):
            body = path.read_bytes()
            digest.update(f"{path.relative_to(_HARNESS)}\0{len(body)}\0".encode())
            digest.update(body)
    return digest.digest()


def _versions(names: Iterable[str]) -> list[str]:
    return [version(name) for name in names]
