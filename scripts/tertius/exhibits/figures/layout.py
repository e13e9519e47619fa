"""A seeded force layout that keeps separate parts of a network near each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ROUNDS, GRAVITY, TIGHTNESS, NEAR = 250, 0.035, 2.5, 1e-9


def force_layout(n_nodes: int, edges: Ints, seed: int, rounds: int = ROUNDS) -> Floats:
    """Positions (n, 2) within the unit disc, after Fruchterman & Reingold (1991) with gravity.

    Every pair repels by 1/d, every tie attracts by d^2 over the root of both degrees. A pull to the
    centre, which the first layout does not have, keeps parts without ties between them from
    drifting off. Steps shrink linearly to zero.

    Args:
        n_nodes: n, at most a few hundred: memory is of order n^2.
        edges: (m, 2) positions of the ends, each pair once.
        seed: of the starting positions; equal seeds and edges give equal layouts.
        rounds: number of steps.
    """
    at = np.random.default_rng(seed).uniform(-0.5, 0.5, (n_nodes, 2))
    if n_nodes < 2:
        return np.zeros((n_nodes, 2))
    tied = np.zeros((n_nodes, n_nodes))
    tied[edges[:, 0], edges[:, 1]] = tied[edges[:, 1], edges[:, 0]] = 1.0
    # ties of the well connected pull less, else large teams would fall into one point
    degree = np.maximum(tied.sum(axis=0), 1.0)
    pull = TIGHTNESS * tied / np.sqrt(np.outer(degree, degree))
    ideal = 1.0 / np.sqrt(n_nodes)
    for step in np.linspace(0.12, 0.0, rounds, endpoint=False):
        gap = at[:, None, :] - at[None, :, :]
        distance = np.maximum(np.sqrt((gap**2).sum(axis=2)), NEAR)
        push = ideal**2 / distance**2 - pull * distance / ideal
        move = (gap * push[:, :, None]).sum(axis=1) - GRAVITY * np.sqrt(n_nodes) * at
        length = np.maximum(np.sqrt((move**2).sum(axis=1)), NEAR)
        at = at + move / length[:, None] * np.minimum(length, step)[:, None]
    at = at - at.mean(axis=0)
    radius = np.sqrt((at**2).sum(axis=1))
    # far outliers are drawn in, so that the middle keeps its room
    drawn_in = (radius / radius.max()) ** 0.85
    placed: Floats = at * (drawn_in / np.maximum(radius, NEAR))[:, None]
    return placed
