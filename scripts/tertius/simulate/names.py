"""Names of organisations and inventors, and the spelling variants an export shows."""

from __future__ import annotations

import numpy as np
from rapidfuzz.distance import Levenshtein

from . import catalogue
from .settings import Ints

_CLOSEST = 3
"""Roots of two names differ by at least so many letters, so that a slip of the pen is no clash."""


def _root(rng: np.random.Generator) -> str:
    parts = []
    for syllable in range(2):
        onset = catalogue.ONSETS[rng.integers(len(catalogue.ONSETS))]
        vowel = catalogue.VOWELS[rng.integers(len(catalogue.VOWELS))]
        parts.append(onset + vowel)
        if syllable == 0 and rng.random() < 0.5:
            parts.append(catalogue.CODAS[rng.integers(len(catalogue.CODAS))])
    parts.append(catalogue.CODAS[rng.integers(len(catalogue.CODAS))])
    return "".join(parts).capitalize()


def latin_roots(rng: np.random.Generator, n: int) -> list[str]:
    """`n` invented words, each at least three edits from every other."""
    roots: list[str] = []
    while len(roots) < n:
        root = _root(rng)
        if len(root) < 7:
            continue
        if all(Levenshtein.distance(root, other, score_cutoff=2) >= _CLOSEST for other in roots):
            roots.append(root)
    return roots


def han_roots(rng: np.random.Generator, n: int) -> list[str]:
    """`n` different three-character words."""
    a, b, c = catalogue.HAN_FIRST, catalogue.HAN_SECOND, catalogue.HAN_THIRD
    codes = rng.choice(len(a) * len(b) * len(c), size=n, replace=False)
    return [
        a[code // (len(b) * len(c))] + b[code // len(c) % len(b)] + c[code % len(c)]
        for code in codes.tolist()
    ]


def organisation_names(
    rng: np.random.Generator,
    industry: Ints,
    kinds: list[str],
    countries: list[str],
    han_share: float = 0.1,
) -> list[str]:
    """A distinct name for each organisation; about `han_share` of the home ones in Chinese.

    Args:
        rng: stream of random numbers.
        industry: index of the industry, -1 for none, shape (n,).
        kinds: `firm`, `university` or `institute`, one each.
        countries: country code, one each.
        han_share: share of home organisations with a Chinese name.
    """
    n = len(kinds)
    latin, han = latin_roots(rng, n), han_roots(rng, n)
    draws = rng.random((n, 2))
    names = []
    for i in range(n):
        home = countries[i] == catalogue.HOME_COUNTRY
        if home and draws[i, 0] < han_share:
            names.append(_han_name(han[i], kinds[i], int(industry[i]), draws[i, 1]))
        else:
            names.append(_latin_name(latin[i], kinds[i], int(industry[i]), countries[i], draws[i]))
    return names


def _han_name(root: str, kind: str, industry: int, draw: float) -> str:
    if kind == "university":
        return root + "大学"
    if kind == "institute":
        return root + "研究院"
    return root + catalogue.HAN_INDUSTRY[industry] + catalogue.HAN_FORMS[int(3 * draw)]


def _latin_name(
    root: str, kind: str, industry: int, country: str, draw: np.typing.NDArray[np.float64]
) -> str:
    if kind == "university":
        return f"{root} University" if draw[1] < 0.6 else f"{root} University of Technology"
    if kind == "institute":
        return f"{root} Research Institute" if draw[1] < 0.6 else f"{root} Academy of Sciences"
    forms = catalogue.LEGAL_FORMS
    form = catalogue.FOREIGN_FORMS.get(country) or forms[int(len(forms) * draw[1])]
    return f"{root} {catalogue.INDUSTRIES[industry][2]} {form}"


def spelling_variant(name: str, rng: np.random.Generator) -> str:
    """The name as another clerk would type it: legal form, case, punctuation or one typing slip."""
    if any(form in name for form in (*catalogue.HAN_FORMS, "大学", "研究院")):
        return _han_variant(name, rng)
    choice = rng.integers(5)
    if choice == 0:
        return name.upper()
    if choice == 1:
        return name.replace(",", "").replace(".", "")
    if choice == 2:
        return _swap_letters(name, rng)
    return _other_form(name, rng)


def _han_variant(name: str, rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        return name[:2] + " " + name[2:]
    return name.replace("股份有限公司", "有限公司") if "股份" in name else name + " "


def _swap_letters(name: str, rng: np.random.Generator) -> str:
    """Exchange two different neighbouring letters inside the first word."""
    first = name.split(" ")[0]
    places = [k for k in range(1, len(first) - 1) if first[k] != first[k + 1]]
    k = places[rng.integers(len(places))]
    return name[:k] + name[k + 1] + name[k] + name[k + 2 :]


def _other_form(name: str, rng: np.random.Generator) -> str:
    swaps = (
        ("Technologies Co., Ltd.", "Technologies Company Limited"),
        ("Group Co., Ltd.", "Group Co Ltd"),
        ("Co., Ltd.", "CO.,LTD"),
        ("Corporation", "Corp."),
        ("Inc.", "Incorporated"),
        ("GmbH", "G.m.b.H."),
        ("Limited", "Ltd."),
        ("University", "Univ."),
        ("Research Institute", "Res. Inst."),
        ("Academy of Sciences", "Acad. of Sciences"),
    )
    for old, new in swaps:
        if old in name:
            return name.replace(old, new if rng.random() < 0.7 else new.lower())
    return name.lower()


def inventor_names(rng: np.random.Generator, n: int) -> list[str]:
    """`n` different person names, surname first."""
    s, g = catalogue.SURNAMES, catalogue.GIVEN
    per_surname = len(g) * len(g)
    codes = rng.choice(len(s) * per_surname, size=n, replace=False)
    return [
        f"{s[code // per_surname]}, {g[code // len(g) % len(g)]}{g[code % len(g)].lower()}"
        for code in codes.tolist()
    ]
