import pytest

from harness.inputs.names import LONGEST, name_problem


@pytest.mark.parametrize("name", ["a", "quick", "django-6.1", "my_study", "2026", "a-b_c.d"])
def test_a_name_of_small_letters_digits_and_single_marks_is_taken(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("my study", "my-study"),
        ("My", "my"),
        ("-x", "x"),
        (".hidden", "hidden"),
        ("a..b", "a.b"),
        ("..", "mine"),
        ("", "mine"),
        ("a/b", "a-b"),
        ("café", "caf"),
        ("a\nb", "a-b"),
        ("a-", "a"),
        ("a--b", "a-b"),
        ("a-.b", "a.b"),
    ],
)
def test_any_other_is_refused_with_one_that_is_taken(name: str, better: str) -> None:
    told = name_problem(name)
    assert told is not None
    assert told.endswith(f"call it e.g. `{better}`")
    assert "\n" not in told
    assert name_problem(better) is None


def test_a_long_name_is_refused_with_the_length_that_is_allowed() -> None:
    assert name_problem("x" * LONGEST) is None
    assert f"at most {LONGEST}" in str(name_problem("x" * (LONGEST + 1)))
