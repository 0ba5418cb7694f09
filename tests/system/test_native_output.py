import os
import threading

import pytest

from kws_live.system.native_output import quiet_stderr


def test_what_is_written_meanwhile_is_lost_and_what_comes_after_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr(), quiet_stderr():
        os.write(2, b"lost")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_two_threads_leave_the_output_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    first_is_in, second_is_asked = threading.Event(), threading.Event()

    def first() -> None:
        with quiet_stderr():
            first_is_in.set()
            second_is_asked.wait(1.0)

    def second() -> None:
        first_is_in.wait()
        with quiet_stderr():
            second_is_asked.set()
            threads[0].join(0.2)  # the first ends before the second, if it may

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
