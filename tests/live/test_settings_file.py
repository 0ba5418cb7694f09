"""The settings file: written, read, broken and watched."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_live.errors import ConfigError
from kws_live.live.live_settings import LiveSettings, SettingsFile
from kws_live.system.text_file import LARGEST_BYTES
from tests.fakes import decision_settings


def touch_later(path: Path) -> None:
    """Give the file a later time, as if it were written a second from now."""
    stamp = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(stamp, stamp))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gate_mode": None, "mode": "command", "active": frozenset({"yes", "no"})},
        {"refractory_seconds": 2, "near_miss": 0, "smoothing_hops": 5, "gate_mode": 3},
        {"refractory_seconds": np.float64(1.25), "active": frozenset()},
    ],
)
def test_what_is_saved_loads_again(tmp_path: Path, changes: dict[str, Any]) -> None:
    live, other = LiveSettings(decision_settings()), LiveSettings(decision_settings())
    live.change(**changes)
    live.set_threshold("no", 0.123456789)
    live.save(tmp_path / "new folder" / "settings.toml")
    other.load(tmp_path / "new folder" / "settings.toml")
    assert other.snapshot() == live.snapshot()
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["settings.toml"]


def test_what_a_file_does_not_name_is_the_default(live: LiveSettings, tmp_path: Path) -> None:
    live.change(refractory_seconds=3.0)
    (tmp_path / "s.toml").write_text('mode = "command"\n[thresholds]\nno = 0.3\n')
    live.load(tmp_path / "s.toml")
    assert live.snapshot() == replace(
        decision_settings(mode="command"), thresholds={"yes": 0.6, "no": 0.3, "stop": 0.6}
    )


BROKEN = [
    ('mode = "command"\nthis is not TOML\n', "line 2"),
    ("\n[thresholds]\nyes = 1.5\n", "line 3.*1.5 for 'yes'"),
    ('active = ["yes"]\n[thresholds]\nno = 0.5\nyes = 2\n', "line 4.*2 for 'yes'"),
    ("[thresholds]\n# yes\nno = 0.5\nmaybe = 0.5\n", "line 4.*'maybe'.*yes, no, stop"),
    ('[thresholds]\nno = 0.5\n"yes" = "high"\n', "line 3.*'high' for 'yes' must be a number"),
    ("[thresholds]\nyes = true\n", "line 2.*True for 'yes' must be a number"),
    ("near_miss = 0.5\nthresholds = { no = 0.5, yes = nan }\n", "line 2.*nan for 'yes'"),
    ("near_miss = 0.5\nthresholds.yes = 7\n", "line 2.*7 for 'yes'"),
    (
        "near_miss = 0.5\nthresholds = 0.8\n",
        r"line 2.*thresholds 0.8 must be numbers by word; in TOML a table: \[thresholds\]",
    ),
    ('near_miss = 0.5\n\nactive = ["yes", "maybe"]\n', "line 3.*'maybe'"),
    ('active = [\n  "yes",\n  "maybe",\n]\n', "line 3.*'maybe'"),
    ("active = [1]\n", "line 1.*active must be a list of words"),
    ('mode = "wake"\n', "line 1.*'wake'"),
    ("mode = 3\n", "line 1.*mode 3 does not exist"),
    ("near_miss = 0.5\nsmoothing_hops = 2.5\n", "line 2.*smoothing_hops 2.5 must be a whole number"),
    ('refractory_seconds = "long"\n', "line 1.*refractory_seconds 'long' must be a number"),
    ("refractory_seconds = true\n", "line 1.*refractory_seconds True must be a number"),
    ("refractory_seconds = 1e9\n", "line 1.*refractory_seconds 1000000000.0 must be a number from 0 to 60"),
    ("gate_mode = 7\n", "line 1.*gate_mode 7"),
    ("gate_mode = true\n", "line 1.*gate_mode"),
    ("near_miss = 0.5\n  loudness = 3\n", "line 2.*unknown setting 'loudness'.*refractory_seconds"),
    (f"smoothing_hops = {'9' * 5000}\n", "not TOML|smoothing_hops"),
    (f"smoothing_hops = 0x{'f' * 5000}\n", "line 1"),
    (f"[thresholds]\nyes = 0x{'f' * 5000}\n", "line 2"),
    (f"active = {'[' * 5000}\n", "not TOML"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_names_its_line_and_the_old_values_stay(
    live: LiveSettings, tmp_path: Path, text: str, said: str
) -> None:
    live.set_threshold("no", 0.4)
    before = live.snapshot()
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        live.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert live.snapshot() is before


def test_a_file_that_cannot_be_read_says_why(live: LiveSettings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        live.load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        live.load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'mode = "\xff"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        live.load(tmp_path / "latin.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than"):
        live.load(tmp_path / "big.toml")


def test_saving_where_one_cannot_write_says_so(live: LiveSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write settings to .*file"):
        live.save(tmp_path / "file" / "settings.toml")


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes as POSIX has them")
def test_saving_through_a_link_keeps_link_and_mode(live: LiveSettings, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.touch(mode=0o600)
    (tmp_path / "s.toml").symlink_to(real)
    live.save(tmp_path / "s.toml")
    assert (tmp_path / "s.toml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    live.load(real)


def test_two_threads_save_to_one_path(live: LiveSettings, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: live.save(tmp_path / "s.toml"), range(200)))
    live.load(tmp_path / "s.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["s.toml"]


@pytest.mark.parametrize("held", ["# mine\nmode = 'command'\n", "[tool]\nx = 1\n", "no TOML", "\x00\xff"])
def test_saving_over_a_file_that_holds_more_keeps_what_it_held(live: LiveSettings, tmp_path: Path, held: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(held, encoding="latin-1")
    live.save(path)
    live.load(path)
    assert (tmp_path / "s.toml.before").read_text(encoding="latin-1") == held


def test_saving_where_no_copy_can_be_kept_saves_and_says_so(
    live: LiveSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "s.toml"
    path.write_text("# mine\n")
    (tmp_path / "s.toml.before").mkdir()
    live.save(path)
    live.load(path)
    assert "which is lost" in caplog.text


def test_saving_over_settings_keeps_no_copy(live: LiveSettings, tmp_path: Path) -> None:
    live.save(tmp_path / "s.toml")
    live.save(tmp_path / "s.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["s.toml"]


@pytest.mark.parametrize("path", ["~nosuchuser/s.toml", "a\0b.toml"])
def test_what_cannot_be_a_path_is_one_line(live: LiveSettings, path: str) -> None:
    for call in (live.save, live.load, lambda path: SettingsFile(live, path)):
        with pytest.raises(ConfigError):
            call(path)


# Watching it.


def test_a_change_of_the_file_is_taken_at_the_next_poll_and_once(live: LiveSettings, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[thresholds]\nyes = 0.7\n")
    file = SettingsFile(live, path)
    assert live.snapshot().thresholds["yes"] == 0.7
    assert not file.poll()
    path.write_text("[thresholds]\nyes = 0.8\n")  # as long as before: only its time tells
    touch_later(path)
    assert file.poll()
    assert live.snapshot().thresholds["yes"] == 0.8
    version = live.version
    assert not file.poll()
    assert live.version == version


def test_a_file_that_breaks_is_told_once_and_taken_again_when_mended(live: LiveSettings, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[thresholds]\nyes = 0.7\n")
    file = SettingsFile(live, path)
    path.write_text("[thresholds]\nyes = 1.7\n")
    touch_later(path)
    with pytest.raises(ConfigError, match="line 2"):
        file.poll()
    assert not file.poll()
    assert live.snapshot().thresholds["yes"] == 0.7
    path.write_text("[thresholds]\nyes = 0.9\n")
    touch_later(path)
    touch_later(path)
    assert file.poll()
    assert live.snapshot().thresholds["yes"] == 0.9


def test_a_file_that_is_gone_for_a_moment_is_no_change(live: LiveSettings, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[thresholds]\nyes = 0.7\n")
    file = SettingsFile(live, path)
    path.unlink()
    assert not file.poll()
    path.write_text("[thresholds]\nyes = 0.75\n")
    touch_later(path)
    assert file.poll()
    assert live.snapshot().thresholds["yes"] == 0.75


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_read_once_and_not_watched(live: LiveSettings, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("[thresholds]\nyes = 0.7\n"))
    writer.start()
    file = SettingsFile(live, pipe)
    writer.join()
    touch_later(pipe)
    assert not file.poll()
    assert live.snapshot().thresholds["yes"] == 0.7


def test_a_file_saved_on_windows_is_taken_and_its_lines_are_counted(live: LiveSettings, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b'\xef\xbb\xbfmode = "command"\r\n[thresholds]\r\nyes = 0.7\r\n')
    live.load(path)
    assert (live.snapshot().mode, live.snapshot().thresholds["yes"]) == ("command", 0.7)
    path.write_bytes(b'\xef\xbb\xbfmode = "command"\r\n[thresholds]\r\nyes = 7\r\n')
    with pytest.raises(ConfigError, match="line 3"):
        live.load(path)


def test_a_file_that_is_wrong_at_the_start_is_an_error(live: LiveSettings, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("mode = 1")
    with pytest.raises(ConfigError):
        SettingsFile(live, tmp_path / "s.toml")


def test_what_is_pinned_stays_when_the_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    live = LiveSettings(decision_settings())
    live.pin(thresholds={"yes": 0.9}, mode="command")
    path.write_text('mode = "spotting"\nrefractory_seconds = 2.0\n[thresholds]\nyes = 0.3\nno = 0.3\n')
    live.load(path)
    now = live.snapshot()
    assert (now.thresholds["yes"], now.thresholds["no"], now.mode, now.refractory_seconds) == (0.9, 0.3, "command", 2.0)


def test_a_settings_file_that_changes_does_not_lift_the_mask_of_only(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[thresholds]\nyes = 0.3\n")
    live = LiveSettings(decision_settings())
    with live.only("no"):
        live.load(path)
        assert live.snapshot().active == frozenset({"no"})
        assert live.snapshot().thresholds["yes"] == 0.3
    assert live.snapshot().active is None
