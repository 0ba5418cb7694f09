"""A dialog: the program asks questions, listens for "yes" or "no", ignores its own voice, and asks again if necessary.

python scripts/examples/dialog.py       (questions are printed, and spoken if espeak-ng is installed)
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
    """Return True, False, or None if there was no answer."""
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
