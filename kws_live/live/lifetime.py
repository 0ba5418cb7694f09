"""Start and end of a spotter: once, in one process, and safe against interrupts."""

import atexit
import os
import threading
from collections.abc import Sequence

from kws_live.errors import SessionError
from kws_live.live.audience import Audience
from kws_live.live.capture import POLL_SECONDS
from kws_live.live.companion import Companion
from kws_live.live.session import Session
from kws_live.model import Model
from kws_live.system.interrupts import Latch, shielded


class Lifetime:
    """Starts and stops a session, the receivers of its events, and its companions.

    KeyboardInterrupt may come at any step of a method: what was begun can still be stopped.

    Attributes
    ----------
    over : set when no more events will come
    """

    def __init__(self, session: Session, audience: Audience, beside: Sequence[Companion] = ()) -> None:
        self.over = Latch()
        self._session = session
        self._audience = audience
        self._beside = beside
        for companion in beside:
            companion.meet(session, audience)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._process = os.getpid()

    def start(self) -> None:
        """Start, if not yet started.

        Raises
        ------
        SessionError
            If it was stopped before.
        """
        self.require_own_process()
        if self._stopped:
            raise SessionError("this spotter was stopped, and runs only once; create a new one with kws_live.listen()")
        shielded(self.go_on)

    def go_on(self) -> None:
        """Start, if not yet started; does nothing if it was stopped."""
        with self._lock:
            if self._thread is not None or self._stopped:
                return
            self._thread = threading.Thread(target=self._run, name="kws-live settings", daemon=True)
            atexit.register(self.stop)  # or threads would still run while the interpreter shuts down
            for companion in self._beside:
                companion.start()
            self._session.start()
            self._thread.start()

    def stop(self) -> None:
        """Stop and release everything; can be called repeatedly and from a callback."""
        if os.getpid() != self._process:
            return  # the resources belong to the other process
        if self.in_callback():
            self._stop()
        else:
            shielded(self._stop)

    def _stop(self) -> None:
        with self._lock:  # not between the starts of the threads
            self._stopped = True
        atexit.unregister(self.stop)
        self._audience.let_go()
        self._audience.hurry()
        self._session.stop()
        if self._thread is None or not self._thread.is_alive():
            self._end()
        elif not self.in_callback():
            self._thread.join()

    def _run(self) -> None:
        """Call the companions regularly, and end everything when the session has ended."""
        try:
            while self._session.running:
                for companion in self._beside:
                    companion.look()
                self._session.ended.wait(POLL_SECONDS if self._beside else None)
        finally:
            self._end()

    def change_model(self, model: Model) -> None:
        """Notify the companions of another model."""
        for companion in self._beside:
            companion.change_model(model)

    def _end(self) -> None:
        self.over.set()
        for companion in self._beside:
            companion.stop()
        self._audience.close()

    def in_callback(self, coroutines: bool = True) -> bool:
        """Whether `stop` would wait for the caller; a coroutine counts, although it lets others run."""
        own = threading.current_thread() in (self._thread, *self._session.threads)
        return own or self._audience.runs_here(coroutines)

    def refuse_in_callback(self, name: str, coroutines: bool = True) -> None:
        """Raise a SessionError if a call would wait for itself, or for threads of another process."""
        self.require_own_process()
        if self.in_callback(coroutines):
            raise SessionError(f"{name} cannot be called from a callback; call it from the main program")

    def require_own_process(self) -> None:
        """Raise a SessionError in a process forked from the one that listens."""
        if os.getpid() != self._process:
            raise SessionError(
                "this spotter belongs to the process that this one was forked from; "
                "make one with kws_live.listen() after the fork"
            )
