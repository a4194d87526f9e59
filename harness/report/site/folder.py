"""The folder of a site: which folder it may be, and where files are written in it."""

from collections.abc import Collection
from pathlib import Path

from harness.base.errors import StoreFailed, remedy_of
from harness.base.files import replace
from harness.report.folder import Owner, owned_folder

MARKER = ".bridgetoll-site"
"""A file that marks a folder as made by `bridgetoll publish`."""
_OWNER = Owner("bridgetoll publish", MARKER)
_RUNS = "runs"


class SiteFolder:
    """A folder that holds nothing but a site. Nothing is written outside it.

    folder: checked by `site_folder`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, run_id: str) -> Path:
        """The folder of a run's report. The id must be a plain name."""
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
            raise _unwritable(path, error) from error
        return path

    def earlier(self, published: Collection[str]) -> tuple[str, ...]:
        """Ids of runs that an earlier publication left here and this one does not have."""
        names = (path.name for path in sorted((self.folder / _RUNS).glob("*")))
        return tuple(name for name in names if name not in published)


def site_folder(target: Path) -> SiteFolder:
    """Create a site's folder, or reuse one that `bridgetoll publish` made.

    Raises:
        UsageError: it lies in a run's folder, or holds files that are not of a site.
        StoreFailed: it cannot be created or written.
    """
    folder = owned_folder(target, _OWNER)
    _refuse_links(folder / _RUNS)
    return SiteFolder(folder)


def _refuse_links(runs: Path) -> None:
    """A link would lead writes out of the folder. `Store` refuses links within `runs`."""
    if runs.is_symlink():
        raise StoreFailed(
            f"{runs} is a symbolic link and may lead anywhere; remove it, then publish again."
        )


def _unwritable(path: Path, error: OSError) -> StoreFailed:
    return StoreFailed(
        f"{path} cannot be written ({error.strerror}); {remedy_of(error)}, or name another folder "
        "with --to."
    )
