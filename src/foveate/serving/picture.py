"""From the bytes of an image to its pixels; what would be too much to decode is refused by its header."""

from foveate.data.dataset import Pixels
from foveate.data.pixels.images import open_image
from foveate.data.pixels.limits import TooLarge
from foveate.data.pixels.raster import read_header
from foveate.errors import UserError
from foveate.prediction.predictor import Predictor
from foveate.serving.refusal import Refusal

NAME = "image"
"""What error messages call the image; the name that a client gives a file is not used."""


def decode(predictor: Predictor, content: bytes, limit: int) -> Pixels:
    """Return the pixels that `predictor.read` returns for a file with these bytes.

    limit: most pixels. Raises `Refusal` with 413 for more, and with 422 for several frames, another number of
    bands, and bytes that are no image or a damaged one.
    """
    try:
        height, width = _size(content)
        if height * width > limit:
            most = f"{limit / 1e6:g} million"
            raise Refusal(413, f"{width} x {height} pixels are more than {most}; scale the image down")
        return predictor.read_content(content, NAME)
    except TooLarge as error:
        raise Refusal(413, str(error)) from None
    except UserError as error:
        raise Refusal(422, str(error)) from None
    except MemoryError:
        raise Refusal(413, "the image is too large for the memory; scale it down") from None


def _size(content: bytes) -> tuple[int, int]:
    if (raster := read_header(NAME, content)) is not None:
        return raster.size
    with open_image(NAME, content) as image:
        # A JPEG of the kind MPO holds one photo and further views of it.
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise Refusal(422, "the image is animated; send one frame as an image of its own")
        return image.height, image.width
