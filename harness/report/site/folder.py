"""The folder of a site: which one may be taken, and what may be written to it."""

from collections.abc import Collection
from pathlib import Path

from harness.base.errors import StoreFailed, UsageError
from harness.base.files import replace

MARKER = ".bridgetoll-site"
"""A file by which a folder is known to have been made here."""
_SAYS = b"`bridgetoll publish` has made this folder, and writes over what is in it.\n"
_RUNS = "runs"


class Place:
    """A folder that has nothing in it but a site, and beyond which nothing is written.

    folder: one that `take` has found fit.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, run_id: str) -> Path:
        """Where the report of a run goes, whose id is known to be a plain name."""
        return self.folder / _RUNS / run_id

    def write(self, name: str, text: str) -> Path:
        """Write a page of the site; returns its path.

        Raises:
            StoreFailed: it cannot be written.
        """
        path = self.folder / name
        try:
            replace(path, text.encode())
        except OSError as error:
            raise _unusable(path, error) from error
        return path

    def left(self, published: Collection[str]) -> tuple[str, ...]:
        """Reports of runs that were published here before, and are not now; they stay."""
        found = (path.name for path in sorted((self.folder / _RUNS).glob("*")))
        return tuple(name for name in found if name not in published)


def take(target: Path) -> Place:
    """Make a site's folder, or take one that was made here before.

    Raises:
        UsageError: it is or lies in a run's folder, or has files in it that are not of a site.
        StoreFailed: it cannot be made or written.
    """
    folder = target.resolve()
    try:
        _refuse_runs(target, folder)
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        ours = marker.is_file() and not marker.is_symlink()
        if not ours and any(folder.iterdir()):
            raise UsageError(
                f"{target} has files in it that `bridgetoll publish` did not make; name a new or "
                "an empty folder with --to."
            )
        replace(marker, _SAYS)
        _refuse_links(folder / _RUNS)
    except OSError as error:
        raise _unusable(target, error) from error
    return Place(folder)


def _refuse_runs(target: Path, folder: Path) -> None:
    """A run is evidence, and is kept as it is."""
    for path in (folder, *folder.parents):
        if (path / "run.json").is_file():
            raise UsageError(
                f"{target} lies in the folder of the run {path.name}, which is kept as it is; name "
                "another folder with --to."
            )


def _refuse_links(runs: Path) -> None:
    """What is written through a link is written elsewhere; those within are refused likewise."""
    if runs.is_symlink():
        raise StoreFailed(
            f"{runs} is a symbolic link and may lead anywhere; remove it, then publish again."
        )


def _unusable(path: Path, error: OSError) -> StoreFailed:
    return StoreFailed(
        f"{path} cannot be written ({error.strerror}); free some space, make the folder writable "
        "or name another with --to."
    )
