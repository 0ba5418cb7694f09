"""``listen`` and ``detect``: the same events; callbacks, streams, masks, sinks."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import kws_live
from kws_live.audio import SAMPLE_RATE_HZ, Samples
from kws_live.detection import make_settings
from kws_live.errors import AudioError, ConfigError
from kws_live.events import Detection, Event
from kws_live.model import Model
from kws_live.sources.array import ArraySource
from tests.conftest import DEMO
from tests.fakes import EndlessSource, ScriptedSource, blocks_of, n_in_order

pytestmark = pytest.mark.slow


THRESHOLD = {"yes": 0.3, "no": 0.3, "left": 0.3, "on": 0.3}


PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def reference(commands_model: Model, demo_audio: Samples) -> list[Event]:
    return list(kws_live.detect(demo_audio, model=commands_model, thresholds=THRESHOLD, all_events=True))


def demo_source(audio: Samples) -> ArraySource:
    return ArraySource(audio, SAMPLE_RATE_HZ, 777)


def words(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


def test_the_words_of_the_demo_are_found_in_order(reference: list[Event], demo_words: list[str]) -> None:
    assert n_in_order(words(reference), demo_words) >= len(demo_words) - 2
    assert len(words(reference)) <= len(demo_words) + 2


def test_live_equals_detect_event_for_event(commands_model: Model, demo_audio: Samples, reference: list[Event]) -> None:
    events: list[Event] = []
    spotter = kws_live.listen(demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD)
    spotter.on(event=Event)(events.append)
    with spotter:
        assert spotter.wait(PATIENCE_SECONDS)
    assert events == reference


def test_detect_reads_the_same_from_a_file_at_another_rate_and_with_two_channels(
    commands_model: Model, demo_audio: Samples, reference: list[Event], tmp_path: Path
) -> None:
    import soxr

    audio = soxr.resample(np.stack([demo_audio, demo_audio], axis=1), SAMPLE_RATE_HZ, 48_000)
    soundfile.write(tmp_path / "demo.wav", audio, 48_000, subtype="FLOAT")
    found = list(kws_live.detect(tmp_path / "demo.wav", model=commands_model, thresholds=THRESHOLD))
    assert words(found) == words(reference)
    for ours, theirs in zip(found, [e for e in reference if isinstance(e, Detection)], strict=True):
        assert ours.seconds == pytest.approx(theirs.seconds, abs=0.1)
        assert ours.source == str(tmp_path / "demo.wav")


def test_detect_gives_the_words_before_a_recording_breaks_off(
    commands_model: Model, demo_audio: Samples, reference: list[Event], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.flac", demo_audio, SAMPLE_RATE_HZ)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    found = kws_live.detect(tmp_path / "a.flac", model=commands_model, thresholds=THRESHOLD)
    kept: list[Event] = []

    def keep_all() -> None:
        for event in found:
            kept.append(event)

    with pytest.raises(AudioError, match="breaks off"):
        keep_all()
    assert words(kept)
    assert words(kept) == words(reference)[: len(kept)]


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(0, np.float32), np.zeros(10, np.int16), np.full(10, np.nan, np.float32),
        np.zeros((2, 50), np.float32), np.full(10, 20_000.0),
    ],
)  # fmt: skip
def test_detect_refuses_what_is_no_audio(commands_model: Model, audio: Samples) -> None:
    with pytest.raises(AudioError):
        kws_live.detect(audio, model=commands_model)  # at the call, not when the first event is asked for


def test_a_path_works_where_a_string_does(
    commands_model: Model, tmp_path: Path, demo_words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sound = Path("demo:1.flac")  # a file all the same
    sound.write_bytes(DEMO.read_bytes())
    settings = tmp_path / "settings.toml"
    settings.write_text('active = ["yes", "stop"]\n', encoding="utf-8")
    found = [event.keyword for event in kws_live.detect(sound, settings=settings) if isinstance(event, Detection)]
    assert found == ["yes", "stop"]
    with kws_live.listen(sound, model=commands_model.folder, settings=settings) as spotter:
        spotter.change_source(sound)
        assert spotter.settings.snapshot().active == frozenset(("yes", "stop"))
    with pytest.raises(ConfigError, match="unknown sink 'events'; use one of jsonl:"):
        kws_live.listen(sound, sinks=[Path("events")])


def test_thresholds_can_be_read_and_are_not_changed_by_who_reads_them(commands_model: Model) -> None:
    settings = make_settings(commands_model)
    before = settings.thresholds
    settings.set_threshold("yes", 0.9)
    assert settings.thresholds["yes"] == 0.9
    assert before["yes"] == commands_model.card.thresholds["yes"]
    with pytest.raises(TypeError):
        settings.thresholds["yes"] = 0.1  # type: ignore[index]


def test_callbacks_get_their_words_alone(commands_model: Model, demo_audio: Samples, reference: list[Event]) -> None:
    got: dict[str, list[str]] = {"some": [], "every": []}
    spotter = kws_live.listen(demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD)

    @spotter.on("yes", "left")
    def some(detection: kws_live.Detection) -> None:
        got["some"].append(detection.keyword)

    @spotter.on()
    def every(detection: kws_live.Detection) -> None:
        got["every"].append(detection.keyword)

    with spotter:
        spotter.wait(PATIENCE_SECONDS)
    assert got["every"] == words(reference)
    assert got["some"] == [word for word in words(reference) if word in ("yes", "left")]
    with pytest.raises(ConfigError, match=r"'maybe'; this model has: yes"):
        spotter.on("maybe")


def test_a_callback_that_raises_is_logged_and_counted_and_hurts_nobody(
    commands_model: Model, demo_audio: Samples, reference: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    got: list[str] = []
    spotter = kws_live.listen(demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD)

    @spotter.on()
    def fail(detection: kws_live.Detection) -> None:
        raise LookupError(f"no lamp for {detection.keyword}")

    spotter.on()(lambda detection: got.append(detection.keyword))
    with spotter:
        spotter.wait(PATIENCE_SECONDS)
    assert got == words(reference)
    assert spotter.statistics().callback_errors == len(got)
    assert f"no lamp for {got[0]}" in caplog.text


def test_events_are_held_back_until_somebody_is_there(
    commands_model: Model, demo_audio: Samples, reference: list[Event]
) -> None:
    got: list[Event] = []
    with kws_live.listen(demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD) as spotter:
        assert not spotter._session.ended.wait(0.2)
        spotter.on(event=Event)(got.append)
        spotter.wait(PATIENCE_SECONDS)
    assert got == reference


def test_events_can_be_iterated_blocking_and_async(
    commands_model: Model, demo_audio: Samples, reference: list[Event]
) -> None:
    with kws_live.listen(demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD) as spotter:
        assert list(spotter.events()) == reference

    async def collect() -> list[Event]:
        async with kws_live.listen(demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD) as spotter:
            return [event async for event in spotter.events()]

    assert asyncio.run(collect()) == reference


def test_only_masks_the_other_words(commands_model: Model, demo_audio: Samples, reference: list[Event]) -> None:
    assert "left" in words(reference)
    spotter = kws_live.listen(demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD)
    got: list[str] = []
    spotter.on()(lambda detection: got.append(detection.keyword))
    with spotter.only("left", "stop"), spotter:
        spotter.wait(PATIENCE_SECONDS)
    assert got
    assert set(got) <= {"left", "stop"}


def test_stop_from_a_callback_and_twice(commands_model: Model, demo_audio: Samples) -> None:
    spotter = kws_live.listen(demo_source(np.tile(demo_audio, 5)), model=commands_model, thresholds=THRESHOLD)
    spotter.on()(lambda detection: spotter.stop())
    with spotter:
        assert spotter.wait(PATIENCE_SECONDS)
    spotter.stop()
    assert list(spotter.events()) == []


def test_stop_before_the_start_releases_everything(commands_model: Model, tmp_path: Path) -> None:
    source = EndlessSource()
    spotter = kws_live.listen(source, model=commands_model, sinks=[f"jsonl:{tmp_path / 'e.jsonl'}"])
    spotter.stop()
    assert source.closed.is_set()
    assert spotter.wait(1.0)


def test_what_broke_the_listening_is_raised_by_wait(commands_model: Model, demo_audio: Samples) -> None:
    source = ScriptedSource([*blocks_of(demo_audio[:30_000]), AudioError("'talk' breaks off at 1.36 s")])
    spotter = kws_live.listen(source, model=commands_model)
    with spotter, pytest.raises(AudioError, match="breaks off"):
        spotter.wait(PATIENCE_SECONDS)


def test_sinks_get_every_event_and_are_closed_even_one_that_fails(
    commands_model: Model, demo_audio: Samples, reference: list[Event], tmp_path: Path
) -> None:
    class Broken:
        n_closed = 0

        def send(self, event: Event) -> None:
            raise OSError("disk full")

        def close(self) -> None:
            self.n_closed += 1
            raise OSError("still full")

    broken, path = Broken(), tmp_path / "events.jsonl"
    spotter = kws_live.listen(
        demo_source(demo_audio), model=commands_model, thresholds=THRESHOLD, sinks=[broken, f"jsonl:{path}"]
    )
    with spotter:
        spotter.wait(PATIENCE_SECONDS)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [json.loads(json.dumps(event.to_dict())) for event in reference]
    assert broken.n_closed == 1
    assert spotter.statistics().callback_errors == len(reference) + 1
