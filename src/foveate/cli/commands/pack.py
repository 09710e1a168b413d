"""`foveate pack`: one zip file from a trained run."""


def pack(run: str, *, out: str | None = None, overwrite: bool = False) -> None:
    """Pack a trained run into one zip file, which predict and export take in place of the run.

    It holds the weights, the spec, the splits, the scores and the verdict of a comparison; no images.

    Args:
        run: a run directory.
        out: the zip file; RUN.zip beside the run if not given.
        overwrite: replace an existing file.

    Example:
      foveate pack runs/a --out winner.zip
    """
    from foveate.api.pack import pack as pack_run

    packed = pack_run(run, out, overwrite)
    print(f"{', '.join(packed.names)}: {packed.bytes / 1e6:.1f} MB\n\n{packed.path}")
