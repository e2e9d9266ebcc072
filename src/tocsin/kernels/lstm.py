"""The forecasts of a trained DeepAR network, point by point: what torch computes, without torch.

A series' forecasts do not depend on the other series, nor on how many points are forecast at once, to the last bit;
matrix products of a library do.

    (i, f, g, o) = W_x x_t + W_h h_{t-1} + b;  c = sigmoid(f) c + sigmoid(i) tanh(g);  h = sigmoid(o) tanh(c)
    (a, b, d) = W_o h + b_o;  mu = a + w . lags,  sigma = softplus(b) + least,  nu = 2 + softplus(d)
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["LEAST_SIGMA", "forecast_lstm"]

LEAST_SIGMA = 1e-3
LINEAR = 20.0
"""From here on softplus is its argument, as in torch."""


@njit(cache=True, nogil=True, error_model="numpy")
def forecast_lstm(features, lags, hidden, memory, weights, bias, output, output_bias, of_lags, mu, sigma, nu):
    """Forecast each point and take it in; `hidden` and `memory` are updated in place.

    Parameters
    ----------
    features, lags : (n_series, n_times, n_inputs) and (n_series, n_times, 2)
    hidden, memory : (n_series, n_hidden), h and c
    weights, bias : (n_inputs + n_hidden, 4 n_hidden), inputs first, and (4 n_hidden,), in the order i, f, g, o
    output, output_bias, of_lags : (3, n_hidden), (3,), (2,)
    mu, sigma, nu : (n_series, n_times), written
    """
    n_hidden = hidden.shape[1]
    n_inputs = features.shape[2]
    gates = np.empty(4 * n_hidden)
    three = np.empty(3)
    for row in range(features.shape[0]):
        h, c = hidden[row], memory[row]
        for t in range(features.shape[1]):
            gates[:] = bias
            for k in range(n_inputs):
                _add_multiple(gates, features[row, t, k], weights[k])
            for k in range(n_hidden):
                _add_multiple(gates, h[k], weights[n_inputs + k])
            three[:] = output_bias
            for k in range(n_hidden):
                enter, forget = _logistic(gates[k]), _logistic(gates[n_hidden + k])
                c[k] = forget * c[k] + enter * math.tanh(gates[2 * n_hidden + k])
                h[k] = _logistic(gates[3 * n_hidden + k]) * math.tanh(c[k])
                for j in range(3):
                    three[j] += output[j, k] * h[k]
            mu[row, t] = three[0] + of_lags[0] * lags[row, t, 0] + of_lags[1] * lags[row, t, 1]
            sigma[row, t] = _softplus(three[1]) + LEAST_SIGMA
            nu[row, t] = 2.0 + _softplus(three[2])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _add_multiple(total, factor, row):
    for k in range(len(total)):
        total[k] += factor * row[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


@njit(cache=True, nogil=True, error_model="numpy")
def _softplus(x):
    return x if x > LINEAR else math.log1p(math.exp(x))
