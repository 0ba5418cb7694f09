"""Order and speed of the tests.

With several workers, files that import Keras go to one of them.

``--quick``: no test that is marked slow, for it takes over 0.3 s of a core or waits over 2 s, and none that needs more
than this process: it is skipped when it asks.
"""

import gc
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest

SLOW_TO_IMPORT = ("keras", "librosa", "matplotlib", "playwright", "tensorflow")
KERAS_TESTS = (
    "tests/training/test_trainer.py",
    "tests/training/test_architectures.py",
    "tests/training/test_export.py",
    "tests/training/test_fine_tuning.py",
    "tests/paper/test_experiment.py",
)
"""They import Keras in the worker that runs them, which takes six seconds of a core."""
LONGEST = (*KERAS_TESTS, "tests/guide/test_guide.py", "tests/panel/test_lesson.py")
STARTS = ("os.exec", "os.fork", "os.posix_spawn", "os.system", "subprocess.Popen")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="skip what imports a slow library, starts a program or is marked slow"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "slow: over 0.3 s of a core or 2 s of waiting; its file runs first, --quick skips it"
    )
    if config.getoption("--quick"):  # a test that is skipped half-way has no time to close its files
        config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
        config.addinivalue_line("filterwarnings", "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip("not quick: marked slow"))
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    longest = {config.rootpath / name for name in LONGEST}
    # Or a worker would end with them while the others have no work.
    items.sort(key=lambda item: (item.path not in longest, item.path not in slow))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return min(4, (os.cpu_count() or 1) + 2)  # tests wait, too; with TensorFlow each worker takes a gigabyte


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class OneWorkerForKeras(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "keras" if file in KERAS_TESTS else file

    return OneWorkerForKeras(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    if session.config.getoption("--quick"):
        sys.meta_path.insert(0, SlowImports())
        sys.addaudithook(refuse_programs)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--quick"):  # what is left is collected after the filters have gone
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


class SlowImports:
    """A finder that skips the test, or the module of tests, that imports something slow."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        # multiprocessing raises no audit event; the module that starts its children is imported when they are.
        if name in SLOW_TO_IMPORT or name.startswith("multiprocessing.popen_"):
            pytest.skip(f"not quick: imports {name}", allow_module_level=True)
        return None


def refuse_programs(event: str, arguments: tuple[object, ...]) -> None:
    """Skip the test that is about to start a program; what the package starts on its threads is short."""
    if event in STARTS and threading.current_thread() is threading.main_thread():
        pytest.skip("not quick: starts a program", allow_module_level=True)
