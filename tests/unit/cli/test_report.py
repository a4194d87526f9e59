"""The command `report`."""

from harness.base.workspace import Workspace
from tests.toys.entry import Call
from tests.toys.runs import make_run


def test_a_report_is_made_anew_from_the_trials(call: Call, shelf: Workspace) -> None:
    said = call("report", make_run().id)
    assert said.status == 0
    assert (shelf.results / make_run().id / "report" / "index.html").is_file()
    assert f"results/{make_run().id}/report/index.html" in "".join(said.out.split())


def test_a_report_names_the_trials_that_it_leaves_out(call: Call, shelf: Workspace) -> None:
    path = shelf.results / make_run().id / "trials" / "b99-broken.json"
    path.write_text("{")
    try:
        said = call("report", make_run().id)
    finally:
        path.unlink()
    assert said.status == 0
    assert "b99-broken.json" in said.err
