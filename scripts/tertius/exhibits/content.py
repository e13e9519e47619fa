"""What the report says, as plain frozen values: the page is a pure function of this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bilingual:
    """A text in English and, where there is one, Chinese."""

    en: str
    zh: str = ""

    @classmethod
    def of(cls, plain: Mapping[str, str] | None) -> Bilingual:
        """From {en, zh}; empty where there is none."""
        return cls(
            str((plain or {}).get("en", "")).strip(), str((plain or {}).get("zh", "")).strip()
        )


@dataclass(frozen=True)
class Link:
    """A relative link."""

    text: str
    href: str


@dataclass(frozen=True)
class ClaimRow:
    """One claim with its verdict; numbers are texts, the same as everywhere else.

    `sort_p` orders rows by adjusted p (2 where there is none); `flags` are one-word warnings with
    their explanation.
    """

    id: str
    paper: str
    section: str
    place: str
    statement: Bilingual
    shape: str
    testability: str
    verdict: str
    reason: str
    reason_code: str
    model: Link | None
    quantity: str
    n_obs: str
    n_firms: str
    estimate: str
    interval: str
    p_value: str
    p_adjusted: str
    q_value: str
    detectable: str
    family: str
    trust: tuple[tuple[str, str], ...]
    flags: tuple[tuple[str, str], ...]
    note: str
    rivals: tuple[str, ...]
    sort_p: float


@dataclass(frozen=True)
class Grid:
    """A plain table: heads, rows of texts, which columns are numbers; one note below."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class TableBlock:
    """A finished table: HTML fragment of its backend and links to its files."""

    id: str
    kind: str
    title: Bilingual
    html: str
    files: tuple[Link, ...]


@dataclass(frozen=True)
class FigureBlock:
    """A figure: image as a data URI, words for it (the reason where not drawn), links to files."""

    id: str
    kind: str
    title: Bilingual
    caption: Bilingual
    alt: str
    drawn: bool
    image: str
    files: tuple[Link, ...]


@dataclass(frozen=True)
class SourceRow:
    """One data source with its terms of use."""

    id: str
    title: str
    version: str
    licence: str
    redistributable: bool
    citation: str
    access: str
    url: str
    sha256: str


@dataclass(frozen=True)
class JointTest:
    """A Wald test that several estimates are as planted."""

    statistic: str
    dof: int
    p_value: str
    rejected: bool


@dataclass(frozen=True)
class TruthBlock:
    """Planted against estimated: (term, planted, estimate, interval, inside) rows, and the joint
    tests of the main terms and of every term."""

    model: str
    rows: tuple[tuple[str, str, str, str, bool], ...]
    n_inside: int
    main: JointTest
    every: JointTest
    main_terms: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class WhatIfBlock:
    """Removals and contributions of partners: sentences, the curves, tables, links to files."""

    sentences: tuple[str, ...]
    figure: FigureBlock
    grids: tuple[Grid, ...]
    files: tuple[Link, ...]


@dataclass(frozen=True)
class MultiverseBlock:
    """The multiverse of a claim: sentences, the curve, joint tests, and what drives it."""

    claim_id: str
    sentences: tuple[str, ...]
    figure: FigureBlock
    joint: Grid
    drivers: Grid
    levels: Grid


@dataclass(frozen=True)
class Section:
    """A paper's claims in the overview: title and tiles by place."""

    title: str
    places: tuple[tuple[str, tuple[ClaimRow, ...]], ...]


@dataclass(frozen=True)
class ReportContent:
    """The whole report of a study."""

    study: str
    title: Bilingual
    note: Bilingual
    cautions: tuple[Bilingual, ...]
    facts: tuple[tuple[str, str], ...]
    unit: str
    claims: tuple[ClaimRow, ...]
    overview: tuple[Section, ...]
    counts: tuple[tuple[str, int], ...]
    alpha: str
    families: Grid
    truth: TruthBlock | None
    multiverse: tuple[MultiverseBlock, ...]
    whatif: WhatIfBlock | None
    tables: tuple[TableBlock, ...]
    figures: tuple[FigureBlock, ...]
    networks: tuple[Grid, ...]
    attrition: Grid
    warnings: Grid
    refused: Grid
    sources: tuple[SourceRow, ...]
    proxies: Grid
    stand_ins: tuple[str, ...]
    statuses: Grid
    ledgers: tuple[Grid, ...]
    identity: tuple[Grid, ...]
    survey: tuple[Grid, ...]
    models: Grid
    model_links: tuple[tuple[str, tuple[Link, ...]], ...]
    audit: tuple[Link, ...]
    versions: tuple[tuple[str, str], ...]

    def figures_of(self, *kinds: str) -> tuple[FigureBlock, ...]:
        """Figures of some kinds, in order."""
        return tuple(figure for figure in self.figures if figure.kind in kinds)
