"""A workspace whose one implementation is the toy, and studies of its variants."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.base.workspace import Workspace

_TOYS = Path(__file__).with_name("implementations")
_SERVER = """
[toy]
protocol = "own"
keep_alive = true
argv = ["{python}", "{app}", "--host", "{host}", "--port", "{port}"]

[toy-counted]
protocol = "own"
keep_alive = true
argv = [
    "{python}", "{app}", "--host", "{host}", "--port", "{port}",
    "--workers", "{workers}", "--threads", "{threads}",
]
"""


def toy_workspace(folder: Path) -> Workspace:
    """Lay out a workspace in `folder`: the real contract, the toy's server, and the toy."""
    workspace = Workspace(folder)
    shutil.copytree(Workspace().shared, workspace.shared)
    shutil.copytree(_TOYS, workspace.implementations)
    with (workspace.shared / "servers.toml").open("a", encoding="utf-8") as handle:
        handle.write(_SERVER)
    return workspace


def write_study(
    workspace: Workspace,
    name: str,
    variants: Sequence[str],
    *,
    endpoints: Sequence[str] = ("noop",),
    blocks: int = 2,
    rounds: int = 3,
    slice_s: float = 0.05,
    extra: str = "",
    conditions: str = "",
) -> Path:
    """A tiny study of toy variants; the first is the baseline.

    conditions: further ones than the endpoints', as TOML. extra: keys of the study itself.
    """
    names = [f"toy/{variant}" for variant in variants]
    conditions += "".join(
        f'[[conditions]]\nendpoint = "{endpoint}"\nconnections = 4\nrows = 50\n'
        for endpoint in endpoints
    )
    path = workspace.shared / "studies" / f"{name}.toml"
    path.write_text(
        f"""\
title = "Toys"
question = "Is this measured as it should be?"
variants = {json.dumps(names)}
baseline = "{names[0]}"
blocks = {blocks}
seed = 7
{extra}
[server]
pool_size = 4
cpu_iterations = 1_000
wait_ms = 1
pool_timeout_s = 5.0

[database]
max_connections = 100

[load]
slice_s = {slice_s}
rounds = {rounds}
warmup_s = 0.002

{conditions}"""
    )
    return path
