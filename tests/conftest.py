import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

# Every annotated shape and type is checked in the tests, and there alone; an int passes for a float. The
# hook takes its checker by name. FOVEATE_UNCHECKED=1 leaves it out, to see whether the checks are what fails.
if os.environ.get("FOVEATE_UNCHECKED") != "1":
    checks = ModuleType("foveate_checks")
    checks.check = beartype(conf=BeartypeConf(is_pep484_tower=True))
    sys.modules[checks.__name__] = checks
    install_import_hook("foveate", "foveate_checks.check")

# A shell starts background jobs deaf to Ctrl-C, and so would be what the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that FOVEATE_DATA names; without it, tests that need it skip and say so."""
    folder = os.environ.get("FOVEATE_DATA")
    if not folder:
        pytest.skip("FOVEATE_DATA is not set: point it at the folder with the real images to run this test")
    return Path(folder).resolve()
