"""`foveate predict`: predict masks or labels for new images."""

import sys


def predict(
    run: str, images: str, *, out: str = "predictions", overwrite: bool = False, device: str | None = None
) -> int:
    """Predict masks (or labels) for an image or a folder of images.

    Writes for each image, at its size: NAME.png with class ids, NAME_color.png with class colours, and
    NAME_overlay.jpg with the image and the colours. A classifier writes predictions.csv. An image that cannot
    be read, or whose result cannot be written, is reported at the end and left out; the exit code is then 2.
    If images would write the same file, such as a.jpg and a.png, NAME keeps the ending: a.jpg.png, a.png.png.

    Args:
        run: a run directory, a packed run (.zip), or a file from `foveate export` (.onnx, .xml).
        images: an image, or a folder of images.
        out: the folder for the results.
        overwrite: replace existing results.
        device: cpu or cuda; by default cuda if available.

    Example:
      foveate predict runs/a photos/ --out masks
    """
    from foveate.api.predict import predict as predict_folder
    from foveate.cli.progress import progress

    with progress("Predicting") as advance:
        done = predict_folder(run, images, out, overwrite, device, advance)
    for error in done.left_out:
        print(f"foveate: left out: {error}", file=sys.stderr)
    missing = f", {len(done.left_out)} left out" if done.left_out else ""
    print(f"{done.images - len(done.left_out)} of {done.images} images predicted{missing}")
    if done.task != "classification":
        print("NAME.png holds class ids from 0 and looks black; NAME_color.png shows the classes in colour.")
    print(f"\n{done.folder}")
    return 2 if done.left_out else 0
