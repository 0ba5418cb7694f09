"""Two recorded words of one speaker become a longer one: which pairs there are, and what their windows hold."""

from pathlib import Path

import numpy as np
from small_archives import BANDS, TINY

from kws_live.training.compounds import CLIPS_EACH, write_compounds
from kws_live.training.dataset import ClipInfo, FeatureArchive, StoredValues, write_archive

N_SPEAKERS = 20


def recordings(folder: Path) -> FeatureArchive:
    """Every speaker says "yes" and "no", two say "maybe"; a word is a burst of six frames in its own bands."""
    clips, spectra = [], []
    for speaker in range(N_SPEAKERS):
        for label in ("yes", "no", *(("maybe",) if speaker < 2 else ())):
            spectrum = np.full((TINY.n_frames, TINY.n_mels), -50.0)
            spectrum[8:14, BANDS[label]] = 20.0
            clips.append(ClipInfo(f"{label}/{speaker}", label, f"speaker {speaker}", "train"))
            spectra.append(spectrum)
    clips.append(ClipInfo("yes/other", "yes", "one who validates", "val"))
    clips.append(ClipInfo("no/other", "no", "one who validates", "val"))
    spectra += [spectra[0], spectra[1]]
    write_archive(folder, TINY, StoredValues("float16"), clips, np.asarray(spectra, dtype=np.float16))
    return FeatureArchive.open(folder)


def test_each_ordered_pair_that_enough_speakers_said_is_a_label(tmp_path: Path) -> None:
    n_clips = write_compounds(tmp_path / "out", recordings(tmp_path / "words"), ["yes", "no", "maybe"], seed=1)
    archive = FeatureArchive.open(tmp_path / "out")
    assert n_clips == len(archive.labels) == 2 * CLIPS_EACH  # of twenty speakers
    assert set(archive.labels) == {"yes no", "no yes"}
    assert set(archive.sets) == {"train"}
    again = write_compounds(tmp_path / "again", recordings(tmp_path / "words"), ["yes", "no", "maybe"], seed=1)
    assert again == n_clips
    np.testing.assert_array_equal(FeatureArchive.open(tmp_path / "again").log_mel, archive.log_mel)
    assert write_compounds(tmp_path / "one", recordings(tmp_path / "words"), ["yes"], seed=1) == 0


def test_both_words_are_heard_in_their_order_within_the_window(tmp_path: Path) -> None:
    write_compounds(tmp_path / "out", recordings(tmp_path / "words"), ["yes", "no"], seed=1)
    archive = FeatureArchive.open(tmp_path / "out")
    for row, label in enumerate(archive.labels):
        spectrum = archive.decibels(np.array([row]))[0]
        first, second = (np.flatnonzero(spectrum[:, BANDS[word]].mean(axis=1) > 0) for word in label.split())
        assert first.size >= 3
        assert second.size >= 3
        assert first.mean() < second.mean()
        assert first[-1] - second[0] <= 4  # hardly said at once
        beside = np.setdiff1d(np.arange(TINY.n_frames), np.concatenate([first, second]))
        assert (spectrum[beside].mean(axis=1) < -20).all()
