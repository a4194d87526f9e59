"""Environments made by uv for real, from a package built here: no index is asked."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import EnvironmentFailed
from harness.inputs.locks import lock_command
from harness.inputs.manifests import Implementation
from harness.lab.environments import (
    environment_folder,
    installed,
    interpreter,
    lock_digest,
    prepare,
)
from tests.waiting import PATIENCE_S


def build_wheel(folder: Path, version: str, needs: str | None = None) -> str:
    """A package of one module in a wheel; return its line of a lock file."""
    metadata = f"Metadata-Version: 2.1\nName: bridgetoll-toy\nVersion: {version}\n"
    metadata += "" if needs is None else f"Requires-Dist: {needs}\n"
    info = f"bridgetoll_toy-{version}.dist-info"
    path = folder / f"bridgetoll_toy-{version}-py3-none-any.whl"
    files = {
        "bridgetoll_toy.py": f"version = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(name, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"bridgetoll-toy=={version} --hash=sha256:{digest}\n"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where uv finds packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


@pytest.fixture
def implementation(tmp_path: Path, wheels: Path) -> Implementation:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "requirements.lock").write_text(build_wheel(wheels, "1.0"))
    return Implementation(
        name="toy", title="Toy", folder=folder, requires_python=">=3.12", variants=()
    )


def version_in(python: Path) -> str:
    """The version that programs of this environment import, with nothing of ours on the path."""
    argv = [str(python), "-I", "-c", "import bridgetoll_toy; print(bridgetoll_toy.version)"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return done.stdout.strip()


def test_makes_what_the_lock_names_and_keeps_it(
    implementation: Implementation, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    python = prepare(cache, implementation)
    assert python == environment_folder(cache, implementation) / "bin" / "python"
    assert version_in(python) == "1.0"
    mark = python.parent / "mark"
    mark.touch()
    assert prepare(cache, implementation) == python
    assert mark.exists()  # not made again


def test_another_lock_is_another_environment(
    implementation: Implementation, tmp_path: Path, wheels: Path
) -> None:
    cache = tmp_path / "cache"
    old, old_digest = prepare(cache, implementation), lock_digest(implementation)
    implementation.lock_file.write_text(build_wheel(wheels, "2.0"))
    new = prepare(cache, implementation)
    assert lock_digest(implementation) != old_digest
    assert (version_in(old), version_in(new)) == ("1.0", "2.0")


def test_one_that_was_not_finished_is_made_again(
    implementation: Implementation, tmp_path: Path
) -> None:
    """A run was interrupted while uv worked, or somebody tidied up."""
    cache = tmp_path / "cache"
    folder = environment_folder(cache, implementation)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    python = prepare(cache, implementation)
    assert version_in(python) == "1.0"
    python.unlink()
    assert version_in(prepare(cache, implementation)) == "1.0"


def test_runs_on_the_harness_own_interpreter_and_not_in_its_environment(
    implementation: Implementation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the shell says that another environment is the active one."""
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "elsewhere"))
    python = prepare(tmp_path / "cache", implementation)
    assert python.resolve() == interpreter().resolve()
    assert not (tmp_path / "elsewhere").exists()
    argv = [str(python), "-I", "-c", "import harness"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr


def problem(implementation: Implementation, tmp_path: Path) -> str:
    with pytest.raises(EnvironmentFailed) as caught:
        prepare(tmp_path / "cache", implementation)
    return str(caught.value)


def test_an_unknown_package_is_a_sentence_with_what_uv_says(
    implementation: Implementation, tmp_path: Path
) -> None:
    lock = implementation.lock_file
    lock.write_text(lock.read_text().replace("bridgetoll-toy", "bridgetoll-unknown"))
    told = problem(implementation, tmp_path)
    assert "implementation `toy`" in told
    assert "toy/requirements.lock" in told
    assert "bridgetoll-unknown" in told
    assert str(tmp_path) not in told.splitlines()[0]


def test_a_package_that_is_not_the_one_of_the_lock_is_refused(
    implementation: Implementation, tmp_path: Path
) -> None:
    lock = implementation.lock_file
    lock.write_text(lock.read_text().partition("sha256:")[0] + "sha256:" + "0" * 64 + "\n")
    assert "hash" in problem(implementation, tmp_path).lower()


def test_a_lock_without_hashes_is_refused(implementation: Implementation, tmp_path: Path) -> None:
    implementation.lock_file.write_text("bridgetoll-toy==1.0\n")
    told = problem(implementation, tmp_path)
    assert "hash" in told
    assert f"`{lock_command('toy')}`" in told


def test_a_lock_that_lacks_what_a_package_needs_is_refused(
    implementation: Implementation, tmp_path: Path, wheels: Path
) -> None:
    """As one that was made for another Python may."""
    implementation.lock_file.write_text(build_wheel(wheels, "1.0", needs="missing-thing>=2"))
    told = problem(implementation, tmp_path)
    assert "`bridgetoll-toy` requires `missing-thing>=2`" in told
    assert f"`{lock_command('toy')}`" in told


def test_what_failed_is_tried_again(
    implementation: Implementation, tmp_path: Path, wheels: Path
) -> None:
    wheel = next(wheels.iterdir())
    wheel.rename(tmp_path / wheel.name)
    problem(implementation, tmp_path)
    (tmp_path / wheel.name).rename(wheel)
    assert version_in(prepare(tmp_path / "cache", implementation)) == "1.0"


def test_a_missing_uv_is_a_sentence(
    implementation: Implementation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "program uv" in problem(implementation, tmp_path)


def test_implementations_with_one_lock_are_still_apart(
    implementation: Implementation, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(implementation, name="other")
    assert environment_folder(tmp_path, other) != environment_folder(tmp_path, implementation)


def test_no_committed_lock_names_where_its_packages_come_from(repository_root: Path) -> None:
    """That is the business of whoever installs them."""
    locks = list((repository_root / "implementations").glob("*/requirements.lock"))
    assert len(locks) >= 5
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_a_lock_that_has_fallen_behind_its_manifest_is_told(
    tmp_path: Path, implementation: Implementation
) -> None:
    newer = msgspec.structs.replace(implementation, dependencies=("bridgetoll-toy~=2.0",))
    with pytest.raises(EnvironmentFailed) as caught:
        prepare(tmp_path / "cache", newer)
    assert "toy/pyproject.toml asks for `bridgetoll-toy~=2.0`" in str(caught.value)
    assert f"`{lock_command('toy')}`" in str(caught.value)
    assert "version 1.0" in str(caught.value)


def test_a_package_that_the_lock_lacks_is_told_also_of_an_environment_that_stands(
    tmp_path: Path, implementation: Implementation
) -> None:
    prepare(tmp_path / "cache", implementation)
    more = msgspec.structs.replace(
        implementation, dependencies=("Bridgetoll_Toy[extra]>=1", "missing-thing")
    )
    with pytest.raises(EnvironmentFailed, match="`missing-thing`"):
        prepare(tmp_path / "cache", more)


def test_a_dependency_of_another_platform_is_not_asked_for(
    tmp_path: Path, implementation: Implementation
) -> None:
    text = "missing-thing; sys_platform == 'nowhere'"
    other = msgspec.structs.replace(implementation, dependencies=(text,))
    assert prepare(tmp_path / "cache", other).exists()


def test_a_setup_has_its_release_and_all_else_as_it_is_locked(
    tmp_path: Path, implementation: Implementation, wheels: Path
) -> None:
    build_wheel(wheels, "2.0")
    (implementation.folder / "pyproject.toml").write_text(
        '[project]\nname = "toy"\nversion = "0"\ndependencies = ["bridgetoll-toy"]\n'
    )
    own = msgspec.structs.replace(
        implementation, name="toy+next", packages=("bridgetoll-toy==2.0",)
    )
    cache = tmp_path / "cache"
    assert version_in(prepare(cache, implementation)) == "1.0"
    assert version_in(prepare(cache, own)) == "2.0"
    assert lock_digest(own) != lock_digest(implementation)
    assert environment_folder(cache, own) != environment_folder(cache, implementation)
    again = msgspec.structs.replace(own, name="toy+again")
    assert environment_folder(cache, again) == environment_folder(cache, own), "by its content"


def test_a_release_that_there_is_not_is_told_with_what_uv_says(
    tmp_path: Path, implementation: Implementation
) -> None:
    (implementation.folder / "pyproject.toml").write_text(
        '[project]\nname = "toy"\nversion = "0"\ndependencies = ["bridgetoll-toy"]\n'
    )
    own = msgspec.structs.replace(implementation, packages=("bridgetoll-toy==9.0",))
    with pytest.raises(EnvironmentFailed, match=r"bridgetoll-toy==9\.0"):
        prepare(tmp_path / "cache", own)


def test_a_server_s_packages_join_those_of_the_lock(
    implementation: Implementation, tmp_path: Path, wheels: Path
) -> None:
    """The lock keeps its versions, though newer ones can be had."""
    build_wheel(wheels, "2.0")
    server = wheels / "bridgetoll_server-1.0-py3-none-any.whl"
    info = "bridgetoll_server-1.0.dist-info"
    with zipfile.ZipFile(server, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Name: bridgetoll-server\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (implementation.folder / "pyproject.toml").write_text(
        '[project]\nname = "toy"\nversion = "0"\ndependencies = ["bridgetoll-toy"]\n'
    )
    own = msgspec.structs.replace(implementation, added=("bridgetoll-server>=1",))
    python = prepare(tmp_path / "cache", own)
    assert installed(python) == {"bridgetoll-server": "1.0", "bridgetoll-toy": "1.0"}
    assert python != prepare(tmp_path / "cache", implementation)


def test_a_server_that_cannot_be_had_is_named(
    implementation: Implementation, tmp_path: Path
) -> None:
    own = msgspec.structs.replace(implementation, added=("no-such-server-of-ours~=1.0",))
    (implementation.folder / "pyproject.toml").write_text(
        '[project]\nname = "toy"\nversion = "0"\ndependencies = ["bridgetoll-toy"]\n'
    )
    with pytest.raises(EnvironmentFailed) as caught:
        prepare(tmp_path / "cache", own)
    told = str(caught.value)
    assert "toy/requirements.lock with no-such-server-of-ours~=1.0" in told
    assert "name another server" in told
