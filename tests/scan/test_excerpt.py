from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples
from kws_live.detection import make_settings
from kws_live.evaluation.recorded_run import record
from kws_live.events import Detection
from kws_live.model import Model
from kws_live.scan.excerpt import Excerpt, Found, spot
from kws_live.sources.array import ArraySource
from kws_live.spotting.decision_settings import DecisionSettings
from tests.evaluation.tone_model import ToneModel, write_sound
from tests.fakes import decision_settings, tone_words

pytestmark = pytest.mark.slow

OPEN = decision_settings(gate_mode=None)
COMMAND = decision_settings(gate_mode=None, mode="command")
WORDS = [
    (word, 1.3 + 1.57 * i + 0.31 * (i % 3))
    for i, word in enumerate(("yes", "no", "stop", "_unknown_", "no", "yes") * 3)
]
"""A word every second and a half for half a minute: some lie across every seam."""


@pytest.fixture(scope="module", params=[("a.wav", 16_000), ("b.flac", 22_050), ("c.ogg", 44_100), ("d.mp3", 48_000)])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, rate_hz = request.param
    path: Path = tmp_path_factory.mktemp("audio") / name
    write_sound(path, tone_words(WORDS, 30.0, rate_hz), rate_hz)
    return path


def places(event: Detection) -> tuple[str, int, int, int | None, int | None]:
    return event.keyword, event.position, event.decided_position, event.word_begin_position, event.word_end_position


def told(*found: Found) -> list[tuple[str, int, int, int | None, int | None]]:
    return [places(event) for one in found for event in one.detections]


@pytest.mark.parametrize(("settings", "excerpt_seconds"), [(OPEN, 4), (COMMAND, 14)], ids=["spotting", "command"])
def test_the_parts_give_what_the_whole_gives(recording: Path, settings: DecisionSettings, excerpt_seconds: int) -> None:
    model = ToneModel()
    whole = spot(model, settings, Excerpt(str(recording)))
    assert len(whole.detections) > 12
    begins = list(range(0, 30, excerpt_seconds))
    ends = [*begins[1:], None]
    parts = [
        spot(model, settings, Excerpt(str(recording), begin, end)) for begin, end in zip(begins, ends, strict=True)
    ]
    assert told(*parts) == told(whole)
    assert [round(e.score, 3) for p in parts for e in p.detections] == [round(e.score, 3) for e in whole.detections]
    assert sum(part.audio_seconds for part in parts) == pytest.approx(whole.audio_seconds)


def test_a_whole_file_gives_what_the_live_path_gives(
    commands_model: Model, demo_audio: Samples, tmp_path: Path
) -> None:
    settings = make_settings(commands_model).snapshot()
    soundfile.write(tmp_path / "demo.wav", demo_audio, 22_050, subtype="FLOAT")
    _, live = record(commands_model, settings, ArraySource(demo_audio, 22_050))
    found = spot(commands_model, settings, Excerpt(str(tmp_path / "demo.wav")))
    assert told(found) == [places(event) for event in live]


def test_a_broken_file_is_told_and_not_fatal(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF....WAVE")
    assert "cannot read" in spot(ToneModel(), OPEN, Excerpt(str(broken))).broken
    assert "cannot read" in spot(ToneModel(), OPEN, Excerpt(str(tmp_path / "absent.wav"))).broken
    not_numbers = tmp_path / "nan.wav"
    soundfile.write(not_numbers, np.full(16_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    assert "contains NaN or infinity" in spot(ToneModel(), OPEN, Excerpt(str(not_numbers))).broken


def test_the_tail_of_the_last_part_is_heard_and_of_the_others_not(tmp_path: Path) -> None:
    path = tmp_path / "end.wav"
    # A word at the very end of the file is told in the silence that is put after it.
    write_sound(path, tone_words([("yes", 7.55)], 7.95, 16_000), 16_000)
    assert [event.keyword for event in spot(ToneModel(), COMMAND, Excerpt(str(path), 4)).detections] == ["yes"]
    assert spot(ToneModel(), COMMAND, Excerpt(str(path), 0, 4)).detections == ()
