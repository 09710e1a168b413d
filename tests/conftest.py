import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that FOVEATE_DATA names; tests that need it skip, with the reason, when it is unset."""
    folder = os.environ.get("FOVEATE_DATA")
    if not folder:
        pytest.skip("FOVEATE_DATA is not set: point it at the folder with the real images to run this test")
    return Path(folder).resolve()
