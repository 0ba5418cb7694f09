"""A dialog: the program asks, and hears "yes" or "no"; it does not hear itself, and asks again when nobody answers.

python scripts/examples/dialog.py       (espeak-ng speaks, if it is installed; otherwise the questions are printed)
"""

import shutil
import subprocess

import kws_live

QUESTIONS = ("Shall I close the blinds?", "Shall I turn on the heating?", "Shall I wake you at seven?")
N_TRIES = 2
PATIENCE_SECONDS = 5.0


def speak(text: str) -> None:
    print(text, flush=True)
    if program := shutil.which("espeak-ng"):
        subprocess.run([program, text], check=False)


def ask(spotter: kws_live.Spotter, question: str) -> bool | None:
    """True, False, or None where nobody answered."""
    for _ in range(N_TRIES):
        with spotter.muted():
            speak(question)
        answer = spotter.wait_for("yes", "no", timeout_seconds=PATIENCE_SECONDS)
        if answer is not None:
            return answer.keyword == "yes"
    return None


def main() -> dict[str, bool | None]:
    with kws_live.listen() as spotter, spotter.only("yes", "no"):
        answers = {question: ask(spotter, question) for question in QUESTIONS}
    for question, answer in answers.items():
        print(f"{question:<32} {'no answer' if answer is None else 'yes' if answer else 'no'}")
    return answers


if __name__ == "__main__":
    main()
