import asyncio
import doctest
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live import Detection, Spotter, listen, testing
from kws_live.audio import HOP_SECONDS
from kws_live.errors import AudioError, ConfigError, SessionError
from kws_live.sources.array import ArraySource
from kws_live.spotting.pipeline import QUIET_HOPS
from kws_live.testing import FakeMicrophone, Item, recorded, silence, tone, tone_model

pytestmark = pytest.mark.slow


MODEL = tone_model("yes", "no", "stop")


def heard(spotter: Spotter) -> list[str]:
    """A list that grows by each word."""
    words: list[str] = []
    spotter.on()(lambda detection: words.append(detection.keyword))
    return words


def test_the_example_in_the_documentation_is_right() -> None:
    results = doctest.testmod(testing)
    assert results.attempted > 0
    assert results.failed == 0


def test_a_program_gets_the_same_positions_each_time() -> None:
    script: list[Item] = ["yes", silence(0.7), "no", "no", silence(3), "stop"]
    with listen(FakeMicrophone(script), model=MODEL) as spotter:
        events = [(event.type, event.position) for event in spotter.events()]
    for _ in range(5):
        with listen(FakeMicrophone(script), model=MODEL) as spotter:
            assert [(event.type, event.position) for event in spotter.events()] == events
    assert [kind for kind, _ in events].count("detection") == 4


def test_words_sound_files_and_arrays_can_be_said(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "no.wav", tone("no"), 22_050)
    soundfile.write(tmp_path / "stop.flac", np.stack([tone("stop")] * 2, axis=1), 22_050)
    script: list[Item] = ["yes", tmp_path / "no.wav", str(tmp_path / "stop.flac"), silence(0.5), tone("yes")]
    with listen(FakeMicrophone(script), model=MODEL) as spotter:
        words = heard(spotter)
        spotter.wait()
    assert words == ["yes", "no", "stop", "yes"]
    with pytest.raises(AudioError, match="cannot read"):
        FakeMicrophone([tmp_path / "missing.wav"])


def test_say_returns_when_every_callback_has_run() -> None:
    microphone = FakeMicrophone()
    with listen(microphone, model=MODEL) as spotter:
        words = heard(spotter)
        microphone.say("yes")
        assert words == ["yes"]
        microphone.say(silence(20))
        assert words == ["yes"]
        microphone.say("no", "stop")
        assert words == ["yes", "no", "stop"]


def test_saying_what_nobody_hears_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(SessionError, match="nothing listens to the fake microphone: start listening before"):
        FakeMicrophone().say("yes")


def test_saying_what_no_callback_hears_is_refused_at_once() -> None:
    microphone = FakeMicrophone()
    with listen(microphone, model=MODEL) as spotter:
        with pytest.raises(SessionError, match="no callback, sink or iterator"):
            microphone.say("yes")
        words = heard(spotter)
        microphone.say("no")
    assert words == ["no"]


def test_a_program_in_another_thread_may_begin_to_listen_while_something_is_said() -> None:
    microphone = FakeMicrophone()
    words: list[str] = []
    is_heard = threading.Event()

    def program() -> None:
        with listen(microphone, model=MODEL) as spotter:
            spotter.on(lambda detection: words.append(detection.keyword))
            is_heard.wait(20)

    thread = threading.Thread(target=program)
    thread.start()
    microphone.say("yes")
    is_heard.set()
    thread.join(20)
    assert words == ["yes"]


def test_what_the_program_changes_between_two_words_holds_for_the_second() -> None:
    with listen(FakeMicrophone(["yes", "no", "yes", "no"]), model=MODEL) as spotter:
        words = []
        while (detection := spotter.wait_for()) is not None:
            words.append(detection.keyword)
            spotter.settings.change(active=frozenset({"yes"}))  # after the first one: no more "no"
    assert words == ["yes", "yes"]


def test_a_time_out_counts_audio_not_the_clock() -> None:
    microphone = FakeMicrophone(["yes", silence(120), "no"])
    with listen(microphone, model=MODEL) as spotter:
        assert spotter.wait_for("yes") is not None
        begun = spotter.ring.position
        assert spotter.wait_for("no", timeout_seconds=60) is None
        waited_seconds = (spotter.ring.position - begun) / 22_050
        assert 60 <= waited_seconds < 60.1 + QUIET_HOPS * HOP_SECONDS
        answer = spotter.wait_for("no", timeout_seconds=120)
        assert answer is not None
        assert answer.seconds > 120


def test_time_goes_on_in_an_open_microphone_only_while_somebody_waits_for_it() -> None:
    microphone = FakeMicrophone()
    with listen(microphone, model=MODEL) as spotter:
        assert spotter.wait_for(timeout_seconds=10) is None
        position = spotter.ring.position
        microphone.say(silence(1))
        # A second of silence and the second that `say` adds, to the block; nothing else meanwhile.
        assert spotter.ring.position - position == pytest.approx(2 * 22_050, abs=1)


def test_time_stands_still_while_the_program_is_busy_with_an_answer() -> None:
    with listen(FakeMicrophone(["yes", silence(30), "no"]), model=MODEL) as spotter:
        assert spotter.wait_for("yes") is not None
        position = spotter.ring.position
        threading.Event().wait(0.1)  # a busy program: half a minute of silence takes no longer to compute
        assert spotter.ring.position == position


def test_wait_for_is_answered_by_the_words_asked_for_alone() -> None:
    with listen(FakeMicrophone(["yes", "no", "yes", "stop"]), model=MODEL) as spotter:
        answer = spotter.wait_for("no", "stop")
        assert answer is not None
        assert answer.keyword == "no"
        with pytest.raises(ConfigError, match="unknown word 'perhaps'"):
            spotter.wait_for("perhaps")
        assert spotter.wait_for("no") is None  # the end came first


def test_wait_for_raises_what_broke() -> None:
    class Broken(ArraySource):
        def read(self, timeout_seconds: float) -> None:
            raise AudioError("the cable is out")

    with (
        listen(Broken(silence(1), 22_050), model=MODEL) as spotter,
        pytest.raises(AudioError, match="the cable is out"),
    ):
        spotter.wait_for("yes")


def test_wait_for_in_a_callback_is_refused_for_it_would_wait_for_itself() -> None:
    said: list[str] = []
    microphone = FakeMicrophone()
    with listen(microphone, model=MODEL) as spotter:

        @spotter.on("yes")
        def ask(_: Detection) -> None:
            try:
                spotter.wait_for("no")
            except SessionError as error:
                said.append(str(error))

        microphone.say("yes")
    assert said == ["wait_for cannot be called from a callback; call it from the main program"]


def test_a_muted_program_does_not_hear_itself_nor_what_follows_too_soon() -> None:
    microphone = FakeMicrophone()
    with listen(microphone, model=MODEL) as spotter:
        words = heard(spotter)
        microphone.say("yes")
        with spotter.muted(hold_off_seconds=3.0):
            microphone.say("no")
            with spotter.muted(hold_off_seconds=0.0):
                microphone.say("no")
            microphone.say("no")
        microphone.say("no")  # its sound ends 1.4 s after the block
        microphone.say("stop")  # 3.8 s after it
        assert words == ["yes", "stop"]


def test_what_was_said_before_muting_is_heard_though_it_is_decided_later() -> None:
    with listen(FakeMicrophone([np.concatenate((silence(1.0), tone("yes"))), silence(0.2)]), model=MODEL) as spotter:
        words = heard(spotter)
        spotter.wait()
    assert words == ["yes"]


def test_asynchronous_programs() -> None:
    async def program() -> list[str]:
        words: list[str] = []
        async with listen(FakeMicrophone(["yes", "no", "stop", "yes"]), model=MODEL) as spotter:
            loop_thread = threading.current_thread()
            called = asyncio.Event()

            @spotter.on("stop")
            async def stop(detection: Detection) -> None:
                assert threading.current_thread() is loop_thread
                words.append(f"callback {detection.keyword}")
                called.set()

            answer = await spotter.wait_for_async("no", timeout_seconds=60)
            assert answer is not None
            words.append(answer.keyword)
            async for event in spotter.events():
                if isinstance(event, Detection):
                    words.append(event.keyword)
            await called.wait()
            assert await spotter.wait_for_async("yes") is None
        return words

    words = asyncio.run(program())
    assert [word for word in words if word != "callback stop"] == ["no", "stop", "yes"]
    assert words.count("callback stop") == 1


def test_an_asynchronous_time_out_and_a_cancelled_wait_leave_nothing_behind() -> None:
    async def program() -> None:
        microphone = FakeMicrophone()
        async with listen(microphone, model=MODEL) as spotter:
            assert await spotter.wait_for_async(timeout_seconds=5) is None
            waiting = asyncio.ensure_future(spotter.wait_for_async())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            words = heard(spotter)
            await asyncio.to_thread(microphone.say, "yes")
            assert words == ["yes"]

    asyncio.run(program())


def test_a_failing_asynchronous_callback_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def program() -> int:
        microphone = FakeMicrophone()
        async with listen(microphone, model=MODEL) as spotter:

            @spotter.on()
            async def fail(_: Detection) -> None:
                raise ValueError("a bug")

            await asyncio.to_thread(microphone.say, "yes")
            await asyncio.sleep(0)
            return spotter.statistics().callback_errors

    assert asyncio.run(program()) == 1
    assert "a bug" in caplog.text


def test_eight_sources_share_a_model_and_stay_independent() -> None:
    scripts = [
        [word for word in order for _ in range(2)] for order in (("yes",), ("no", "stop"), ("stop", "yes", "no"))
    ]
    scripts = (scripts * 3)[:8]
    words: list[list[str]] = [[] for _ in scripts]
    spotters = [listen(FakeMicrophone(script), model=MODEL) for script in scripts]
    for spotter, list_of_words in zip(spotters, words, strict=True):
        spotter.on()(lambda detection, into=list_of_words: into.append(detection.keyword))
    waiting = [threading.Thread(target=spotter.wait) for spotter in spotters]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    for spotter in spotters:
        spotter.stop()
    assert words == scripts


def test_the_recorded_words_are_speech_of_a_words_length() -> None:
    for word in ("yes", "go"):
        assert 0.4 < recorded(word).size / 22_050 < 1.0
    with pytest.raises(AudioError, match="there is no recording of 'maybe', only of: yes, no"):
        recorded("maybe")
