"""The page on two runs as text, from a template that escapes every value."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import markupsafe
import msgspec

from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict
from harness.inputs.conditions import condition_title
from harness.records.run import Run
from harness.report import policy
from harness.report.answer.hero import Hero
from harness.report.comparison.caution import blocks, caution
from harness.report.comparison.compared import ComparedRuns
from harness.report.comparison.headline import headline
from harness.report.comparison.hero import heading
from harness.report.render import BASE_STYLE, environment
from harness.report.words import comparison as words
from harness.report.words import numbers, runs
from harness.report.words.machines import machine_title

_TEMPLATES = Path(__file__).with_name("templates")
_MOST_ROWS = 30
"""With more pairs, those that are the same are folded."""
_OFTEN = 2
"""A reason that more pairs have is told below the table."""
_TONES = {RunVerdict.FASTER: "good", RunVerdict.SLOWER: "bad"}
_SOFT = (RunVerdict.SAME, RunVerdict.REFERENCE)


def comparison_page(
    compared: ComparedRuns, hero: Hero | None, every: Mapping[str, Any] | None
) -> str:
    """One file without a script, which makes no request.

    Args:
        compared: the runs.
        hero: the picture of the pairs to be seen first; None if no pair has a row.
        every: the picture of all pairs, as `Figures.add` returns it; None where the first has all.
    """
    comparison = compared.comparison
    styles = (BASE_STYLE, _TEMPLATES / "page.css")
    style = "".join(path.read_text(encoding="utf-8") for path in styles)
    notes = words.reference_notes(comparison)
    values = {
        "policy": markupsafe.Markup(policy.of_style(style, pictures=True)),
        "style": markupsafe.Markup(style),
        "title": f"{compared.b.id} against {compared.a.id}",
        "study": compared.b.study.title,
        "runs": _runs(compared),
        "machines": list(dict.fromkeys(machine_title(run) for run in (compared.a, compared.b))),
        "headline": headline(comparison),
        "caution": caution(comparison, compared.reasons),
        "hero": hero,
        "every": every,
        "measure": comparison.measure.heading,
        "tables": _tables(comparison),
        "tally": words.tally(comparison),
        "notes": [_note(note, comparison) for note in notes],
        "shared": [
            f"{words.count_pairs(count)}: {why}" for why, count in _shared(comparison).items()
        ],
        "speed": comparison.speed,
        "method": [*words.method(comparison), words.NOT_INTERLEAVED],
        "moved": [
            f"{name} under {condition_title(reference.condition)}: {numbers.ratio(ratio)}"
            for reference in comparison.references
            for name, ratio in reference.changed.items()
        ],
        "reasons": compared.reasons,
        "changes": words.changes(compared.changed),
        "nothing_changed": words.NOTHING_CHANGED,
        "alone": words.alone(comparison),
        "environment": _environment(compared.a, compared.b),
        "repeats": [
            {"name": name, "run": run.id, **runs.repeat(run)}
            for name, run in (("A", compared.a), ("B", compared.b))
        ],
        "command": shlex.join(compared.command),
    }
    return environment(_TEMPLATES, escape=True).get_template("page.html").render(values)


def _runs(compared: ComparedRuns) -> list[dict[str, str]]:
    return [
        {"name": name, "id": run.id, "date": _date(run), "blocks": _blocks(count)}
        for name, run, count in zip(
            "AB", (compared.a, compared.b), blocks(compared.comparison), strict=True
        )
    ]


def _date(run: Run) -> str:
    """The day on which it began, as its record writes it if that is no date."""
    try:
        began = datetime.fromisoformat(run.started_at)
    except ValueError:
        return run.started_at[:10]
    return f"{began.day} {began:%b %Y}"


def _blocks(count: int) -> str:
    """Empty where no variant of the run was compared."""
    return f"{count} block{'' if count == 1 else 's'}" if count else ""


def _tables(comparison: RunComparison) -> list[dict[str, Any]]:
    """One table; of many pairs, those that are the same in a second, which is folded."""
    pairs = comparison.pairs
    if len(pairs) <= _MOST_ROWS:
        return [_table(comparison, pairs, "")]
    shown = [pair for pair in pairs if pair.verdict not in _SOFT]
    others = [pair for pair in pairs if pair.verdict in _SOFT]
    if not shown or not others:
        return [_table(comparison, pairs, "")]
    told = f"{words.count_pairs(len(others))} without a difference"
    return [_table(comparison, shown, ""), _table(comparison, others, told)]


def _table(
    comparison: RunComparison, pairs: Sequence[ComparedVariant], folded: str
) -> dict[str, Any]:
    groups = [
        {
            "heading": heading(reference.condition, comparison),
            "title": condition_title(reference.condition),
            "rows": [_row(p, comparison) for p in pairs if p.condition == reference.condition],
        }
        for reference in comparison.references
    ]
    return {"folded": folded, "groups": [group for group in groups if group["rows"]]}


def _row(pair: ComparedVariant, comparison: RunComparison) -> dict[str, str | None]:
    a, b = (next(iter(side.values()), None) for side in (pair.a, pair.b))
    ratio = numbers.ratio(pair.ratio_b_to_a)
    return {
        "variant": pair.variant,
        "a": numbers.MISSING if a is None else numbers.number(a.mean),
        "b": numbers.MISSING if b is None else numbers.number(b.mean),
        "ratio": "1" if pair.verdict is RunVerdict.REFERENCE else ratio,
        "verdict": words.verdict_text(pair, comparison.measure),
        "tone": _TONES.get(pair.verdict, "soft" if pair.verdict in _SOFT else ""),
        "reason": None if pair.reason in _shared(comparison) else pair.reason,
    }


def _shared(comparison: RunComparison) -> dict[str, int]:
    """Reasons that are told once, because many pairs have them, with how many."""
    counts = Counter(pair.reason for pair in comparison.pairs if pair.reason is not None)
    return {reason: count for reason, count in counts.items() if count > _OFTEN}


def _note(note: words.ReferenceNote, comparison: RunComparison) -> dict[str, Any]:
    everywhere = len(note.conditions) == len(comparison.references)
    named = [heading(condition, comparison) for condition in note.conditions]
    return {
        "where": "" if everywhere else ", ".join(named),
        "text": note.text,
        "variants": note.variants,
    }


def _environment(a: Run, b: Run) -> list[dict[str, Any]]:
    """A row for each fact of the two runs."""
    one, other = _facts(a), _facts(b)
    return [
        {
            "fact": fact,
            "a": one.get(fact, numbers.MISSING),
            "b": other.get(fact, numbers.MISSING),
            "differs": one.get(fact) != other.get(fact),
        }
        for fact in dict.fromkeys((*one, *other))
    ]


def _facts(run: Run) -> dict[str, str]:
    machine = {key: str(value) for key, value in run.machine.items()}
    cores = {f"cores of the {role}": _cores(ids) for role, ids in _fields(run.cores).items()}
    about = {
        "bridgetoll": run.bridgetoll,
        "commit": run.commit or numbers.MISSING,
        "contract": f"{run.contract} ({run.contract_digest})",
        "code": run.code_digest,
        "started": run.started_at,
        "study": run.study_name,
        "planned blocks": str(run.study.blocks),
    }
    database = {f"PostgreSQL {key}": value for key, value in run.database.items()}
    server = {f"server: {key}": str(value) for key, value in _fields(run.study.server).items()}
    load = {f"load: {key}": str(value) for key, value in _fields(run.study.load).items()}
    return {
        _plain(fact): value
        for facts in (about, machine, cores, database, server, load)
        for fact, value in facts.items()
    }


def _plain(fact: str) -> str:
    return fact if fact.startswith("PostgreSQL") else fact.replace("_", " ")


def _cores(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids)) or "none"


def _fields(record: msgspec.Struct) -> dict[str, Any]:
    return dict(msgspec.structs.asdict(record))
