"""A study made from the command line: one variant as it stands against itself with a change."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from harness.base.errors import UsageError
from harness.inputs.settings import LoadSettings, ServerSettings, Setup
from harness.inputs.study import Condition, Stopping, Study

ENDPOINTS = ("io_create", "io_read")
"""What is requested where nothing is named."""
_SEED = 20_261_128
_ROUNDS = 16
_LEAST_BLOCKS, _MOST_BLOCKS = 4, 40
_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_WORD = 40


class Changes(msgspec.Struct, frozen=True):
    """What B has that A has not: values of each option, as they were typed.

    Several values of one option make several Bs. One value of each of several options make one B.

    titles: of packages that were built, by their requirements.
    """

    packages: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    pool_size: tuple[int, ...] = ()
    workers: tuple[int, ...] = ()
    titles: dict[str, str] = {}

    @property
    def given(self) -> dict[str, tuple[object, ...]]:
        """The options that were typed, with their values."""
        given = msgspec.structs.asdict(self)
        return {name: value for name, value in given.items() if value and name != "titles"}

    def setups(self, variant: str) -> dict[str, Setup]:
        """Every B, by a name made from its change.

        Raises:
            UsageError: nothing changes, or it is unclear which values belong together.
        """
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
            name = several[0]
            found = [{name: value} for value in given[name]]
        else:
            found = [{name: values[0] for name, values in given.items()}]
        made = {
            _name(variant, change, self.titles): _setup(variant, change, self.titles)
            for change in found
        }
        if len(made) < len(found):
            raise UsageError(f"{_option(several[0])} has one value twice; leave one out.")
        return made


def ab_study(
    variant: str,
    setups: Mapping[str, Setup],
    endpoints: Sequence[str],
    connections: int,
    margin: float,
    minutes: float,
) -> Study:
    """The study of an A/B, with as many blocks as a run may have at most.

    It ends once every ratio to A differs or is the same within the margin, or when the time is up.

    Args:
        variant: A. setups: the Bs.
        endpoints: that are requested.
        connections: of the closed loop.
        margin: ratios so far from 1 are the same for practice.
        minutes: of measuring, at most.
    """
    changes = " or ".join(setup.title or name for name, setup in setups.items())
    return Study(
        title=f"A/B: {variant} with {changes}"[:300],
        question="Is B faster, slower, or the same?",
        variants=(variant, *setups),
        baseline=variant,
        blocks=_MOST_BLOCKS,
        seed=_SEED,
        conditions=tuple(
            Condition(endpoint=endpoint, connections=connections) for endpoint in endpoints
        ),
        server=ServerSettings(cpu_iterations=20_000),
        load=LoadSettings(rounds=_ROUNDS),
        stopping=Stopping(verdicts=True, budget_s=60 * minutes),
        margin=margin,
        setups=dict(setups),
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


def _setup(variant: str, change: Mapping[str, object], titles: Mapping[str, str]) -> Setup:
    own: dict[str, object] = {}
    told: list[str] = []
    for name, value in change.items():
        match name:
            case "packages":
                own[name] = (str(value),)
                told.append(titles.get(str(value), str(value).replace("==", " ")))
            case "env":
                variable, equals, text = str(value).partition("=")
                if not equals or not variable:
                    raise UsageError(
                        f"--env {value!r} sets no variable; write e.g. --env NAME=value."
                    )
                own[name] = {variable: text}
                told.append(str(value))
            case _:
                own[name] = value
                told.append(f"{name.replace('_', ' ')} {value}")
    return msgspec.structs.replace(Setup(variant, title=", ".join(told)), **own)


def _name(variant: str, change: Mapping[str, object], titles: Mapping[str, str]) -> str:
    """`folder/word`, where the word is made from the variant's and the change."""
    folder, _, word = variant.partition("/")
    texts = [
        titles.get(str(value), str(value)) if name == "packages" else f"{name} {value}"
        for name, value in change.items()
    ]
    slug = _SLUG.sub("-", f"{word} {' '.join(texts)}".lower()).strip("-")
    return f"{folder}/{slug[:_LONGEST_WORD].rstrip('-')}"


def _option(name: str) -> str:
    return "--with" if name == "packages" else f"--{name.replace('_', '-')}"
