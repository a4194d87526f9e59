import pytest

from harness.audit.http_checks import Violation, expect
from harness.records.verification import Outcome, Verification


def test_a_verification_passes_only_if_every_check_does() -> None:
    good, bad = Outcome("health", None), Outcome("cpu", "expected 3, got 4")
    assert Verification("toy/a", (good, good)).passed
    failed = Verification("toy/a", (good, bad, good))
    assert not failed.passed
    assert failed.problems == ["cpu: expected 3, got 4"]


def test_expect_raises_what_was_wrong() -> None:
    expect(True, "unseen")
    with pytest.raises(Violation, match="the sky is green"):
        expect(False, "the sky is green")
