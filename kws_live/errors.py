"""What can go wrong, as a tree::

    KwsLiveError
    ├── ConfigError                a setting, threshold or name that cannot be used
    ├── AudioError                 audio that cannot be read or opened
    │   ├── SourceUnavailableError it could not be opened
    │   ├── SourceLostError        it went away while in use
    │   └── AudioGapError          some of it never arrived; it goes on
    ├── ModelError                 a model folder that cannot be used
    │   └── OutdatedWordsError     its words were taught by an earlier version
    ├── DatasetError               training or evaluation data that cannot be used
    ├── SessionError               a listening session that broke or was misused
    └── ActionError                what a command was to do could not be done

Every message names the value given, what would do, and the next step. The command line prints it as one line.
"""

from pathlib import Path


class KwsLiveError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(KwsLiveError):
    """A setting, threshold or name cannot be used."""


class AudioError(KwsLiveError):
    """Audio cannot be read."""


class SourceUnavailableError(AudioError):
    """A source of audio cannot be opened.

    Attributes
    ----------
    finding : why, as a key of `kws_live.stream.findings.ADVICE`
    """

    def __init__(self, message: str, finding: str = "cannot_open") -> None:
        super().__init__(message)
        self.finding = finding


class SourceLostError(AudioError):
    """A source of audio went away while in use."""


class AudioGapError(AudioError):
    """Audio never arrived; the next read goes on after the gap.

    Attributes
    ----------
    seconds : how much
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.2f} s of audio never arrived")
        self.seconds = seconds


class ModelError(KwsLiveError):
    """A model folder cannot be used."""


class OutdatedWordsError(ModelError):
    """The words of a model folder were taught by an earlier version.

    Attributes
    ----------
    folder : of the model
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"the words in {folder} were taught by an earlier version; any command does it again where the sound of "
            f"their takes was kept: kws-live words list --model {folder.name}"
        )
        self.folder = folder


class DatasetError(KwsLiveError):
    """Training or evaluation data cannot be used."""


class SessionError(KwsLiveError):
    """A listening session broke or was misused."""


class ActionError(KwsLiveError):
    """What a command was to do could not be done.

    Attributes
    ----------
    again : whether another try may work
    """

    def __init__(self, message: str, again: bool = False) -> None:
        super().__init__(message)
        self.again = again
