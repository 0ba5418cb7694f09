"""What a user imports, what that costs, and what the wheel holds."""

import subprocess
import sys
from pathlib import Path

import pytest

import kws_live

HEAVY = ("tensorflow", "keras", "librosa", "scipy", "sklearn", "matplotlib", "numba")
ROOT = Path(kws_live.__file__).parent.parent


def modules_after(code: str) -> set[str]:
    """Names of the modules that a fresh Python has imported after running the code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"],
        capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return {line.partition(".")[0] for line in done.stderr.splitlines()}


@pytest.mark.parametrize(
    "code",
    [
        "import kws_live",
        "import kws_live.cli",
        "from kws_live.cli import main; assert main(['listen', '--source', 'demo:', '--fast', '--json']) == 0",
    ],
    ids=["import", "command line", "a whole run of listen"],
)
def test_listening_imports_nothing_that_training_needs(code: str) -> None:
    imported = modules_after(code)
    assert "kws_live" in imported
    assert not imported & set(HEAVY)


def test_importing_the_package_opens_no_sound_system() -> None:
    imported = modules_after("import kws_live")
    assert "kws_live" in imported
    assert not imported & {"sounddevice", "ai_edge_litert"}


@pytest.mark.parametrize("code", ["import kws_live.pytest_plugin", "from kws_live.cli import program"])
def test_what_is_not_used_yet_is_not_imported(code: str) -> None:
    assert "numpy" in modules_after("from kws_live import listen")
    assert not modules_after(code) & {"numpy", "soundfile", "soxr"}


def test_a_public_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'lisen'"):
        kws_live.lisen  # type: ignore[attr-defined]  # noqa: B018
    assert "listen" in dir(kws_live)
    assert kws_live.sources.__doc__
    assert kws_live.__version__


FUNCTIONS = {"detect", "listen", "load_model"}
EVENTS = {
    "AudioSkipped", "Detection", "Event", "EventsDropped", "Health", "NearMiss", "SourceLost", "SourceReopened",
    "SpeechEnded", "SpeechStarted",
}  # fmt: skip
ERRORS = {
    "ActionError", "AudioError", "AudioGapError", "ConfigError", "DatasetError", "KwsLiveError", "ModelError",
    "SessionError", "SourceLostError", "SourceUnavailableError",
}  # fmt: skip
OTHERS = {"DecisionSettings", "LiveSettings", "SAMPLE_RATE_HZ", "Spotter"}
SPOTTER = {
    "address", "audio_after", "change_model", "change_source", "condition", "events", "model", "muted", "on", "only",
    "ring", "send_to", "settings", "sinks", "source", "start", "statistics", "stay", "stop", "wait", "wait_for",
    "wait_for_async", "watch",
}  # fmt: skip
LIVE_SETTINGS = {
    "adopt", "change", "defaults", "load", "only", "pin", "reset", "save", "set_threshold",
    "set_thresholds", "snapshot", "thresholds", "to_toml", "version",
}  # fmt: skip


def test_these_names_are_the_contract() -> None:
    """A name that goes, or comes, is a decision: it is written here and in the guide's changes."""
    assert set(kws_live.__all__) == FUNCTIONS | EVENTS | ERRORS | OTHERS
    with kws_live.listen("demo:") as spotter:
        assert {name for name in dir(spotter) if not name.startswith("_")} == SPOTTER
        assert {name for name in dir(spotter.settings) if not name.startswith("_")} == LIVE_SETTINGS


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    assert sorted(kws_live.__all__) == sorted(set(kws_live.__all__))
    for name in kws_live.__all__:
        thing = getattr(kws_live, name)
        assert isinstance(thing, (int, str)) or thing.__doc__, name


def test_the_package_says_it_is_typed() -> None:
    assert (Path(kws_live.__file__).parent / "py.typed").is_file()
