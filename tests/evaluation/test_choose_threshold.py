"""What scripts/choose_threshold varies, and the words said twice that it builds and counts; it itself takes minutes."""

from dataclasses import replace
from pathlib import Path

import pytest
from choose_threshold import both_missed, build_twice, changes, said_twice

from kws_live.evaluation.intervals import Share
from kws_live.evaluation.labels import Label, read_labels
from kws_live.evaluation.material import Material
from kws_live.evaluation.operating_points import THRESHOLDS
from kws_live.evaluation.streaming import Outcome, StreamScore
from tests.evaluation.tone_model import tone, write_sound


def test_every_combination_of_the_settings_is_tried_and_else_every_threshold() -> None:
    assert list(changes(["evidence=1,2.5", "smoothing_hops=3,4"], ["yes"])) == [
        {"evidence": evidence, "smoothing_hops": hops} for evidence in (1, 2.5) for hops in (3, 4)
    ]
    assert list(changes([], ["yes", "no"])) == [{"thresholds": {"yes": one, "no": one}} for one in THRESHOLDS]


def test_two_takes_of_a_word_that_follow_one_another_in_a_speaker_are_a_pair() -> None:
    paths = [Path(f"yes/{name}.ogg") for name in ("a_nohash_0", "a_nohash_1", "a_nohash_2", "b_nohash_0")]
    material = Material({"yes": paths, "no": [Path("no/b_nohash_1.ogg")]}, [], [], [])
    assert list(said_twice(material)) == [("yes", (paths[0], paths[1])), ("yes", (paths[1], paths[2]))]


def test_a_word_is_said_twice_by_one_speaker_one_to_two_and_a_half_seconds_apart(tmp_path: Path) -> None:
    names = [f"commands/{word}/{who}_nohash_{take}.wav" for word in ("yes", "no") for who in "ab" for take in (0, 1)]
    for folder in ("commands/yes", "commands/no", "rooms"):
        (tmp_path / folder).mkdir(parents=True)
    for name in names:
        write_sound(tmp_path / name, tone(name.split("/")[1]), 16_000)
    rows = [f"{name},{name.split('/')[1]},val" for name in names]
    (tmp_path / "commands.csv").write_text("\n".join(("path,word,set", *rows)), encoding="utf-8")
    write_sound(tmp_path / "rooms" / "0.wav", tone("stop", 5.0), 16_000)
    for _, path in build_twice(tmp_path, tmp_path, ("yes", "no")):
        labels = read_labels(path.with_suffix(".csv"), ("yes", "no"), 60.0)
        assert [label.word for label in labels] == ["yes"] * 4 + ["no"] * 4
        for first, second in zip(labels[::2], labels[1::2], strict=True):
            assert first.clip.split("_")[0] == second.clip.split("_")[0]
            assert first.clip != second.clip
            assert 1.0 <= second.begin_seconds - first.end_seconds <= 2.5 + 0.2  # there are 50 ms to spare at each cut


@pytest.mark.parametrize(("hits", "missed"), [((False, False), 1), ((True, False), 0), ((False, True), 0)])
def test_a_pair_is_missed_where_neither_was_spotted(hits: tuple[bool, bool], missed: int) -> None:
    one = Outcome(Label(1.0, 1.5, "yes"), hit=True)
    said = (one, one, *(replace(one, hit=hit) for hit in hits))
    assert both_missed(StreamScore(words=said)) == Share(missed, 2)
