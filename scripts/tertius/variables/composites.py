"""Variables made of other variables of the codebook: indices, strategies, niches, ratios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from tertius.variables.class_windows import (
    class_window,
    in_shares,
    integers,
    row_sums,
    sparse,
    tied,
)
from tertius.variables.combine import (
    combined,
    expand_years,
    joined,
    passed_on,
    score_mean,
    within_year_rank,
    yearly,
)
from tertius.variables.distances import (
    lacking_complementarity,
    new_ties,
    partner_diversity,
    similarity,
)
from tertius.variables.environment import accounts
from tertius.variables.frames import Rule, coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.international import cultural_distance
from tertius.variables.knowledge import reached_classes, specialisation, stock_growth, window_rules
from tertius.variables.knowledge_base import class_share, main_classes
from tertius.variables.market import trademarks_per_patent
from tertius.variables.outcomes import cited, outcome_rules
from tertius.variables.portfolio import functional_learning, new_partners, size
from tertius.variables.position import measure, structural_holes
from tertius.variables.proximity import joint_ownership, rival_pairs
from tertius.variables.received import unit_citations
from tertius.variables.records import (
    class_numbers,
    families,
    family_classes,
    first_publications,
    holdings,
    organisation_codes,
    organisations,
    patent_counts,
    rows,
)
from tertius.variables.relations import KEY, repeat_share, tie_strength

LABEL_GAP = 0.1


def reach(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """Mean of the within-year z of new classes within reach and of harmonic centrality. Ours."""
    return score_mean(
        inputs,
        classes=reached_classes(inputs, network=network, window=window),
        near=measure(inputs, network=network, column="harmonic"),
    )


def structural_capital(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Structural social capital: mean of the within-year z of sh and betweenness.

    After Nahapiet and Ghoshal (1998); statuses of the parts.
    """
    return score_mean(
        inputs,
        sh=structural_holes(inputs, network=network),
        btw=measure(inputs, network=network, column="betweenness_normalised"),
    )


def relational_capital(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Relational social capital: mean of the within-year z of tie strength and repeated ties.

    After Tsai and Ghoshal (1998); statuses of the parts.
    """
    return score_mean(
        inputs,
        strength=tie_strength(inputs, network=network),
        repeated=repeat_share(inputs, network=network),
    )


def safeguards(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean of the within-year z of joint ownership, - cultural distance, common language. Ours."""
    return score_mean(
        inputs,
        {"culture": -1.0},
        owned=joint_ownership(inputs),
        culture=cultural_distance(inputs, network=network),
        language=similarity(inputs, network=network),
    )


def ambidexterity_product(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """ln(1 + exploratory) x ln(1 + exploitative alliances); >= 0, 0 for isolates.

    Combined dimension of He and Wong (2004) on nonnegative counts: a product of z-scores would
    reward being low on both.
    """
    parts = {
        kind: functional_learning(inputs, network=network, kind=kind)
        for kind in ("explore", "exploit")
    }
    return combined(inputs, pl.col("explore").log1p() * pl.col("exploit").log1p(), [], **parts)


def new_partner_share(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Share of the partners that were none in t-years..t-1; in [0, 1]. Exploration of partners.

    No partner: undefined_isolate; look-back before the records: truncated. Lavie and Rosenkopf
    (2006), structure domain.
    """
    parts = {
        "new": new_partners(inputs, network=network, years=years),
        "n": size(inputs, network=network),
    }
    rules: list[Rule] = [(pl.col("n") == 0.0, "undefined_isolate")]
    return combined(inputs, pl.col("new") / pl.col("n"), rules, **parts)


def log_size(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """ln(partners); no partner: undefined_isolate. To stand beside every diversity index."""
    rules: list[Rule] = [(pl.col("n") == 0.0, "undefined_isolate")]
    return combined(inputs, pl.col("n").log(), rules, n=size(inputs, network=network))


# ------------------------------------------------------------------------------------ strategies
def competitive_strategy(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Mean proximity among the partners x share of pairs in one industry; in [0, 1].

    Parallel sourcing; statuses of `pdiv_tech` and `coop_pp`. Our rule for Du and Shao (2017).
    """
    parts = {
        "apart": partner_diversity(inputs, network=network),
        "rivals": rival_pairs(inputs, network=network),
    }
    return combined(inputs, (1.0 - pl.col("apart")) * pl.col("rivals"), [], **parts)


def substitutive_strategy(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """Overlap of entering partners' classes with what they replace, if they are younger; in [0, 1].

    sum_c min(E_c, R_c): E the class shares of the partners of t that were none in t-1, R those of
    the partners lost since t-1 and of the unit's own declining classes (fewer patents in W than in
    the window before); 0 where the mean age of the classes of E is not lower than that of R (age
    since the first patent of the records). No new partner with patents, or nothing replaced:
    undefined_nopat; no partner: undefined_isolate. Our rule for Du and Shao (2017).
    """

    def build(year: int) -> pl.DataFrame:
        return _substitution(inputs, network, window, year)

    key = ("substitution", network, window)
    values = inputs.once(key, lambda: yearly(inputs, build))
    rules = [
        *coverage(inputs, network, back=1),
        (pl.col("year") < inputs.raw_years[0] + 2 * window - 1, "truncated"),
        (pl.col("partners") == 0, "undefined_isolate"),
        (pl.col("v").is_null(), "undefined_nopat"),
    ]
    return settle(inputs, values, pl.col("v").clip(0.0, 1.0), rules)


def _substitution(inputs: Inputs, network: str, window: int, year: int) -> pl.DataFrame:
    n = organisation_codes(inputs).height
    entering = new_ties(inputs, network).filter(pl.col("year") == year)
    now, then = tied(inputs, network, year), tied(inputs, network, year - 1)
    joins = sparse(entering, "org", "partner", (n, n))
    leaves = sp.csr_array(then - then.multiply(now))
    leaves.eliminate_zeros()
    before = class_window(inputs, year - window, window).vectors
    vectors = class_window(inputs, year, window).vectors
    falls = sp.csr_array((before - vectors).maximum(0))
    enter = in_shares(sp.csr_array(joins @ vectors))
    replaced = in_shares(sp.csr_array(leaves @ vectors + falls))
    births = _class_births(inputs)
    parts, ages = [], []
    for matrix in (enter, replaced):
        total = row_sums(matrix)
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        matrix.data = matrix.data * np.repeat(scale, np.diff(matrix.indptr))
        parts.append((matrix, total > 0))
        ages.append(year - np.asarray(matrix @ births))
    overlap = row_sums(sp.csr_array(parts[0][0].minimum(parts[1][0])))
    known = parts[0][1] & parts[1][1]
    value = np.where(ages[0] < ages[1], overlap, 0.0)
    return pl.DataFrame(
        {
            "org": np.arange(n, dtype=np.uint32),
            "partners": np.diff(now.indptr),
            "v": np.where(known, value, np.nan),
        }
    ).with_columns(pl.lit(year, pl.Int32).alias("year"), pl.col("v").fill_nan(None))


def _class_births(inputs: Inputs) -> NDArray[np.float64]:
    """First year of each IPC4 subclass in the records; that of the last one where it has none."""

    def build() -> NDArray[np.float64]:
        born = families(inputs).select("unit", "year")
        first = (
            family_classes(inputs).join(born, on="unit").group_by("cls").agg(pl.col("year").min())
        )
        out = np.full(class_numbers(inputs).height, float(inputs.raw_years[1]))
        out[integers(first, "cls")] = integers(first, "year")
        return out

    return inputs.once("first_year_of_class", build)


def strategy_label(inputs: Inputs, *, network: str, gap: float = LABEL_GAP) -> pl.DataFrame:
    """1 complementary, 2 competitive, 3 substitutive, 0 mixed (lead below `gap`).

    Strategies that are undefined count 0; all three undefined: the status of the first.
    """
    frame = joined(
        inputs,
        a=lacking_complementarity(inputs, network=network, other_industry=True),
        b=competitive_strategy(inputs, network=network),
        c=substitutive_strategy(inputs, network=network),
    )
    values = [pl.col(c).fill_null(0.0) for c in "abc"]
    top = pl.max_horizontal(values)
    second = (values[0] + values[1] + values[2]) - top - pl.min_horizontal(values)
    best = pl.when(values[0] == top).then(1).when(values[1] == top).then(2).otherwise(3)
    none = pl.all_horizontal(pl.col(c).is_null() for c in "abc")
    rules = [(none & condition, status) for condition, status in passed_on("a")]
    return settle(inputs, frame, pl.when(top - second >= gap).then(best).otherwise(0), rules)


# ------------------------------------------------------------------------------------ phases
def early_phase(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """1 in an early phase: few granted patents and a growing stock; else 0. Ours.

    Share of the patents of W granted until 31 December t below the median of the year's units of
    the frame, and a rising knowledge stock. No patents in W: undefined_nopat.
    """
    share = _granted_share(inputs, window)
    ranked = within_year_rank(inputs, 0.5, v=share)
    frame = ranked.with_columns(
        g=stock_growth(inputs)["value"], g_status=stock_growth(inputs)["status"]
    )
    rules: list[Rule] = [
        *((pl.col("status") == s, s) for s in ("truncated", "undefined_nopat", "missing_input")),
        *passed_on("g"),
        (pl.col("cut").is_null(), "missing_input"),
    ]
    value = (pl.col("value") < pl.col("cut")) & (pl.col("g") > 0.0)
    return settle(inputs, frame, value, rules)


def _granted_share(inputs: Inputs, window: int) -> pl.DataFrame:
    grants = first_publications(inputs, "grant_date")
    granted = grants.group_by("unit").agg(pl.col("grant_date").min())
    held = holdings(inputs).join(granted, on="unit", how="left").select(*KEY, "grant_date")
    day = pl.date(pl.col("year"), 12, 31)
    counts = (
        expand_years(held, window)
        .group_by(KEY)
        .agg(
            pl.len().alias("n"), (pl.col("grant_date") <= day).fill_null(False).sum().alias("hits")
        )
    )
    rules = [*window_rules(inputs, window), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)


def commercial_phase(inputs: Inputs) -> pl.DataFrame:
    """1 where the trademarks per patent of t reach the median of the year; else 0. Ours."""
    ranked = within_year_rank(inputs, 0.5, v=trademarks_per_patent(inputs))
    rules: list[Rule] = [
        *((pl.col("status") == s, s) for s in ("missing_input", "undefined_nopat")),
        (pl.col("cut").is_null(), "missing_input"),
    ]
    return settle(inputs, ranked, pl.col("value") >= pl.col("cut"), rules)


def technology_leader(inputs: Inputs, *, window: int = 5, share: float = 0.9) -> pl.DataFrame:
    """1 where the unit is in the top tenth of its main class by citations received until t; else 0.

    Patents of W; ties count, a unit without citations does not. No patents in W: undefined_nopat.
    Ours.
    """
    sums = yearly(inputs, lambda year: unit_citations(inputs, year, window))
    place = (pl.len() * share).ceil().cast(pl.Int64).clip(1) - 1
    cuts = sums.group_by("year", "cls").agg(
        pl.col("cites").sort().gather(place).first().alias("cut")
    )
    values = (
        main_classes(inputs, window)
        .join(sums, on=["org", "year", "cls"], how="left")
        .join(cuts, on=["year", "cls"], how="left")
    )
    rules = [*window_rules(inputs, window), (pl.col("cls").is_null(), "undefined_nopat")]
    return settle(inputs, values, (pl.col("cites") >= pl.col("cut")).fill_null(False), rules)


# ------------------------------------------------------------------------------- size and niche
def small_firm(
    inputs: Inputs, *, rule: str = "thresholds", employees: float = 1000.0, sales: float = 4e8
) -> pl.DataFrame:
    """1 for a small or medium firm in its first year of accounts, fixed for all years; else 0.

    thresholds: fewer than `employees` or less than `sales` (the cut-offs for industry of the
    Chinese standard of 2011: 1,000 persons, 400 million yuan; other industries have their own);
    median: assets below the median of all firms in their first year. Before the first accounts:
    truncated; unknown items: missing_input.
    """
    table = accounts(inputs).sort("org", "year")
    first = table.unique("org", keep="first", maintain_order=True).rename({"year": "since"})
    if rule == "thresholds":
        below = (pl.col("employees") < employees) | (pl.col("sales") < sales)
        small = first.select("org", "since", hit=below)
    else:
        # Each cohort against the firms that were seen until its own first year.
        cuts = [
            {"since": year, "cut": first.filter(pl.col("since") <= year)["assets"].median()}
            for year in first["since"].unique().sort().to_list()
        ]
        known = pl.DataFrame(cuts, schema={"since": pl.Int32, "cut": pl.Float64})
        small = first.join(known, on="since").select(
            "org", "since", hit=pl.col("assets") < pl.col("cut")
        )
    values = rows(inputs).select("org", "year").join(small, on="org", how="left")
    rules: list[Rule] = [
        (pl.col("since").is_null(), "missing_input"),
        (pl.col("year") < pl.col("since"), "truncated"),
        (pl.col("hit").is_null(), "missing_input"),
    ]
    return settle(inputs, values, pl.col("hit"), rules)


def niche(inputs: Inputs, *, window: int = 5) -> pl.DataFrame:
    """1 for a small firm, specialised, with a small share of its main class; else 0. Ours.

    Class concentration in the upper quarter and share of the main class in the lower quarter of the
    year's units of the frame, ties included. Statuses of the parts.
    """
    high = within_year_rank(inputs, 0.75, v=specialisation(inputs, window=window))
    low = within_year_rank(inputs, 0.25, v=class_share(inputs, window=window))
    small = small_firm(inputs)
    frame = joined(inputs, small=small).with_columns(
        spec=high["value"], spec_status=high["status"], spec_cut=high["cut"],
        share=low["value"], share_status=low["status"], share_cut=low["cut"],
    )  # fmt: skip
    rules: list[Rule] = [
        *passed_on("small", "spec", "share"),
        (pl.col("spec_cut").is_null() | pl.col("share_cut").is_null(), "missing_input"),
    ]
    value = (
        (pl.col("small") == 1.0)
        & (pl.col("spec") >= pl.col("spec_cut"))
        & (pl.col("share") <= pl.col("share_cut"))
    )
    return settle(inputs, frame, value, rules)


# ----------------------------------------------------------------------------------- conversion
def _research(inputs: Inputs) -> pl.DataFrame:
    spent = accounts(inputs).select("org", "year", v=pl.col("rd"))
    return settle(inputs, spent, pl.col("v"), [(pl.col("v").is_null(), "missing_input")])


def conversion(inputs: Inputs, *, years: int = 5, publication_lag: int = 2) -> pl.DataFrame:
    """Citation-weighted patents of t per unit of R&D expenditure of t; >= 0. Descriptive.

    A ratio shares its denominator with much else: in a model enter `cwpat` with ln R&D as exposure.
    R&D unknown: missing_input; 0: zero_denominator; windows as in `cwpat`.
    """
    parts = {
        "cw": cited(inputs, years=years, publication_lag=publication_lag, base=1),
        "rd": _research(inputs),
    }
    return combined(
        inputs, pl.col("cw") / pl.col("rd"), [(pl.col("rd") == 0.0, "zero_denominator")], **parts
    )


def cost_per_patent(inputs: Inputs, *, log: bool = False) -> pl.DataFrame:
    """R&D expenditure of t per patent of t, or its logarithm; >= 0. Descriptive.

    No patents in t: undefined_nopat; R&D unknown: missing_input; log of 0: zero_denominator. In a
    model enter patents with ln R&D as exposure.
    """
    frame = joined(inputs, rd=_research(inputs)).join(patent_counts(inputs), on=KEY, how="left")
    rules: list[Rule] = [
        *outcome_rules(inputs),
        *passed_on("rd"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    value = pl.col("rd") / pl.col("n")
    if log:
        rules.append((pl.col("rd") <= 0.0, "zero_denominator"))
        value = value.log()
    return settle(inputs, frame, value, rules)


def per_item(
    inputs: Inputs, *, numerator: Sequence[str], denominator: str, minus: Sequence[str] = ()
) -> pl.DataFrame:
    """Sum of items of the accounts less others, over an item. Unknown: missing_input.

    Denominator 0: zero_denominator.
    """
    over = sum((pl.col(i) for i in numerator), pl.lit(0.0)) - sum(
        (pl.col(i) for i in minus), pl.lit(0.0)
    )
    under = pl.col(denominator)
    rules: list[Rule] = [
        (over.is_null() | under.is_null(), "missing_input"),
        (under == 0.0, "zero_denominator"),
    ]
    return settle(inputs, accounts(inputs), over / under, rules)


def item(inputs: Inputs, *, name: str) -> pl.DataFrame:
    """An item of the accounts as it stands; unknown: missing_input."""
    value = pl.col(name)
    return settle(inputs, accounts(inputs), value, [(value.is_null(), "missing_input")])


def diversification_of_links(inputs: Inputs) -> pl.DataFrame:
    """1 - mean of the shares of the five largest suppliers and customers; in [0, 1].

    Flexibility of coordination: low concentration. One of the shares alone serves; none:
    missing_input.
    """
    shares = ["supplier_top5", "customer_top5"]
    mean = pl.mean_horizontal(shares)
    return settle(inputs, accounts(inputs), 1.0 - mean, [(mean.is_null(), "missing_input")])


def state_owned(inputs: Inputs, *, words: Sequence[str] = ("state", "soe", "国有")) -> pl.DataFrame:
    """1 where the ownership of the register names the state, else 0; unknown: missing_input."""
    named = organisations(inputs).select("org", own=pl.col("ownership").str.to_lowercase())
    values = rows(inputs).select("org", "year").join(named, on="org", how="left")
    hit = pl.any_horizontal(pl.col("own").str.contains(w, literal=True) for w in words)
    return settle(inputs, values, hit, [(pl.col("own").is_null(), "missing_input")])
