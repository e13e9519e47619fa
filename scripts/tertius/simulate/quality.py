"""How attractive to citations the patents of the coming year are, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from . import catalogue
from .plans import QualityPlan
from .scales import scaled
from .settings import Floats


def quality_index(plan: QualityPlan, x: Mapping[str, Floats]) -> Floats:
    """Added to the log quality of the patents of t+1, shape (n,).

    Args:
        plan: coefficients on scaled variables; IT firms have the converge term of their own.
        x: sh, tdiv, turb, khet, converge, coop_fp, coop_pp, breadth_plan and depth (standard
            normal), it, ip.
    """
    names = ("sh", "tdiv", "turb", "khet", "converge", "coop_fp", "coop_pp")
    z = {name: scaled(x[name], name) for name in names}
    breadth, depth = x["breadth_plan"], x["depth"]
    total = (
        plan.sh * z["sh"]
        + plan.breadth * breadth
        + plan.depth * depth
        + plan.breadth_depth * breadth * depth
        + plan.tdiv_squared * z["tdiv"] ** 2
        + plan.turb_tdiv * z["turb"] * z["tdiv"]
        + plan.khet * z["khet"]
        + plan.khet_squared * z["khet"] ** 2
        + (plan.converge + plan.it_converge * x["it"]) * z["converge"]
        + plan.ip * x["ip"]
        + plan.coop_fp * z["coop_fp"]
        + plan.coop_pp * z["coop_pp"]
    )
    return np.asarray(np.round(np.clip(total, -2.0, 2.0), 10))


def class_vectors(owners: sp.csr_array, shares: sp.csr_array) -> Floats:
    """Class counts of the organisations' patents, (n, classes)."""
    return np.asarray((owners.T @ shares).toarray())


def heterogeneity(ties: sp.csr_array, vectors: Floats) -> Floats:
    """Mean over partners with patents of 1 - cosine of class vectors, NaN without any; (n,)."""
    length = np.sqrt((vectors**2).sum(axis=1))
    known = length > 0.0
    unit = vectors / np.where(known, length, 1.0)[:, None]
    row, column = ties.nonzero()
    near = known[row] & known[column]
    row, column = row[near], column[near]
    apart = 1.0 - (unit[row] * unit[column]).sum(axis=1)
    n = len(vectors)
    number = np.bincount(row, minlength=n)
    total = np.bincount(row, weights=apart, minlength=n)
    return np.where(number > 0, np.round(total / np.maximum(number, 1), 10), np.nan)


def complements(ties: sp.csr_array, vectors: Floats) -> Floats:
    """Mean over partners with patents of what they share in IPC3 but not in IPC4 classes; (n,).

    Sum of the smaller shares of IPC3 classes less that of IPC4 subclasses; NaN without any.
    """
    total = vectors.sum(axis=1)
    known = total > 0.0
    fine = vectors / np.where(known, total, 1.0)[:, None]
    coarse_of = np.unique([code[:3] for code in catalogue.CLASSES[: vectors.shape[1]]],
                          return_inverse=True)[1]  # fmt: skip
    coarse = np.zeros((len(vectors), int(coarse_of.max()) + 1))
    np.add.at(coarse.T, coarse_of, fine.T)
    row, column = ties.nonzero()
    near = known[row] & known[column]
    row, column = row[near], column[near]
    shared = np.minimum(coarse[row], coarse[column]).sum(axis=1)
    shared = shared - np.minimum(fine[row], fine[column]).sum(axis=1)
    n = len(vectors)
    number = np.bincount(row, minlength=n)
    mean = np.bincount(row, weights=shared, minlength=n) / np.maximum(number, 1)
    return np.where(number > 0, np.round(mean, 10), np.nan)


def convergence(owners: sp.csr_array, shares: sp.csr_array) -> Floats:
    """Share of patents with classes in two or more technology fields; NaN without patents; (n,)."""
    fields = field_matrix(shares.shape[1])
    reached = (shares @ fields) > 0.0
    several = (np.asarray(reached.sum(axis=1)).ravel() > 1).astype(np.float64)
    number = np.asarray(owners.sum(axis=0)).ravel()
    hits = np.asarray(owners.T @ several).ravel()
    return np.where(number > 0, np.round(hits / np.maximum(number, 1.0), 10), np.nan)


def field_matrix(n_classes: int) -> sp.csr_array:
    """0/1 matrix (classes, fields) of `catalogue.TECHNOLOGY_FIELDS`."""
    cells = [
        (row, column)
        for column, (_, codes) in enumerate(catalogue.TECHNOLOGY_FIELDS)
        for row, code in enumerate(catalogue.CLASSES[:n_classes])
        if code in codes
    ]
    table = np.array(cells, dtype=np.int64).reshape(-1, 2)
    shape = (n_classes, len(catalogue.TECHNOLOGY_FIELDS))
    return sp.csr_array((np.ones(len(table)), (table[:, 0], table[:, 1])), shape=shape)
