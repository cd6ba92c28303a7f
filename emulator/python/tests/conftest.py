"""What the tests share: the application, and requests that are not sent through a proxy."""

from pathlib import Path

import pytest

APP = Path(__file__).parents[3] / "fixtures" / "packages" / "template.yaml"

@pytest.fixture
def template() -> str:
    return str(APP)
