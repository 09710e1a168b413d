"""`foveate pack`: one zip file from a trained run, or from several."""

from foveate.cli.flags import EnsembleFlags


def pack(run: str, together: EnsembleFlags, *, out: str | None = None, overwrite: bool = False) -> None:
    """Pack a trained run into one zip file, which predict and export take in place of the run.

    It holds the weights, the spec, the splits, the scores and the verdict of a comparison; no images. Of
    several runs (--ensemble), it is one predictor for predict and serve.

    Args:
        run: a run directory; or a folder that holds several, which are then an ensemble.
        out: the zip file; RUN.zip beside the run if not given.
        overwrite: replace an existing file.

    Example:
      foveate pack runs/a --out winner.zip
      foveate pack runs/a --ensemble runs/b runs/c --out ensemble.zip
    """
    from foveate.api.pack import pack as pack_runs

    runs = together.runs(run)
    packed = pack_runs(runs, out, overwrite, together.weights or (), together.temperature)
    print(f"{', '.join(packed.names)}: {packed.bytes / 1e6:.1f} MB\n\n{packed.path}")
