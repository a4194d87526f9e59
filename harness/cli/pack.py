"""The command `pack`: a run in few files, as it is kept."""

from pathlib import Path

from rich.text import Text

from harness.base.workspace import Workspace
from harness.cli.console import RunName, out, warn

EXAMPLE = "bridgetoll pack quick-20261122-113222"


def command(run: RunName) -> None:
    """Put the trials of a finished run into one file.

    The file replaces the files of the trials. Every command reads both forms.
    """
    from harness.records.store import find_run

    workspace = Workspace()
    store = find_run(workspace.results, run)
    before = _mebibytes(store.folder)
    packed = store.pack()
    for damaged in packed.left:
        warn("not packed", str(damaged))
    after = _mebibytes(store.folder)
    message = (
        f"{packed.trials} trials in {workspace.shown(packed.path)}, {packed.removed} files removed."
        f"\nThe run's folder: {before:.1f} MiB before, {after:.1f} MiB now."
    )
    out.print(Text(message), soft_wrap=True)


def _mebibytes(folder: Path) -> float:
    """The size of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
