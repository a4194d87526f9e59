"""A manifest is an implementation, or breaks itself alone with one sentence."""

import tempfile
from pathlib import Path

from hypothesis import event, given
from hypothesis import strategies as st

from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.factors import factors_of
from tests.toys.bounded import bounded
from tests.toys.studies import JUNK, Table, spoilt, toml_text

REPOSITORY = Workspace()
LOCK = "".join(
    f"{package}==99.0\n"
    for package in ("gunicorn", "uvicorn", "uvicorn-worker", "httptools", "uvloop")
)
SHARED = ("servers.toml", "factors.toml")
_COUNTS = st.one_of(
    st.integers(0, 3), st.fixed_dictionaries({}, optional={"every": st.just(1), "cpu": st.just(2)})
)
_VARIANTS = st.fixed_dictionaries(
    {
        "title": st.sampled_from(["plain", "é", "x" * 300]),
        "server": st.sampled_from(["gunicorn-uvicorn", "gunicorn-gthread", "gunicorn-sync"]),
        "app": st.sampled_from(["app:main", "a.b:c"]),
        "factors": st.fixed_dictionaries(
            {},
            optional={"views": st.just("sync"), "pool": st.sampled_from(["pooled", "per-request"])},
        ),
    },
    optional={
        "env": st.dictionaries(st.sampled_from(["TOY", "DJANGO_VIEWS"]), st.text(max_size=5)),
        "tags": st.lists(st.sampled_from(["controlled", "deployed"]), max_size=2, unique=True),
        "expect": st.fixed_dictionaries({}, optional={"hops": _COUNTS, "threads": _COUNTS}),
    },
)  # fmt: skip
MANIFESTS = st.fixed_dictionaries(
    {
        "project": st.fixed_dictionaries(
            {"name": st.just("toy"), "requires-python": st.sampled_from([">=3.12", "~=3.13"])},
            optional={"dependencies": st.just(["django~=6.1"])},
        ),
        "tool": st.fixed_dictionaries(
            {
                "bridgetoll": st.fixed_dictionaries(
                    {
                        "title": st.just("Toy"),
                        "variants": st.dictionaries(
                            st.sampled_from(["plain", "a-b", "x" * 76, "1"]), _VARIANTS,
                            min_size=1, max_size=2,
                        ),
                    }
                )
            }
        ),
    }
)  # fmt: skip


def read(body: bytes) -> bool:
    """Whether the manifest is an implementation; a sound one beside it always is."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        workspace.shared.mkdir()
        for name in SHARED:
            (workspace.shared / name).symlink_to(REPOSITORY.shared / name)
        for name, text in (("toy", body), ("sound", SOUND)):
            (workspace.implementations / name).mkdir(parents=True)
            (workspace.implementations / name / "requirements.lock").write_text(LOCK)
            (workspace.implementations / name / "pyproject.toml").write_bytes(text)
        catalog = load_catalog(workspace)
        assert "sound" in catalog.implementations
        if "toy" not in catalog.broken:
            for variant in catalog.implementations["toy"].variants:
                assert catalog.variant(variant.name) == variant
                assert factors_of(variant.name, variant)
                assert variant.server in catalog.servers
            return True
        told = str(catalog.broken["toy"])
        assert told.startswith(f"{workspace.implementations / 'toy'}")
        assert told.endswith(".")
        assert "\n" not in told
        return False


SOUND = toml_text(
    {
        "project": {"name": "sound", "requires-python": ">=3.12"},
        "tool": {
            "bridgetoll": {
                "title": "Sound",
                "variants": {
                    "plain": {
                        "title": "t", "server": "gunicorn-sync", "app": "a:b",
                        "factors": {"views": "sync"},
                    }
                },
            }
        },
    }
).encode()  # fmt: skip


@bounded(60)
@given(MANIFESTS)
def test_a_manifest_of_sound_parts_is_read_or_told_what_is_wrong(table: Table) -> None:
    event("read" if read(toml_text(table).encode()) else "broken")


@bounded(120)
@given(spoilt(MANIFESTS))
def test_a_spoilt_manifest_breaks_itself_alone_with_one_sentence(table: Table) -> None:
    event("read" if read(toml_text(table).encode()) else "broken")


@bounded(60)
@given(
    st.one_of(
        st.binary(max_size=40),
        st.text(max_size=40).map(str.encode),
        st.sampled_from(JUNK).map(lambda value: toml_text({"tool": value}).encode()),
        st.sampled_from(JUNK).map(
            lambda value: toml_text({"tool": {"bridgetoll": value}}).encode()
        ),
        st.sampled_from(JUNK).map(
            lambda value: SOUND + toml_text({"build-system": value}).encode()
        ),
    )
)
def test_whatever_lies_in_place_of_a_manifest_breaks_itself_alone(body: bytes) -> None:
    event("read" if read(body) else "broken")
