"""The command `bridgetoll` that trusts the toys, as a program.

It neither verifies nor audits, measures nothing again because of a busy machine, and draws no chart
unless its environment has the variable `DRAWS`. With `LINGERS` it never ends by itself.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from unittest.mock import patch

from harness import cli
from harness.base.workspace import Workspace
from harness.records.store import Store
from harness.records.trial import Trial
from harness.runner.slices import Loader, LoadTarget
from harness.runner.trial_builder import Measurement
from tests.toys.laboratory import trusting, undisturbed
from tests.toys.undrawn import undrawn

DRAWS = "BRIDGETOLL_TOYS_DRAW"
LINGERS = "BRIDGETOLL_TOYS_LINGER"
"""The number of trials on disk from which on the next one is not written, and the next slice loads
without an end."""
_ENDLESS_S = 600.0


@contextmanager
def lingering(trials: int) -> Iterator[None]:
    """Go on no further once so many trials are kept; whoever waits for them need not hurry."""
    measure, write = Loader.slice, Store.write_trial

    def over() -> bool:
        return len(list(Workspace().results.glob("*/trials/*.json"))) >= trials

    def measured(
        self: Loader, target: LoadTarget, following: LoadTarget | None = None
    ) -> Measurement:
        if over():
            self.load(target, _ENDLESS_S)
        return measure(self, target, following)

    def written(self: Store, trial: Trial) -> None:
        if over():
            time.sleep(_ENDLESS_S)
        write(self, trial)

    with patch.object(Loader, "slice", measured), patch.object(Store, "write_trial", written):
        yield


if __name__ == "__main__":
    wanted = os.environ.get(LINGERS)
    with (
        trusting(),
        undisturbed(),
        nullcontext() if DRAWS in os.environ else undrawn(),
        nullcontext() if wanted is None else lingering(int(wanted)),
    ):
        cli.main()
