import dataclasses
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kws_live.errors import ConfigError
from kws_live.events import COMMAND_SECONDS, Detection
from kws_live.sinks import open_sink
from kws_live.sinks.bindings import Bindings
from kws_live.system.clock import wall_seconds
from tests.spoken import Receiver, spoken, wait_until

WORDS = ("yes", "no", "on", "off", "go")


@pytest.fixture
def bindings_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file in which NOTE stands for a program that notes its one argument in ``out``."""
    note = tmp_path / "note.py"
    note.write_text(f"import sys; open({str(tmp_path / 'out')!r}, 'a').write(sys.argv[1] + ' ')")
    path = tmp_path / "commands.toml"

    def write(text: str) -> Path:
        path.write_text(text.replace("NOTE", f"{sys.executable!r}, {str(note)!r}"))
        return path

    return write


def test_words_run_their_programs_in_the_order_they_were_spoken(
    tmp_path: Path, bindings_file: Callable[[str], Path]
) -> None:
    path = bindings_file(
        """
        [[binding]]
        words = ["yes", "no"]
        run = [NOTE, "{keyword}"]
        [[binding]]
        word = "on"
        run = [NOTE, "light"]
        """
    )
    sink = open_sink(f"bindings:{path}", WORDS)
    for word in ("yes", "on", "off", "no", "yes"):
        sink.send(spoken(word))
    sink.close()
    assert (tmp_path / "out").read_text() == "yes light no yes "


def test_after_its_first_word_the_two_step_binding_takes_the_one_step_bindings_place(
    bindings_file: Callable[[str], Path],
) -> None:
    path = bindings_file(
        """
        [[binding]]
        word = "off"
        run = [NOTE, "one step"]
        [[binding]]
        word = "off"
        after = "go"
        within_seconds = 2
        run = [NOTE, "two steps"]
        """
    )
    said: list[str] = []
    sink = Bindings(path, WORDS, dry_run=True, report=said.append)
    for word, seconds in (("off", 1.0), ("go", 2.0), ("off", 3.0), ("off", 3.5), ("go", 5.0), ("off", 7.5)):
        sink.send(spoken(word, seconds))
    sink.close()
    assert [line.rpartition(" note.py")[2].rpartition("'")[0].rpartition("'")[2] for line in said] == [
        "one step",
        "two steps",
        "one step",
        "one step",
    ]


def test_a_cool_down_counts_the_streams_time(bindings_file: Callable[[str], Path]) -> None:
    path = bindings_file('[[binding]]\nword = "on"\ncool_down_seconds = 5\nrun = [NOTE, "x"]\n')
    said: list[str] = []
    sink = Bindings(path, WORDS, dry_run=True, report=said.append)
    for seconds in (1.0, 5.9, 6.0, 10.0, 11.0):
        sink.send(spoken("on", seconds))
    sink.close()
    assert len(said) == 3  # at 1, 6 and 11 seconds


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(
    tmp_path: Path, bindings_file: Callable[[str], Path]
) -> None:
    path = bindings_file(
        """
        [[binding]]
        run = [NOTE, "x"]
        [[binding]]
        mqtt = "mqtt://192.0.2.1/robot"
        payload = "go {keyword}"
        [[binding]]
        http = "http://192.0.2.1/hook"
        body = "{keyword}"
        [[binding]]
        shell = "reboot"
        """
    )
    said: list[str] = []
    sink = Bindings(path, WORDS, dry_run=True, report=said.append)
    sink.send(spoken("on"))
    sink.close()
    assert said[0].startswith("on: would run ")
    assert said[1:] == [
        "on: would publish 'go on' to mqtt://192.0.2.1/robot",
        "on: would POST http://192.0.2.1/...  on",
        "on: would run reboot",
    ]
    assert not (tmp_path / "out").exists()


def test_a_changed_file_is_taken_and_a_broken_one_told_while_the_old_bindings_stay(
    tmp_path: Path, bindings_file: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = bindings_file('[[binding]]\nword = "on"\nrun = [NOTE, "first"]\n')
    sink = Bindings(path, WORDS)
    sink.send(spoken("on", 1.0))
    bindings_file('[[binding]]\nword = "on"\nrun = [NOTE, "second run"]\n')
    sink.send(spoken("on", 2.0))
    bindings_file('[[binding]]\nword = "on"\nrum = ["x"]\n')
    sink.send(spoken("on", 3.0))
    sink.send(spoken("on", 4.0))
    path.unlink()
    sink.send(spoken("on", 5.0))
    sink.close()
    assert (tmp_path / "out").read_text() == "first second run second run second run second run "
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert "line 3: unknown key 'rum'" in told[0]
    assert told[0].endswith("the old bindings stay in effect")


def test_a_program_still_running_makes_the_next_wait_unless_parallel_is_allowed(
    tmp_path: Path, bindings_file: Callable[[str], Path]
) -> None:
    receiver = Receiver()
    gate = tmp_path / "gate"
    waits = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    with receiver.serving() as port:
        path = bindings_file(
            f"""
            [[binding]]
            word = "on"
            run = [{sys.executable!r}, "-c", {waits!r}]
            [[binding]]
            word = "off"
            run = [NOTE, "off"]
            [[binding]]
            word = "yes"
            parallel = true
            http = "http://127.0.0.1:{port}/"
            """.replace("\\n", "\\n")
        )
        sink = Bindings(path, WORDS)
        for word in ("on", "off", "yes"):
            sink.send(spoken(word))
        wait_until(lambda: len(receiver.requests) == 1)  # beside the program that waits
        assert not (tmp_path / "out").exists()  # behind it
        gate.touch()
        wait_until((tmp_path / "out").exists)
        sink.close()


def test_a_failing_action_is_told_and_the_next_word_is_served(
    tmp_path: Path, bindings_file: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = bindings_file(
        f"""
        [[binding]]
        word = "no"
        run = [{sys.executable!r}, "-c", "raise SystemExit(7)"]
        [[binding]]
        word = "yes"
        run = [NOTE, "fine"]
        """
    )
    sink = Bindings(path, WORDS)
    sink.send(spoken("no"))
    sink.send(spoken("yes"))
    sink.close()
    assert "ended with code 7" in caplog.text
    assert (tmp_path / "out").read_text() == "fine "


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ('run = ["no-such-program-anywhere"]', "line 2: cannot run 'no-such-program-anywhere'"),
        ('http = "lamp"', "line 2: 'lamp' is not an address"),
        ('mqtt = "mqtt://host"', "line 2: 'mqtt://host' is not an MQTT address"),
        ('sound = "missing.wav"', "line 2: cannot read sound 'missing.wav'"),
        ('key = "hyper+nothing"', "line 2: (no key 'hyper'|key = 'hyper\\+nothing' cannot be pressed)"),
    ],
)
def test_an_action_that_cannot_work_is_told_at_the_start_with_its_line(
    bindings_file: Callable[[str], Path], action: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as failure:
        Bindings(bindings_file(f'\n[[binding]]\nword = "on"\n{action}\n'), WORDS)
    assert "\n" not in str(failure.value)


@pytest.mark.slow
def test_close_ends_a_program_that_would_run_on(bindings_file: Callable[[str], Path]) -> None:
    path = bindings_file(f"[[binding]]\ntime_limit_seconds = 600\nrun = [{sys.executable!r}, '-c', 'input()']\n")
    begun = path.with_name("begun")
    code = f"import pathlib, time; pathlib.Path({begun.as_posix()!r}).touch(); time.sleep(600)"
    path.write_text(path.read_text().replace("'input()'", json.dumps(code)))
    sink = Bindings(path, WORDS)
    sink.send(spoken("on"))
    wait_until(begun.exists)
    closing = threading.Thread(target=sink.close)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()


def aged(word: str, age_seconds: float) -> Detection:
    return dataclasses.replace(spoken(word), heard_at=wall_seconds() - age_seconds)


def test_a_command_that_comes_too_late_is_neither_told_nor_done_and_the_next_one_is(
    tmp_path: Path, bindings_file: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    sink = Bindings(bindings_file('[[binding]]\nrun = [NOTE, "{keyword}"]\n'), WORDS, report=said.append)
    for word, age_seconds in (("yes", COMMAND_SECONDS + 1.0), ("no", 60.0), ("on", 1.0)):
        sink.send(aged(word, age_seconds))
    sink.close()
    assert (tmp_path / "out").read_text() == "on "
    assert [line.partition(":")[0] for line in said] == ["on"]
    assert sink.n_lost == 2
    assert caplog.text.count("not delivered: older than 10 s") == 2  # the report and the action


def test_a_terminal_that_was_stopped_delays_no_action(tmp_path: Path, bindings_file: Callable[[str], Path]) -> None:
    go_on = threading.Event()
    sink = Bindings(bindings_file('[[binding]]\nrun = [NOTE, "{keyword}"]\n'), WORDS, report=lambda _: go_on.wait(20))
    for word in ("yes", "no"):
        sink.send(spoken(word))
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text() == "yes no ")
    assert not go_on.is_set()
    go_on.set()
    sink.close()


@pytest.mark.parametrize(
    "state", ["", "# all is commented out\n", '[[binding]]\nword = "on"\n', '[[binding]]\nrun = ["ec']
)
def test_a_file_an_editor_is_writing_changes_nothing_and_is_refused_at_the_start(
    tmp_path: Path, bindings_file: Callable[[str], Path], caplog: pytest.LogCaptureFixture, state: str
) -> None:
    path = bindings_file('[[binding]]\nword = "on"\nrun = [NOTE, "old"]\n')
    sink = Bindings(path, WORDS)
    path.write_text(state)
    for _ in range(2):
        sink.send(spoken("on"))
    bindings_file('[[binding]]\nword = "on"\nrun = [NOTE, "new one"]\n')
    sink.send(spoken("on"))
    sink.close()
    assert (tmp_path / "out").read_text() == "old old new one "
    assert caplog.text.count("the old bindings stay in effect") == 1
    path.write_text(state)
    with pytest.raises(ConfigError):
        Bindings(path, WORDS)


def test_control_characters_of_a_device_or_a_word_do_not_reach_the_terminal(
    bindings_file: Callable[[str], Path],
) -> None:
    said: list[str] = []
    path = bindings_file('[[binding]]\nrun = [NOTE, "{source}", "http://me:S3CRET@host/x"]\n')
    sink = Bindings(path, WORDS, dry_run=True, report=said.append)
    sink.send(dataclasses.replace(spoken("on"), source="\x1b[31m\nmic\u202e"))
    sink.close()
    assert said[0].isprintable()
    assert "mic" in said[0]
    assert "S3CRET" not in said[0]
