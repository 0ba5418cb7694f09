import numpy as np

from kws_live.training.report import Scored


def test_the_report_counts_what_fires_and_what_is_missed() -> None:
    posteriors = np.array(
        [
            [0.9, 0.1, 0.0, 0.0],  # yes, told
            [0.6, 0.3, 0.1, 0.0],  # no, taken for yes
            [0.4, 0.0, 0.6, 0.0],  # unknown, quiet
            [0.0, 0.8, 0.2, 0.0],  # unknown, fires
            [0.0, 0.0, 0.1, 0.9],  # silence, quiet
        ],
        dtype=np.float32,
    )
    scored = Scored("hand", ("yes", "no", "_unknown_", "_silence_"), posteriors, np.array([0, 1, 2, 2, 3]))
    assert scored.figures() == {"right": 0.6, "keywords_right": 0.5, "unknown_fired": 0.5, "silence_fired": 0.0}
    fired, missed = scored.trade_off(np.array([0.3, 0.7, 0.85]))
    # of three negatives two reach 0.3, one 0.7, none 0.85; the wrong word is missed at every threshold
    np.testing.assert_allclose(fired, [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(missed, [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(scored.confusion()[2], [0, 1, 1, 0])
