"""`scripts/benchmark` itself takes minutes; here are its streams and how it writes into files of others."""

from pathlib import Path

import benchmark
import pytest
from benchmark import BEGIN, END, talk_to_measure
from benchmark_runs import build_streams, measure_scan
from marked_text import put_between
from train_default import more_talk

from kws_live.detection import make_settings
from kws_live.errors import KwsLiveError
from kws_live.evaluation.labels import read_labels
from kws_live.evaluation.report import Table
from kws_live.model import Model
from tests.evaluation.tone_model import tone, write_sound
from tests.fakes import KEYWORDS


def test_only_what_lies_between_the_markers_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    put_between(path, "new", BEGIN, END)
    assert path.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    put_between(path, "newer", BEGIN, END)
    assert "newer" in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").count(BEGIN) == 1


def test_a_report_without_markers_is_added_to_and_a_readme_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("# model\n\nby the training\n", encoding="utf-8")
    put_between(path, "figures", BEGIN, END, "\n")
    assert path.read_text(encoding="utf-8").startswith("# model\n\nby the training\n\n<!--")
    with pytest.raises(KwsLiveError, match="to write between"):
        put_between(tmp_path / "README.md", "figures", BEGIN, END)


def test_the_readme_has_its_markers() -> None:
    text = (benchmark.HERE / "README.md").read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)


def test_the_readme_gets_five_rows_of_what_the_reports_hold() -> None:
    names = ["clips: the ten words right", *reversed(benchmark.README_ROWS)]
    table = Table("All", ("", "a", "b"), tuple((name, "1", "2") for name in names))
    rows = benchmark.readme_rows(table).splitlines()
    assert rows == ["|  | a | b |", "| --- | --- | --- |", *(f"| {name} | 1 | 2 |" for name in benchmark.README_ROWS)]
    report = (benchmark.HERE / "models" / "commands-12" / "report.md").read_text(encoding="utf-8")
    readme = (benchmark.HERE / "README.md").read_text(encoding="utf-8")
    for name in benchmark.README_ROWS:
        (row,) = (line for line in report.splitlines() if line.startswith(f"| {name} |"))
        assert row in readme.splitlines()
    with pytest.raises(KeyError):
        benchmark.readme_rows(Table("All", ("", "a"), ()))


def test_the_words_are_the_same_in_every_noise_at_every_snr(tmp_path: Path) -> None:
    for word in ("yes", "no", "_unknown_"):
        (tmp_path / "test" / word).mkdir(parents=True)
        write_sound(tmp_path / "test" / word / "0.wav", tone(word), 16_000)
    for folder in ("test/_silence_", "noise/esc10/rain"):
        (tmp_path / folder).mkdir(parents=True)
        write_sound(tmp_path / folder / "0.wav", tone("stop", 5.0), 16_000)
    streams = build_streams(tmp_path, tmp_path, KEYWORDS, 4)
    assert list(streams) == [
        "no noise",
        *(f"{noise} {snr} dB" for noise in ("room noise", "ESC-10") for snr in (30, 10, 0)),
    ]
    labels = [read_labels(path.with_suffix(".csv"), KEYWORDS, 60.0) for path in streams.values()]
    assert all(one == labels[0] for one in labels)


def test_the_speed_of_a_scan_is_that_of_the_files_given(commands_model: Model, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for number in range(2):
        write_sound(tmp_path / f"{number}.wav", tone("stop", 3.0), 16_000)
    speed = measure_scan(commands_model, make_settings(commands_model).snapshot(), [tmp_path])
    assert speed.hours == pytest.approx(6 / 3600, rel=0.01)
    assert speed.per_cpu_hour > 1
    assert str(speed).startswith(f"{speed.per_cpu_hour:.0f} h (0.00 h of short Opus files); 2 workers: ")


def test_talk_is_measured_on_speakers_who_trained_and_validated_nothing(tmp_path: Path) -> None:
    said = {
        "speech/librispeech/163": "NOTHING",  # of training
        "speech/librispeech/460": "SAY YES",
        "talk/103": "SAY YES",  # drawn for validation
        "talk/1032": "SAY YES",
        "talk/1034": "SAY YES\n1034-1-1 NOTHING",
        "talk/1040": "I KNOW",
    }
    for name, text in said.items():
        folder = tmp_path / name
        (folder / "1").mkdir(parents=True)
        (folder / "1" / f"{folder.name}-1.trans.txt").write_text(f"{folder.name}-1-0 {text}\n", encoding="utf-8")
        for number in range(2):
            (folder / "1" / f"{folder.name}-1-{number}.ogg").touch()
    (tmp_path / "talk" / "flight-of-the-amazon-queen").mkdir()  # not unpacked yet
    assert [folder.name for folder in talk_to_measure(tmp_path)] == ["460", "1032", "1040"]
    sets = {folder.name: set_name for folder, set_name in more_talk(tmp_path).items()}
    assert sets == {
        "103": "val", "1032": "test", "1034": "train", "1040": "test", "flight-of-the-amazon-queen": "train",
    }  # fmt: skip
