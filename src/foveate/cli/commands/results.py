"""`foveate results`: the sweeps and comparisons in a folder as one table."""

from pathlib import Path


def results(folder: str, *, out: list[str] | None = None) -> None:
    """Show all runs and verdicts of the sweeps and comparisons in a folder, also while they go on.

    All differences are one family: p-values are adjusted for their number. Combinations that are not
    complete have no verdict yet.

    Args:
        folder: a folder with sweeps and comparisons, or a single one.
        out: files to write: .csv or .parquet with a row for each run, .html with verdicts, curves and heat
            maps; results.csv and results.html in the folder if not given.

    Example:
      foveate results runs --out runs.parquet runs.html
    """
    from foveate.api.collected import Results, check_format
    from foveate.cli.progress import progress

    paths = [check_format(path) for path in out or ()]
    with progress("Reading the runs"):
        found = Results(folder)
    from foveate.report.swept import headline, table_lines

    print("\n".join([headline(found.collection), "", *table_lines(found.collection)]))
    for text in found.collection.left_out:
        print(f"left out: {text}")
    print()
    for path in paths or (Path(folder, "results.csv"), Path(folder, "results.html")):
        print(found.save(path))
