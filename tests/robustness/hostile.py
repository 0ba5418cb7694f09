"""Bad input by the thousand, for the tests and for ``scripts/fuzz``: each target makes some from a seed and tries it.

A target returns what became of it, in a word, and raises nothing: whatever it raises is a fault of the package, which
may refuse input with a `KwsLiveError` alone.
"""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import tempfile
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ
from kws_live.errors import KwsLiveError
from kws_live.live.live_settings import LiveSettings
from kws_live.model import load_model
from kws_live.model.card import LITERT_NAME
from kws_live.model.folders import CARD_NAME, shipped_models_folder
from kws_live.sources.pcm_stream import PcmStream
from kws_live.sources.sound_file import SoundFile
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import Pipeline
from kws_live.spotting.speech_gate import WebrtcGate
from kws_live.spotting.verdict import Heard
from kws_live.stream.intake import Intake, pieces
from kws_live.stream.ring_buffer import RingBuffer

MOST_SAMPLES = 60 * 48_000
"""A damaged header may promise hours; a minute of them is enough to try."""

FORMATS = (
    ("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("wav", "ULAW"), ("wav", "IMA_ADPCM"), ("wavex", "PCM_16"),
    ("flac", "PCM_16"), ("ogg", "VORBIS"), ("ogg", "OPUS"), ("mp3", "MPEG_LAYER_III"), ("aiff", "PCM_16"),
    ("au", "PCM_16"), ("w64", "PCM_16"), ("rf64", "PCM_16"), ("caf", "PCM_16"),
)  # fmt: skip


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Damage bytes: flip, overwrite with telling numbers, cut, repeat, insert; the head more often than the rest."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not damaged:
            break
        head = chance.random() < 0.6
        at = chance.randrange(min(len(damaged), 128) if head else len(damaged))
        kind = chance.randrange(6)
        if kind == 0:
            damaged[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            number = chance.choice((0, 1, 0x7F, 0x7FFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content) * 2))
            damaged[at : at + 4] = number.to_bytes(4, chance.choice(("little", "big")))
        elif kind == 2:
            del damaged[at:]
        elif kind == 3:
            damaged[at:at] = damaged[at : at + chance.randrange(1, 64)]
        elif kind == 4:
            damaged[at:at] = chance.randbytes(chance.randrange(1, 16))
        else:
            del damaged[at : at + chance.randrange(1, 64)]
    return bytes(damaged)


def try_sound_file(seed: int) -> str:
    """A damaged sound file of one of fifteen kinds, read to its end."""
    chance = random.Random(seed)
    container, coding = chance.choice(FORMATS)
    audio = np.random.default_rng(seed).normal(0, 0.1, (chance.choice((0, 1, 100, 8000)), chance.choice((1, 2))))
    if coding == "FLOAT" and audio.size:
        audio[chance.randrange(len(audio))] = chance.choice((np.nan, np.inf, -np.inf, 1e30))
    packed = io.BytesIO()
    rate_hz = 48_000 if coding == "OPUS" else chance.choice((8000, 16_000, 44_100))
    soundfile.write(packed, audio, rate_hz, coding, format=container)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"damaged.{container}"
        path.write_bytes(mutate(packed.getvalue(), chance) if chance.random() < 0.95 else packed.getvalue())
        try:
            return _listen_to(SoundFile(path, paced=False))
        except KwsLiveError as error:
            return _one_line(error)


def _listen_to(source: Any) -> str:
    """Take a source's blocks as a session does; what the ring buffer holds must be numbers."""
    with contextlib.closing(source):
        ring = RingBuffer(SAMPLE_RATE_HZ)
        intake = Intake(ring, source.rate_hz)
        n_samples = 0
        while (block := source.read(1.0)) is not None and n_samples < MOST_SAMPLES:
            n_samples += block.shape[0]
            for piece in pieces(block, source.rate_hz):
                intake.feed(piece)
        intake.finish()
        kept = ring.read_on(ring.position - SAMPLE_RATE_HZ, SAMPLE_RATE_HZ)[1]
        assert np.isfinite(kept).all()
        return "read"


def _one_line(error: KwsLiveError) -> str:
    assert "\n" not in str(error), str(error)
    assert len(str(error)) > 10
    return "refused"


def try_settings(seed: int) -> str:
    """A damaged or made-up settings file; every tenth is whole."""
    chance = random.Random(seed)
    live = LiveSettings(DecisionSettings(thresholds={"yes": 0.5, "no": 0.5}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings.toml"
        live.save(path)
        good = path.read_bytes()
        fate = chance.random()
        if 0.1 <= fate < 0.5:
            path.write_bytes(mutate(good, chance))
        elif fate >= 0.5:
            names = [*tomllib.loads(good.decode()), "thresholds.yes", "thresholds", "strange", '"\\u0000"']
            values = (
                "nan", "inf", "-1", "0", "1e999", "9" * 400, "true", '""', '"off"', "[]", "{}", "[[[[]]]]",
                "1979-05-27", "0x7fffffffffffffff", '["yes"]',
            )  # fmt: skip
            lines = [f"{chance.choice(names)} = {chance.choice(values)}" for _ in range(chance.randrange(1, 4))]
            path.write_text("\n".join(lines), encoding="utf-8")
        before = live.snapshot()
        try:
            live.load(path)
        except KwsLiveError as error:
            assert live.snapshot() is before
            return _one_line(error)
        assert all(0 < value <= 1 for value in live.snapshot().thresholds.values())
        return "read"


def copy_model(folder: Path) -> Path:
    """The files a model needs to run, from the first shipped one."""
    shipped = min(path.parent for path in shipped_models_folder().glob(f"*/{CARD_NAME}"))
    card = json.loads((shipped / CARD_NAME).read_text(encoding="utf-8"))
    needed = ("mel_filters.npy", LITERT_NAME)
    card["files"] = {name: card["files"][name] for name in needed}
    target = folder / "model"
    target.mkdir()
    for name in needed:
        shutil.copy(shipped / name, target / name)
    (target / CARD_NAME).write_text(json.dumps(card), encoding="utf-8")
    return target


def try_model(seed: int) -> str:
    """A model folder with one file damaged, or a card that says something else; no hash is put right."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as outer:
        folder = copy_model(Path(outer))
        name = chance.choice((CARD_NAME, CARD_NAME, LITERT_NAME, "mel_filters.npy"))
        path = folder / name
        content = path.read_bytes()
        if name == CARD_NAME and chance.random() < 0.7:
            damaged = json.dumps(_change_card(json.loads(content), chance)).encode()
        else:
            damaged = mutate(content, chance)
        path.write_bytes(damaged)
        try:
            model = load_model(folder)
            score = model.stream_scorer(HOP_SECONDS)
            window = np.zeros(model.card.features.sample_rate_hz, np.float32)
            posteriors = model.posteriors(score, window)
        except KwsLiveError as error:
            return _one_line(error)
        assert name == CARD_NAME or damaged == content
        assert posteriors.shape == (len(model.card.labels),)
        return "read"


def _change_card(card: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    values: tuple[Any, ...] = (
        None,
        "",
        "x" * 10_000,
        -1,
        0,
        1,
        10**9,
        10**400,
        0.5,
        float("nan"),
        [],
        {},
        [[]],
        True,
        ["yes", "yes"],
    )
    tricks = ("../model.tflite", "/etc/passwd", "..", ".", "", "a/b", "nul\0", "~", "C:\\model.tflite")
    where: Any = chance.choice((card, card, card["features"], card["features"], card["thresholds"], card["files"]))
    if where is card["files"] and chance.random() < 0.7:
        where[chance.choice(tricks)] = hashlib.sha256(b"").hexdigest()
    elif chance.random() < 0.2:
        where.pop(chance.choice(sorted(where)))
    else:
        where[chance.choice([*sorted(where), "strange"])] = chance.choice(values)
    return card


def try_pcm(seed: int) -> str:
    """Any bytes in pieces of any length, through a pipe and the whole pipeline: all of it is audio."""
    chance = random.Random(seed)
    rate_hz, n_channels = chance.choice((4000, 8000, 16_000, 44_100, 384_000)), chance.choice((1, 2, 7, 64))
    reading, writing = os.pipe()
    written = [chance.randbytes(chance.choice((0, 1, 3, 1000, 9000))) for _ in range(chance.randrange(30))]

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for part in written:
                pipe.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    n_samples = sum(map(len, written)) // (2 * n_channels)
    try:
        source = PcmStream(reading, rate_hz, n_channels)
        ring = RingBuffer(10 * SAMPLE_RATE_HZ)
        intake = Intake(ring, rate_hz)
        pipeline = Pipeline(
            score=lambda stream, follows: Heard(np.full(2, 0.5, np.float32)),
            window_rate_hz=SAMPLE_RATE_HZ,
            labels=("yes", "_silence_"),
            keywords=("yes",),
            make_gate=lambda mode: WebrtcGate(3),
            settings=lambda: DecisionSettings(thresholds={"yes": 0.4}),
        )
        while (block := source.read(1.0)) is not None:
            for piece in pieces(block, rate_hz):
                intake.feed(piece)
                for step in pipeline.steps(ring):
                    json.dumps([event.to_dict() for event in step.events])
        intake.finish()
        for _ in pipeline.steps(ring):
            pass
        assert abs(ring.position - SAMPLE_RATE_HZ - n_samples * SAMPLE_RATE_HZ / rate_hz) <= 1
    except KwsLiveError as error:
        assert n_samples == 0
        return _one_line(error)
    finally:
        writer.join()
        os.close(reading)
    return "read"


TARGETS: dict[str, Callable[[int], str]] = {
    "sound files": try_sound_file,
    "settings": try_settings,
    "model folders": try_model,
    "PCM": try_pcm,
}


def try_hostile_network(seed: int) -> str:
    """A network damaged on purpose, its hash put right: LiteRT itself is on trial, so no test tries it."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as outer:
        folder = copy_model(Path(outer))
        damaged = mutate((folder / LITERT_NAME).read_bytes(), chance)
        (folder / LITERT_NAME).write_bytes(damaged)
        card = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
        card["files"][LITERT_NAME] = hashlib.sha256(damaged).hexdigest()
        (folder / CARD_NAME).write_text(json.dumps(card), encoding="utf-8")
        try:
            model = load_model(folder)
            model.posteriors(model.stream_scorer(HOP_SECONDS), np.zeros(model.card.features.sample_rate_hz, np.float32))
        except KwsLiveError as error:
            return _one_line(error)
        return "read"
