"""`foveate report`: the page of a run or a comparison."""


def report(folder: str) -> None:
    """Draw the page of a finished run or comparison anew: report.html in its folder.

    The page of a run has its curves, scores by class, examples from the worst to the best, and frames per
    second on this machine. A run is scored first.

    Args:
        folder: a folder of fit or of compare.

    Example:
      foveate report runs/a
    """
    from foveate.api.report import report as draw
    from foveate.cli.progress import progress

    with progress("Scoring") as advance:
        path = draw(folder, advance)
    print(path)
