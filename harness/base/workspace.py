"""The repository's folders, and the cache outside it."""

import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

import platformdirs

from harness.base.errors import UsageError

_PACKED = Path(__file__).resolve().parents[1] / "shared"
"""Where a wheel has it; not in a checkout."""


class Workspace:
    """The folders of one checkout.

    `root` is the repository of this package, unless BRIDGETOLL_ROOT names another folder with the
    same layout.
    """

    def __init__(self, root: Path | None = None) -> None:
        named = os.environ.get("BRIDGETOLL_ROOT")
        self.root = (root or Path(named or Path(__file__).resolve().parents[2])).resolve()

    @property
    def shared(self) -> Path:
        """The law: schema, contract, servers, studies; an installed package has a copy within."""
        here = self.root / "shared"
        return here if here.is_dir() or not _PACKED.is_dir() else _PACKED

    @property
    def implementations(self) -> Path:
        """One folder per framework."""
        return self.root / "implementations"

    @property
    def results(self) -> Path:
        """One folder per run."""
        return self.root / "results"

    def logs(self, cache: Path) -> Path:
        """Where commands other than a run keep servers' logs; created if missing.

        The cache belongs to the machine, so each checkout has a folder of its own in it.
        """
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        folder = cache / "logs" / digest
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def shown(self, path: Path) -> str:
        """`path` for a reader: relative to the repository if it is inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def cache_folder() -> Path:
    """The folder of environments and of PostgreSQL, kept between runs; created if missing.

    Root gets the machine's cache, because PostgreSQL refuses to run as root and another user must
    be able to enter the folder. BRIDGETOLL_CACHE overrides both.

    Raises:
        UsageError: it cannot be created or written.
    """
    folder = _cache_path()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and not os.environ.get("BRIDGETOLL_CACHE"):
            folder.chmod(0o755)  # whatever root's umask is
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"The cache folder {folder} cannot be used ({error.strerror}); make it writable, or "
            "name another in the environment variable BRIDGETOLL_CACHE."
        ) from error
    return folder


_BEFORE = r"(?:(?<![\w.~>-])|(?<=-[A-Z]))"
"""Where a path begins: not within a name, except after a flag such as `-I`."""
_AFTER = r"(?![\w-]|\.\w)"
"""Where a name of a path ends."""


def without_paths(text: str) -> str:
    """`text` with this machine's paths replaced: it may be kept with a run, and published.

    Only whole paths and their beginnings are: `/tmp` is no part of `clusters/tmpabc`.
    """
    places = {
        str(Workspace().root): "<bridgetoll>",
        str(_cache_path()): "<cache>",
        sys.prefix: "<python>",
        sys.base_prefix: "<python>",
        tempfile.gettempdir(): "<tmp>",
        str(Path.home()): "~",
    }
    longest_first = sorted((place for place in places if len(place) > 1), key=len, reverse=True)
    whole = f"{_BEFORE}({'|'.join(map(re.escape, longest_first))}){_AFTER}"
    return re.sub(whole, lambda found: places[found[1]], text)


def _cache_path() -> Path:
    if override := os.environ.get("BRIDGETOLL_CACHE"):
        return Path(override).resolve()
    if os.geteuid() == 0:
        return Path(platformdirs.site_cache_dir("bridgetoll"))
    return Path(platformdirs.user_cache_dir("bridgetoll"))
