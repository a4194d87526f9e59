"""Commands that look and change nothing: `list`, `plan`, `doctor`."""

from harness.base.workspace import cache_folder
from harness.cli import show_doctor, tables
from harness.cli.console import Json, app, err, open_workspace, out, print_json, public
from harness.doctor.examine import examine
from harness.inputs.study_loader import find_study, load_study, study_names
from harness.records.store import run_ids
from harness.runner.plan import make_plan


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List variants, studies and runs."""
    workspace, catalog = open_workspace()
    studies, runs = study_names(workspace), list(run_ids(workspace.results))
    if as_json:
        variants = [public(v) for v in catalog.variants.values()]
        print_json({"variants": variants, "studies": studies, "runs": runs})
    else:
        out.print(tables.catalog_table(catalog, studies, runs))


@app.command()
def plan(study: str, as_json: Json = False) -> None:
    """Show what a study would do, and how long it would take."""
    workspace, catalog = open_workspace()
    read = load_study(find_study(workspace, study), catalog)
    made = make_plan(read)
    if as_json:
        print_json({"study": read, "plan": made})
    else:
        out.print(tables.plan_text(read, made))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Examine this machine: what can be measured here, and what not."""
    listener = tables.ProgressListener(err)
    with listener:
        diagnosis = examine(cache_folder(), listener.step)
    if as_json:
        print_json(diagnosis)
    else:
        out.print(show_doctor.findings_table(diagnosis.findings))
