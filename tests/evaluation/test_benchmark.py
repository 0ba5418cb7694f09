"""`scripts/benchmark` itself takes minutes; here are its streams and how it writes into files of others."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kws_live.detection import make_settings
from kws_live.errors import KwsLiveError
from kws_live.evaluation.labels import read_labels
from kws_live.model import Model
from tests.evaluation.tone_model import tone, write_sound
from tests.fakes import KEYWORDS

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_only_what_lies_between_the_markers_is_replaced(benchmark: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{benchmark.BEGIN}\nold\n{benchmark.END}\nafter\n", encoding="utf-8")
    benchmark.put(path, "new", None)
    assert path.read_text(encoding="utf-8") == f"before\n{benchmark.BEGIN}\n\nnew\n\n{benchmark.END}\nafter\n"
    benchmark.put(path, "newer", None)
    assert "newer" in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").count(benchmark.BEGIN) == 1


def test_a_report_without_markers_is_added_to_and_a_readme_refused(benchmark: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("# model\n\nby the training\n", encoding="utf-8")
    benchmark.put(path, "figures", "\n")
    assert path.read_text(encoding="utf-8").startswith("# model\n\nby the training\n\n<!--")
    with pytest.raises(KwsLiveError, match="to write between"):
        benchmark.put(tmp_path / "README.md", "figures", None)


def test_the_readme_has_its_markers(benchmark: ModuleType) -> None:
    text = (SCRIPT.parents[1] / "README.md").read_text(encoding="utf-8")
    assert text.index(benchmark.BEGIN) < text.index(benchmark.END)


def test_the_words_are_the_same_in_every_noise_at_every_snr(benchmark: ModuleType, tmp_path: Path) -> None:
    for word in ("yes", "no", "_unknown_"):
        (tmp_path / "test" / word).mkdir(parents=True)
        write_sound(tmp_path / "test" / word / "0.wav", tone(word), 16_000)
    for folder in ("test/_silence_", "noise/esc10/rain"):
        (tmp_path / folder).mkdir(parents=True)
        write_sound(tmp_path / folder / "0.wav", tone("stop", 5.0), 16_000)
    streams = benchmark.build_streams(tmp_path, tmp_path, KEYWORDS, 4)
    assert list(streams) == [
        "no noise",
        *(f"{noise} {snr} dB" for noise in ("room noise", "ESC-10") for snr in (30, 10, 0)),
    ]
    labels = [read_labels(path.with_suffix(".csv"), KEYWORDS, 60.0) for path in streams.values()]
    assert all(one == labels[0] for one in labels)


def test_the_speed_of_a_scan_is_that_of_the_files_given(
    benchmark: ModuleType, commands_model: Model, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    for number in range(2):
        write_sound(tmp_path / f"{number}.wav", tone("stop", 3.0), 16_000)
    speed = benchmark.measure_scan(commands_model, make_settings(commands_model).snapshot(), [tmp_path])
    assert speed.hours == pytest.approx(6 / 3600, rel=0.01)
    assert speed.per_cpu_hour > 1
    assert str(speed).startswith(f"{speed.per_cpu_hour:.0f} h (0.00 h of short Opus files); 2 workers: ")
