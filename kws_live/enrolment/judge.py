"""Which takes are fit to teach with: each by itself, and beside the others."""

from collections.abc import Sequence

from kws_live.decision import SILENCE
from kws_live.enrolment.takes import Take, fault, same_recording
from kws_live.enrolment.teaching import LEAST_ALIKE, Teacher
from kws_live.features import FeatureExtractor


class Judge:
    """Says of each take what is wrong with it, at once.

    Parameters
    ----------
    teacher : of the model
    extractor : of the model
    """

    def __init__(self, teacher: Teacher, extractor: FeatureExtractor) -> None:
        self._teacher, self._extractor = teacher, extractor

    def fault(self, take: Take, good: Sequence[Take]) -> str | None:
        """What is wrong with a take, given the good ones before it; None if nothing is."""
        if reason := fault(take):
            return reason
        if other := same_recording(take, good):
            return f"the same recording as {other.name}; say the word anew, a little differently each time"
        features = take.features(self._extractor)
        if self._teacher.heard(features) == SILENCE:
            return "noise or music, no voice; record the word alone, in a quieter room"
        if len(good) >= 2:
            likeness = self._teacher.likeness([*(one.features(self._extractor) for one in good), features])[-1]
            if likeness < LEAST_ALIKE:
                return f"unlike the other takes ({likeness:.2f}); say the same word, the same way"
        return None

    def sort(self, takes: Sequence[Take]) -> tuple[list[Take], list[tuple[Take, str]]]:
        """The good takes, and the refused ones with the reason.

        All are there, so each is compared with all the others and not only with those before it.
        """
        good: list[Take] = []
        refused: list[tuple[Take, str]] = []
        for take in takes:
            same = same_recording(take, good)
            if reason := self.fault(take, [same] if same else []):
                refused.append((take, reason))
            else:
                good.append(take)
        while len(good) > 2:
            likeness = self._teacher.likeness([take.features(self._extractor) for take in good])
            worst = min(range(len(good)), key=likeness.__getitem__)
            if likeness[worst] >= LEAST_ALIKE:
                break
            refused.append((good.pop(worst), f"unlike the other takes ({likeness[worst]:.2f}): is it the same word?"))
        return good, refused
