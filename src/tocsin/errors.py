"""What tocsin raises.

TocsinError
├── ConfigError          the configuration file or a setting in it
├── InputError           data or an argument given from Python (a ValueError)
│   └── NotEnoughData    too little data for an answer
├── SourceError          a table of facts cannot be read as configured
├── StoreError           the store cannot be opened, is of another version, or is busy
│   └── LeaseHeld        another process holds the lease
└── DeliveryError        an alert was not accepted by its channel

Every message names the thing, what is allowed, what was got, and, where there is one, a hint.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "ConfigError",
    "DeliveryError",
    "InputError",
    "LeaseHeld",
    "NotEnoughData",
    "SourceError",
    "StoreError",
    "TocsinError",
    "nearest",
]


class TocsinError(Exception):
    """Base of all errors that tocsin raises on purpose.

    Parameters
    ----------
    thing : str
        What is wrong, named as the user knows it.
    allowed : str, optional
        What would have been right.
    got : object, optional
        What was found; shown with `repr`, shortened.
    hint : str, optional
        What to do next.
    """

    def __init__(self, thing: str, *, allowed: str | None = None, got: object = None, hint: str | None = None) -> None:
        parts = [thing.rstrip(".") + "."]
        if allowed is not None:
            parts.append(f"Allowed: {allowed.rstrip('.')}.")
        if got is not None:
            text = repr(got)
            parts.append(f"Got {text if len(text) <= 200 else text[:200] + '…'}.")
        if hint is not None:
            parts.append(f"Hint: {hint.rstrip('.')}.")
        super().__init__(" ".join(parts))
        self.hint = hint


class ConfigError(TocsinError):
    """The configuration file or a setting in it."""


class InputError(TocsinError, ValueError):
    """Data or an argument given from Python."""


class NotEnoughData(InputError):
    """Too little data for an answer; never answered with a score of 0."""


class SourceError(TocsinError):
    """A table of facts cannot be read as configured."""


class StoreError(TocsinError):
    """The store cannot be opened, is of another version, or is busy."""


class LeaseHeld(StoreError):
    """Another process holds the lease."""


class DeliveryError(TocsinError):
    """An alert was not accepted by its channel."""


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """A hint naming the valid word nearest to `name`, or None.

    >>> nearest("windw", ["window", "delay"])
    "did you mean 'window'?"
    """
    found = get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f"did you mean {found[0]!r}?" if found else None
