"""The command `pack`: a run in few files, as it is kept."""

from pathlib import Path

from rich.text import Text

from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.cli.console import RunName, out, using, warn
from harness.cli.ending import when_stopped

EXAMPLE = "bridgetoll pack quick-20261128-200751"


def command(run: RunName) -> None:
    """Put the trials of a finished run into one file.

    The file replaces the files of the trials. Every command reads both forms.
    """
    from harness.records.store import find_run

    workspace = Workspace()
    store = find_run(workspace.results, run)
    kept = f"every trial of {store.id} is kept; `bridgetoll pack {store.id}` packs the rest."
    with using(store), when_stopped(kept):
        before = _mebibytes(store.folder)
        packed = store.pack()
        after = _mebibytes(store.folder)
    for damaged in packed.left:
        warn("not packed", str(damaged))
    if not packed.trials:
        readable = "readable " if packed.left else ""
        raise UsageError(f"{store.id} has no {readable}trials; nothing was packed.")
    path = workspace.shown(packed.path)
    if not packed.removed:
        out.print(
            Text(f"{store.id} is packed already: {packed.trials} trials in {path}."), soft_wrap=True
        )
        return
    message = (
        f"{packed.trials} trials in {path}, {packed.removed} files removed."
        f"\nThe run's folder: {before:.1f} MiB before, {after:.1f} MiB now."
    )
    out.print(Text(message), soft_wrap=True)


def _mebibytes(folder: Path) -> float:
    """The size of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
