"""Fixtures for testing programs that listen; pytest loads them when this package is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kws_live.model import Model
    from kws_live.sources import AudioSource
    from kws_live.spotting.pipeline import Pipeline
    from kws_live.testing import FakeMicrophone


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> "Iterator[FakeMicrophone]":
    """The source that every ``mic:`` opens during the test; models recognise tones. See `kws_live.testing`."""
    from kws_live import sources
    from kws_live.detection import make_pipeline
    from kws_live.testing import FakeMicrophone, tone_model

    fake = FakeMicrophone()

    def open_fake(_rest: str, _paced: bool) -> "AudioSource":
        return fake

    def make_with_tones(model: "Model", *arguments: Any, **options: Any) -> "Pipeline":
        return make_pipeline(tone_model(*model.card.keywords), *arguments, **options)

    monkeypatch.setitem(sources.SCHEMES, "mic", open_fake)
    monkeypatch.setattr("kws_live.listening.make_pipeline", make_with_tones)
    yield fake
    fake.close()
