"""The exceptions of this package, as a tree::

    KwsLiveError
    ├── ConfigError                a setting, threshold or name that cannot be used
    ├── AudioError                 audio that cannot be read or opened
    │   ├── SourceUnavailableError it could not be opened
    │   ├── SourceLostError        it was lost while in use
    │   └── AudioGapError          some of it never arrived; reading can continue
    ├── ModelError                 a model folder that cannot be used
    │   └── OutdatedWordsError     its words were taught with an earlier version
    ├── DatasetError               training or evaluation data that cannot be used
    ├── SessionError               a listening session that failed or was misused
    └── ActionError                the action bound to a word failed

Every message gives the offending value, what is allowed, and the next step. The command line prints it as one line.
"""

from pathlib import Path


class KwsLiveError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(KwsLiveError):
    """A setting, threshold or name cannot be used."""


class AudioError(KwsLiveError):
    """Audio cannot be read."""


class SourceUnavailableError(AudioError):
    """An audio source cannot be opened.

    Attributes
    ----------
    finding : the reason, a key of `kws_live.stream.findings.ADVICE`
    """

    def __init__(self, message: str, finding: str = "cannot_open") -> None:
        super().__init__(message)
        self.finding = finding


class SourceLostError(AudioError):
    """An audio source was lost while in use."""


class AudioGapError(AudioError):
    """Audio never arrived; the next read continues after the gap.

    Attributes
    ----------
    seconds : length of the gap
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.2f} s of audio never arrived")
        self.seconds = seconds


class ModelError(KwsLiveError):
    """A model folder cannot be used."""


class OutdatedWordsError(ModelError):
    """The words in a model folder were taught with an earlier version.

    Attributes
    ----------
    folder : of the model
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"the words in {folder} were taught with an earlier version; if the audio of their takes was kept, any "
            f"command teaches them again: kws-live words list --model {folder.name}"
        )
        self.folder = folder


class DatasetError(KwsLiveError):
    """Training or evaluation data cannot be used."""


class SessionError(KwsLiveError):
    """A listening session failed or was misused."""


class ActionError(KwsLiveError):
    """The action bound to a word failed.

    Attributes
    ----------
    again : whether a retry may succeed
    told : whether the cause is in the log already
    """

    def __init__(self, message: str, again: bool = False, told: bool = False) -> None:
        super().__init__(message)
        self.again = again
        self.told = told
