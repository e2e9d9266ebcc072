"""Neural networks by torch, which only the extra `deep` installs: found when asked for, seeded, kept as plain arrays.

Nothing here imports torch before it is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError

__all__ = [
    "checked_weights",
    "drawn_seed",
    "import_torch",
    "load_weights",
    "repeatable",
    "usable_device",
    "weights_of",
]


def import_torch(what: str) -> Any:
    """torch, for `what` that needs it.

    Raises
    ------
    InputError : torch is not installed
    """
    try:
        import torch
    except ImportError:
        raise InputError(f"{what} needs torch, which is not installed", hint='pip install "tocsin[deep]"') from None
    return torch


def usable_device(name: str) -> str:
    """The name of a device of torch: "cpu", "cuda", "cuda:1".

    Raises
    ------
    InputError : no such device here
    """
    if name == "cpu":
        return name
    torch = import_torch(f"device={name!r}")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0][:100]
        raise InputError(f"torch has no such device here ({reason})", allowed='"cpu", "cuda"', got=name) from None
    return name


def drawn_seed(random_state: Any) -> int:
    """A seed for torch from what scikit-learn calls a random state (None: another one each time)."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(check_random_state(random_state).randint(2**31))


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Inside: torch's random numbers follow from `seed` and sums are made by one thread; afterwards all is as before.

    One thread, because sums of many threads depend on how many there are, and because networks this small are no
    faster with more.
    """
    import torch

    n_threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)


def weights_of(network: Any) -> dict[str, npt.NDArray[np.float64]]:
    """Every parameter of a network as an array of its own."""
    return {name: tensor.detach().cpu().double().numpy().copy() for name, tensor in network.state_dict().items()}


def checked_weights(
    weights: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Weights as arrays of their own, of exactly these names and shapes.

    Raises
    ------
    InputError : names or shapes are others, or a weight is not finite
    """
    if any(np.asarray(values).dtype.kind not in "fiu" for values in weights.values()):
        raise InputError("Weights are numbers")
    found = {name: np.array(values, dtype=np.float64, order="C") for name, values in weights.items()}
    if {name: values.shape for name, values in found.items()} != dict(shapes):
        got = {name: values.shape for name, values in found.items()}
        raise InputError("Weights of another network", allowed=str(dict(shapes)), got=got)
    if not all(np.isfinite(values).all() for values in found.values()):
        raise InputError("Weights are not finite")
    return found


def load_weights(network: Any, weights: Mapping[str, Any]) -> None:
    """Put arrays of `weights_of` into a network of the same shape.

    Raises
    ------
    InputError : see `checked_weights`
    """
    import torch

    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = checked_weights({name: weights[name] for name in shapes if name in weights}, shapes)
    network.load_state_dict({name: torch.from_numpy(values) for name, values in found.items()})
