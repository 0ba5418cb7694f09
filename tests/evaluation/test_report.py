from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from kws_live.errors import ConfigError
from kws_live.evaluation import report
from kws_live.evaluation.clips import ClipScore, NoiseScore
from kws_live.evaluation.effort import Effort
from kws_live.evaluation.intervals import Rate, Share
from kws_live.evaluation.operating_points import Sweep, compare
from kws_live.evaluation.talk import TalkScore
from tests.evaluation.test_operating_points import score
from tests.fakes import KEYWORDS, LABELS

SWEEP = Sweep({0.5: score(("yes", 1.6), ("no", 20.0)), 0.9: score()}, KEYWORDS)
POINTS = [
    report.Point(0.5, Rate(4, 2.0), Share(9, 10), (0.2, 0.5)),
    report.Point(0.9, Rate(0, 2.0), Share(0, 10), None),
]


def every_table() -> list[report.Table]:
    clips = ClipScore(LABELS, KEYWORDS, ("yes", "no"), np.eye(5, dtype=np.float32)[[2, 2]])
    return [
        *report.clip_tables(clips),
        *report.noise_tables(NoiseScore({"rain": Share(1, 4)})),
        *report.stream_tables(score(("yes", 1.6)), Effort(36.0, 0.2, Share(9, 10), Share(3, 3), (0.001,))),
        *report.talk_tables(TalkScore(0.5, Counter(no=2), 1, Counter(), Counter(yes=3)), "command"),
        *report.sweep_tables(SWEEP, 300.0),
        report.frontier_table("command", POINTS),
        report.comparison_table(compare([score()], [score(("yes", 1.6))]), "old", "new"),
    ]


def test_every_figure_is_in_the_tables() -> None:
    text = "\n".join(table.markdown() for table in every_table())
    for figure in (
        "| accuracy, all classes | 50.0 % [9.5, 90.5] (1 of 2) |",
        "| no | 0.0 % [0.0, 79.3] (0 of 1) | yes 1 |",
        "| rain | 25.0 % [4.6, 69.9] (1 of 4) |",
        "| hits | 33.3 % [6.1, 79.2] (1 of 3) |",
        "| delay from word end, audio | median 0.100 s, 95 % 0.100 s |",
        "| gate: hops saved | 10.0 % |",
        "| false accepts | 2 in 30.0 min [0.48, 14.45]/h |",
        "| of these, words that sound the same | 1 |",
        "| 0.5 | 66.7 % [20.8, 93.9] (2 of 3) | 1 in 0.6 min [2.53, 557.16]/h |",
        "| hits | +33.3 points",
        "| 0.5 | 90.0 % [59.6, 98.2] (9 of 10) | 2.00/h [0.54, 5.12] (4 in 2.00 h) | 0.20 s |",
        "| 0.9 | 0.0 % [0.0, 27.8] (0 of 10) | 0.00/h [0.00, 1.84] (0 in 2.00 h) |  |",
    ):
        assert figure in text


def test_a_word_that_keeps_its_share_of_the_target_at_no_threshold_says_so() -> None:
    swept = Sweep({0.5: score(*[("no", 20.0 + i) for i in range(4)])}, KEYWORDS)
    rows = {row[0]: row[1:] for row in report.sweep_tables(swept, 900.0)[1].rows}
    assert rows["no"] == ("none", "", "even 0.5 gives 4 in 0.6 min [108.99, 1024.16]/h")
    assert rows["yes"][0] == "0.5"


def test_audio_too_short_to_hold_the_target_recommends_nothing() -> None:
    rows = {row[0]: row[1:] for row in report.sweep_tables(SWEEP, 100.0)[1].rows}
    assert rows["all, together"][0] == "0.5"  # 36 s with one event are just long enough for 100 an hour
    assert rows["yes"] == ("cannot tell", "", "33/h needs at least 0.03 h of audio; this is 0.01 h")


def test_rich_shows_the_same_cells() -> None:
    console = Console(width=200, record=True, file=Path("/dev/null").open("w"), highlight=False)  # noqa: SIM115
    table = every_table()[0]
    console.print(table.rich())
    console.file.close()
    text = console.export_text()
    assert all(cell in text for row in table.rows for cell in row)


@pytest.mark.slow
def test_the_trade_off_is_drawn_the_same_twice(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        report.draw_det(SWEEP, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="cannot write"):
        report.draw_det(SWEEP, tmp_path / "absent" / "a.png")


def test_the_frontier_is_drawn_the_same_twice(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        report.draw_frontier({"command": POINTS, "spotting": POINTS[:1]}, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
