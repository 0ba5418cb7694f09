"""A public peer, local-wake 0.1.2, on the same takes, clips and streams, for scripts/prove_teaching."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from teaching_scores import Trial
from teaching_streams import Stream

from kws_live.audio import SPEECH_RATE_HZ
from kws_live.evaluation.intervals import Share
from kws_live.evaluation.report import Table


def peer_table(python: str, trials: Sequence[Trial], talk: Sequence[Stream], spoken: dict[str, Stream]) -> Table:
    """Return the table of local-wake on the same takes and streams, at one false accept per hour."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        streams = {f"talk{i}.wav": stream for i, stream in enumerate(talk)}
        streams |= {f"{word}.wav": stream for word, stream in spoken.items()}
        for file, stream in streams.items():
            soundfile.write(folder / file, stream.samples, SPEECH_RATE_HZ, subtype="FLOAT")
        negative = [file for file in streams if file.startswith("talk")]
        job = [{"takes": trial.takes, "streams": [*negative, f"{trial.word}.wav"]} for trial in trials]
        (folder / "job.json").write_text(json.dumps({"streams": list(streams), "trials": job}), encoding="utf-8")
        helper = Path(__file__).with_name("peer_local_wake.py")
        subprocess.run([python, str(helper), str(folder)], check=True)
        found: dict[str, Share] = {}
        with np.load(folder / "distances.npz") as stored:
            for i, trial in enumerate(trials):
                hours = sum(stream.run.seconds for stream in talk) / 3600
                false = [(streams[file], stored[f"{i}/{file}"]) for file in negative]
                # The highest distance within the budget.
                threshold = 0.0
                for higher in np.linspace(0.0, 0.5, 1001):
                    heard = [(s, at) for s, distance in false for at in fired(distance, higher)]
                    if sum(not one.says(trial.word, at) for one, at in heard) > hours:
                        break
                    threshold = higher
                told = fired(stored[f"{i}/{trial.word}.wav"], threshold)
                hits = spoken[trial.word].hits(told, trial.strangers)
                found[trial.word] = found.get(trial.word, Share(0, 0)) + Share(*hits)
    rows = [(word, str(share)) for word, share in found.items()]
    mean = np.mean([share.value for share in found.values()])
    rows.append(("mean over words", f"{100 * mean:.1f} %"))
    head = (f"word, {trials[0].kind}", "hits at 1 false accept per hour")
    return Table("local-wake 0.1.2, same takes, clips and streams", head, tuple(rows))


def fired(distance: NDArray[np.float32], threshold: float) -> list[float]:
    """Return the seconds at which its loop would fire; it then empties its buffer of two seconds."""
    told, silent_until = [], 0.0
    for i in np.flatnonzero(distance < threshold):
        at = 0.25 * (int(i) + 1)
        if at >= silent_until:
            told.append(at)
            silent_until = at + 1.0
    return told
