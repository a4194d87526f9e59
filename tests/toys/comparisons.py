"""A comparison of two runs, made by hand: one pair of every verdict."""

import msgspec

from harness.analysis.measures import Measure
from harness.analysis.reference import Reference
from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict, VariantCondition
from harness.analysis.stats.intervals import Interval
from harness.inputs.study import Condition
from harness.records.comparability import Change
from harness.report.comparison.compared import ComparedRuns
from tests.toys.runs import make_run

READ = Condition("io_read", connections=32, rows=1_000)
CPU = Condition("cpu", connections=8, rows=1_000)
LONG = "django/native-orm-stock-lifecycle"


STILL = "starlette/asyncpg"


def value(mean: float) -> dict[Measure, Interval]:
    """Of six blocks."""
    return {Measure.CPU: Interval(mean, mean * 0.9, mean * 1.1, 0.03, 6)}


def pair(
    variant: str,
    verdict: RunVerdict,
    a: float,
    b: float,
    at: Condition = READ,
    at_most: float | None = None,
    reference: tuple[str, ...] = (STILL,),
) -> ComparedVariant:
    """Its ratio is that of b to a, so the machine was as fast in both; absolute, it is ±20 %."""
    ratio = Interval(b / a, b / a * 0.97, b / a * 1.03, 0.01, 12)
    wide = Interval(b / a, b / a / 1.2, b / a * 1.2, 0.1, 12)
    return ComparedVariant(
        variant, at, verdict, reference, value(a), value(b), ratio, 9.5, wide, at_most, 0.01
    )


def silent(variant: str, reason: str, at: Condition = READ) -> ComparedVariant:
    """Without figures in B."""
    return ComparedVariant(
        variant, at, RunVerdict.NOT_COMPARABLE, (), value(500), {}, None, None, None, None, None,
        reason, "B",
    )  # fmt: skip


def alone(variant: str, at: Condition = READ) -> ComparedVariant:
    """The only variant of the reference."""
    return ComparedVariant(
        variant, at, RunVerdict.REFERENCE, (), value(300), value(330), None, None,
        Interval(1.1, 0.9, 1.3, 0.1, 12), None, None, "it is the only one",
    )  # fmt: skip


PAIRS = (
    pair(LONG, RunVerdict.SLOWER, 9_876, 10_987),
    pair("flask/sqlalchemy", RunVerdict.SAME, 1_200, 1_210),
    pair("fastapi/sqlalchemy", RunVerdict.UNDECIDED, 1_000, 1_030, at_most=0.0623),
    silent("aiohttp/sqlalchemy", "1 good block in B, and 2 are needed in each run"),
    silent("aiohttp/asyncpg", "1 good block in B, and 2 are needed in each run"),
    alone(STILL),
    pair("flask/sqlalchemy", RunVerdict.FASTER, 800, 640, CPU, reference=()),
)
REFERENCES = (
    Reference(READ, (STILL,), {"django/odd": Interval(1.3, 1.2, 1.4, 0.03, 12)}, None),
    Reference(CPU, (), {}, "of every variant, its packages changed"),
)
COMPARISON = RunComparison(
    "quick-20261121-183203",
    "quick-20261201-090000",
    Measure.CPU,
    (),
    0.03,
    REFERENCES,
    PAIRS,
    (VariantCondition("fastapi/old", READ),),
    (VariantCondition("django/new", READ), VariantCondition("django/new", CPU)),
)
REASONS = ("the machines differ in kernel (Linux 6.18 / Linux 7.1), memory_mib (24105 / 64000)",)
CHANGES = (
    Change("bridgetoll", "commit", None, "abc"),
    Change("django", "Django", "6.1.3", "6.2.0"),
    Change("django", "asgiref", "3.13.0", "3.14.0"),
)


def compared_runs(
    comparison: RunComparison = COMPARISON,
    reasons: tuple[str, ...] = (),
    changed: tuple[Change, ...] = (),
) -> ComparedRuns:
    """A comparison with two runs of its names."""
    a, b = (
        msgspec.structs.replace(make_run(), id=name)
        for name in (comparison.run_a, comparison.run_b)
    )
    return ComparedRuns(a, b, reasons, changed, comparison)


def empty(*pairs: ComparedVariant) -> RunComparison:
    """A comparison of these pairs alone, without a reference."""
    references = (Reference(READ, (), {}, "it broke"),) if pairs else ()
    return RunComparison("a", "b", Measure.CPU, (), 0.03, references, pairs, (), ())
