"""Check the microphone and the machine, and report how to fix problems.

  kws-live doctor                            the default microphone; say a few words while it listens
  kws-live doctor --source mic:USB --seconds 20
  kws-live doctor --json                     for scripts

kws-live listen makes the same checks while it runs. No audio is kept unless --save is given.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import soundfile

from kws_live.audio import Block
from kws_live.cli.output_files import require_place
from kws_live.cli.signals import signals
from kws_live.doctor import LISTEN_SECONDS, Report, examine
from kws_live.errors import ConfigError
from kws_live.model import DEFAULT_MODEL
from kws_live.sources.sound_file import why_not_written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("exit codes", "0 no problem found; 1 a problem; 2 wrong usage")
    parser.add_argument(
        "--source", "-s", default="mic:", help="as for kws-live listen (default: the default microphone)"
    )
    parser.add_argument(
        "--seconds", type=float, default=LISTEN_SECONDS, help="how long to listen (default: %(default)g)"
    )
    parser.add_argument(
        "--model",
        "-m",
        default=DEFAULT_MODEL,
        help="the model whose speed is measured (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print only a JSON object")
    parser.add_argument("--save", metavar="FILE", help="save the recording as a wav or flac file")


def run(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.seconds <= 3600:
        raise ConfigError(f"--seconds {arguments.seconds:g} must be 1 to 3600")
    if arguments.save is not None:
        require_place(Path(arguments.save))
    with signals.interrupting(), ExitStack() as cleanup:  # the saved file must be closed properly
        report = examine(
            arguments.source,
            arguments.seconds,
            arguments.model,
            None if arguments.json else lambda heard: _count_down(arguments.seconds - heard),
            None if arguments.save is None else _recorder(arguments.save, cleanup),
        )
    if arguments.json:
        print(json.dumps(as_dict(report), ensure_ascii=False))
    else:
        print("\n".join(as_lines(report)))
    return 0 if report.fit else 1


def _count_down(seconds_left: float) -> None:
    if sys.stderr.isatty():
        text = f"listening: say a few words ... {seconds_left:3.0f} s" if seconds_left > 0 else ""
        print(f"\r{text:<40}\r", end="", file=sys.stderr, flush=True)


def _recorder(path: str, cleanup: ExitStack) -> Callable[[Block, int], None]:
    files: list[soundfile.SoundFile] = []

    def keep(block: Block, rate_hz: int) -> None:
        try:
            if not files:
                files.append(cleanup.enter_context(soundfile.SoundFile(path, "w", rate_hz, block.shape[1])))
            files[0].write(block)
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise ConfigError(f"cannot write {path!r}: {why_not_written(error)}; name a wav or flac file") from error

    return keep


def as_dict(report: Report) -> dict[str, object]:
    """Return the report as plain values."""
    return {
        "fit": report.fit,
        "source": report.source,
        "rate_hz": report.rate_hz,
        "speed": round(report.speed, 1),
        "findings": [
            {
                "finding": finding.name,
                "summary": finding.summary,
                "certainty": finding.certainty,
                "advice": finding.advice,
            }
            for finding in report.findings
        ],
        "measurement": report.measurement
        and {
            name: round(value, 1) if isinstance(value, float) else value
            for name, value in {**asdict(report.measurement), "snr_db": report.measurement.snr_db}.items()
        },
    }


def as_lines(report: Report) -> list[str]:
    """Return the report as lines of text."""
    lines = [f"machine      {report.speed:.0f} times faster than real time"]
    if report.rate_hz:
        lines.insert(0, f"microphone   {report.source}, {report.rate_hz:,} Hz")
    heard = report.measurement
    if heard is not None and heard.seconds:
        lines.append(
            f"level        {heard.seconds} s: room {heard.floor_db:.0f} dB, loudest moments {heard.speech_db:.0f} dB "
            f"({heard.snr_db:.0f} dB above the room), peak {heard.peak_db:.0f} dB"
        )
        if heard.rate_hz is not None:
            lines.append(f"rate         {heard.rate_hz:,.0f} samples per second by the system clock")
    for finding in report.findings:
        lines.append(f"{finding.certainty:<12} {finding.name}: {finding.summary}")
        lines.append(f"             remedy: {finding.advice}")
    if not report.findings:
        lines.append("nothing wrong; listen with: kws-live listen")
    return lines
