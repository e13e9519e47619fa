"""Checks for common-method variance: first component, marker variable, latent method factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2 as chi_squared

from tertius.survey.factors import confirm

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class LatentMethod:
    """What a common method factor adds to a factor model.

    Attributes:
        share: part of the variance of the standardised items that it carries, in [0, 1].
        chi2: fall of chi2 by the one further parameter.
        p_value: of that fall.
        cfi_gain: rise of CFI.
    """

    share: float
    chi2: float
    p_value: float
    cfi_gain: float


def harman_share(correlations: ArrayLike) -> float:
    """Share of the variance on the first component of all items; in (0, 1]. A weak check.

    Above one half is read as a sign of common-method variance; below says little. Podsakoff et al.
    (2003).
    """
    values = np.linalg.eigvalsh(np.asarray(correlations, dtype=float))
    return float(values[-1] / values.sum())


def marker_adjusted(correlations: ArrayLike, marker: int) -> Reals:
    """Correlations of the other scales with the marker's smallest positive one taken out.

    (r - r_m) / (1 - r_m), r_m the smallest absolute correlation of the marker with a scale. Lindell
    and Whitney (2001).

    Args:
        correlations: scales x scales, the marker among them.
        marker: position of the marker, a scale that theory ties to none of the others.
    """
    r = np.asarray(correlations, dtype=float)
    others = np.delete(np.arange(r.shape[0]), marker)
    base = float(np.abs(r[marker, others]).min())
    adjusted = (r[np.ix_(others, others)] - base) / (1.0 - base)
    np.fill_diagonal(adjusted, 1.0)
    return adjusted


def latent_method(covariance: ArrayLike, groups: Sequence[int], n: int) -> LatentMethod:
    """Fit with and without a method factor on which all items load equally.

    Podsakoff et al. (2003); equal loadings keep the factor identified.
    """
    plain = confirm(covariance, groups, n)
    with_method = confirm(covariance, groups, n, method_factor=True)
    fall = max(plain.chi2 - with_method.chi2, 0.0)
    return LatentMethod(
        share=with_method.method**2,
        chi2=fall,
        p_value=float(chi_squared.sf(fall, 1)),
        cfi_gain=with_method.cfi - plain.cfi,
    )
