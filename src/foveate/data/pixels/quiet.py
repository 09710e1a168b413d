"""Keep image decoders from writing to the console: what is wrong with a file is in the error that is raised.

Pillow and tifffile log through `logging`, whose last resort is stderr. libtiff, inside Pillow, writes to
stderr itself until its handlers are removed.
"""

import ctypes
import logging
from contextlib import suppress
from functools import cache

from PIL import _imaging


@cache
def quiet_decoders() -> None:
    """Silence Pillow, tifffile and libtiff in this process; handlers that a program has set still get all."""
    for name in ("PIL", "tifffile"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    # A symbol of a library is found through the module that is linked to it, wherever it lies.
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        for handler in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)
