"""Requirements as they are typed."""

import pytest

from harness.inputs.locks import package_of, several, source_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("asgiref==3.11.1", ("asgiref==3.11.1",)),
        ("django==6.0.*,asgiref==3.11.1", ("django==6.0.*", "asgiref==3.11.1")),
        ("django==6.0.*, asgiref @ ../asgiref", ("django==6.0.*", "asgiref @ ../asgiref")),
        ("asgiref @ ../a,uvloop @ ../u.whl", ("asgiref @ ../a", "uvloop @ ../u.whl")),
        ("asgiref>=3.8,<3.10", ("asgiref>=3.8,<3.10",)),
        ("asgiref>=3.8,<3.10,django~=6.0", ("asgiref>=3.8,<3.10", "django~=6.0")),
        ("psycopg[binary,pool]==3.2,django==6", ("psycopg[binary,pool]==3.2", "django==6")),
        ("a,b==1", ("a", "b==1")),
        ("asgiref @ /x,y/asgiref", ("asgiref @ /x,y/asgiref",)),
        ("asgiref==3,", ("asgiref==3,",)),
    ],
)
def test_a_comma_before_a_name_begins_another_requirement(
    text: str, parts: tuple[str, ...]
) -> None:
    assert several(text) == parts


def test_a_requirement_has_a_package_and_perhaps_a_source() -> None:
    assert package_of("Typing_Extensions>=4") == "typing-extensions"
    assert package_of("../x") == "../x"
    assert source_of("asgiref @ ../asgiref") == "../asgiref"
    assert source_of("asgiref@x.whl") == "x.whl"
    for text in ("asgiref==3", "asgiref @ https://x.org/a.whl", "asgiref @ built:01", "asgiref @"):
        assert source_of(text) is None
