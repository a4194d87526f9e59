import shutil
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import MalformedFile, UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.names import LONGEST_VARIANT
from harness.inputs.settings import (
    MOST_COUNTED,
    DatabaseSettings,
    LoadSettings,
    Ramp,
    ServerSettings,
    Setup,
)
from harness.inputs.study import Beside, Condition, Latency, Objective, Stopping, Study
from harness.inputs.study_loader import SPARE_CONNECTIONS, find_study, load_study, study_names
from harness.records.plan import DUPLICATE
from harness.records.trial import file_name

REPOSITORY = Workspace()
STUDY = """\
title = "T"
question = "Q?"
variants = ["django/async-pool", "flask/sqlalchemy"]
baseline = "django/async-pool"
blocks = 2
seed = 1

[[conditions]]
endpoint = "cpu"
connections = 8
"""


@pytest.fixture(scope="session")
def catalog(repository: Workspace) -> Catalog:
    return load_catalog(repository)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(text)
    return path


def test_reads_a_study_with_its_defaults(tmp_path: Path, catalog: Catalog) -> None:
    study = load_study(write(tmp_path, STUDY), catalog)
    assert study.variants == ("django/async-pool", "flask/sqlalchemy")
    assert study.conditions == (Condition(endpoint="cpu", connections=8, rows=1_000),)
    assert study.conditions[0].name == "cpu-c8-r1000"
    assert study.load == LoadSettings()
    assert study.database.durability == "off"


def test_every_study_of_the_repository_can_be_read(repository: Workspace, catalog: Catalog) -> None:
    names = study_names(repository)
    assert "quick" in names
    for name in names:
        assert load_study(find_study(repository, name), catalog).title


def test_a_study_is_found_by_name_or_by_path(repository: Workspace) -> None:
    assert find_study(repository, "quick") == repository.shared / "studies" / "quick.toml"
    assert find_study(repository, "mine/own.toml") == Path("mine/own.toml")


@pytest.mark.parametrize("name", ["quik", "", "../contract/effects"])
def test_unknown_study_is_told_with_the_known_ones(repository: Workspace, name: str) -> None:
    with pytest.raises(UnknownName, match=r"There is no study `.*`; .*(quick|list studies)"):
        find_study(repository, name)


def refusal(tmp_path: Path, catalog: Catalog, text: str) -> str:
    """What is said of a study that cannot be meant: one sentence, here without its file."""
    path = write(tmp_path, text)
    with pytest.raises(MalformedFile) as caught:
        load_study(path, catalog)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(".")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_a_path_to_nothing_is_one_sentence(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(MalformedFile, match=r"own\.toml: no such file"):
        load_study(tmp_path / "own.toml", catalog)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "seed = 1",
            "seeds = 1",
            "unknown key `seeds`; did you mean `seed`? The allowed keys are: ",
        ),
        (
            "connections = 8",
            "conections = 8",
            "item 1 of `conditions`: unknown key `conections`; did you mean `connections`?",
        ),
        (
            "[[cond",
            "[load]\nslices = 1\n[[cond",
            "unknown key `load.slices`; did you mean `slice_s`? Th",
        ),
        ("blocks = 2", "blocks = 0", "`blocks` is 0; it must be a whole number"),
        ("blocks = 2", "blocks = 2.5", "`blocks` is 2.5; it must be a whole number"),
        ("seed = 1\n", "", "`seed` is missing; add it"),
        (
            "connections = 8",
            "connections = 0",
            "item 1 of `conditions`: `connections` is 0; it must be a whole number",
        ),
        (
            "connections = 8",
            "rows = -1",
            "item 1 of `conditions`: `rows` is -1; it must be a whole number",
        ),
        ("[[cond", "[load]\nslice_s = 0\n[[cond", "`load.slice_s` is 0; it must be a number"),
        (
            "[[cond",
            "[load]\ntimeout_s = inf\n[[cond",
            "`load.timeout_s` is inf; it must be a number",
        ),
        ("[[cond", "[load]\nwarmup_s = nan\n[[cond", "`load.warmup_s` is nan; it must be a number"),
        ("[[cond", '[load]\nengine = "wrk"\n[[cond', '`load.engine` is "wrk"; it must be one of: '),
        (
            "[[cond",
            '[database]\ndurability = "x"\n[[cond',
            '`database.durability` is "x"; it must be one of: ',
        ),
        ('variants = ["django/async-pool", "flask/sqlalchemy"]', "variants = []", "is empty; name"),
        (
            '"flask/sqlalchemy"]',
            '"django/async-pool"]',
            "has django/async-pool twice; remove",
        ),
        (
            '["django/async-pool", "flask/sqlalchemy"]',
            '["flask/sqlalchemy"]',
            "`baseline`: `django/async-pool` is not among `variants`; add it there.",
        ),
        (
            "[[conditions]]\n",
            '[[conditions]]\nendpoint = "cpu"\nconnections = 8\n[[conditions]]\n',
            "`conditions` has cpu-c8-r1000 twice; remove the repetition.",
        ),
        (
            '[[conditions]]\nendpoint = "cpu"\nconnections = 8\n',
            "conditions = []\n",
            "`conditions` is empty; name at least one.",
        ),
        ("blocks = 2", "blocks = = 2", "not valid TOML: "),
    ],
)
def test_bad_study_is_one_sentence_that_names_file_and_key(
    tmp_path: Path, catalog: Catalog, old: str, new: str, told: str
) -> None:
    assert old in STUDY
    said = refusal(tmp_path, catalog, STUDY.replace(old, new))
    assert told in said


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '"flask/sqlalchemy"]',
            '"nowhere/0"]',
            "There is no variant `nowhere/0` in {}; `bridgetoll list",
        ),
        (
            'baseline = "django/async-pool"',
            'baseline = "x"',
            "There is no variant `x` in {}; `bridgetoll list",
        ),
        (
            'endpoint = "cpu"',
            'endpoint = "cup"',
            "There is no endpoint `cup` in {}; the nearest is",
        ),
    ],
)
def test_unknown_name_in_a_study_is_told_with_the_file_and_the_known_ones(
    tmp_path: Path, catalog: Catalog, old: str, new: str, told: str
) -> None:
    path = write(tmp_path, STUDY.replace(old, new))
    with pytest.raises(UnknownName) as caught:
        load_study(path, catalog)
    assert told.format(path) in str(caught.value)


def test_max_connections_must_hold_all_pools_of_a_block(tmp_path: Path, catalog: Catalog) -> None:
    """Two variants and the baseline's duplicate, 2 workers of 5 connections each, and spares."""
    needed = 3 * 2 * 5 + SPARE_CONNECTIONS
    server = "[server]\nworkers = 2\npool_size = 5\n"
    enough = write(tmp_path, f"{STUDY}{server}[database]\nmax_connections = {needed}\n")
    assert load_study(enough, catalog).database.max_connections == needed
    short = write(tmp_path, f"{STUDY}{server}[database]\nmax_connections = {needed - 1}\n")
    told = rf"hold 30 together, because each of 2 workers .* 5; set it to at least {needed}\."
    with pytest.raises(MalformedFile, match=told):
        load_study(short, catalog)


def test_max_connections_must_hold_the_pools_of_the_most_workers_of_a_condition(
    tmp_path: Path, catalog: Catalog
) -> None:
    """Two variants and the duplicate: with 4 workers, and not with the 2 and 4 together."""
    needed = 3 * 4 * 5 + SPARE_CONNECTIONS
    more = "".join(f'[[conditions]]\nendpoint = "noop"\nworkers = {n}\n' for n in (2, 4))
    text = f"{STUDY}{more}[server]\npool_size = 5\n[database]\nmax_connections = "
    assert load_study(write(tmp_path, f"{text}{needed}\n"), catalog).most_workers == 4
    with pytest.raises(MalformedFile, match=rf"4 workers .* at least {needed}\."):
        load_study(write(tmp_path, f"{text}{needed - 1}\n"), catalog)


def test_a_condition_may_give_every_server_workers_of_its_own(
    tmp_path: Path, catalog: Catalog
) -> None:
    study = load_study(write(tmp_path, f"{STUDY}workers = 3\n"), catalog)
    (condition,) = study.conditions
    assert condition.name == "cpu-c8-r1000+workers3"
    assert study.server_of("flask/sqlalchemy", condition).workers == 3
    assert study.server_of("flask/sqlalchemy").workers == 1
    assert study.crews == (3,)


SETUP_WITH_WORKERS = '[setups."django/more"]\nvariant = "django/async-pool"\nworkers = 2\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{STUDY}workers = 0\n", "workers"),
        (
            STUDY.replace("flask/sqlalchemy", "django/more") + f"workers = 4\n{SETUP_WITH_WORKERS}",
            r"item 1 of .*: `workers` is 4, and `setups.django/more.workers` is 2; remove one",
        ),
        (
            f'{STUDY}[[conditions]]\nendpoint = "cpu"\nconnections = 8\nworkers = 1\n',
            r"item 2 of `conditions`: .* as `server.workers` is, so another condition is the same",
        ),
    ],
)
def test_workers_of_a_condition_that_say_nothing_or_two_things_are_refused(
    tmp_path: Path, catalog: Catalog, text: str, told: str
) -> None:
    with pytest.raises(MalformedFile, match=told):
        load_study(write(tmp_path, text), catalog)


def test_variants_that_connect_per_request_hold_no_pool(tmp_path: Path, catalog: Catalog) -> None:
    per_request = [n for n, v in catalog.variants.items() if v.factors["pool"] == "per-request"]
    text = STUDY.replace("flask/sqlalchemy", per_request[0])
    database = f"[database]\nmax_connections = {2 * 16 + SPARE_CONNECTIONS}\n"
    assert load_study(write(tmp_path, text + database), catalog)


WINDOW = "connections = 8\nwindow_s = 10\n"
SEARCH = WINDOW + "[conditions.objective]\n"


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (WINDOW + "rate = 5\nshare = 0.5", "it has both `rate` and `share`; keep one"),
        (WINDOW + "rate = 5\n[conditions.objective]", "has both `rate` and `objective`; keep one"),
        (WINDOW + "share = 1\n[conditions.objective]", "has both `share` and `objective`; keep"),
        ("rate = 5", "item 1 of `conditions`: `window_s` is missing; `rate` needs it, e.g. 10."),
        ("share = 0.5", "item 1 of `conditions`: `window_s` is missing; `share` needs it"),
        ("[conditions.objective]", "`window_s` is missing; `objective` needs it"),
        ("windows = 2", "`windows` does nothing without `window_s`; remove it."),
        (
            WINDOW + 'arrivals = "constant"',
            "item 1 of `conditions`: `arrivals` does nothing without `rate` or `share`; remove it.",
        ),
        ("window_s = 0.1", "item 1 of `conditions`: `window_s` is 0.1; it must be a number"),
        (WINDOW + "share = 2.1", "item 1 of `conditions`: `share` is 2.1; it must be a number"),
        (WINDOW + "rate = 0", "item 1 of `conditions`: `rate` is 0; it must be a number"),
        (WINDOW + 'rate = 5\narrivals = "even"', '`arrivals` is "even"; it must be one of'),
        (SEARCH + "percentile = 100", "`objective.percentile` is 100; it must be a number"),
        (
            SEARCH + "latency_ms = 30000",
            "`objective.latency_ms` would always be met, because a request times out "
            "after 30000 ms; set it below that, or raise `load.timeout_s`.",
        ),
        (SEARCH + "latency_ms = 500\n[load]\ntimeout_s = 0.5", "a request times out after 500 ms"),
        ("[stopping]\nlooks = [3]", "`stopping.looks` does nothing alone; add `verdicts ="),
        ("[stopping]\nhalf_width = 0.03", "`stopping.looks` is missing; `half_width` needs it"),
        ("[stopping]\nverdicts = 1", "`stopping.verdicts` is 1; it must be true or false."),
        ("[stopping]\nverdict = true", "unknown key `stopping.verdict`; did you mean `verdicts`?"),
        (
            "[stopping]\nverdicts = true\nlooks = [3, 5]",
            "`stopping.looks`: 3 blocks are too few for verdicts; look after 4 or more.",
        ),
        (
            "[stopping]\nverdicts = true\nlooks = [4, 9]",
            "`stopping.looks`: the run ends after 6 blocks anyway, so a look after 9 does nothing",
        ),
        ("[stopping]\nhalf_width = 0.03\nlooks = [2]", "item 1 of `stopping.looks` is 2; it"),
        (
            "[stopping]\nhalf_width = 0.03\nlooks = [3, 6, 7]",
            "`stopping.looks`: the run ends after 6 blocks anyway, so a look after 6 does nothing; "
            "keep those below `blocks`.",
        ),
        (
            SEARCH + "errors = 0.01\n[[conditions]]\nendpoint = 'cpu'\n" + SEARCH,
            "`conditions`: two are called cpu-c8-r1000+p99-100ms+w10x1 and would share their",
        ),
        (
            WINDOW + "rate = 123456.1\n[[conditions]]\nendpoint = 'cpu'\n" + WINDOW
            + "rate = 123456.2",
            "`conditions`: two are called cpu-c8-r1000+open123456+w10x1 and would share their",
        ),
        (
            "latency = { database_ms = 5 }",
            "`window_s` is missing; `latency` needs it, e.g. 10, because a slice "
            "would be over before its answers come.",
        ),
        (
            'beside = { endpoint = "noop" }',
            "`window_s` is missing; `beside` needs it, e.g. 10, to last as long.",
        ),
        (
            WINDOW + "latency = { database_ms = -1 }",
            "item 1 of `conditions`: `latency.database_ms` is -1; it must be a number",
        ),
        (
            WINDOW + "latency = { client_ms = 10_001 }",
            "item 1 of `conditions`: `latency.client_ms` is 10001; it must be a number",
        ),
        (
            WINDOW + "latency = { client_ms = inf }",
            "item 1 of `conditions`: `latency.client_ms` is inf; it must be a number",
        ),
        (
            WINDOW + "latency = { server_ms = 5 }",
            "unknown key `latency.server_ms`; the allowed keys are: client_ms, "
            "database_ms.",
        ),
        (
            WINDOW + 'beside = { endpoint = "noop", connections = 0 }',
            "item 1 of `conditions`: `beside.connections` is 0; it must be a whole number",
        ),
        (WINDOW + "beside = { connections = 2 }", "`beside.endpoint` is missing;"),
        ("[load.ramp]\nper_s = 0", "`load.ramp.per_s` is 0; it must be a number"),
        ("[load.ramp]\nhold_s = inf", "`load.ramp.hold_s` is inf; it must be a number"),
        ("[load.ramp]\nclient = 'curl'", '`load.ramp.client` is "curl"; it must be one of: '),
        ('[network]\ninjector = "tc"', '`network.injector` is "tc"; it must be one of: '),
    ],
)  # fmt: skip
def test_a_design_that_cannot_be_meant_is_one_sentence_that_names_the_key(
    tmp_path: Path, catalog: Catalog, condition: str, told: str
) -> None:
    text = STUDY.replace("blocks = 2", "blocks = 6").replace("connections = 8\n", condition)
    said = refusal(tmp_path, catalog, text)
    assert told in said


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (WINDOW, {}),
        (WINDOW + "windows = 3", {"windows": 3}),
        (WINDOW + 'rate = 50\narrivals = "constant"', {"rate": 50.0, "arrivals": "constant"}),
        (WINDOW + 'share = 0.7\narrivals = "constant"', {"share": 0.7, "arrivals": "constant"}),
        (SEARCH + "latency_ms = 29999", {"objective": Objective(latency_ms=29_999.0)}),
        (WINDOW + "latency = { database_ms = 5 }", {"latency": Latency(database_ms=5.0)}),
        (WINDOW + "latency = { client_ms = 9_000 }", {"latency": Latency(client_ms=9_000.0)}),
        (WINDOW + 'beside = { endpoint = "noop" }', {"beside": Beside("noop", connections=1)}),
        (
            WINDOW + 'rate = 50\nbeside = { endpoint = "noop", connections = 2 }',
            {"rate": 50.0, "beside": Beside("noop", connections=2)},
        ),
    ],
)
def test_a_window_each_kind_of_open_loop_latency_and_a_second_load_are_taken(
    tmp_path: Path, catalog: Catalog, condition: str, wanted: dict[str, Any]
) -> None:
    path = write(tmp_path, STUDY.replace("connections = 8\n", condition))
    made = Condition("cpu", connections=8, window_s=10.0, **wanted)
    assert load_study(path, catalog).conditions == (made,)


def test_looks_before_the_last_block_are_taken(tmp_path: Path, catalog: Catalog) -> None:
    text = STUDY.replace("blocks = 2", "blocks = 6")
    path = write(tmp_path, text + "[stopping]\nhalf_width = 0.03\nlooks = [3, 5]\nbudget_s = 9\n")
    wanted = Stopping(half_width=0.03, looks=(3, 5), budget_s=9.0)
    assert load_study(path, catalog).stopping == wanted


@pytest.mark.parametrize(
    ("blocks", "looks"),
    [(5, (4,)), (6, (4, 5)), (7, (4, 6)), (8, (4, 6)), (10, (5, 8)), (16, (8, 12)), (40, (20, 30))],
)
def test_a_study_that_waits_for_verdicts_looks_at_half_and_three_quarters_of_its_blocks(
    tmp_path: Path, catalog: Catalog, blocks: int, looks: tuple[int, ...]
) -> None:
    text = STUDY.replace("blocks = 2", f"blocks = {blocks}") + "[stopping]\nverdicts = true\n"
    assert load_study(write(tmp_path, text), catalog).looks == looks


def test_looks_are_taken_in_their_order_and_once(tmp_path: Path, catalog: Catalog) -> None:
    text = STUDY.replace("blocks = 2", "blocks = 12")
    own = text + "[stopping]\nverdicts = true\nlooks = [8, 6, 8]\n"
    assert load_study(write(tmp_path, own), catalog).looks == (6, 8)


def test_looks_of_its_own_come_before_the_usual_ones(tmp_path: Path, catalog: Catalog) -> None:
    text = STUDY.replace("blocks = 2", "blocks = 12")
    own = text + "[stopping]\nverdicts = true\nlooks = [5, 11]\n"
    assert load_study(write(tmp_path, own), catalog).looks == (5, 11)
    both = own + "half_width = 0.02\n"
    assert load_study(write(tmp_path, both), catalog).stopping.half_width == 0.02
    assert load_study(write(tmp_path, text), catalog).looks == ()


@pytest.mark.parametrize("blocks", [1, 4])
def test_verdicts_need_a_look_before_the_last_block(
    tmp_path: Path, catalog: Catalog, blocks: int
) -> None:
    text = STUDY.replace("blocks = 2", f"blocks = {blocks}") + "[stopping]\nverdicts = true\n"
    told = refusal(tmp_path, catalog, text)
    assert told.startswith("`stopping.verdicts` needs a look before the last block")
    assert f"`blocks` is {blocks}; set it to 5 or more, or remove `verdicts`." in told


def test_verdicts_need_a_pair(tmp_path: Path, catalog: Catalog) -> None:
    alone = STUDY.replace(', "flask/sqlalchemy"', "").replace("blocks = 2", "blocks = 8")
    told = refusal(tmp_path, catalog, alone + "[stopping]\nverdicts = true\n")
    assert "the study has one variant; add another, or remove `verdicts`." in told


def test_verdicts_on_contrasts_need_a_cost_per_request(tmp_path: Path, catalog: Catalog) -> None:
    """A search gives none, but it ranks: ratios to the baseline are decided by the rate."""
    ends = "[stopping]\nverdicts = true\n"
    search = STUDY.replace("blocks = 2", "blocks = 8").replace("connections = 8\n", SEARCH)
    assert load_study(write(tmp_path, search + ends), catalog).looks == (4, 6)
    contrast = (
        '[[contrasts]]\nname = "stacks"\ntitle = "S"\nof = "django/async-pool"\n'
        'to = "flask/sqlalchemy"\nbundle = true\n'
    )
    told = refusal(tmp_path, catalog, search + contrast + ends)
    assert told.startswith("`stopping.verdicts` waits for `contrasts`")
    assert told.endswith("without `objective` and `beside`; add one, or remove `verdicts`.")


@pytest.mark.parametrize(
    ("margin", "shown"),
    [("0", "0"), ("-0.03", "-0.03"), ("1.01", "1.01"), ("nan", "nan"), ("inf", "inf"),
     ('"3 %"', '"3 %"'), ("true", "true"), ("[0.03]", "a list of 1 item")],
)  # fmt: skip
def test_a_margin_out_of_range_is_told_with_the_range(
    tmp_path: Path, catalog: Catalog, margin: str, shown: str
) -> None:
    told = refusal(tmp_path, catalog, STUDY.replace("seed = 1", f"seed = 1\nmargin = {margin}"))
    assert told == f"`margin` is {shown}; it must be a number above 0 and at most 1."


@pytest.mark.parametrize("margin", ["0.001", "0.05", "1"])
def test_a_margin_above_nought_and_up_to_one_is_taken(
    tmp_path: Path, catalog: Catalog, margin: str
) -> None:
    path = write(tmp_path, STUDY.replace("seed = 1", f"seed = 1\nmargin = {margin}"))
    assert load_study(path, catalog).margin == float(margin)


ENDPOINTS = st.sampled_from(["cpu", "io_read", "io_fanout", "io_wait"])
NUMBERS = st.sampled_from([1, 10, 100, 1_000])
RATES = st.sampled_from([1e-5, 0.5, 5.0, 50.0, 500_000.0, 1_000_000.0])
LOOPS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"window_s": RATES, "windows": NUMBERS}),
    st.fixed_dictionaries({
        "window_s": RATES, "windows": NUMBERS, "rate": RATES,
        "arrivals": st.sampled_from(["poisson", "constant"]),
    }),
    st.fixed_dictionaries({
        "window_s": RATES, "share": st.sampled_from([1e-5, 0.05, 0.5, 0.7, 1.0]),
        "arrivals": st.sampled_from(["poisson", "constant"]),
    }),
    st.fixed_dictionaries({
        "window_s": RATES,
        "objective": st.builds(
            Objective, latency_ms=RATES, percentile=st.sampled_from([9.0, 99.0, 99.9, 99.99])
        ),
    }),
)  # fmt: skip
MILLISECONDS = st.sampled_from([0.0, 0.5, 1.0, 10.0, 10_000.0])
AROUND: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "latency": st.builds(Latency, database_ms=MILLISECONDS, client_ms=MILLISECONDS),
        "beside": st.builds(Beside, endpoint=ENDPOINTS, connections=NUMBERS),
    },
)
CONDITIONS = st.builds(
    lambda endpoint, connections, rows, loop, around: Condition(
        endpoint, connections=connections, rows=rows, **loop, **around
    ),
    ENDPOINTS, NUMBERS, st.sampled_from([0, 1, 10, 100, 1_000]), LOOPS, AROUND,
)  # fmt: skip


@given(conditions=st.lists(CONDITIONS, min_size=2, max_size=6, unique=True))
def test_conditions_that_differ_have_names_of_which_none_begins_anothers_files(
    conditions: list[Condition],
) -> None:
    """In a trial's file name a `-` and the entry follow; all of a phase are found by that."""
    for one, other in permutations(conditions, 2):
        assert one.name != other.name
        assert not f"{other.name}-toy.variant".startswith(f"{one.name}-")


@given(condition=CONDITIONS)
def test_a_name_is_fit_for_a_file(condition: Condition) -> None:
    assert not set(condition.name) & set("/\\*?[]~# ")


def test_an_open_loop_is_one_whose_requests_come_when_they_are_due() -> None:
    closed = [Condition("cpu"), Condition("cpu", window_s=5.0)]
    due = [
        Condition("cpu", window_s=5.0, rate=5.0),
        Condition("cpu", window_s=5.0, share=0.5),
        Condition("cpu", window_s=5.0, objective=Objective()),
    ]
    assert [c.open_loop for c in [*closed, *due]] == [False, False, True, True, True]


GROUPED = (
    STUDY
    + """\

[[conditions]]
endpoint = "noop"
group = "core"

[groups]
core = ["starlette/asyncpg"]
"""
)


def test_a_condition_of_a_group_measures_it_and_the_baseline_alone(
    tmp_path: Path, catalog: Catalog
) -> None:
    study = load_study(write(tmp_path, GROUPED), catalog)
    of_all, of_the_group = study.conditions
    assert study.measured(of_all) == ("django/async-pool", "flask/sqlalchemy")
    assert study.measured(of_the_group) == ("django/async-pool", "starlette/asyncpg")
    assert study.everyone == ("django/async-pool", "flask/sqlalchemy", "starlette/asyncpg")


def test_a_group_is_measured_in_the_order_of_the_study(tmp_path: Path, catalog: Catalog) -> None:
    members = '["starlette/asyncpg", "flask/sqlalchemy", "django/async-pool"]'
    study = load_study(write(tmp_path, GROUPED.replace('["starlette/asyncpg"]', members)), catalog)
    assert study.measured(study.conditions[1]) == study.everyone
    assert study.everyone == ("django/async-pool", "flask/sqlalchemy", "starlette/asyncpg")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "core = [",
            'spare = ["flask/sqlalchemy"]\ncore = [',
            "`groups.spare`: no condition has this group; name it in one, or remove it.",
        ),
        (
            '["starlette/asyncpg"]',
            '["starlette/asyncpg", "starlette/asyncpg"]',
            "`groups.core` names one variant twice; remove the repetition.",
        ),
        (
            "connections = 8\n",
            'connections = 8\ngroup = "core"\n',
            "`variants`: every condition has a `group`",
        ),
        (
            'endpoint = "noop"',
            'endpoint = "cpu"\nconnections = 8',
            "`conditions`: two are called cpu-c8-r1000 and would share their files; remove one",
        ),
        ('["starlette/asyncpg"]', '"starlette/asyncpg"', "`groups.core` is"),
    ],
)
def test_a_group_that_cannot_be_meant_is_one_sentence_that_names_the_key(
    tmp_path: Path, catalog: Catalog, old: str, new: str, told: str
) -> None:
    assert old in GROUPED
    said = refusal(tmp_path, catalog, GROUPED.replace(old, new))
    assert said.startswith(told)


@pytest.mark.parametrize(
    ("study", "told"),
    [
        (
            GROUPED + '[[conditions]]\nendpoint = "io_read"\ngroup = "cores"\n',
            "There is no group `cores` in {}, item 3 of `conditions`: `group`; choose one of",
        ),
        (
            GROUPED.partition("[groups]")[0],
            "There is no group `core` in {}, item 2 of `conditions`: `group`; the study has none: "
            "add it under `[groups]`.",
        ),
        (
            GROUPED.replace("starlette/asyncpg", "starlette/nope"),
            "There is no variant `starlette/nope` in {}; the nearest is `starlette/",
        ),
    ],
    ids=["another group", "no group at all", "a member"],
)
def test_an_unknown_name_of_or_in_a_group_is_told_with_the_known_ones(
    tmp_path: Path, catalog: Catalog, study: str, told: str
) -> None:
    path = write(tmp_path, study)
    with pytest.raises(UnknownName) as caught:
        load_study(path, catalog)
    assert str(caught.value).startswith(told.format(path))


def test_max_connections_must_hold_the_pools_of_the_groups_too(
    tmp_path: Path, catalog: Catalog
) -> None:
    """Two variants, one more of the group, and the baseline's duplicate, 16 connections each."""
    needed = 4 * 16 + SPARE_CONNECTIONS
    enough = write(tmp_path, f"{GROUPED}[database]\nmax_connections = {needed}\n")
    assert load_study(enough, catalog).database.max_connections == needed
    short = write(tmp_path, f"{GROUPED}[database]\nmax_connections = {needed - 1}\n")
    with pytest.raises(MalformedFile, match=rf"hold 64 together; set it to at least {needed}\."):
        load_study(short, catalog)


LOCUST = STUDY.replace("[[cond", '[load]\nengine = "locust"\n\n[[cond')
FEW = '[setups."django/few"]\nvariant = "django/{}"\n'


def with_setup(variant: str, settings: str, text: str = STUDY) -> str:
    """The study with a setup of that variant in the place of its second one."""
    return text.replace("flask/sqlalchemy", "django/few") + FEW.format(variant) + settings + "\n"


def test_a_setup_is_measured_like_a_variant(tmp_path: Path, catalog: Catalog) -> None:
    study = load_study(write(tmp_path, with_setup("async-pool", "pool_size = 4")), catalog)
    assert study.everyone == ("django/async-pool", "django/few")
    assert study.setups == {"django/few": Setup("django/async-pool", pool_size=4)}


def test_a_setup_has_the_studys_settings_but_for_its_own(tmp_path: Path, catalog: Catalog) -> None:
    settings = "threads = 2\nmax_connections = 30\n[server]\nworkers = 2\npool_size = 8\n"
    study = load_study(write(tmp_path, with_setup("sync-threads", settings, LOCUST)), catalog)
    assert study.server_of("django/few") == ServerSettings(workers=2, threads=2, pool_size=8)
    assert study.database_of("django/few") == DatabaseSettings(max_connections=30)
    assert study.server_of("django/async-pool") == study.server
    assert study.database_of("django/async-pool") == study.database == DatabaseSettings()


@pytest.mark.parametrize(
    ("variant", "settings", "held"),
    [
        ("async-pool", "pool_size = 64", 64),
        ("sync-threads", "threads = 40", 40),
        ("async-no-pool", "", 0),
    ],
)
def test_max_connections_must_hold_the_pools_of_setups_as_they_are_set(
    tmp_path: Path, catalog: Catalog, variant: str, settings: str, held: int
) -> None:
    """Beside the setup: the baseline and its duplicate, 16 connections each."""
    reading = STUDY.replace('endpoint = "cpu"', 'endpoint = "io_read"')
    text = with_setup(variant, settings, reading) + "[database]\nmax_connections = {}\n"
    needed = 2 * 16 + held + SPARE_CONNECTIONS
    assert load_study(write(tmp_path, text.format(needed)), catalog)
    with pytest.raises(MalformedFile, match=rf"set it to at least {needed}\."):
        load_study(write(tmp_path, text.format(needed - 1)), catalog)


def test_threads_hold_no_connections_where_no_request_asks_the_database(
    tmp_path: Path, catalog: Catalog
) -> None:
    """The audit still asks on 512 of them; a pool opens its connections in any case."""
    text = with_setup("sync-threads", "threads = 10000")
    text += "[database]\nmax_connections = {}\n"
    needed = MOST_COUNTED + SPARE_CONNECTIONS
    assert load_study(write(tmp_path, text.format(needed)), catalog)
    with pytest.raises(MalformedFile, match=rf"audit .* set it to at least {needed}\."):
        load_study(write(tmp_path, text.format(needed - 1)), catalog)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            "max_connections = 30",
            "`setups.django/few.max_connections`: all servers of a block share one PostgreSQL; set "
            '`database.max_connections`, or `engine = "locust"`.',
        ),
        (
            "max_connections = 9",
            "`setups.django/few.max_connections` is 9; it must be a whole number",
        ),
        ("threads = 0", "`setups.django/few.threads` is 0; it must be a whole number"),
        (
            "replicas = 2",
            "unknown key `setups.django/few.replicas`; the allowed keys are: env, knobs, "
            "max_connections, packages, pool_size, python, server, threads, title, variant, "
            "workers.",
        ),
    ],
)
def test_a_setup_that_cannot_be_meant_is_one_sentence_that_names_the_key(
    tmp_path: Path, catalog: Catalog, settings: str, told: str
) -> None:
    said = refusal(tmp_path, catalog, with_setup("async-pool", settings))
    assert said.startswith(told)


def test_a_setup_of_an_unknown_variant_is_told_with_the_file_and_the_known_ones(
    tmp_path: Path, catalog: Catalog
) -> None:
    path = write(tmp_path, with_setup("nope", "pool_size = 4"))
    with pytest.raises(UnknownName) as caught:
        load_study(path, catalog)
    assert str(caught.value).startswith(f"There is no variant `django/nope` in {path}; the nearest")


def test_a_setup_with_another_folders_name_is_told_with_the_file(
    tmp_path: Path, catalog: Catalog
) -> None:
    text = with_setup("async-pool", "pool_size = 4").replace("django/few", "flask/few")
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_study(path, catalog)
    assert str(caught.value).startswith(f"{path}: `setups.flask/few` must be called `django/` and")


def test_two_setups_of_one_variant_can_be_contrasted(tmp_path: Path, catalog: Catalog) -> None:
    """They differ in one factor: how many connections they hold."""
    setups = "".join(
        f'[setups."django/{name}"]\nvariant = "django/async-pool"\npool_size = {size}\n'
        for name, size in (("few", 4), ("many", 64))
    )
    contrast = '[[contrasts]]\nname = "c"\ntitle = "t"\nof = "django/many"\nto = "django/few"\n'
    text = STUDY.replace("flask/sqlalchemy", 'django/few", "django/many')
    path = write(tmp_path, text + setups + contrast)
    (made,) = load_study(path, catalog).contrasts
    assert made.variants == {"django/few", "django/many"}


def test_an_unknown_endpoint_of_a_second_load_is_told_with_its_place(
    tmp_path: Path, catalog: Catalog
) -> None:
    text = STUDY.replace("connections = 8\n", WINDOW + 'beside = { endpoint = "cup" }\n')
    path = write(tmp_path, text)
    with pytest.raises(UnknownName) as caught:
        load_study(path, catalog)
    told = f"There is no endpoint `cup` in {path}, item 1 of `conditions`: `beside`; the nearest"
    assert str(caught.value).startswith(told)


def test_a_study_is_delayed_where_one_of_its_conditions_adds_latency() -> None:
    near, far = Condition("cpu"), Condition("cpu", latency=Latency())
    made = [
        Study("t", "q", ("a/b",), "a/b", 1, 1, conditions) for conditions in ((near,), (near, far))
    ]
    assert [study.delayed for study in made] == [False, True]


def test_a_ramp_with_latency_on_both_legs_and_setups_of_the_database_is_taken(
    tmp_path: Path, catalog: Catalog
) -> None:
    ramp = 'engine = "locust"\nramp = { per_s = 10, hold_s = 5, client = "http" }'
    latency = "connections = 8\nlatency = { database_ms = 20, client_ms = 30 }\n"
    text = LOCUST.replace('engine = "locust"', ramp).replace("connections = 8\n", latency)
    path = write(tmp_path, with_setup("async-published", "max_connections = 30", text))
    study = load_study(path, catalog)
    assert study.load == LoadSettings(engine="locust", ramp=Ramp(10.0, 5.0, "http"))
    assert study.conditions[0].latency == Latency(database_ms=20.0, client_ms=30.0)
    assert study.delayed
    assert study.database_of("django/few").max_connections == 30


def test_one_server_at_a_time_may_want_more_connections_than_there_are(
    tmp_path: Path, catalog: Catalog
) -> None:
    study = load_study(write(tmp_path, LOCUST + "[database]\nmax_connections = 10\n"), catalog)
    assert study.database.max_connections < study.server.pool_size


GROUP = """\
[[conditions]]
endpoint = "noop"
group = "core"

[groups]
core = ["starlette/asyncpg"]
"""


@pytest.mark.parametrize(
    ("condition", "key"),
    [
        ("window_s = 10", "item 1 of `conditions`: `window_s`"),
        ("rate = 5", "item 1 of `conditions`: `rate`"),
        ("share = 0.5", "item 1 of `conditions`: `share`"),
        ("[conditions.objective]", "item 1 of `conditions`: `objective`"),
        ('beside = { endpoint = "noop" }', "item 1 of `conditions`: `beside`"),
        (GROUP, "item 2 of `conditions`: `group`"),
    ],
)
def test_a_load_that_locust_does_not_know_is_refused_by_its_key(
    tmp_path: Path, catalog: Catalog, condition: str, key: str
) -> None:
    told = refusal(tmp_path, catalog, f"{LOCUST}{condition}\n")
    assert told.startswith(f"{key} does nothing")
    assert told.endswith('remove it, or set `engine = "native"`.')


COMPARISONS = {
    "contrasts": '[[contrasts]]\nname = "c"\ntitle = "t"\nof = "{}"\nto = "{}"\n',
    "waterfalls": '[[waterfalls]]\ntitle = "t"\nsteps = ["{}", "{}"]\n',
    "squares": '[[squares]]\ntitle = "t"\nrows = "a"\ncolumns = "b"\n'
    'corners = [["{0}", "{1}"], ["{0}", "{1}"]]\n',
}


@pytest.mark.parametrize("key", COMPARISONS)
def test_pairs_within_blocks_are_refused_where_locust_measures_cells(
    tmp_path: Path, catalog: Catalog, key: str
) -> None:
    compared = COMPARISONS[key].format("django/async-pool", "flask/sqlalchemy")
    told = refusal(tmp_path, catalog, LOCUST + compared)
    assert told.startswith(f"`{key}` needs slices or windows")
    assert told.endswith('remove it, or set `engine = "native"`.')


def test_reruns_because_of_noise_are_refused_where_locust_measures_cells(
    tmp_path: Path, catalog: Catalog
) -> None:
    path = write(tmp_path, LOCUST.replace("seed = 1\n", "seed = 1\nreruns = 1\n"))
    with pytest.raises(MalformedFile, match="`reruns` needs slices or windows"):
        load_study(path, catalog)


@pytest.mark.parametrize("rule", ["half_width = 0.03\nlooks = [3]", "verdicts = true"])
def test_stopping_early_is_refused_where_locust_measures_cells(
    tmp_path: Path, catalog: Catalog, rule: str
) -> None:
    text = LOCUST.replace("blocks = 2", "blocks = 6")
    told = refusal(tmp_path, catalog, f"{text}[stopping]\n{rule}\n")
    assert told.startswith("`stopping` ")
    assert told.endswith("remove it, or set `blocks`.")


@pytest.mark.parametrize(
    "setting",
    ["slice_s = 1", "rounds = 3", "warmup_s = 1", "timeout_s = 5", "generators = 2",
     "probe = false", "keep_requests = true"],
)  # fmt: skip
def test_what_our_own_generator_is_set_is_refused_where_locust_loads(
    tmp_path: Path, catalog: Catalog, setting: str
) -> None:
    path = write(tmp_path, LOCUST.replace('engine = "locust"', f'engine = "locust"\n{setting}'))
    with pytest.raises(MalformedFile) as caught:
        load_study(path, catalog)
    key = setting.partition(" ")[0]
    assert str(caught.value).startswith(f"{path}: `load.{key}` is for our own generator")
    mend = "set `load.processes`" if key == "generators" else "remove it"
    assert str(caught.value).endswith(f'{mend}, or set `engine = "native"`.')


def test_processes_of_locust_are_refused_where_our_own_generator_loads(
    tmp_path: Path, catalog: Catalog
) -> None:
    text = STUDY.replace("[[cond", "[load]\nprocesses = 4\n\n[[cond", 1)
    with pytest.raises(MalformedFile, match=r"`load.processes` .* `load.engine = \"locust\"`"):
        load_study(write(tmp_path, text), catalog)


def test_each_process_of_locust_needs_a_user(tmp_path: Path, catalog: Catalog) -> None:
    text = LOCUST.replace('engine = "locust"', 'engine = "locust"\nprocesses = {}')
    load = load_study(write(tmp_path, text.format(8)), catalog).load
    assert (load.processes, load.senders) == (8, 8)
    with pytest.raises(MalformedFile) as caught:
        load_study(write(tmp_path, text.format(9)), catalog)
    assert "`connections` is 8" in str(caught.value)
    assert str(caught.value).endswith("set `load.processes` to 8 at most.")


def test_a_budget_is_refused_where_locust_measures_cells(tmp_path: Path, catalog: Catalog) -> None:
    path = write(tmp_path, LOCUST + "[stopping]\nbudget_s = 60\n")
    with pytest.raises(MalformedFile, match=r"`stopping` .* Locust.* set `blocks`"):
        load_study(path, catalog)


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ('published = "asynchronize-django"\n', "published"),
        ("[load]\nramp = { per_s = 10 }\n", "load.ramp"),
    ],
)
def test_what_is_for_locust_s_ramps_is_refused_where_our_own_generator_loads(
    tmp_path: Path, catalog: Catalog, setting: str, key: str
) -> None:
    head, conditions = STUDY.split("[[cond", 1)
    text = f"{setting}{STUDY}" if key == "published" else f"{head}{setting}\n[[cond{conditions}"
    with pytest.raises(MalformedFile, match=f"`{key}` is for Locust's ramps"):
        load_study(write(tmp_path, text), catalog)


def without_place(workspace: Workspace, server: str, *, place: str) -> Catalog:
    """The repository's catalog with a server whose command line lacks that place."""
    path = workspace.shared / "servers.toml"
    before, _, entry = path.read_text().partition(f"[{server}]")
    path.write_text(f"{before}[{server}]{entry.replace(place, '1', 1)}")
    shutil.copytree(REPOSITORY.implementations, workspace.implementations, dirs_exist_ok=True)
    return load_catalog(workspace)


def test_workers_that_a_server_would_not_get_are_refused_by_name(
    tmp_path: Path, workspace: Workspace
) -> None:
    """Or one process would be compared with four."""
    catalog = without_place(workspace, "gunicorn-gthread", place="{workers}")
    text = STUDY + "[server]\nworkers = {}\n"
    assert refusal(tmp_path, catalog, text.format(4)) == (
        "`server.workers` is 4, and `flask/sqlalchemy` would not get them, because the command "
        "line of its server `gunicorn-gthread` lacks {workers}; add it in shared/servers.toml, "
        "leave the variant out, or set `workers = 1`."
    )
    assert load_study(write(tmp_path, text.format(1)), catalog).server.workers == 1


@pytest.mark.parametrize(
    ("variant", "setting", "why"),
    [
        ("async-pool", "threads = 4", "the command line of its server `gunicorn-uvicorn` lacks"),
        ("sync-threads", "pool_size = 4", "its variant has no pool (`factors.pool` is 'per-thread"),
        ("async-no-pool", "pool_size = 4", "its variant has no pool (`factors.pool` is 'per-req"),
    ],
)
def test_a_setting_that_a_setup_would_not_get_is_refused(
    tmp_path: Path, catalog: Catalog, variant: str, setting: str, why: str
) -> None:
    said = refusal(tmp_path, catalog, with_setup(variant, setting))
    key = setting.partition(" ")[0]
    assert said.startswith(f"`setups.django/few.{key}` does nothing, because {why}")
    assert said.endswith("; remove it.")


SEARCHED = "[[conditions]]\nendpoint = '{}'\nwindow_s = 20\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "seed = 99999999999999999999",
            "`seed` is 99999999999999999999; it must be a whole number",
        ),
        ("seed = -20261121", "`seed` is -20261121; it must be a whole number from 0 to"),
        ("blocks = 10_001", "`blocks` is 10001; it must be a whole number from 1 to 10,000."),
        ('title = "a\\nb"', "it must be one line of 1 to 300 characters."),
        ('title = " "', '`title` is " "; it must be one line'),
        ('title = "a\\n"', "it must be one line"),
        (f'question = "{"x" * 301}"', '…"; it must be one line'),
    ],
)
def test_a_number_or_text_of_a_study_out_of_range_is_refused_by_its_key(
    tmp_path: Path, catalog: Catalog, text: str, told: str
) -> None:
    key = text.partition(" =")[0]
    lines = [text if line.startswith(f"{key} =") else line for line in STUDY.splitlines()]
    assert told in refusal(tmp_path, catalog, "\n".join(lines))


@pytest.mark.parametrize(
    ("endpoint", "more", "told"),
    [
        (
            "io_read",
            "latency = { client_ms = 60, database_ms = 40 }\nobjective = { latency_ms = 100 }",
            "`objective.latency_ms` is 100, which no rate meets, because a correct answer takes at "
            "least 100 ms",
        ),
        (
            "io_wait",
            "objective = { latency_ms = 100 }",
            "`objective.latency_ms` is 100, which no rate meets",
        ),
        ("noop", "rate = 0.1", "`rate` times `window_s` makes 2 requests in a window; raise"),
        ("noop", "rate = 1_000_000\nwindow_s = 60", "`rate` times `window_s` makes 60,000,000"),
        (
            "noop",
            "latency = { client_ms = 6000 }\n[load]\ntimeout_s = 6",
            "every request would time out, because a correct answer of `noop` takes at least 6000",
        ),
        (
            "noop",
            "beside = { endpoint = 'io_wait' }\n[server]\nwait_ms = 25_000",
            "`window_s` is 20, and a correct answer of `io_wait` takes at least 25000 ms",
        ),
    ],
)
def test_a_time_that_no_answer_can_keep_is_refused(
    tmp_path: Path, catalog: Catalog, endpoint: str, more: str, told: str
) -> None:
    text = f"{STUDY}{SEARCHED.format(endpoint)}{more}\n"
    if "window_s" in more:
        text = text.replace("window_s = 20\n", "")
    assert refusal(tmp_path, catalog, text).startswith(f"item 2 of `conditions`: {told}")


def test_an_objective_above_all_that_the_study_adds_is_taken(
    tmp_path: Path, catalog: Catalog
) -> None:
    """A database that is far away delays nothing that does not ask it."""
    more = "latency = { client_ms = 60, database_ms = 400 }\nobjective = { latency_ms = 61 }\n"
    assert load_study(write(tmp_path, STUDY + SEARCHED.format("noop") + more), catalog)


@pytest.mark.parametrize("name", ["my study", "Mine", "-x", "ümlaut", "x" * 61])
def test_a_study_whose_name_cannot_be_a_runs_is_refused_before_it_is_read(
    workspace: Workspace, name: str
) -> None:
    """It would be measured, and could then not be published."""
    path = workspace.shared / "studies" / f"{name}.toml"
    path.write_text("= no TOML at all")
    for named in (name, str(path)):
        with pytest.raises(MalformedFile, match="name of the file, which names the run, ") as told:
            find_study(workspace, named)
        assert told.value.path == path


def test_names_of_groups_and_contrasts_are_slugs(tmp_path: Path, catalog: Catalog) -> None:
    grouped = f'{STUDY}group = "Ours"\n[groups]\nOurs = ["flask/sqlalchemy"]\n'
    assert refusal(tmp_path, catalog, grouped).startswith("`groups`: the name of one is no name: ")
    contrast = '[[contrasts]]\nname = "a b"\ntitle = "t"\nof = "{0}"\nto = "{0}"\n'
    text = STUDY + contrast.format("flask/sqlalchemy")
    assert "`contrasts`: the name of one is no name: `a b`" in refusal(tmp_path, catalog, text)


def test_the_longest_names_of_all_fit_into_the_name_of_a_file() -> None:
    """Linux allows 255 bytes; a file is written under its name and `.part` first."""
    condition = Condition(
        endpoint="io_create", connections=60_000, rows=10_000_000, window_s=1234.5678, windows=999,
        objective=Objective(latency_ms=0.00123456, percentile=99.9876), arrivals="constant",
        latency=Latency(database_ms=1.23456e-300, client_ms=1.23456e-300),
        beside=Beside("io_create", connections=1_000),
    )  # fmt: skip
    entry = "x" * LONGEST_VARIANT + DUPLICATE
    assert len(f"{file_name(10_000, condition, entry, 10_000)}.part") <= 255


def test_rounds_of_an_endpoint_replace_those_of_all(tmp_path: Path, catalog: Catalog) -> None:
    text = (
        STUDY + '[[conditions]]\nendpoint = "noop"\n[load]\nrounds = 9\nrounds_of = { cpu = 4 }\n'
    )
    study = load_study(write(tmp_path, text), catalog)
    assert [study.rounds(condition) for condition in study.conditions] == [4, 9]


@pytest.mark.parametrize(("endpoint", "window"), [("io_read", ""), ("cpu", "window_s = 5\n")])
def test_rounds_of_what_has_no_slices_are_refused(
    tmp_path: Path, catalog: Catalog, endpoint: str, window: str
) -> None:
    text = f"{STUDY}{window}[load]\nrounds_of = {{ {endpoint} = 4 }}\n"
    with pytest.raises(MalformedFile, match=f"`load.rounds_of.{endpoint}` does nothing"):
        load_study(write(tmp_path, text), catalog)


def test_quick_answers_both_questions_of_the_readme(
    repository: Workspace, catalog: Catalog
) -> None:
    """Which stack, and what the bridge costs: the way from one hop to async Django as it is."""
    study = load_study(find_study(repository, "quick"), catalog)
    assert len({name.partition("/")[0] for name in study.variants}) == 5
    (waterfall,) = study.waterfalls
    assert waterfall.steps == (
        "django/one-hop", "django/async-reused-threads", "django/async-pool",
    )  # fmt: skip
    assert set(waterfall.steps) < set(study.variants)
    assert study.baseline == waterfall.steps[-1]
