"""The sink that runs the actions of a bindings file; for its format see `kws_live.sinks.binding_file`."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from kws_live.actions import Action, plain, printable
from kws_live.actions.command import Command
from kws_live.actions.http_request import HttpRequest
from kws_live.actions.key_press import KeyPress
from kws_live.actions.mqtt_message import MqttConnection, MqttMessage, split_mqtt
from kws_live.actions.outbox import Outbox
from kws_live.actions.pipe import Pipe
from kws_live.actions.sound import Sound
from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.events import COMMAND_SECONDS, Detection, Event
from kws_live.sinks.binding_file import Binding, read_bindings
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.file_watch import FileWatch
from kws_live.system.text_file import user_path

log = logging.getLogger(__name__)

PARALLEL_WORKERS: Final = 4


class Bindings:
    """Runs the actions of a bindings file, and reloads the file when it has changed.

    An action that cannot start within 10 s of its word is skipped.

    The file is checked at each event. If it has become invalid, that is logged once and the previous bindings stay in
    force.

    Parameters
    ----------
    path : the bindings file; must be valid at the start
    keywords : words of the model; empty: any word is allowed
    dry_run : only report the actions
    report : called with one line before each action

    Raises
    ------
    ConfigError
        If the file is invalid; the message names the line.
    """

    oldest_seconds = COMMAND_SECONDS

    def __init__(
        self,
        path: str | Path,
        keywords: Sequence[str] = (),
        dry_run: bool = False,
        report: Callable[[str], object] = log.info,
    ) -> None:
        self.name = f"bindings:{plain(str(path))}"
        self.path = user_path(path)
        self._keywords = tuple(keywords)
        self._dry_run = dry_run
        self._report = report
        self._ring: RingBuffer | None = None
        self._before: Detection | None = None
        self._brokers: dict[tuple[object, ...], MqttConnection] = {}
        self._retired: list[Action] = []
        self._bindings: list[Binding] = []
        self._actions: list[Action] = []
        outbox = partial(Outbox, self.name, oldest_seconds=COMMAND_SECONDS)
        self._ordered = outbox(abort=self._abort)
        self._parallel = outbox(abort=self._abort, n_workers=PARALLEL_WORKERS)
        self._reports = outbox()  # so that a stopped terminal does not stop the actions
        self._watch = FileWatch(self.path)
        self._load()

    @property
    def n_lost(self) -> int:
        """Number of actions that failed or were skipped."""
        return self._ordered.n_lost + self._parallel.n_lost

    def hear(self, ring: RingBuffer) -> None:
        """Take the audio for ``pipe`` from this buffer."""
        self._ring = ring

    def send(self, event: Event) -> None:
        self._reload()
        if not isinstance(event, Detection):
            return
        before, self._before = self._before, event
        fitting = [number for number, binding in enumerate(self._bindings) if binding.fits(event, before)]
        two_step = [number for number in fitting if self._bindings[number].after is not None]
        for number in two_step or fitting:
            binding, action = self._bindings[number], self._actions[number]
            fired = self._fired.get(number)
            if fired is not None and event.position - fired < binding.cool_down_seconds * SAMPLE_RATE_HZ:
                continue
            self._fired[number] = event.position
            line = f"{event.keyword}: {'would ' if self._dry_run else ''}{action.describe(event)}"
            self._reports.put(event, self._reporter(printable(line)))
            if not self._dry_run:
                (self._parallel if binding.parallel or binding.pipe else self._ordered).put(event, action.do)

    def _reporter(self, line: str) -> Callable[[Event], object]:
        return lambda _: self._report(line)

    def close(self) -> None:
        outboxes = (self._ordered, self._parallel, self._reports)
        for outbox in outboxes:
            outbox.end()
        for outbox in outboxes:
            outbox.close()
        self._abort()
        for broker in self._brokers.values():
            broker.close()

    def _abort(self) -> None:
        for action in (*self._retired, *self._actions):
            action.close()

    def _reload(self) -> None:
        if not self._watch.changed():
            return
        try:
            self._load()
            log.info("bindings reloaded from %s", self.path)
        except ConfigError as error:
            log.warning("%s; the old bindings stay in effect", error)

    def _load(self) -> None:
        bindings = read_bindings(self.path, self._keywords)
        brokers: dict[tuple[object, ...], MqttConnection] = {}
        actions = []
        try:
            for binding, line in zip(bindings.values(), bindings, strict=True):
                try:
                    actions.append(self._action(binding, brokers))
                except ConfigError as error:
                    raise ConfigError(f"{self.path}, line {line}: {error}") from error
        except ConfigError:
            for name, broker in brokers.items():
                if name not in self._brokers:
                    broker.close()
            raise
        # What waits for an old connection is sent before it closes.
        for name, broker in self._brokers.items():
            if name not in brokers:
                self._ordered.put(Event(position=0), _closer(broker))
        self._retired += self._actions
        self._bindings, self._actions, self._brokers = list(bindings.values()), actions, brokers
        self._fired: dict[int, int] = {}

    def _action(self, binding: Binding, brokers: dict[tuple[object, ...], MqttConnection]) -> Action:
        """Return the action of a binding; its connection is added to ``brokers``."""
        limit = binding.time_limit_seconds
        if binding.run is not None:
            return Command(binding.run, limit)
        if binding.pipe is not None:
            return Pipe(Command(binding.pipe, limit), lambda: self._ring, binding.longest_seconds)
        if binding.shell is not None:
            return Command([binding.shell], limit, shell=True)
        if binding.http is not None:
            return HttpRequest(binding.http, binding.method, binding.body, binding.headers, limit)
        if binding.key is not None:
            return KeyPress(binding.key)
        if binding.sound is not None:
            return Sound(binding.sound)
        assert binding.mqtt is not None
        address = split_mqtt(binding.mqtt)
        name = address.broker
        if name not in brokers:
            brokers[name] = self._brokers.get(name) or MqttConnection(address, connect=not self._dry_run)
        return MqttMessage(brokers[name], address.topic, binding.payload, binding.retain)


def _closer(broker: MqttConnection) -> Callable[[Event], None]:
    return lambda _: broker.close()
