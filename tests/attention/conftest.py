import jaxtyping
import pytest


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations unchecked, as in production: compilers do not trace the checks, and users pass anything."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
