"""Taught words on other words, and in noise, for scripts/prove_teaching."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from teaching_scores import Heard, Network, Trial, with_words
from teaching_streams import TOLERANCE_SECONDS, Stream, clips_stream
from teaching_trials import Word

from kws_live.audio import SPEECH_RATE_HZ
from kws_live.enrolment.expectation import THRESHOLD
from kws_live.evaluation.intervals import Share
from kws_live.evaluation.report import Table
from kws_live.model import Model
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings

CLIPS_OF_TEN: Final = 20
"""Number of test clips of each of the network's words."""


def other_words(
    network: Network, trials: Sequence[Trial], thresholds: Mapping[int, float], spoken: Mapping[str, Stream]
) -> Table:
    """Return how often a word fires on other words of the same corpus and rooms."""
    fired = {name: Share(0, 0) for name in ("at one false accept an hour", "as shipped")}
    for trial in trials:
        if trial.seed:
            continue
        for name, stream in spoken.items():
            if name == trial.word or trial.word in name or name in trial.word:
                continue
            heard = Heard(network, trial, stream)
            for key, threshold in zip(fired, (thresholds[id(trial)], THRESHOLD), strict=True):
                fired[key] += Share(*heard.hits("command", threshold, frozenset(stream.names)))
    head = ("threshold", "clips of other words during which the word is told, command mode")
    return Table("Other words", head, tuple((key, str(share)) for key, share in fired.items()))


def in_noise(
    model: Model,
    network: Network,
    trials: Sequence[Trial],
    thresholds: Mapping[int, float],
    words: Sequence[Word],
    data: Path,
    keep: Path | None,
) -> Table:
    """Return the table of the words of own_words/ with household noise 10 dB below the word."""
    paths = sound_files(data / "noise" / "esc10", deep=True)
    noise = np.concatenate([read_mono(path, SPEECH_RATE_HZ) for path in paths])
    rows = []
    for word in words:
        some = [trial for trial in trials if trial.word == word.name]
        if word.corpus == "own_words" and some:
            stream = clips_stream(model, [clip.path for clip in word.tried], keep, noise)
            shares = [
                sum((Share(*Heard(network, one, stream).hits(mode, thresholds[id(one)])) for one in some), Share(0, 0))
                for mode in ("command", "spotting")
            ]
            rows.append((word.name, *map(str, shares)))
    head = ("word", "hits, command mode", "hits, spotting mode")
    return Table("Noise of 10 dB (ESC-10), thresholds of one false accept an hour in command mode", head, tuple(rows))


def ten_words(model: Model, network: Network, trials: Sequence[Trial], data: Path, keep: Path | None) -> Table:
    """Return the table of the network's words on official test clips, without and with all taught words."""
    with (data / "test.csv").open(encoding="utf-8", newline="") as file:
        clips = [row for row in csv.DictReader(file) if row["class"] in model.network_words]
    streams = {}
    for word in model.network_words:
        paths = [data / row["path"] for row in clips if row["class"] == word][:CLIPS_OF_TEN]
        streams[word] = clips_stream(model, paths, keep)
    rows = [("none", str(told_of(model, network, (), streams)[0]), "")]
    for seed in sorted({trial.seed for trial in trials}):
        some = [trial for trial in trials if trial.seed == seed]
        right, fired = told_of(model, network, some, streams)
        rows.append((f"{', '.join(trial.word for trial in some)}; draw {seed + 1}", str(right), str(fired)))
    head = ("taught words in place", "the ten words told, command mode", "a taught word told")
    return Table("The ten words, official test clips", head, tuple(rows))


def told_of(
    model: Model, network: Network, trials: Sequence[Trial], streams: Mapping[str, Stream]
) -> tuple[Share, Share]:
    """Return the number of clips whose word is detected, and of clips on which a taught word fires."""
    settings = DecisionSettings(
        thresholds={**model.card.thresholds, **{trial.label: THRESHOLD for trial in trials}},
        longest_word_seconds=max([model.card.longest_word_seconds, *(trial.longest_word_seconds for trial in trials)]),
    )
    right = fired = Share(0, 0)
    for word, stream in streams.items():
        run = with_words(stream.run, [Heard(network, trial, stream) for trial in trials])
        told = [(event.keyword, event.seconds) for event in run.decide(settings)]
        for begin, end in stream.spans:
            said = {name for name, at in told if begin < at <= end + TOLERANCE_SECONDS}
            right += Share(int(word in said), 1)
            fired += Share(int(not said <= set(model.network_words)), 1)
    return right, fired
