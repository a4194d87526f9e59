from pathlib import Path

import pytest

from harness.base.errors import MalformedFile
from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.claims import Claim, Criterion, load_claims
from harness.inputs.contract import ENDPOINTS
from harness.inputs.manifests import QUANTITIES
from harness.inputs.study import Study
from harness.inputs.study_loader import find_study, load_study, study_names

NAMES = [
    "A1", "A2", "A3", "A4", "B1", "C1", "C2", "C3", "D1", "D2", "E1", "E2", "F1", "F2", "G1", "G2",
    "H1",
]  # fmt: skip
CRITERION = """\
of = "a/b"
to = "a/c"
at_least = 1.5
"""
CLAIM = f"""\
[[claims]]
name = "X1"
source = "somebody"
says = "something"

[[claims.criteria]]
{CRITERION}"""


def write(workspace: Workspace, text: str) -> Path:
    path = workspace.shared / "claims.toml"
    path.write_text(text)
    return path


def problem(workspace: Workspace) -> str:
    with pytest.raises(MalformedFile) as caught:
        load_claims(workspace)
    return str(caught.value)


@pytest.fixture(scope="session")
def real(repository: Workspace) -> tuple[Claim, ...]:
    return load_claims(repository)


@pytest.fixture(scope="session")
def studies(repository: Workspace) -> list[Study]:
    catalog = load_catalog(repository)
    return [load_study(find_study(repository, n), catalog) for n in study_names(repository)]


def test_a_claim_is_read_with_its_criteria(workspace: Workspace) -> None:
    write(workspace, CLAIM)
    assert load_claims(workspace) == (
        Claim("X1", "somebody", "something", (Criterion(of="a/b", to="a/c", at_least=1.5),)),
    )


def test_the_claims_of_the_repository_are_these(real: tuple[Claim, ...]) -> None:
    assert [claim.name for claim in real] == NAMES
    assert all(claim.criteria for claim in real)
    assert all(claim.source for claim in real)


def test_every_variant_that_a_claim_names_is_in_the_catalog_or_a_setup_of_a_study(
    repository: Workspace, real: tuple[Claim, ...], studies: list[Study]
) -> None:
    known = {*load_catalog(repository).variants, *(name for s in studies for name in s.setups)}
    criteria = [criterion for claim in real for criterion in claim.criteria]
    named = {n for criterion in criteria for n in (criterion.of, criterion.to) if n is not None}
    assert "django/async-unlimited" in named
    assert named - known == set()


def test_every_endpoint_and_quantity_that_a_claim_names_exists(real: tuple[Claim, ...]) -> None:
    criteria = [criterion for claim in real for criterion in claim.criteria]
    endpoints = {endpoint for criterion in criteria for endpoint in criterion.endpoints}
    beside = {criterion.beside for criterion in criteria if criterion.beside is not None}
    assert endpoints | beside <= set(ENDPOINTS)
    assert {c.count for c in criteria if c.count is not None} <= set(QUANTITIES)


def can_tell(criterion: Criterion, study: Study) -> bool:
    """Whether a run of the study would have a value for it."""
    by_ramp = study.load.engine == "locust"
    if criterion.price is not None or criterion.count is not None:
        return not by_ramp
    conditions = [c for c in study.conditions if criterion.fits(c)]
    if criterion.memory_per is not None:
        measured = [c for c in conditions if criterion.of in study.measured(c)]
        return study.fresh == "condition" and len({c.connections for c in measured}) > 1
    if by_ramp != (criterion.measure == "highest"):
        return False
    if by_ramp and criterion.to != study.baseline:
        return False
    return any({criterion.of, criterion.to} <= {*study.measured(c)} for c in conditions)


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_has_a_study_that_can_test_it(
    real: tuple[Claim, ...], studies: list[Study], name: str
) -> None:
    (claim,) = [claim for claim in real if claim.name == name]
    assert any(can_tell(criterion, study) for criterion in claim.criteria for study in studies)


@pytest.mark.parametrize(
    ("criterion", "wanted"),
    [
        (CRITERION, Criterion(of="a/b", to="a/c", at_least=1.5)),
        ('price = "hop"\nat_most = 100', Criterion(price="hop", at_most=100.0)),
        (
            'of = "a/b"\ncount = "hops"\nat_least = 4\nat_most = 4',
            Criterion(of="a/b", count="hops", at_least=4.0, at_most=4.0),
        ),
        (
            'of = "a/b"\nmemory_per = "thread"\nat_most = 2',
            Criterion(of="a/b", memory_per="thread", at_most=2.0),
        ),
        (
            f'{CRITERION}measure = "p99"\nendpoints = ["io_wait"]\nconnections = [64]\n'
            'latency_ms = [100]\nbeside = "cpu"',
            Criterion(
                of="a/b", to="a/c", at_least=1.5, measure="p99", endpoints=("io_wait",),
                connections=(64,), latency_ms=(100.0,), beside="cpu",
            ),
        ),
    ],
    ids=["a ratio", "a price", "a count", "memory", "a ratio under few conditions"],
)  # fmt: skip
def test_each_kind_of_criterion_is_read(
    workspace: Workspace, criterion: str, wanted: Criterion
) -> None:
    write(workspace, CLAIM.replace(CRITERION, f"{criterion}\n"))
    (claim,) = load_claims(workspace)
    assert claim.criteria == (wanted,)


@pytest.mark.parametrize(
    "criterion",
    [
        "",
        'of = "a/b"',
        'to = "a/c"',
        'count = "hops"',
        'to = "a/c"\ncount = "hops"',
        'memory_per = "thread"',
        'of = "a/b"\nto = "a/c"\ncount = "hops"',
        'of = "a/b"\nto = "a/c"\nprice = "hop"',
        'of = "a/b"\ncount = "hops"\nmemory_per = "thread"',
        'of = "a/b"\nprice = "hop"\ncount = "hops"',
    ],
)
def test_a_criterion_that_names_nothing_half_of_something_or_two_things_is_one_sentence(
    workspace: Workspace, criterion: str
) -> None:
    path = write(workspace, CLAIM.replace(CRITERION, f"{criterion}\nat_least = 1\n"))
    assert problem(workspace) == (
        f"{path}: claim X1, item 1 of `criteria`: name one of `price`, `of` with `to`, "
        "`of` with `count`, `of` with `memory_per`, and `of` with `ideal`."
    )


def test_a_criterion_without_a_threshold_is_one_sentence(workspace: Workspace) -> None:
    path = write(workspace, CLAIM.replace("at_least = 1.5\n", ""))
    told = f"{path}: claim X1, item 1 of `criteria`: name `at_least`, `at_most` or both."
    assert problem(workspace) == told


def test_thresholds_that_are_exchanged_are_one_sentence(workspace: Workspace) -> None:
    path = write(workspace, f"{CLAIM}at_most = 1.4\n")
    assert problem(workspace) == (
        f"{path}: claim X1, item 1 of `criteria`: `at_least` is more than `at_most`; exchange them."
    )


def test_equal_thresholds_want_one_value(workspace: Workspace) -> None:
    write(workspace, f"{CLAIM}at_most = 1.5\n")
    (claim,) = load_claims(workspace)
    assert (claim.criteria[0].at_least, claim.criteria[0].at_most) == (1.5, 1.5)


def test_the_criterion_that_is_wrong_is_named_by_claim_and_place(workspace: Workspace) -> None:
    second = CLAIM.replace("X1", "X2")
    path = write(workspace, f'{CLAIM}{second}[[claims.criteria]]\nprice = "hop"\n')
    assert problem(workspace).startswith(f"{path}: claim X2, item 2 of `criteria`: name `at_least`")


def test_two_claims_of_one_name_are_one_sentence(workspace: Workspace) -> None:
    path = write(workspace, CLAIM + CLAIM)
    assert problem(workspace) == f"{path}: two claims are called X1; rename one."


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "at_least",
            "at_lest",
            "item 1 of `claims`, item 1 of `criteria`: unknown key `at_lest`; did you mean ",
        ),
        ("1.5", "-1", "item 1 of `claims`, item 1 of `criteria`: `at_least` is"),
        ("1.5", '"much"', "item 1 of `claims`, item 1 of `criteria`: `at_least` is"),
        ('says = "something"\n', "", "item 1 of `claims`: `says` is missing; add it."),
        (
            "at_least",
            'measure = "rps"\nat_least',
            'item 1 of `claims`, item 1 of `criteria`: `measure` is "rps"; it must be one of: ',
        ),
        ("[[claims]]", "[[claim]]", "unknown key `claim`; did you mean `claims`? The allowed"),
        ("[[claims]]", "[[claims", "not valid TOML: "),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_file_and_key(
    workspace: Workspace, old: str, new: str, told: str
) -> None:
    assert old in CLAIM
    path = write(workspace, CLAIM.replace(old, new))
    message = problem(workspace)
    assert message.startswith(f"{path}: {told}")
    assert message.endswith(".")


def test_a_missing_file_is_one_sentence(workspace: Workspace) -> None:
    (workspace.shared / "claims.toml").unlink()
    assert "claims.toml: no such file" in problem(workspace)


@pytest.mark.parametrize(
    ("criterion", "key", "kind"),
    [
        ('price = "hop"\nlatency_ms = [100]', "latency_ms", "price"),
        ('price = "hop"\nof = "a/b"', "of", "price"),
        ('of = "a/b"\ncount = "hops"\nconnections = [8]', "connections", "count"),
        ('of = "a/b"\nmemory_per = "thread"\nmeasure = "p99"', "measure", "memory_per"),
    ],
)
def test_a_key_that_would_be_passed_over_is_refused(
    workspace: Workspace, criterion: str, key: str, kind: str
) -> None:
    write(workspace, CLAIM.replace(CRITERION, f"{criterion}\nat_least = 1.0\n"))
    told = problem(workspace)
    assert f"claim X1, item 1 of `criteria`: `{key}` " in told
    assert f"beside `{kind}`; remove it." in told


def test_a_claim_names_studies_that_exist(workspace: Workspace) -> None:
    (workspace.shared / "studies").mkdir(exist_ok=True)
    (workspace.shared / "studies" / "mine.toml").write_text("")
    named = CLAIM.replace('says = "something"', 'says = "something"\nstudies = ["mine"]')
    write(workspace, named)
    (claim,) = load_claims(workspace)
    assert claim.studies == ("mine",)
    write(workspace, named.replace('"mine"', '"mind"'))
    told = problem(workspace)
    assert "claim X1: `studies` has `mind`, which is no study in shared/studies" in told
    assert "the nearest is `mine`" in told


def test_the_studies_of_a_claim_measure_every_part_of_it(
    real: tuple[Claim, ...], repository: Workspace
) -> None:
    catalog = load_catalog(repository)
    for claim in real:
        assert claim.studies
        loaded = [load_study(find_study(repository, name), catalog) for name in claim.studies]
        for part in {criterion.part for criterion in claim.criteria}:
            criteria = [criterion for criterion in claim.criteria if criterion.part == part]
            assert any(_measures(study, c) for study in loaded for c in criteria), (
                claim.name,
                part,
            )


def _measures(study: Study, criterion: Criterion) -> bool:
    wanted = {name for name in (criterion.of, criterion.to) if name is not None}
    ramped = criterion.measure in ("highest", "successes")
    unconditional = criterion.count is not None or criterion.price is not None
    fits = unconditional or any(criterion.fits(condition) for condition in study.conditions)
    return wanted <= {*study.everyone} and fits and ramped == study.ramped
