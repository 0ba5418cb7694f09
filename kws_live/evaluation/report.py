"""Figures as tables, for the terminal and for Markdown, and plots of the detection error trade-off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_live.errors import ConfigError
from kws_live.evaluation.clips import ClipScore, NoiseScore
from kws_live.evaluation.effort import Effort
from kws_live.evaluation.intervals import NOTHING, Rate, Share
from kws_live.evaluation.operating_points import Comparison, OperatingPoint, Sweep, hours_to_tell, threshold_for
from kws_live.evaluation.streaming import KINDS, StreamScore
from kws_live.evaluation.talk import TalkScore


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : one line
    columns : headings
    rows : with as many cells each
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return it as Markdown, under a level-three heading."""
        lines = [f"### {self.title}", "", _row(self.columns), _row(["---"] * len(self.columns)), *map(_row, self.rows)]
        return "\n".join(lines) + "\n"

    def rich(self) -> Any:
        """Return it as a rich table, for a terminal."""
        from rich import box
        from rich.table import Table as RichTable

        table = RichTable(*self.columns, title=self.title, title_justify="left", box=box.SIMPLE_HEAD)
        for row in self.rows:
            table.add_row(*row)
        return table


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def clip_tables(score: ClipScore) -> list[Table]:
    """Return tables of accuracy and confusion."""
    figures = Table(
        "One-second clips",
        ("figure", "value [95 %]"),
        (
            ("accuracy, all classes", str(score.accuracy)),
            ("accuracy, words", str(score.ten_words)),
            ("unknown words that fire", str(score.unknown_fired)),
            ("noise clips that fire", str(score.noise_fired)),
            ("words that open the gate", str(score.gate_passed)),
        ),
    )
    rows = []
    for label, row in score.confusion().items():
        others = sorted(((n, answer) for answer, n in row.items() if n and answer != label), key=lambda x: -x[0])
        mistaken = ", ".join(f"{answer} {n}" for n, answer in others)
        rows.append((label, str(score.recall().get(label, NOTHING)), mistaken or "nothing"))
    return [figures, Table("Each class", ("class", "recall [95 %]", "taken for"), tuple(rows))]


def noise_tables(score: NoiseScore) -> list[Table]:
    """Return the table of noise classified as a keyword."""
    rows = [("all", str(score.fired)), *((name, str(share)) for name, share in score.by_folder.items())]
    return [Table("Seconds of noise that fire", ("noise", "fired [95 %]"), tuple(rows))]


def stream_tables(score: StreamScore, effort: Effort, name: str = "Streams") -> list[Table]:
    """Return tables of hits, false accepts, delay and cost."""
    figures = effort.to_dict()
    delays = score.delays()
    rows = [
        ("hits", str(score.hits)),
        ("wrong words", str(score.wrong)),
        ("doubles", str(score.n_doubles)),
        ("unknown words that fire", str(score.unknown_fired)),
        *((f"false accepts on {name}", str(score.false_accepts[kind])) for kind, name in KINDS.items()),
    ]
    if delays:
        rows.append(("delay from word end, audio", f"median {delays[0]:.3f} s, 95 % {delays[1]:.3f} s"))
    if delays and figures["compute_median_seconds"] is not None:
        compute = (1000 * figures["compute_median_seconds"], 1000 * figures["compute_95_seconds"])
        rows.append(("delay from word end, compute", f"median {compute[0]:.2f} ms, 95 % {compute[1]:.2f} ms"))
    rows += [
        ("CPU", f"{figures['cpu_ms_per_second']} ms per second of audio"),
        ("gate: words passed", str(effort.words_passed)),
        ("gate: hops saved", f"{100 * figures['hops_saved']:.1f} %"),
    ]
    words = tuple((word, str(share)) for word, share in score.per_word().items())
    return [
        Table(f"{name}, {score.seconds / 60:.1f} minutes", ("figure", "value [95 %]"), tuple(rows)),
        Table("Hits of each word", ("word", "hits [95 %]"), words),
    ]


def talk_tables(score: TalkScore, mode: str) -> list[Table]:
    """Return the table of false accepts on running speech."""
    rows = (
        ("false accepts", str(score.false_accepts)),
        ("which words", ", ".join(f"{word} {count}" for word, count in score.false.most_common()) or "none"),
        ("of these, words that sound the same", str(score.same_sound)),
        ("keywords said in sentences", str(score.said.total())),
        ("of these fired (not counted as false)", str(score.said_fired.total())),
    )
    return [Table(f"Read speech, {mode} mode, {score.hours:.2f} hours", ("figure", "value [95 %]"), rows)]


def sweep_tables(sweep: Sweep, target_per_hour: float | None = None) -> list[Table]:
    """Return tables of all thresholds and, with a target rate, each word's threshold for its share of it."""
    head = ("threshold", "missed [95 %]", "false accepts [95 %]")
    tables = [Table("Thresholds, the same for all words", head, tuple(map(_point, sweep.all_words())))]
    if target_per_hour is not None:
        share = target_per_hour / len(sweep.keywords)
        rows = [("all, together", *_found(sweep.all_words(), target_per_hour))]
        rows += [(word, *_found(sweep.of(word), share)) for word in sweep.keywords]
        title = f"Lowest threshold for {target_per_hour:g} false accepts per hour ({share:g} for each word)"
        tables.append(Table(title, ("word", *head), tuple(rows)))
    return tables


def _point(point: OperatingPoint) -> tuple[str, str, str]:
    return f"{point.threshold:g}", str(point.missed), str(point.false)


def _found(points: Sequence[OperatingPoint], per_hour: float) -> tuple[str, str, str]:
    hours, needed = points[-1].false.hours, hours_to_tell(per_hour)
    if hours < needed:
        return "cannot tell", "", f"{per_hour:.2g}/h needs at least {needed:.2g} h of audio; this is {hours:.2g} h"
    point = threshold_for(points, per_hour)
    return ("none", "", f"even {points[-1].threshold:g} gives {points[-1].false}") if point is None else _point(point)


def comparison_table(comparison: Comparison, first: str, second: str) -> Table:
    """Return the table of differences between the second and the first."""
    rows = (("hits", str(comparison.hits)), ("false accepts", str(comparison.false)))
    return Table(f"{second} against {first}, on the same audio", ("figure", "difference [95 %]"), rows)


@dataclass(frozen=True)
class Point:
    """Result of one threshold for all words.

    Attributes
    ----------
    threshold : for all words
    false_accepts : on talk
    hits : in streams
    delays : median and 95th percentile from the word's end, in seconds; None without hits
    """

    threshold: float
    false_accepts: Rate
    hits: Share
    delays: tuple[float, float] | None


def frontier_table(mode: str, points: Sequence[Point]) -> Table:
    """Return the table of thresholds of one mode."""
    rows = tuple(
        (f"{one.threshold:g}", str(one.hits), str(one.false_accepts), f"{one.delays[0]:.2f} s" if one.delays else "")
        for one in points
    )
    head = ("threshold", "words spotted [95 %]", "false accepts on talk [95 %]", "median delay")
    return Table(f"Thresholds and talk, {mode} mode", head, rows)


def draw_frontier(curves: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Plot hits and delay against false accepts on talk, one curve per mode.

    Raises
    ------
    ConfigError
        If the plot cannot be drawn or written.
    """
    figure = _figure((8, 7))
    hits, delay = figure.subplots(2, sharex=True)
    for name, points in curves.items():
        rates = [one.false_accepts.per_hour for one in points]
        low, high = np.array([one.hits.interval for one in points]).T
        hits.plot(rates, [100 * one.hits.value for one in points], marker=".", label=name)
        hits.fill_between(rates, 100 * low, 100 * high, alpha=0.2)
        delay.plot(rates, [one.delays[0] if one.delays else np.nan for one in points], marker=".", label=name)
    hits.set_xscale("symlog", linthresh=1)
    hits.set_xlim(left=0)
    hits.set_ylabel("words spotted, % [95 %]")
    hits.set_title("Hits and delay against false accepts on talk, one point per threshold")
    delay.set_ylabel("median delay from the word's end, s")
    delay.set_xlabel("false accepts on talk per hour")
    for axes in (hits, delay):
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, path)


def draw_det(sweep: Sweep, path: Path) -> None:
    """Plot each word's detection error trade-off: misses against false accepts per hour.

    Raises
    ------
    ConfigError
        If the plot cannot be drawn or written.
    """
    figure = _figure((8, 5.5))
    axes = figure.subplots()
    for name, points in [("all", sweep.all_words()), *((word, sweep.of(word)) for word in sweep.keywords)]:
        measured = [point for point in points if point.missed.n and point.false.hours]
        style = {"color": "black", "linewidth": 2.5, "zorder": 3} if name == "all" else {"linewidth": 1.2, "alpha": 0.8}
        axes.plot(
            [point.false.per_hour for point in measured],
            [100 * point.missed.value for point in measured],
            label=name, marker=".", drawstyle="steps-post", **style,
        )  # fmt: skip
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
    axes.set_xlabel("false accepts per hour")
    axes.set_ylabel("missed, %")
    axes.set_title("Detection error trade-off, one point per threshold")
    axes.grid(alpha=0.3)
    axes.legend(ncols=2, fontsize="small")
    _save(figure, path)


def _figure(size: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError('plots need matplotlib: pip install "kws-live[evaluate]"') from error
    return Figure(figsize=size, layout="constrained")


def _save(figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=120, metadata={"Software": None})  # no version in the file: same data, same bytes
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot write {path}: {error}; use .png in a folder that exists") from error
