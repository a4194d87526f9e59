import json

import pytest

from harness.load.protocol import Exchange
from harness.load.worker.checks import check_for

POSTS = [("t0", "c0"), ("t1", 'é"1')]
GOOD = {
    "id": "c4ca4238-a0b9-4382-8dcc-509a6f75849b",
    "title": "t1",
    "content": 'é"1',
    "created_at": "2022-01-01T00:00:01.000004Z",
    "updated_at": "2022-01-01T00:00:01.000004+00:00",
}


def test_a_known_body_is_compared_byte_for_byte() -> None:
    check = check_for(Exchange(requests=[b""], body=b'{"a":1}'))
    assert check(b'{"a":1}', 0)
    assert not check(b'{"a": 1}', 0)
    assert not check(b"", 0)


def test_any_body_is_correct_where_nobody_has_said_what_it_should_be() -> None:
    check = check_for(Exchange(requests=[b""], any_body=True))
    assert check(b"<p>It is 12:01.</p>", 0)
    assert check(b"", 0)


def test_an_exchange_without_any_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="names its one correct body"):
        check_for(Exchange(requests=[b""]))


@pytest.mark.parametrize("escaped", [True, False])
def test_a_created_post_is_compared_with_what_was_sent(escaped: bool) -> None:
    """However the encoder spells it."""
    check = check_for(Exchange(requests=[b"", b""], posts=POSTS))
    body = json.dumps(GOOD, ensure_ascii=escaped).encode()
    assert check(body, 1)
    assert not check(body, 0)  # the answer to another request


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1"},
        {"id": None},
        {"title": "other"},
        {"content": None},
        {"created_at": "yesterday"},
        {"updated_at": "2022-01-01T00:00:01.000Z"},
        {"updated_at": "2022-01-01T00:00:01.000004"},
        {"extra": 1},
    ],
)
def test_a_created_post_that_is_wrong_anywhere_is_found(change: dict[str, object]) -> None:
    check = check_for(Exchange(requests=[b"", b""], posts=POSTS))
    assert not check(json.dumps(GOOD | change).encode(), 1)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id":"\xff"}', b"{}"])
def test_what_is_no_post_at_all_is_wrong_and_not_an_exception(body: bytes) -> None:
    assert not check_for(Exchange(requests=[b""], posts=[("t", "c")]))(body, 0)
