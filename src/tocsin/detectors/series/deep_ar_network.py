"""DeepAR's network and how it learns; imports torch, so import this module only when it is needed.

    h_t = LSTM(inputs_t, h_{t-1});   z_t ~ Student-t(mu_t, sigma_t, nu_t)
    mu = w . (z_{t-1}, z_{t-season}) + linear(h),  sigma = softplus(linear(h)) + 0.001,  nu = 2 + softplus(linear(h))

The lags enter mu directly, too, so that the LSTM learns what differs from repeating them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tocsin.detectors.series.deep_ar_inputs import Inputs, make_inputs
from tocsin.kernels.lstm import LEAST_SIGMA
from tocsin.model import Floats

__all__ = ["Forecasts", "Network", "Windows", "train"]

LEARNING_RATE = 5e-3
LARGEST_GRADIENT = 1.0
CHECK_EVERY, PATIENCE = 20, 5
"""Steps between two looks at the held-out end; so many looks without a better one end the training."""
GAPS, GAP_LENGTH = 0.04, 5
"""Share of points where a made-up gap begins, so that the network learns to go on without an input; its length."""

Forecasts = tuple[Tensor, Tensor, Tensor]
"""mu, sigma, nu, each (n, k)."""


class Network(nn.Module):  # type: ignore[misc]
    def __init__(self, n_inputs: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_inputs, hidden, batch_first=True)
        self.output = nn.Linear(hidden, 3)
        self.of_lags = nn.Parameter(torch.tensor([0.5, 0.0]))
        # begins as what it would say of anything: half way back to the centre, with heavy tails
        nn.init.zeros_(self.output.weight)
        self.output.bias.data.copy_(torch.tensor([0.0, 0.0, 1.0]))

    def forward(
        self, features: Tensor, lags: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Forecasts, tuple[Tensor, Tensor]]:
        hidden, state = self.lstm(features, state)
        output = self.output(hidden)
        mu = output[..., 0] + lags @ self.of_lags
        sigma = nn.functional.softplus(output[..., 1]) + LEAST_SIGMA
        return (mu, sigma, 2.0 + nn.functional.softplus(output[..., 2])), state


class Windows:
    """Windows of histories to learn from, and their ends to judge what was learned.

    Parameters
    ----------
    values : (n_series, n_times) scaled, NaN = missing
    season_ago : (n_series, n_times), the values a season before, in the scale of the later point
    places : (n_times, ...), from `calendar`
    length : points of a window
    held : (n_series,) points at the end of each series that are not learned from
    """

    def __init__(
        self, values: Floats, season_ago: Floats, places: Floats, length: int, held: npt.NDArray[np.int64]
    ) -> None:
        self.values, self.season_ago, self.places = values, season_ago, places
        self.last = np.concatenate([np.full((len(values), 1), np.nan), values[:, :-1]], axis=1)
        observed = ~np.isnan(values)
        self.held = held
        self.begins = observed.argmax(axis=1)
        self.length = min(length, int((values.shape[1] - held).min()))
        weights = np.sqrt(observed.sum(axis=1))  # a short series is heard, a long one more
        self.shares = weights / weights.sum()

    def draw(self, n_windows: int, random: np.random.Generator) -> tuple[Inputs, Floats]:
        """Windows of random series, with made-up gaps in what the network is given."""
        rows = random.choice(len(self.values), n_windows, p=self.shares)
        latest = self.values.shape[1] - self.held[rows] - self.length
        starts = np.minimum(self.begins[rows], latest)
        starts = starts + (random.random(n_windows) * (latest - starts + 1)).astype(np.int64)
        at = (rows[:, None], starts[:, None] + np.arange(self.length))
        begun = random.random(at[1].shape) < GAPS
        hidden = np.zeros_like(begun)
        for delay in range(min(GAP_LENGTH, self.length)):
            hidden[:, delay:] |= begun[:, : self.length - delay]
        last = np.where(hidden, np.nan, self.last[at])
        return make_inputs(last, self.season_ago[at], self.places[at[1]]), self.values[at]

    def ends(self, n_series: int, random: np.random.Generator) -> tuple[Inputs, Floats]:
        """The held-out ends of so many series, as they are."""
        rows = np.sort(random.permutation(len(self.values))[:n_series])
        n_times = self.values.shape[1]
        end = slice(n_times - int(self.held[rows].max()), n_times)
        inputs = make_inputs(self.last[rows, end], self.season_ago[rows, end], self.places[None, end])
        is_held = np.arange(n_times)[None, end] >= n_times - self.held[rows, None]
        return inputs, np.where(is_held, self.values[rows, end], np.nan)


def train(
    network: Network, windows: Windows, n_steps: int, batch: int, random: np.random.Generator, device: str
) -> int:
    """Adam on the likelihood, with a rate that falls to nothing; keeps what forecast the held-out ends best.

    Returns
    -------
    The number of steps after which that was.
    """
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, n_steps)
    held = windows.ends(batch, random)
    best, best_loss, best_step = copy.deepcopy(network.state_dict()), _held_loss(network, held, device), 0
    for step in range(1, n_steps + 1):
        loss = _loss(network, windows.draw(batch, random), device)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
        adam.step()
        falling.step()
        if step % CHECK_EVERY == 0 or step == n_steps:
            held_loss = _held_loss(network, held, device)
            if held_loss < best_loss:
                best, best_loss, best_step = copy.deepcopy(network.state_dict()), held_loss, step
            elif step - best_step >= PATIENCE * CHECK_EVERY:
                break
    network.load_state_dict(best)
    return best_step


def _held_loss(network: Network, held: tuple[Inputs, Floats], device: str) -> float:
    with torch.no_grad():
        return float(_loss(network, held, device))


def _loss(network: Network, given: tuple[Inputs, Floats], device: str) -> Tensor:
    """Mean negative log-likelihood of the points that are not missing."""
    inputs, values = given
    features, lags, targets = _tensors(device, inputs.features, inputs.lags, values)
    (mu, sigma, nu), _ = network(features, lags)
    observed = torch.isfinite(targets)
    distance = (torch.nan_to_num(targets) - mu) / sigma
    half = (nu + 1.0) / 2.0
    constant = torch.lgamma(half) - torch.lgamma(nu / 2.0) - 0.5 * torch.log(math.pi * nu) - torch.log(sigma)
    likelihood = constant - half * torch.log1p(distance * distance / nu)
    return -(likelihood * observed).sum() / observed.sum().clamp(min=1)


def _tensors(device: str, *arrays: Floats) -> Iterator[Tensor]:
    return (torch.as_tensor(array, dtype=torch.float32, device=device) for array in arrays)
