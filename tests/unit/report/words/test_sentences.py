from harness.report.words.sentences import capital, listed


def test_a_sentence_begins_with_a_capital_and_keeps_the_rest() -> None:
    assert capital("django/wsgi on PostgreSQL") == "Django/wsgi on PostgreSQL"
    assert capital("") == ""


def test_the_last_of_several_names_follows_an_and() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert listed([]) == ""
