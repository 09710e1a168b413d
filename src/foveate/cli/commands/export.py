"""`foveate export`: a trained run as a file for other runtimes, checked against the run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveate.export.parity import Parity


def export(
    run: str,
    *,
    to: str = "onnx",
    out: str | None = None,
    int8: bool = False,
    with_maps: bool = False,
    fixed: str | None = None,
    images: str | None = None,
    opset: int | None = None,
    overwrite: bool = False,
) -> None:
    """Export a trained run to ONNX, OpenVINO or PyTorch, for images of any size and number.

    Before the file is kept, its logits and classes are compared with the run's own on validation images: at
    three sizes, one and three images at a time. If too much differs, nothing is kept, the exit code is 2, and
    the message names what differs and the first module that departs. The file holds the classes, colours,
    palette, mean, std, verdict, version and a hash in its metadata; it needs no foveate.

    Args:
        run: a finished run directory, a packed run (.zip), or hf://USER/NAME.
        to: onnx, openvino or torch.
        out: the file; RUN.onnx (.xml, .pt2) beside the run if not given; of a run on
            the Hub, in this folder.
        int8: compute in 8 bits, with ranges from the training images (onnx, openvino).
        with_maps: give the attention maps as further outputs.
        fixed: the only shape that the file takes, such as 1x3x360x480; any if not given.
        images: images to compare on (with int8: and to calibrate on); the run's own if not given.
        opset: the version of ONNX's operators, 18 or newer.
        overwrite: replace an existing file.

    Example:
      foveate export runs/a --to onnx --out winner.onnx
    """
    from foveate.api.export import export as export_run

    done = export_run(
        run, to, out, int8, with_maps, fixed, images, opset, overwrite, lambda step: print(step, flush=True)
    )
    print("\n".join(_lines(done.parity)))
    print(f"\n{done.path}")


def _lines(parity: "Parity") -> list[str]:
    shapes = ", ".join("x".join(map(str, trial.shape)) for trial in parity.trials)
    known = parity.score == parity.score
    change = (
        f"{100 * (parity.score_exported - parity.score):+.2f} points" if known else "not known without truth"
    )
    return [
        f"Compared with the run on images of {shapes}:",
        f"  largest difference of a logit   {parity.difference:.1e}",
        f"  {parity.counted} whose class changes      {parity.changed:.4%}",
        f"  change of the {parity.score_name}          {change}",
        f"  time of one image               {parity.exported_ms:.1f} ms, in PyTorch {parity.eager_ms:.1f} ms",
    ]
