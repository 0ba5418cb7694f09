"""Bad input is refused in one line or read; it never breaks anything. More of it: scripts/fuzz."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_live import events as events_module
from kws_live.errors import ModelError
from kws_live.events import Event
from kws_live.model import load_model
from kws_live.model.card import LITERT_NAME
from tests.robustness.hostile import TARGETS, copy_model

EXAMPLES = {"sound files": 120, "settings": 120, "model folders": 40, "PCM": 15}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_bad_input_is_read_or_refused(name: str) -> None:
    became = {TARGETS[name](seed) for seed in range(EXAMPLES[name])}
    assert became == {"read", "refused"}, "the damage is neither too mild nor too rude; of PCM none at all is refused"


@settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9), st.integers(0, 7))
def test_every_flipped_bit_of_a_network_is_noticed_before_it_is_run(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    path = copy_model(tmp_path_factory.mktemp("flipped")) / LITERT_NAME
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        load_model(path.parent)


def _kinds(kind: type[Event]) -> list[type[Event]]:
    return [
        kind,
        *(below for one in kind.__subclasses__() if one.__module__ == events_module.__name__ for below in _kinds(one)),
    ]


@pytest.mark.parametrize("kind", _kinds(Event))
@given(st.data())
def test_every_event_is_one_line_of_json_whatever_its_fields_hold(kind: type[Event], data: st.DataObject) -> None:
    types = {"int": st.integers(), "float": st.floats(0, 1), "str": st.text(), "bool": st.booleans()}
    values: dict[str, Any] = {}
    for item in fields(kind):
        if item.name == "heard_at":  # a clock's time means nothing elsewhere
            continue
        name = str(item.type).partition(" ")[0]  # "int | None" is an int here
        values[item.name] = data.draw(
            types[getattr(item.type, "__name__", name)] if item.type in (int, float, str, bool) else types[name]
        )
    event = kind(**values)
    line = json.dumps(event.to_dict())
    assert "\n" not in line
    told = json.loads(line)
    assert told["type"] == kind.type
    assert told["position"] == event.position
    assert set(told) == {"type", "seconds", *values}
