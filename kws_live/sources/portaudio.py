"""Calls into PortAudio, each with a time limit, and the list of microphones.

Every call into PortAudio, even closing, hangs for as long as the sound server does. So all of them run on one
thread of their own (Windows requires that it is always the same), and callers wait for a limited time only.
"""

import atexit
import difflib
import gc
import os
import queue
import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import ModuleType
from typing import Any, Final, TypeVar

from kws_live.errors import SourceUnavailableError
from kws_live.system.native_output import silence_c_stderr

NEXT_STEP: Final = "list microphones with: kws-live devices; try without one: kws-live listen --source demo:"

ANSWER_SECONDS: Final = 5.0
"""Longest wait for a device to open; a Bluetooth headset takes two."""

CLOSE_SECONDS: Final = 0.25
"""Longest wait for a device to close: the program must end soon even if the sound server hangs."""

Answer = TypeVar("Answer")
_Task = tuple["Future[Any]", Callable[[], Any]]
_tasks: "queue.SimpleQueue[_Task]" = queue.SimpleQueue()
_lock = threading.Lock()
_thread: threading.Thread | None = None
_module: ModuleType | None = None
_is_fresh = True
_is_forked = False


def ask(call: Callable[[], Answer], seconds: float, too_late: Callable[[Answer], object] | None = None) -> Answer:
    """Run a call on PortAudio's thread and wait for its answer.

    Parameters
    ----------
    call : what to run
    seconds : how long to wait; after that the call is still made, sooner or later
    too_late : called with an answer that came too late; if given, a call that has not begun in time is cancelled

    Raises
    ------
    SourceUnavailableError
        If no answer came in time. What ``call`` raises is raised here.
    """
    global _thread
    if _is_forked:
        raise SourceUnavailableError(
            "microphones cannot be used in a forked process whose parent has used them; start it another way, such as "
            'multiprocessing.get_context("spawn")'
        )
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_serve, args=(_tasks,), name="PortAudio calls", daemon=True)
            _thread.start()
    answer: Future[Answer] = Future()
    _tasks.put((answer, call))
    try:
        return answer.result(seconds)
    except TimeoutError:
        if too_late is not None and not answer.cancel():
            answer.add_done_callback(lambda late: None if late.exception() else too_late(late.result()))
        raise SourceUnavailableError("the sound system does not respond; restart it, or the machine") from None


def _serve(tasks: "queue.SimpleQueue[_Task]") -> None:
    while True:
        answer, call = tasks.get()
        if answer.set_running_or_notify_cancel():
            try:
                answer.set_result(call())
            except BaseException as error:
                answer.set_exception(error)
        del answer, call  # so that nothing is kept alive while this thread waits


def load_sounddevice() -> ModuleType:
    """Import sounddevice; without PortAudio a SourceUnavailableError says how to get it."""
    try:
        return ask(_load, ANSWER_SECONDS)
    except OSError as error:
        how = {
            "linux": "install it with: sudo apt-get install libportaudio2",
            "darwin": "reinstall with: pip install --force-reinstall sounddevice",
        }.get(sys.platform, "reinstall with: pip install --force-reinstall sounddevice")
        raise SourceUnavailableError(f"the PortAudio library is missing ({error}); {how}", "no_portaudio") from error


def _load() -> ModuleType:
    global _module
    if _module is None:
        silence_c_stderr()
        import sounddevice

        # Its own exit handler waits for the sound server without a limit.
        atexit.unregister(sounddevice._exit_handler)
        atexit.register(_leave)
        _module = sounddevice
    return _module


def _leave() -> None:
    try:
        ask(lambda: _module and _module._lib.Pa_Terminate(), CLOSE_SECONDS)
    except SourceUnavailableError:
        return


def list_microphones() -> list[dict[str, Any]]:
    """Input devices as PortAudio knows them: ``index``, ``name``, ``default_samplerate``, ``max_input_channels``.

    PortAudio reads the list only when it starts, so it is restarted, unless a stream is open in this process: that
    stream would end, even one that the program itself has opened through sounddevice.
    """
    load_sounddevice()
    return ask(listed, ANSWER_SECONDS)


def listed() -> list[dict[str, Any]]:
    """`list_microphones`, on PortAudio's own thread."""
    global _is_fresh
    assert _module is not None
    if not _is_fresh and not _is_in_use(_module):
        # Not through sounddevice's functions: they redirect the stderr of the whole process in the meantime.
        _module._check(_module._lib.Pa_Terminate())
        _module._check(_module._lib.Pa_Initialize())
    _is_fresh = False
    return [dict(device) for device in _module.query_devices() if device["max_input_channels"] > 0]


def _is_in_use(module: ModuleType) -> bool:
    """Whether any stream of sounddevice is open in this process.

    Each has a Python object from before it opens until after it closes, which the garbage collector lists.
    """
    if not _open_streams(module):
        return False
    gc.collect()  # one that failed to open may be kept by its traceback
    return bool(_open_streams(module))


def _open_streams(module: ModuleType) -> list[Any]:
    kinds = [module._StreamBase]
    for kind in kinds:
        kinds += kind.__subclasses__()
    # Not gc.get_objects(): LiteRT refuses to run a network to which there is another reference.
    holders = gc.get_referrers(*kinds)
    # By type: a dead weak proxy raises when its class is read.
    streams: list[Any] = [one for one in holders if issubclass(type(one), module._StreamBase)]
    return [one for one in streams if not hasattr(one, "_ptr") or not one.closed]


def _forget() -> None:
    """After a fork: the thread belongs to the parent, and a sound system in use too; libpulse refuses a child."""
    global _tasks, _lock, _thread, _is_forked
    _tasks, _lock, _thread, _is_forked = queue.SimpleQueue(), threading.Lock(), None, _module is not None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def default_microphone() -> int | None:
    """Index of the default input device, or None."""
    sounddevice = load_sounddevice()
    index = ask(lambda: sounddevice.default.device[0], ANSWER_SECONDS)
    return int(index) if index is not None and index >= 0 else None


def plain_name(name: str) -> str:
    """A device's name without ALSA's card number, which may change when it is plugged in again."""
    return re.sub(r"\s*\(hw:\d+,\d+\)$", "", name).casefold()


def choose_microphone(wanted: str, devices: list[dict[str, Any]], default: int | None) -> dict[str, Any]:
    """Find a device: "" is the default one, digits are an index, anything else its name or a part of it.

    Raises
    ------
    SourceUnavailableError
        If there is none; similar names are listed.
    """
    if not devices:
        raise SourceUnavailableError(f"no microphone found; {NEXT_STEP}", "no_device")
    if not wanted:
        return next((device for device in devices if device["index"] == default), devices[0])
    if wanted.isascii() and wanted.isdigit():
        if found := [device for device in devices if device["index"] == int(wanted)]:
            return found[0]
        numbers = ", ".join(str(device["index"]) for device in devices)
        raise SourceUnavailableError(f"no microphone number {wanted}; there are: {numbers}; {NEXT_STEP}", "no_device")
    for same in (
        lambda name: name == wanted,
        lambda name: plain_name(name) == plain_name(wanted),
        lambda name: plain_name(wanted) in plain_name(name),
    ):
        if found := [device for device in devices if same(device["name"])]:
            return found[0]
    names = [device["name"] for device in devices]
    near = difflib.get_close_matches(wanted, names, cutoff=0.3) or names
    raise SourceUnavailableError(
        f"no microphone {wanted!r}; near: {', '.join(map(repr, near))}; {NEXT_STEP}", "no_device"
    )
