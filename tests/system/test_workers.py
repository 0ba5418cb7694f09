import os
import signal
import subprocess
import sys
from pathlib import Path

from kws_live.system.workers import WorkerPool

KILLED = """
import os, threading
from kws_live.system.workers import WorkerPool

if __name__ == "__main__":
    pool = WorkerPool(1)
    print(pool.submit(os.getpid).result(), flush=True)
    threading.Event().wait()
"""


def test_a_worker_is_set_up_once_and_does_what_it_is_given(tmp_path: Path) -> None:
    with WorkerPool(1, os.chdir, (tmp_path,)) as pool:
        assert pool.submit(os.getcwd).result() == str(tmp_path)
        assert pool.submit(os.getpid).result() != os.getpid()


def test_ctrl_c_does_not_end_a_worker() -> None:
    with WorkerPool(1) as pool:
        worker = pool.submit(os.getpid).result()
        pool.submit(signal.raise_signal, signal.SIGINT).result()
        assert pool.submit(os.getpid).result() == worker


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.kill()
        assert parent.stdout.read() == ""  # it ends when the last process that can write to it has ended
