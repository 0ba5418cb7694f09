"""Mutation test: apply hand-written faults to the code, one at a time, and check that the tests named for each fail.

A fault that no test detects is printed, and the exit code is 1. The faults are applied to a copy. A fault whose text is
no longer in the code is an error too, so that the list follows the code.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parents[1]
SPOTTING: Final = "kws_live/spotting/"


@dataclass(frozen=True)
class Fault:
    """A fault, and the tests that detect it.

    Attributes
    ----------
    what : in words
    file, right, wrong : ``wrong`` replaces ``right``, which occurs once in the file
    tests : modules below tests/, or single tests in them
    """

    what: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


def fault(what: str, module: str, right: str, wrong: str, *tests: str) -> Fault:
    return Fault(what, f"{SPOTTING}{module}.py", right, wrong, tests)


DECISION: Final = "spotting/test_decision.py"
PAUSES: Final = "spotting/test_pauses.py"
JUDGEMENT: Final = "spotting/test_judgement.py"
ODDS: Final = "spotting/test_odds.py"
CHANCE: Final = "spotting/test_second_chance.py"
FAULTS: Final = {
    "decision": (
        fault(
            "a word beside other sound needs no more evidence",
            "judgement",
            "if refusal is None else settings.evidence_beside_sound",
            "if True else 0.0",
            JUDGEMENT,
        ),
        fault(
            "speech before takes nothing away",
            "judgement",
            "evidence.gathered + evidence.before",
            "evidence.gathered",
            JUDGEMENT,
        ),
        fault("one hop may be all the evidence", "odds", "min(settings.hop_evidence, over)", "over", ODDS),
        fault(
            "evidence only grows", "odds", "max(0.0, gathered.now + min", "max(gathered.now, gathered.now + min", ODDS
        ),
        fault("silence long ago is a pause", "odds", "[-n_hops:]", "", ODDS),
        fault("silence before a word speaks for it", "odds", "min(0.0, quietest)", "quietest", ODDS),
        fault("evidence is counted from even odds", "odds", " - log_odds(settings.thresholds[word])", "", ODDS),
        fault(
            "a repeat need not fill the window",
            "decision",
            " and age >= settings.repeat_seconds * SAMPLE_RATE_HZ",
            "",
            f"{DECISION}::test_a_sound_after_a_word_is_no_repeat_before_it_fills_the_window",
        ),
        fault(
            "a single loud frame counts as sound",
            "utterance",
            "above[1:-1] &= above[:-2] | above[2:]",
            "pass",
            "spotting/test_utterance.py",
        ),
        fault(
            "what a word waits for is given as the reason of its near miss",
            "near_misses",
            "if ruling.final and (first",
            "if (first",
            "spotting/test_near_misses.py",
        ),
        fault(
            "the last reason of a near miss is given, not the first",
            "near_misses",
            "first = peak.reason is Reason.BELOW and ",
            "first = ",
            "spotting/test_near_misses.py",
        ),
        fault(
            "a closed gate is no silence",
            "decision",
            "silence: float | None = 1.0",
            "silence: float | None = 0.0",
            f"{PAUSES}::test_loud_noise_right_before_a_word_is_a_pause_if_the_network_heard_nobody_in_it",
        ),
        fault(
            "a word that is masked while it waits keeps its claim",
            "decision",
            " if settings.listens_to(word)}",
            "}",
            f"{PAUSES}::test_a_word_masked_while_it_waits_for_its_pause_does_not_fire",
        ),
        fault(
            "a gap does not end the wait",
            "decision",
            "        self._odds.reset()\n        self._candidate = None\n",
            "",
            f"{PAUSES}::test_after_a_gap_a_word_that_waited_for_its_pause_is_forgotten",
        ),
        fault(
            "a replay goes on over a gap",
            "replay",
            "            decider.reset()\n",
            "            pass\n",
            "spotting/test_replay.py::test_a_gap_cuts_a_word_off_in_a_replay_as_it_did_live",
        ),
        fault("a word that was decided fires again", "judgement", "if claim.held:", "if False:", JUDGEMENT, DECISION),
        fault("an utterance fires twice", "judgement", "if claim.spent:", "if False:", JUDGEMENT),
        fault(
            "the threshold itself is below it", "judgement", "claim.score < claim", "claim.score <= claim", JUDGEMENT
        ),
        fault(
            "a refused word waits for ever", "judgement", "final = not may_change or ", "final = False and ", JUDGEMENT
        ),
        fault(
            "the longest score wins, not the highest",
            "decision",
            "candidate.best[word][0])",
            "candidate.best[word][1])",
            DECISION,
        ),
        fault("the refractory time is not asked for", "judgement", "claim.own_seconds < ", "0 > ", JUDGEMENT),
        fault("the spacing is not asked for", "judgement", "claim.any_seconds < ", "0 > ", JUDGEMENT),
        fault("a near miss gives no second chance", "second_chance", "isinstance(event, NearMiss)", "False", CHANCE),
        fault("a second chance never ends", "second_chance", "at >= first", "True", CHANCE),
        fault("a word that waits loses its second chance", "second_chance", " or word in waiting", "", CHANCE),
        fault("every word has a second chance", "second_chance", "in words}", "in settings.thresholds}", CHANCE),
        fault(
            "a second chance outlasts the word that used it",
            "second_chance",
            "self._missed.pop(event.keyword, None)",
            "pass",
            CHANCE,
        ),
        fault(
            "what the machine played has a second chance",
            "second_chance",
            " and event.reason != Reason.OWN_PLAYBACK.value",
            "",
            CHANCE,
        ),
        fault("a second chance outlasts a gap", "second_chance", "self._missed.clear()", "pass", CHANCE),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=sorted(FAULTS), help="part of the code")
    given = parser.parse_args(arguments)
    faults = FAULTS[given.part]
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for folder in ("kws_live", "scripts", "tests"):
            shutil.copytree(HERE / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for path in ("pyproject.toml", "README.md"):
            shutil.copyfile(HERE / path, copy / path)
        (copy / "models").symlink_to(HERE / "models", target_is_directory=True)
        if not passes(copy, sorted({test for one in faults for test in one.tests})):
            print("scripts/mutate: the tests fail without a fault; fix them first", file=sys.stderr)
            return 2
        unnoticed = [one for one in faults if survives(copy, one)]
    for one in unnoticed:
        print(f"{one.file}: no test detects: {one.what}")
    print(f"{len(faults) - len(unnoticed)} of {len(faults)} faults were detected")
    return 1 if unnoticed else 0


def survives(copy: Path, one: Fault) -> bool:
    """Whether the tests pass with the fault applied."""
    path = copy / one.file
    right = path.read_text(encoding="utf-8")
    if right.count(one.right) != 1:
        raise SystemExit(f"scripts/mutate: {one.file} holds {one.right!r} {right.count(one.right)} times, not once")
    path.write_text(right.replace(one.right, one.wrong), encoding="utf-8")
    try:
        return passes(copy, one.tests)
    finally:
        path.write_text(right, encoding="utf-8")


def passes(copy: Path, tests: Sequence[str]) -> bool:
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header"]
    run = subprocess.run(
        [*command, *(f"tests/{test}" for test in tests)],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        check=False,
    )
    if run.returncode not in (0, 1):  # 1: a test failed; anything else: they did not run
        raise SystemExit(f"scripts/mutate: pytest did not run: {run.stdout.decode()[-2000:]}{run.stderr.decode()}")
    return run.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
