"""The weights of DeepAR's network as arrays, and the forecasts by them: on the CPU by a kernel, elsewhere by torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tocsin.detectors.series.deep_ar_inputs import Inputs
from tocsin.kernels.lstm import forecast_lstm
from tocsin.kernels.networks import checked_weights, load_weights, repeatable, weights_of
from tocsin.model import Floats

__all__ = ["Weights"]


class Weights:
    """A trained network.

    Parameters
    ----------
    arrays : parameters by the names that torch gives them
    n_inputs, hidden : the shape of the network
    device : "cpu", or one of torch's

    Raises
    ------
    InputError : arrays of another network
    """

    def __init__(self, arrays: Mapping[str, Any], n_inputs: int, hidden: int, device: str) -> None:
        shapes = {
            "of_lags": (2,),
            "lstm.weight_ih_l0": (4 * hidden, n_inputs),
            "lstm.weight_hh_l0": (4 * hidden, hidden),
            "lstm.bias_ih_l0": (4 * hidden,),
            "lstm.bias_hh_l0": (4 * hidden,),
            "output.weight": (3, hidden),
            "output.bias": (3,),
        }
        self.arrays = checked_weights({name: arrays[name] for name in shapes if name in arrays}, shapes)
        self.device, self.n_inputs, self.hidden = device, n_inputs, hidden
        weights = (self.arrays["lstm.weight_ih_l0"].T, self.arrays["lstm.weight_hh_l0"].T)
        self._gates = np.ascontiguousarray(np.concatenate(weights, axis=0))
        self._bias = self.arrays["lstm.bias_ih_l0"] + self.arrays["lstm.bias_hh_l0"]
        self._network: Any = None

    @classmethod
    def of(cls, network: Any, device: str) -> Self:
        return cls(weights_of(network), network.lstm.input_size, network.lstm.hidden_size, device)

    def forecast(self, inputs: Inputs, hidden: Floats, memory: Floats, mu: Floats, sigma: Floats, nu: Floats) -> None:
        """Write mu, sigma, nu (n_series, n_times); the state (n_series, hidden) goes on in place."""
        if self.device != "cpu":
            self._forecast_by_torch(inputs, hidden, memory, mu, sigma, nu)
            return
        forecast_lstm(
            inputs.features, inputs.lags, hidden, memory, self._gates, self._bias, self.arrays["output.weight"],
            self.arrays["output.bias"], self.arrays["of_lags"], mu, sigma, nu,
        )  # fmt: skip

    def _forecast_by_torch(self, inputs: Inputs, hidden: Floats, memory: Floats, *found: Floats) -> None:
        import torch

        def tensor(array: Floats) -> Any:
            return torch.as_tensor(array, dtype=torch.float64, device=self.device)

        if self._network is None:
            from tocsin.detectors.series.deep_ar_network import Network

            with repeatable(0):
                network = Network(self.n_inputs, self.hidden)
            load_weights(network, self.arrays)
            self._network = network.double().to(self.device)
        state = (tensor(hidden)[None], tensor(memory)[None])
        with torch.no_grad():
            forecasts, (h, c) = self._network(tensor(inputs.features), tensor(inputs.lags), state)
        for target, part in zip((hidden, memory, *found), (h[0], c[0], *forecasts), strict=True):
            target[:] = part.cpu().numpy()
