from harness.report import policy


def test_without_scripts_none_may_run() -> None:
    assert "script-src 'none'" in policy.of_scripts([])


def test_pictures_are_allowed_where_there_are_some() -> None:
    assert "img-src data:" in policy.of_style("p {}", pictures=True)
    assert "img-src" not in policy.of_style("p {}", pictures=False)
