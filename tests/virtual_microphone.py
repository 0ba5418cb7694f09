"""A microphone without a sound card: PulseAudio with a null sink, whose monitor is an input device for PortAudio.

Everything of a server (socket, state, cookie, log) lies in a folder of its own; nothing is read or written in the
user's home, and any user can run it, without dbus or a sound card. Debian: apt-get install pulseaudio
pulseaudio-utils libasound2-plugins libportaudio2.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

RATE_HZ = 48_000
SINK, SOURCE = "test_sink", "test_microphone"
LOUDSPEAKER = "loudspeaker"
NEEDED = ("pulseaudio", "pactl", "pacat", "paplay", "parec")


def what_is_missing() -> str | None:
    """Why there can be no virtual microphone here; None if there can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"no {', '.join(missing)}: apt-get install pulseaudio pulseaudio-utils" if missing else None


class VirtualMicrophone:
    """A private PulseAudio server with one microphone.

    Parameters
    ----------
    folder : an empty folder; its path must be short, because sockets' paths are
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: subprocess.Popen[bytes] | None = None
        self._murmur: subprocess.Popen[bytes] | None = None
        private = {
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder / "run",
            "PULSE_RUNTIME_PATH": folder / "run" / "pulse",
            "PULSE_STATE_PATH": folder / "state",
            "PULSE_COOKIE": folder / "cookie",
            "PULSE_SERVER": f"unix:{folder / 'socket'}",
        }
        self.environment: Mapping[str, str] = {**os.environ, **{name: str(value) for name, value in private.items()}}
        """For a program that is to hear it: libasound's default device is PulseAudio where one answers."""

    def start(self) -> None:
        """Start the server; returns when a recorder really hears something."""
        for name in ("run", "state"):
            (self._folder / name).mkdir(exist_ok=True, mode=0o700)
        (self._folder / "socket").unlink(missing_ok=True)
        script = self._folder / "script.pa"
        script.write_text(
            f"load-module module-native-protocol-unix socket={self._folder / 'socket'} "
            f"auth-anonymous=1 auth-cookie-enabled=0\n"
            f"load-module {self._sink()}\nload-module {self._source()}\n"
            f"set-default-sink {SINK}\nset-default-source {SOURCE}\n"
        )
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    "pulseaudio", "-n", "-F", str(script), "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
                    "--disallow-exit=yes", "--high-priority=no", "--realtime=no",
                ],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        for _ in range(400):
            if SOURCE in self._pactl("list", "short", "sources", check=False):
                return self._begin_murmur()
            time.sleep(0.05)
        raise RuntimeError(f"no virtual microphone: {(self._folder / 'log').read_text()}")

    def add_loudspeaker(self, delay_ms: int = 60) -> None:
        """Put a loudspeaker beside the microphone, as this machine's own; it is heard so much later."""
        self._pactl("load-module", "module-null-sink", f"sink_name={LOUDSPEAKER}", f"rate={RATE_HZ}", "channels=1")
        air = (f"source={LOUDSPEAKER}.monitor", f"sink={SINK}", f"latency_msec={delay_ms}")
        self._pactl("load-module", "module-loopback", *air)
        self._pactl("set-default-sink", LOUDSPEAKER)

    def play(self, file: Path, sink: str = SINK) -> None:
        """Play a sound file into the microphone, or at the loudspeaker, in real time; returns when it is over."""
        # With less latency the player runs dry on a busy machine, and silence is put in between.
        subprocess.run(["paplay", f"--device={sink}", "--latency-msec=200", file], env=self.environment, check=True)

    def unplug(self) -> None:
        """Take the microphone away; the server stays."""
        self._end_murmur()
        self._pactl("unload-module", "module-remap-source")
        self._pactl("unload-module", "module-null-sink")

    def replug(self) -> None:
        """Bring it back."""
        self._pactl("load-module", *self._sink().split())
        self._pactl("load-module", *self._source().split())
        self._pactl("set-default-sink", SINK)
        self._pactl("set-default-source", SOURCE)
        self._begin_murmur()

    def pause(self) -> None:
        """Freeze the server: nothing comes any more."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on: what was missed comes in one burst."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def crash(self) -> None:
        """Kill the server."""
        self._end_murmur()
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def stop(self) -> None:
        """End everything; may be called twice."""
        self._end_murmur()
        if self._server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.resume()  # a frozen server hears nothing, not even that it shall end
        self._server.terminate()
        try:
            self._server.wait(5)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def _begin_murmur(self) -> None:
        """A null sink that nobody plays to works in blocks of up to two seconds; silence keeps it awake."""
        self._murmur = subprocess.Popen(
            [
                "pacat", f"--device={SINK}", "--latency-msec=10", "--raw", f"--rate={RATE_HZ}", "--channels=1",
                "--format=s16le", "/dev/zero",
            ],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        recorder = subprocess.Popen(
            ["parec", f"--device={SOURCE}", "--latency-msec=10", "--raw"],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert recorder.stdout is not None
        with recorder.stdout as heard:
            heard.read(9600)
        recorder.terminate()
        recorder.wait()

    def _end_murmur(self) -> None:
        if self._murmur is not None:
            self._murmur.terminate()
            self._murmur.wait()
            self._murmur = None

    def _pactl(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["pactl", *arguments], env=self.environment, check=check, capture_output=True, text=True, timeout=20
        )
        return done.stdout

    @staticmethod
    def _sink() -> str:
        return f"module-null-sink sink_name={SINK} rate={RATE_HZ} channels=1 format=s16le"

    @staticmethod
    def _source() -> str:
        return f"module-remap-source source_name={SOURCE} master={SINK}.monitor"
