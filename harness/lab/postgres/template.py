"""A cluster as initdb leaves it, kept in the cache: unpacking it takes half as much CPU time."""

import fcntl
import gzip
import hashlib
import pwd
import tarfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from harness.base.files import replace

_COMPRESSION = 1
"""gzip's quickest level; the files are a quarter of what they were, at level 9 a fifth."""


class Template:
    """One packed folder for each way to make it. gzip's checksum tells a damaged one.

    Args:
        cache: where it is kept.
        ways: everything that it depends on: version, machine, initdb's options.
    """

    def __init__(self, cache: Path, ways: Sequence[str]) -> None:
        digest = hashlib.sha256("\0".join(ways).encode()).hexdigest()[:16]
        self.path = cache / "templates" / f"cluster-{digest}.tar.gz"

    def unpack(self, folder: Path, user: str | None) -> bool:
        """Fill a folder with what is kept.

        Args:
            folder: an empty one.
            user: the system user that owns the files; None for this process's own.

        Returns:
            Whether there is a template, whole and legible.

        Raises:
            OSError: the folder cannot be written.
        """
        try:
            packed = gzip.decompress(self.path.read_bytes())
        except (OSError, EOFError, zlib.error):
            return False
        if not packed:  # of an empty file; gzip takes that for nothing packed
            return False
        owner = None if user is None else pwd.getpwnam(user)

        def owned(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo:
            """In place: the archive is our own, and a copy of each member takes time."""
            if owner is not None:
                member.uid, member.gid = owner.pw_uid, owner.pw_gid
            return member

        with tarfile.open(fileobj=BytesIO(packed), mode="r:") as archive:
            archive.extractall(folder, filter=owned, numeric_owner=True)
        return True

    def keep(self, folder: Path, names: Sequence[str]) -> None:
        """Pack these files and folders of a folder; without a word if the cache cannot hold them.

        It holds a password, so other users may not enter the folder. Of two processes at once one
        writes, and a reader sees the old file or the new one.
        """
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            with self.path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                replace(self.path, _packed(folder, names))


def _packed(folder: Path, names: Sequence[str]) -> bytes:
    plain = BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name in names:
            archive.add(folder / name, name)
    return gzip.compress(plain.getvalue(), _COMPRESSION)
