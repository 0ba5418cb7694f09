"""What ``--quick`` leaves out, shown on tests written for it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = """
import multiprocessing, pytest, subprocess, sys

def test_alone():
    pass

def test_of_a_program():
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)

def test_of_a_child():
    child = multiprocessing.get_context("spawn").Process(target=print)
    child.start()
    child.join()

def test_of_tensorflow():
    import tensorflow

@pytest.mark.slow
def test_that_computes():
    pass
"""


def outcome(folder: Path, *options: str) -> list[str]:
    """The last words of a run of the tests in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.quick", "-p", "no:cacheprovider", *options, folder],
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # it takes longer than the tests
        },
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.splitlines()[-1].strip("= ").partition(" in ")[0].split(", ")


def test_what_asks_for_more_than_this_process_is_skipped_by_quick_and_else_runs(tmp_path: Path) -> None:
    for name in ("keras", "tensorflow"):  # in place of the real ones, which take seconds
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "test_asking.py").write_text(TESTS)
    (tmp_path / "test_training.py").write_text("import keras\n" + TESTS)
    assert outcome(tmp_path) == ["10 passed"]
    assert outcome(tmp_path, "--quick") == ["1 passed", "5 skipped"]
