"""The wheel has all that a command outside of a checkout reads."""

import zipfile
from pathlib import Path

from harness.lab.uv import run_uv

ROOT = Path(__file__).parents[2]
_LEFT_OUT = ("__pycache__", ".pyc")


def files_of(folder: str) -> set[str]:
    """Files below a folder of the repository, by their path in it."""
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    names = (str(path.relative_to(ROOT)) for path in paths)
    return {name for name in names if not any(part in name for part in _LEFT_OUT)}


def test_a_wheel_has_every_module_template_and_shared_file(tmp_path: Path) -> None:
    built = run_uv(ROOT, "build", "--wheel", "--out-dir", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    wanted = files_of("harness") | {f"harness/{name}" for name in files_of("shared")}
    assert "harness/shared/servers.toml" in wanted
    assert sorted(wanted - names) == []
