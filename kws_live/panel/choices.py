"""Sources and models that a page may select."""

from collections import Counter

from kws_live.errors import KwsLiveError
from kws_live.model.folders import shipped_models, user_models
from kws_live.sources import DEMO_NAME
from kws_live.sources.portaudio import list_microphones


def model_choices() -> list[str]:
    """Return the names of the models that a page may select: the shipped ones, then the user's own."""
    return [*shipped_models(), *user_models()]


def source_choices() -> list[dict[str, str]]:
    """Return the available microphones and the demo recording: ``source`` opens it, ``name`` is shown."""
    try:
        microphones = list_microphones()
    except KwsLiveError:
        microphones = []
    names = Counter(str(device["name"]) for device in microphones)
    choices = [{"source": "mic:", "name": "Default microphone"}] if microphones else []
    for device in microphones:
        name = str(device["name"])
        # A name outlives replugging, a number does not; two devices of one name have only their numbers.
        by_name = names[name] == 1 and not name.isdigit()
        choices.append({"source": f"mic:{name if by_name else device['index']}", "name": name})
    choices.append({"source": "demo:", "name": DEMO_NAME})
    return choices
