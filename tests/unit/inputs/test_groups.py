import msgspec

from harness.inputs.groups import groups_of, leading_factor
from harness.records.run import VariantRecord

RECORD = VariantRecord(title="", framework="Toy", server="toy", factors={}, tags=())


def test_the_framework_leads_and_groups_have_its_title() -> None:
    records = {
        "django/x": msgspec.structs.replace(RECORD, framework="Django"),
        "django-old/y": msgspec.structs.replace(
            RECORD, framework="Django, old", factors={"framework": "django"}
        ),
        "flask/z": msgspec.structs.replace(RECORD, framework="Flask"),
    }
    assert leading_factor(records) == "framework"
    assert groups_of(records) == {
        "django/x": "Django",
        "django-old/y": "Django",
        "flask/z": "Flask",
    }


def test_too_many_frameworks_are_grouped_by_their_views() -> None:
    records = {
        f"f{at}/x": msgspec.structs.replace(
            RECORD, server=f"server-{at % 8}", factors={"views": "async" if at % 3 else "sync"}
        )
        for at in range(12)
    }
    assert leading_factor(records) == "views"
    assert set(groups_of(records).values()) == {"async views", "sync views"}


def test_of_one_framework_the_most_even_factor_leads() -> None:
    records = {
        f"a/{at}": msgspec.structs.replace(
            RECORD, factors={"pool": "one" if at else "other", "views": str(at % 2)}
        )
        for at in range(6)
    }
    assert leading_factor(records) == "views"
    assert set(groups_of(records).values()) == {"views 0", "views 1"}


def test_without_a_factor_all_are_in_one_group() -> None:
    records = {f"a/{at}": RECORD for at in range(3)}
    assert leading_factor(records) is None
    assert set(groups_of(records).values()) == {"all"}
