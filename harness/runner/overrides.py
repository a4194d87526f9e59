"""The flags of `run` that change a study before it is measured."""

import math

import msgspec

from harness.base.errors import UnknownName, UsageError
from harness.inputs.study import Study
from harness.runner.plan import block_s

_LEAST, _MOST_MINUTES = 0.01, 1_440
"""Of a share, or of minutes; a day at most, as in a study."""


class Overrides(msgspec.Struct, frozen=True):
    """The flags of `bridgetoll run`.

    blocks: another number of them.
    only: these variants, beside the baseline.
    budget_min: minutes of measuring.
    keep_requests: keep each request's start and latency.
    scale: of Locust's ramp, as a share of its time.
    """

    blocks: int | None = None
    only: tuple[str, ...] = ()
    budget_min: float | None = None
    keep_requests: bool = False
    scale: float | None = None

    @property
    def shortened(self) -> float | None:
        """The share to which a ramp is shortened; None if it is not."""
        return None if self.scale == 1.0 else self.scale

    @property
    def flags(self) -> list[str]:
        """The flags as they are typed."""
        flags = [f"--blocks {self.blocks}"] if self.blocks else []
        flags += [f"--only {name}" for name in dict.fromkeys(self.only)]
        flags += [f"--budget {self.budget_min:g}"] if self.budget_min is not None else []
        flags += [f"--scale {self.shortened:g}"] if self.shortened else []
        return flags + (["--keep-requests"] if self.keep_requests else [])

    def applied(self, study: Study) -> Study:
        """The study with these changes.

        Raises:
            UsageError: a variant that it does not have, a number out of range, or a budget in which
                nothing can be done.
        """
        for flag, value, most in (
            ("--budget", self.budget_min, _MOST_MINUTES), ("--scale", self.scale, 1),
        ):  # fmt: skip
            if value is not None and not (math.isfinite(value) and _LEAST <= value <= most):
                raise UsageError(
                    f"{flag} is {value:g}; it must be a number from {_LEAST:g} to {most:,}."
                )
        if self.keep_requests and study.ramped:
            raise UsageError(
                "--keep-requests does nothing with Locust, which keeps none; leave it out."
            )
        unknown = [name for name in self.only if name not in study.everyone]
        if unknown:
            raise UnknownName(
                "variant", unknown[0], list(study.everyone), "the study", listed=False
            )
        replace = msgspec.structs.replace
        if self.only:
            study = _only(study, {*self.only, study.baseline})
        if self.blocks:
            looks = tuple(look for look in study.stopping.looks if look < self.blocks)
            stopping = replace(study.stopping, looks=looks)
            study = replace(study, blocks=self.blocks, stopping=stopping)
        if self.scale:
            study = _scaled(study, self.scale)
        if self.budget_min is not None:
            study = _within(study, self.budget_min)
        if self.keep_requests:
            study = replace(study, load=replace(study.load, keep_requests=True))
        return study


def _only(study: Study, kept: set[str]) -> Study:
    """The study with fewer variants, and without whatever needs the others."""
    groups = {n: tuple(v for v in g if v in kept) for n, g in study.groups.items()}
    groups = {name: members for name, members in groups.items() if {*members} - {study.baseline}}
    return msgspec.structs.replace(
        study,
        variants=tuple(v for v in study.variants if v in kept),
        groups=groups,
        conditions=tuple(c for c in study.conditions if c.group is None or c.group in groups),
        contrasts=tuple(c for c in study.contrasts if c.variants <= kept),
        waterfalls=tuple(w for w in study.waterfalls if kept.issuperset(w.steps)),
        squares=tuple(s for s in study.squares if kept.issuperset(sum(s.corners, ()))),
    )


def _within(study: Study, minutes: float) -> Study:
    """The study with as many blocks as should fit; a run slower than expected stops in time."""
    needed = block_s(study) / 60
    fitting = int(minutes / needed)
    if fitting < 1:
        raise UsageError(
            f"--budget: one block of this study takes about {needed:.1f} minutes, and {minutes:g} "
            f"are allowed; allow {needed + 0.1:.1f}, or measure fewer variants with --only."
        )
    blocks = min(study.blocks, fitting)
    stopping = msgspec.structs.replace(
        study.stopping,
        budget_s=minutes * 60,
        looks=tuple(look for look in study.stopping.looks if look < blocks),
    )
    return msgspec.structs.replace(study, blocks=blocks, stopping=stopping)


def _scaled(study: Study, share: float) -> Study:
    """The study with as many users in less time: a rehearsal, not a measurement."""
    if not study.ramped:
        raise UsageError(
            "--scale shortens Locust's ramp, and this study has none; leave it out, or measure "
            "less with --blocks."
        )
    load = msgspec.structs.replace(study.load, ramp=study.load.ramp.scaled(share))
    return msgspec.structs.replace(study, load=load)
