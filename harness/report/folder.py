"""Folders that reports are written to, and whose they may be; nothing is written outside."""

from collections.abc import Collection
from pathlib import Path

import msgspec

from harness.base.errors import StoreFailed, UsageError, remedy_of
from harness.base.files import replace


class ReportFolder:
    """A folder of a report, made once something is written to it.

    It may be a stranger's, as an unpacked archive: a symbolic link in it may lead anywhere, so
    nothing is written through one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, body: str | bytes) -> Path:
        """Write a file, text as UTF-8; returns its path.

        Args:
            name: relative to the folder, e.g. `figures/x.svg`.
            body: the whole file.

        Raises:
            StoreFailed: it cannot be written.
        """
        path = self.root / name
        self._refuse_links(path.parent)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, body.encode() if isinstance(body, str) else body, sync=False)
        except OSError as error:
            raise _unwritable(path, error) from error
        return path

    def drop_others(self, name: str, kept: Collection[str]) -> None:
        """Remove the files that an earlier report left in a folder within; subfolders stay.

        Args:
            name: of the folder.
            kept: names of the files that stay.

        Raises:
            StoreFailed: one cannot be removed.
        """
        self._refuse_links(self.root / name)
        for path in (self.root / name).glob("*"):
            if path.name not in kept and not path.is_dir():
                try:
                    path.unlink()
                except OSError as error:
                    raise _unwritable(path, error) from error

    def _refuse_links(self, folder: Path) -> None:
        within = folder.relative_to(self.root)
        for part in (within, *within.parents):
            if (self.root / part).is_symlink():
                raise StoreFailed(
                    f"{self.root / part} is a symbolic link and may lead anywhere; put a folder "
                    "in its place, then make the report again."
                )


def _unwritable(path: Path, error: OSError) -> StoreFailed:
    return StoreFailed(
        f"{path} cannot be written ({error.strerror}); {remedy_of(error)}, then make the report "
        "again."
    )


class Owner(msgspec.Struct, frozen=True):
    """The command that makes a folder and may overwrite the files in it.

    marker: name of a file that marks the folder as made by it.
    option: that names the folder.
    """

    command: str
    marker: str
    option: str = "--to"


def owned_folder(target: Path, owner: Owner) -> Path:
    """Create a command's folder, or reuse one that it made; returns its path without links.

    Raises:
        UsageError: it lies in a run's folder, or holds files that the command did not make.
        StoreFailed: it cannot be created or written.
    """
    folder = target.resolve()
    try:
        _refuse_runs(target, folder, owner)
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / owner.marker
        ours = marker.is_file() and not marker.is_symlink()
        if not ours and any(folder.iterdir()):
            raise UsageError(
                f"{target} has files in it that `{owner.command}` did not make; name a new or an "
                f"empty folder with {owner.option}."
            )
        text = f"`{owner.command}` has made this folder, and overwrites the files in it.\n"
        replace(marker, text.encode())
    except OSError as error:
        raise StoreFailed(
            f"{target} cannot be written ({error.strerror}); {remedy_of(error)}, or name another "
            f"folder with {owner.option}."
        ) from error
    return folder


def _refuse_runs(target: Path, folder: Path, owner: Owner) -> None:
    """A run is evidence: nothing else may change its folder."""
    for path in (folder, *folder.parents):
        if (path / "run.json").is_file():
            raise UsageError(
                f"{target} lies in the folder of the run {path.name}, which must not change; name "
                f"another folder with {owner.option}."
            )
