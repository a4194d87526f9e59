"""A study made from the command line: one variant against itself with a change."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from harness.base.errors import UsageError
from harness.inputs.locks import BUILT, package_of
from harness.inputs.settings import LoadSettings, ServerSettings, Setup
from harness.inputs.study import Condition, Stopping, Study

ENDPOINTS = ("io_create", "io_read")
"""What is requested where nothing is named."""
_SEED = 20_261_128
_ROUNDS = 16
_LEAST_BLOCKS, _MOST_BLOCKS = 4, 40
_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_WORD = 40


class Sides(msgspec.Struct, frozen=True):
    """The two sides of an A/B.

    a: the variant as it is, or the setup that stands for it.
    setups: of the Bs, after that of A where it is one.
    """

    a: str
    setups: dict[str, Setup]

    @property
    def bs(self) -> dict[str, Setup]:
        """The Bs alone."""
        return {name: setup for name, setup in self.setups.items() if name != self.a}


class Changes(msgspec.Struct, frozen=True):
    """What B has that A has not: values of each option, as they were typed.

    Several values of one option make several Bs. One value of each of several options make one B.

    packages: requirements; those of one tuple belong to one B.
    baseline: requirements that A has in place of what is locked. Each B has them too, where it has
        no other of the same package.
    titles: of packages that were built, by their requirements.
    """

    packages: tuple[tuple[str, ...], ...] = ()
    python: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    knob: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    pool_size: tuple[int, ...] = ()
    workers: tuple[int, ...] = ()
    baseline: tuple[str, ...] = ()
    titles: dict[str, str] = {}

    @property
    def given(self) -> dict[str, tuple[Any, ...]]:
        """The options that were typed for B, with their values."""
        given = msgspec.structs.asdict(self)
        return {n: values for n, values in given.items() if values and n not in _NOT_OF_B}

    def sides(self, variant: str) -> Sides:
        """A and every B, by names made from what they have.

        Args:
            variant: of which they are made.

        Raises:
            UsageError: nothing changes, or it is unclear which values belong together.
        """
        made: dict[str, Setup] = {}
        a = variant
        if self.baseline:
            a = _name(variant, {"packages": self.baseline}, self.titles)
            made[a] = _setup(variant, {}, self)
        of_b = [_setup(variant, change, self) for change in self._of_each_b()]
        if any(setup in of_b[:at] for at, setup in enumerate(of_b)):
            (name,) = self.given
            raise UsageError(f"{_option(name)} has one value twice; leave one out.")
        for change, setup in zip(self._of_each_b(), of_b, strict=True):
            made[_free(_name(variant, change, self.titles), made)] = setup
        return Sides(a, made)

    def _of_each_b(self) -> list[dict[str, Any]]:
        """By option, the value of each B."""
        given = self.given
        if not given:
            raise UsageError(
                "Nothing changes from A to B; name a change, e.g. --with 'asgiref==3.11.1'."
            )
        several = [name for name, values in given.items() if len(values) > 1]
        if several and len(given) > 1:
            raise UsageError(
                f"Several values of {_option(several[0])} and another option beside it leave open "
                "what a B has; give several values of one option, or one value of each."
            )
        if several:
            return [{several[0]: value} for value in given[several[0]]]
        return [{name: values[0] for name, values in given.items()}]


_NOT_OF_B = ("baseline", "titles")


def ab_study(
    variant: str,
    sides: Sides,
    endpoints: Sequence[str],
    connections: int,
    margin: float,
    minutes: float,
) -> Study:
    """The study of an A/B, with as many blocks as a run may have at most.

    It ends once every ratio to A differs or is the same within the margin, or when the time is up.

    Args:
        variant: of the catalog, of which all are made. sides: A and the Bs.
        endpoints: that are requested.
        connections: of the closed loop.
        margin: ratios so far from 1 are the same for practice.
        minutes: of measuring, at most.
    """
    changes = " or ".join(setup.title or name for name, setup in sides.bs.items())
    against = f" against {sides.setups[sides.a].title}" if sides.a in sides.setups else ""
    return Study(
        title=f"A/B: {variant} with {changes}{against}"[:300],
        question="Is B faster, slower, or the same?",
        variants=(sides.a, *sides.bs),
        baseline=sides.a,
        blocks=_MOST_BLOCKS,
        seed=_SEED,
        conditions=tuple(
            Condition(endpoint=endpoint, connections=connections) for endpoint in endpoints
        ),
        server=ServerSettings(cpu_iterations=20_000),
        load=LoadSettings(rounds=_ROUNDS),
        stopping=Stopping(verdicts=True, budget_s=60 * minutes),
        margin=margin,
        setups=dict(sides.setups),
    )


def within(study: Study, block_s: float) -> Study:
    """The study with the blocks that its time allows; it may end from half of them on.

    Args:
        study: see `ab_study`.
        block_s: about how long a block takes.
    """
    budget_s = study.stopping.budget_s or 0.0
    blocks = max(_LEAST_BLOCKS + 1, min(_MOST_BLOCKS, int(budget_s / block_s)))
    return msgspec.structs.replace(study, blocks=blocks)


def as_table(study: Study) -> dict[str, object]:
    """An A/B study as the table of a TOML file, without what is usual."""
    return {
        "title": study.title,
        "question": study.question,
        "variants": list(study.variants),
        "baseline": study.baseline,
        "blocks": study.blocks,
        "seed": study.seed,
        "margin": study.margin,
        "stopping": {"verdicts": True, "budget_s": study.stopping.budget_s},
        "server": {"cpu_iterations": study.server.cpu_iterations},
        "load": {"rounds": study.load.rounds},
        "conditions": [
            {"endpoint": c.endpoint, "connections": c.connections} for c in study.conditions
        ],
        "setups": {
            name: {"variant": setup.variant, "title": setup.title, **_plain(setup.own)}
            for name, setup in study.setups.items()
        },
    }


def _plain(own: Mapping[str, object]) -> dict[str, object]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in own.items()}


def _setup(variant: str, change: Mapping[str, Any], changes: Changes) -> Setup:
    """The baseline's packages, and in their place or beside them what a B has."""
    packages = _overlaid(changes.baseline, change.get("packages", ()))
    own: dict[str, object] = {"packages": packages}
    told = [changes.titles.get(text, _spoken(text)) for text in packages]
    for name, value in change.items():
        match name:
            case "packages":
                continue
            case "env":
                variable, equals, text = str(value).partition("=")
                if not equals or not variable:
                    raise UsageError(
                        f"--env {value!r} sets no variable; write e.g. --env NAME=value."
                    )
                own[name] = {variable: text}
                told.append(str(value))
            case "knob":
                knob, equals, text = str(value).partition("=")
                if not equals or not knob or not text:
                    raise UsageError(
                        f"--knob {value!r} sets no knob; write e.g. --knob access_log=on."
                    )
                own["knobs"] = {knob: text}
                told.append(f"{knob.replace('_', ' ')} {text}")
            case _:
                own[name] = value
                told.append(f"{_WORDS.get(name, name)} {value}")
    return msgspec.structs.replace(Setup(variant, title=", ".join(told)), **own)


_WORDS = {"python": "Python", "pool_size": "pool size"}


def _overlaid(under: Sequence[str], over: Sequence[str]) -> tuple[str, ...]:
    """Requirements, those of `over` in place of others of the same package."""
    named = {package_of(text) for text in over}
    return (*over, *(text for text in under if package_of(text) not in named))


def _spoken(requirement: str) -> str:
    """A requirement as a reader is told: `asgiref 3.11.1`."""
    return re.sub(r"\s*==\s*", " ", requirement, count=1).replace(f"@ {BUILT}", "wheel ")


def _name(variant: str, change: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """`folder/word`, where the word is made from the variant's and the change."""
    folder, _, word = variant.partition("/")
    texts: list[str] = []
    for name, value in change.items():
        texts += (
            [titles.get(text, text) for text in value]
            if name == "packages"
            else [f"{name} {value}"]
        )
    slug = _SLUG.sub("-", f"{word} {' '.join(texts)}".lower()).strip("-")
    return f"{folder}/{slug[:_LONGEST_WORD].rstrip('-')}"


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or one like it that nothing else has: long ones may be cut to the same."""
    names = (name, *(f"{name}-{count}" for count in range(2, len(taken) + 2)))
    return next(free for free in names if free not in taken)


def _option(name: str) -> str:
    return "--with" if name == "packages" else f"--{name.replace('_', '-')}"
