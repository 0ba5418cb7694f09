"""Check which takes are fit for teaching: each by itself, and compared with the others."""

from collections.abc import Sequence

from kws_live.audio import SILENCE
from kws_live.enrolment.takes import Take, fault, same_recording
from kws_live.enrolment.teaching import Teacher, least_alike
from kws_live.model import Model


class Judge:
    """Finds faults in takes.

    Parameters
    ----------
    teacher : of the model
    model : the model that it teaches
    """

    def __init__(self, teacher: Teacher, model: Model) -> None:
        self._teacher, self._model = teacher, model

    def fault(self, take: Take, good: Sequence[Take]) -> str | None:
        """Return what is wrong with a take, given the good ones before it; None if nothing is."""
        if reason := fault(take):
            return reason
        if other := same_recording(take, good):
            return f"the same recording as {other.name}; say the word again, a little differently each time"
        features = take.features(self._model)
        if self._teacher.heard(features) == SILENCE:
            return "noise or music, not a voice; record the word alone, in a quieter room"
        if good:
            likeness = self._teacher.likeness([*(one.features(self._model) for one in good), features])[-1]
            if likeness < least_alike(len(good)):
                return "unlike the takes before it; say the same word each time, and nothing else"
        return None

    def sort(self, takes: Sequence[Take]) -> tuple[list[Take], list[tuple[Take, str]]]:
        """Return the good takes, and the refused ones with the reason.

        Each take is compared with all others, not only with those before it.
        """
        good: list[Take] = []
        refused: list[tuple[Take, str]] = []
        for take in takes:
            same = same_recording(take, good)
            if reason := self.fault(take, [same] if same else []):
                refused.append((take, reason))
            else:
                good.append(take)
        while len(good) > 1:
            likeness = self._teacher.likeness([take.features(self._model) for take in good])
            # Rounded: two takes are exactly as like each other; of those the later one is refused.
            worst = min(reversed(range(len(good))), key=lambda i: round(float(likeness[i]), 6))
            if likeness[worst] >= least_alike(len(good) - 1):
                break
            refused.append((good.pop(worst), "unlike the other takes; is it the same word?"))
        return good, refused
