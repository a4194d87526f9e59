import pytest

from harness.audit.subject import Violation, expect


def test_expect_raises_what_was_wrong() -> None:
    expect(True, "unseen")
    with pytest.raises(Violation, match="the sky is green"):
        expect(False, "the sky is green")
