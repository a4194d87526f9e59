"""The folder that a report is written to; nothing is written outside of it."""

from collections.abc import Collection
from pathlib import Path

from harness.base.errors import StoreFailed, remedy_of
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
