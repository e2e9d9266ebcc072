"""A sequence auto-encoder: windows of a series -> vectors in which windows of one shape lie close to one another.

Source: the paper on relevancy for black-box sequential detectors: the context vector (x_{t-m}, ..., x_t) of a candidate
is embedded by the encoder half of an auto-encoder of bidirectional LSTMs with one hidden layer of 20. One encoder is
shared by all series, since one a series costs CPU minutes. Needs torch (the extra `deep`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from tocsin.errors import InputError
from tocsin.kernels.networks import drawn_seed, import_torch, load_weights, repeatable, weights_of
from tocsin.model import Floats

__all__ = ["SequenceEncoder"]

BATCH = 128
LEARNING_RATE = 0.01
LARGEST_GRADIENT = 1.0
ROWS_AT_ONCE = 8_192


class SequenceEncoder(BaseEstimator):  # type: ignore[misc]
    """Embeds windows by the last states of a bidirectional LSTM that learned to reconstruct them.

    Parameters
    ----------
    hidden : int
        Units of a direction of the encoder, and of the decoder.
    n_epochs : int
        Passes over the windows.
    max_windows : int
        Of more windows, so many are drawn at random to learn from.
    random_state : int, RandomState, Generator or None
        First weights and order of the windows; the same number gives the same embeddings on the same machine.

    Attributes
    ----------
    loss_ : float
        Mean squared error of the reconstruction in the last epoch; the windows have variance 1.

    Examples
    --------
    >>> windows = np.random.default_rng(0).normal(size=(100, 10))
    >>> SequenceEncoder(n_epochs=2, random_state=0).fit(windows).transform(windows).shape  # doctest: +SKIP
    (100, 40)
    """

    def __init__(
        self, *, hidden: int = 20, n_epochs: int = 20, max_windows: int = 2_000, random_state: Any = None
    ) -> None:
        self.hidden = hidden
        self.n_epochs = n_epochs
        self.max_windows = max_windows
        self.random_state = random_state

    def fit(self, windows: Any) -> Self:
        """Learn to reconstruct windows (n, m), scaled by the mean and standard deviation of all their values.

        Raises
        ------
        InputError : torch is missing, a setting is not a positive number, or the windows are not finite numbers
        """
        torch = import_torch("SequenceEncoder")
        for name in ("hidden", "n_epochs", "max_windows"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} of SequenceEncoder", allowed="1 or more", got=getattr(self, name))
        found = _read_windows(windows)
        random = np.random.default_rng(drawn_seed(self.random_state))
        if len(found) > self.max_windows:
            found = found[np.sort(random.choice(len(found), self.max_windows, replace=False))]
        self.centre_ = float(found.mean())
        # a mean of equal numbers need not equal them: what is left of rounding is no spread
        spread = float(found.std())
        self.scale_ = spread if spread > 1e-12 * np.abs(found).max() else 1.0
        self.n_points_ = found.shape[1]
        with repeatable(int(random.integers(2**31))):
            self._network = self._new_network()
            self.loss_ = self._train(torch, (found - self.centre_) / self.scale_, random)
        return self

    def transform(self, windows: Any) -> Floats:
        """(n, 2 hidden) embeddings of windows (n, m), each entry in (-1, 1); a row does not depend on the others.

        Raises
        ------
        InputError, NotFittedError
        """
        if not hasattr(self, "_network"):
            raise NotFittedError("SequenceEncoder has learned nothing yet; call fit first")
        torch = import_torch("SequenceEncoder")
        found = _read_windows(windows, self.n_points_)
        embeddings = np.empty((len(found), 2 * self.hidden))
        with repeatable(0), torch.no_grad():
            for first in range(0, len(found), ROWS_AT_ONCE):
                part = torch.from_numpy((found[first : first + ROWS_AT_ONCE] - self.centre_) / self.scale_)
                embeddings[first : first + ROWS_AT_ONCE] = self._network.encode(part).numpy()
        return embeddings

    def get_state(self) -> dict[str, Any]:
        """What was learned: plain arrays and numbers."""
        if not hasattr(self, "_network"):
            raise NotFittedError("SequenceEncoder has learned nothing yet; call fit first")
        return {
            "hidden": self.hidden,
            "n_points": self.n_points_,
            "centre": self.centre_,
            "scale": self.scale_,
            "loss": self.loss_,
            **weights_of(self._network),
        }

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit.

        Raises
        ------
        InputError : torch is missing, or the state is of another network
        """
        import_torch("SequenceEncoder")
        if state["hidden"] != self.hidden:
            raise InputError("State of another SequenceEncoder", allowed=f"hidden={self.hidden}", got=state["hidden"])
        with repeatable(0):
            network = self._new_network()
        load_weights(network, state)
        self._network = network
        self.n_points_ = int(state["n_points"])
        self.centre_, self.scale_ = float(state["centre"]), float(state["scale"])
        self.loss_ = float(state["loss"])
        return self

    def _new_network(self) -> Any:
        from tocsin.relevancy.sequence_network import SequenceAutoEncoder

        return SequenceAutoEncoder(self.hidden)

    def _train(self, torch: Any, windows: Floats, random: np.random.Generator) -> float:
        """Adam with a rate that falls to nothing, so that the last epoch does not decide what is learned."""
        rows = torch.from_numpy(windows)
        n_batches = -(-len(rows) // BATCH)
        adam = torch.optim.Adam(self._network.parameters(), lr=LEARNING_RATE)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, self.n_epochs * n_batches)
        total = 0.0
        for _ in range(self.n_epochs):
            order, total = torch.from_numpy(random.permutation(len(rows))), 0.0
            for chosen in order.split(BATCH):
                batch = rows[chosen]
                loss = torch.nn.functional.mse_loss(self._network(batch), batch)
                adam.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self._network.parameters(), LARGEST_GRADIENT)
                adam.step()
                falling.step()
                total += loss.item() * len(batch)
        return total / len(rows)


def _read_windows(windows: Any, n_points: int | None = None) -> Floats:
    try:
        found = np.ascontiguousarray(windows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("Windows are numbers", allowed="an array (n, m)", got=str(error)) from error
    if found.ndim != 2 or found.shape[1] == 0:
        raise InputError("Windows are rows of an array", allowed="(n, m), m of 1 or more", got=f"shape {found.shape}")
    if n_points is None and len(found) == 0:
        raise InputError("No window to learn from", allowed="one or more rows")
    if n_points is not None and found.shape[1] != n_points:
        raise InputError("Windows of another length than were learned", allowed=f"{n_points} points",
                         got=f"{found.shape[1]} points")  # fmt: skip
    if not np.isfinite(found).all():
        raise InputError("A window has missing or infinite values", allowed="finite numbers",
                         hint="fill the gaps, or leave such windows out")  # fmt: skip
    return found
