import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Every annotated shape and type is checked in the tests, and in the tests alone. FOVEATE_UNCHECKED=1 leaves
# the checks out, to measure what they cost or to see whether they are what fails.
if os.environ.get("FOVEATE_UNCHECKED") != "1":
    install_import_hook("foveate", "beartype.beartype")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that FOVEATE_DATA names; without it, tests that need it skip and say so."""
    folder = os.environ.get("FOVEATE_DATA")
    if not folder:
        pytest.skip("FOVEATE_DATA is not set: point it at the folder with the real images to run this test")
    return Path(folder).resolve()
