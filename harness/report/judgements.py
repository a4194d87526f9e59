"""Judgements of runs, kept in the cache folder, because they take seconds and seldom change."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.analysis.judgements import Judgement
from harness.inputs.claims import Claim
from harness.report.run_cache import RunCache


def judgement_cache(cache_folder: Path, claims: Sequence[Claim]) -> RunCache[tuple[Judgement, ...]]:
    """The kept judgements of runs on these claims."""
    return RunCache(
        cache_folder / "judgements", tuple[Judgement, ...], msgspec.msgpack.encode(tuple(claims))
    )
