"""Two runs with all that is said of them, and the same as data."""

from typing import Any

import msgspec

from harness.analysis.gate import Gate
from harness.analysis.runs import MEASURES, RunComparison
from harness.records.comparability import Change
from harness.records.run import Run


class ComparedRuns(msgspec.Struct, frozen=True):
    """Run A, run B, and their comparison.

    reasons: why they were not measured alike, as clauses; see `check_comparable`.
    changed: see `comparability.changes`.
    gate: None unless the user named what is allowed.
    """

    a: Run
    b: Run
    reasons: tuple[str, ...]
    changed: tuple[Change, ...]
    comparison: RunComparison
    gate: Gate | None = None

    @property
    def data(self) -> dict[str, Any]:
        """What `compare --json` prints, and `comparison.json` holds."""
        return {
            "not_measured_alike": self.reasons,
            "changed": self.changed,
            "comparison": self.comparison,
            "gate": self.gate,
        }

    @property
    def command(self) -> list[str]:
        """The words that compare them again, after `bridgetoll`."""
        measure = next(name for name, m in MEASURES.items() if m is self.comparison.measure)
        words = ["compare", self.a.id, self.b.id]
        words += [] if measure == "cpu" else ["--measure", measure]
        words += [word for name in self.comparison.named for word in ("--reference", name)]
        return [*words, *(["--anyway"] if self.reasons else [])]
