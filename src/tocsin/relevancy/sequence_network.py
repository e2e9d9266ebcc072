"""The sequence auto-encoder's network; imports torch, so import this module only when it is needed.

encoder : bidirectional LSTM over the window; embedding = the last states of both directions
decoder : LSTM that is given the embedding at every step; one linear output a step
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["SequenceAutoEncoder"]


class SequenceAutoEncoder(nn.Module):  # type: ignore[misc]
    """Windows (n, m) -> reconstructions (n, m); float64, so that a row's embedding does not depend on the others'."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        settings: dict[str, Any] = {"batch_first": True, "dtype": torch.float64}
        self.encoder = nn.LSTM(1, hidden, bidirectional=True, **settings)
        self.decoder = nn.LSTM(2 * hidden, hidden, **settings)
        self.output = nn.Linear(hidden, 1, dtype=torch.float64)

    def encode(self, windows: Tensor) -> Tensor:
        """(n, m) -> (n, 2 hidden): the state after the last point forwards, then after the first one backwards."""
        _, (last, _) = self.encoder(windows.unsqueeze(-1))
        return torch.cat((last[0], last[1]), dim=1)

    def forward(self, windows: Tensor) -> Tensor:
        embedding = self.encode(windows)
        decoded, _ = self.decoder(embedding.unsqueeze(1).expand(-1, windows.shape[1], -1))
        return self.output(decoded).squeeze(-1)
