"""What several modules of these tests start from."""

import pytest

from kws_live.live.live_settings import LiveSettings
from tests.fakes import decision_settings


@pytest.fixture
def live() -> LiveSettings:
    return LiveSettings(decision_settings())
