"""A folder that becomes read-only while programs use it; needs root."""

import subprocess
from pathlib import Path

from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S


def cover_read_only(folder: Path) -> None:
    """Cover a folder by a read-only view of itself, because open files forbid a remount of it.

    Files that were opened through the view forbid it too, so it may take more than one try.
    """
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    remount = ["mount", "-o", "remount,bind,ro", str(folder)]
    made = wait_until(
        lambda: not subprocess.run(remount, capture_output=True, check=False).returncode, PATIENCE_S
    )
    if not made:
        subprocess.run(["umount", "-l", folder], check=True)
    assert made
