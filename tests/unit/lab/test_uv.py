"""Why uv failed, from what it says."""

import pytest

from harness.lab.uv import is_offline, reason

UNSOLVED = """\
warning: something else
error: No solution found when resolving dependencies
  cause: Because there is no version of asgiref==99.1 and x depends on asgiref==99.1, your \
requirements are unsatisfiable.

hint: Pre-releases are available.
"""
UNBUILT = """\
Building source distribution...
Traceback (most recent call last):
  File "<string>", line 14, in <module>
ModuleNotFoundError: No module named 'nowhere'
error: Failed to build `asgiref`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta.build_sdist` failed (exit status: 1)

hint: This error likely indicates that a dependency is missing.
"""
OFFLINE = """\
error: Request failed after 3 retries in 10.9s
  cause: Failed to download `https://example.org/cpython-3.12.tar.gz`
  cause: failed to lookup address information: Name or service not known
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            UNSOLVED.partition("\n")[2],
            "Because there is no version of asgiref==99.1 and x depends on asgiref==99.1, your "
            "requirements are unsatisfiable",
        ),
        (
            UNBUILT,
            "Call to `setuptools.build_meta.build_sdist` failed (exit status: 1): "
            "ModuleNotFoundError: No module named 'nowhere'",
        ),
        (
            OFFLINE,
            "Request failed after 3 retries in 10.9s: failed to lookup address information: Name "
            "or service not known",
        ),
        ("error: No interpreter found for Python 3.99\n", "No interpreter found for Python 3.99"),
        ("error: Failed to build `x`\n", "Failed to build `x`"),
        ("something else.\n", "something else"),
        ("", "it gave no reason"),
    ],
)
def test_the_reason_is_one_line_with_the_first_that_happened(said: str, told: str) -> None:
    assert reason(said) == told


def test_a_warning_before_is_no_reason() -> None:
    assert reason(UNSOLVED) == reason(UNSOLVED.partition("\n")[2])


def test_it_is_known_whether_the_network_was_missing() -> None:
    assert is_offline(reason(OFFLINE))
    assert not any(is_offline(reason(said)) for said in (UNSOLVED, UNBUILT))
