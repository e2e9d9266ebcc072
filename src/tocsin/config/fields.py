"""How the values of keys are read: durations, measures, features, names, secrets from the environment."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from tocsin.errors import InputError
from tocsin.model import Kpi, Measure
from tocsin.windows import parse_duration

__all__ = ["Duration", "FeatureText", "KpiText", "MeasureText", "SecretUrl", "Section", "require_name"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


def require_name(what: str, name: str) -> str:
    """The name itself; raises ValueError for one that could not stand in an id or a file's name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what}'s name is made of letters, digits, _ . and -, got {name!r}")
    return name


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _measure(value: object) -> object:
    return Measure.parse(value) if isinstance(value, str) else value


def _kpi(value: object) -> object:
    return Kpi.parse(value) if isinstance(value, str) else value


def _feature(value: object) -> object:
    """A measure where it reads as one ("count", "sum(views)"), else a name or a ratio of names."""
    if not isinstance(value, str):
        return value
    try:
        return Measure.parse(value)
    except InputError:
        if "(" in value:
            raise
        return Kpi.parse(value)


def _with_environment(value: object) -> object:
    """Replace ${NAME} by the environment's value; an unset variable is an error, never an empty secret."""
    if not isinstance(value, str):
        return value

    def variable(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise ValueError(f"the environment variable {found[1]} is not set")
        return os.environ[found[1]]

    return _VARIABLE.sub(variable, value)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
MeasureText = Annotated[Measure, BeforeValidator(_measure)]
KpiText = Annotated[Kpi, BeforeValidator(_kpi)]
FeatureText = Annotated[Measure | Kpi, BeforeValidator(_feature)]
SecretUrl = Annotated[SecretStr, BeforeValidator(_with_environment)]


class Section(BaseModel):
    """A table of the configuration file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)
