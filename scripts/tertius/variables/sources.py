"""Where knowledge comes from: external, self and partner citations, dependence, age, power."""

from __future__ import annotations

import polars as pl
import scipy.sparse as sp

from tertius.variables.category import category_columns, count_index
from tertius.variables.class_windows import sparse, tied
from tertius.variables.combine import expand_years, joined, passed_on, windowed_counts
from tertius.variables.distances import dyads, over_partners, yearly
from tertius.variables.frames import Rule, coverage, ordered_sum, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import window_rules
from tertius.variables.records import (
    citation_instances,
    families,
    family_classes,
    holdings,
    organisation_codes,
    organisations,
    partners,
    publications,
)
from tertius.variables.relations import KEY, tie_ages
from tertius.variables.search import (
    class_use,
    external,
    look_back_rules,
    own_classes,
    patents_and_start,
    split,
)

TIE = ["year", "org", "partner"]


def _patents_of_year(inputs: Inputs) -> list[Rule]:
    return [
        (pl.col("year") < inputs.raw_years[0], "missing_input"),
        (pl.col("patents").fill_null(0) == 0, "undefined_nopat"),
    ]


def _share_of_citations(inputs: Inputs, part: pl.DataFrame, rules: list[Rule]) -> pl.DataFrame:
    """Share of the citations of t that are in `part` (org, year, n)."""
    totals = citation_instances(inputs).group_by(KEY).agg(pl.col("n").sum().alias("total"))
    hits = part.group_by(KEY).agg(pl.col("n").sum().alias("hits"))
    values = (
        patents_and_start(inputs).join(totals, on=KEY, how="left").join(hits, on=KEY, how="left")
    )
    every = [
        *rules,
        *_patents_of_year(inputs),
        (pl.col("total").fill_null(0) == 0, "zero_denominator"),
    ]
    return settle(inputs, values, pl.col("hits").fill_null(0) / pl.col("total"), every)


def self_citations(inputs: Inputs) -> pl.DataFrame:
    """Share of the citations of t that go to the unit's own families; in [0, 1].

    No patents in t: undefined_nopat; no citations: zero_denominator. Hall, Jaffe and Trajtenberg
    (2001).
    """
    own = holdings(inputs).select("org", pl.col("unit").alias("cited"))
    part = citation_instances(inputs).join(own, on=["org", "cited"], how="semi")
    return _share_of_citations(inputs, part, [])


def external_holders(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Distinct holders cited in t that are neither the unit nor its partners; >= 0.

    No patents in t: undefined_nopat.
    """
    held = holdings(inputs).select(pl.col("unit").alias("cited"), pl.col("org").alias("holder"))
    cited = external(inputs, network).join(held, on="cited").select(*KEY, "holder").unique()
    counts = cited.group_by(KEY).agg(pl.len().alias("n"))
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    rules = [*coverage(inputs, network), *_patents_of_year(inputs)]
    return settle(inputs, values, pl.col("n").fill_null(0), rules)


def source_breadth(
    inputs: Inputs, *, network: str, by: str, index: str = "entropy"
) -> pl.DataFrame:
    """Diversity of the holders of external patents cited in t over country, place or type.

    Over citation instances and holders with a known attribute. No patents in t: undefined_nopat;
    fewer than two such citations: undefined_single. Our proxy of geographic (or organisational)
    search breadth.

    Args:
        inputs: the study's inputs.
        network: the network whose partners are not external.
        by: country | province | city | type.
        index: a name in `category.COUNT_INDICES` other than iqv.
    """
    named = organisations(inputs).select(pl.col("org").alias("holder"), category=pl.col(by))
    held = holdings(inputs).select(pl.col("unit").alias("cited"), pl.col("org").alias("holder"))
    counts = (
        external(inputs, network)
        .join(held, on="cited")
        .join(named.drop_nulls(), on="holder")
        .group_by(*KEY, "category")
        .agg(pl.col("n").sum().alias("count"))
    )
    values = patents_and_start(inputs).join(category_columns(counts), on=KEY, how="left")
    rules = [
        *coverage(inputs, network),
        *_patents_of_year(inputs),
        (pl.col("n").fill_null(0) < 2, "undefined_single"),
    ]
    return settle(inputs, values, count_index(index), rules)


def dependence(inputs: Inputs, *, network: str, column: str = "max") -> pl.DataFrame:
    """Largest share, or Herfindahl index, of the external holders cited in t; in (0, 1].

    Over citation instances and holders outside unit and portfolio. No patents in t:
    undefined_nopat; fewer than two such citations: undefined_single. Our proxy of dependence on a
    source (Emerson 1962).

    Args:
        inputs: the study's inputs.
        network: the network whose partners are not external.
        column: max | hhi.
    """
    held = holdings(inputs).select(pl.col("unit").alias("cited"), pl.col("org").alias("holder"))
    counts = (
        external(inputs, network)
        .join(held, on="cited")
        .group_by(*KEY, "holder")
        .agg(pl.col("n").cast(pl.Int64).sum().alias("k"))
        .group_by(KEY)
        .agg(
            pl.col("k").sum().alias("n"),
            pl.col("k").max().alias("max"),
            (pl.col("k") ** 2).sum().alias("squares"),
        )
    )
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    n = pl.col("n").cast(pl.Float64)
    found = {"max": pl.col("max") / n, "hhi": pl.col("squares") / n**2}
    rules = [
        *coverage(inputs, network),
        *_patents_of_year(inputs),
        (pl.col("n").fill_null(0) < 2, "undefined_single"),
    ]
    return settle(inputs, values, found[column], rules)


def openness(inputs: Inputs, *, window: int = 1) -> pl.DataFrame:
    """Share of the patents of W(t, window) held with others; in [0, 1].

    Without patents: undefined_nopat; a window that begins before the records: truncated.
    """
    joint = (pl.col("n_holders") > 1).cast(pl.Int64)
    yearly_counts = (
        holdings(inputs).group_by(KEY).agg(pl.len().alias("n"), joint.sum().alias("joint"))
    )
    counts = windowed_counts(inputs, yearly_counts, ["n", "joint"], window)
    rules = [*window_rules(inputs, window), (pl.col("n").fill_null(0) == 0, "undefined_nopat")]
    return settle(inputs, counts, pl.col("joint") / pl.col("n"), rules)


def citation_age(inputs: Inputs, *, how: str = "median", least: int = 3) -> pl.DataFrame:
    """Median (or mean) years from the priority of the cited to that of the citing family; >= 0.

    Over citation instances of t of families of the study. No patents in t: undefined_nopat; fewer
    than `least` such citations: undefined_single. Technology cycle time: Narin (1994).

    Args:
        inputs: the study's inputs.
        how: median | mean.
        least: citations needed.
    """
    if how not in ("median", "mean"):
        raise ValueError(f"how must be median or mean, not {how!r}")
    born = families(inputs).select(pl.col("unit").alias("cited"), pl.col("year").alias("born"))
    ages = (
        citation_instances(inputs)
        .join(born, on="cited")
        .group_by(*KEY, (pl.col("year") - pl.col("born")).cast(pl.Int64).alias("age"))
        .agg(pl.col("n").cast(pl.Int64).sum())
        .sort(*KEY, "age")
        .with_columns(upto=pl.col("n").cum_sum().over(KEY), total=pl.col("n").sum().over(KEY))
    )
    # The middle of the ordered instances, or the mean of the two middle ones.
    low = pl.col("age").filter(pl.col("upto") * 2 >= pl.col("total")).first()
    high = pl.col("age").filter(pl.col("upto") * 2 >= pl.col("total") + 1).first()
    summary = ages.group_by(KEY).agg(
        pl.col("total").first().alias("n"),
        ((low + high) / 2.0).alias("median"),
        ((pl.col("age") * pl.col("n")).sum() / pl.col("n").sum()).alias("mean"),
    )
    values = patents_and_start(inputs).join(summary, on=KEY, how="left")
    rules = [
        *_patents_of_year(inputs),
        (pl.col("n").fill_null(0) < least, "undefined_single"),
    ]
    return settle(inputs, values, pl.col(how), rules)


def recent_citations(inputs: Inputs, *, years: int = 3) -> pl.DataFrame:
    """Share of the citations of t of families at most `years` years old; in [0, 1].

    Our proxy for citing the frontier. Statuses of `self_citations`.
    """
    born = families(inputs).select(pl.col("unit").alias("cited"), pl.col("year").alias("born"))
    young = pl.col("year") - pl.col("born") <= years
    part = citation_instances(inputs).join(born, on="cited").filter(young)
    return _share_of_citations(inputs, part, [])


def science_references(inputs: Inputs, *, how: str = "mean") -> pl.DataFrame:
    """Scientific references per patent of t, or the share of patents with one; >= 0.

    References to documents that are no patents. No patents in t: undefined_nopat. Narin, Hamilton
    and Olivastro (1997).

    Args:
        inputs: the study's inputs.
        how: mean | share.
    """
    first = publications(inputs).filter("first").select(pl.col("pid").alias("citing_pid"), "unit")
    cited = inputs.tables["npl_citations"].join(first, on="citing_pid")
    per_family = cited.group_by("unit").agg(pl.col("npl_id").n_unique().alias("k"))
    counts = (
        holdings(inputs)
        .join(per_family, on="unit", how="left")
        .group_by(KEY)
        .agg(
            pl.len().alias("patents"),
            pl.col("k").fill_null(0).cast(pl.Int64).sum(),
            pl.col("k").is_not_null().sum().alias("some"),
        )
    )
    value = {"mean": pl.col("k"), "share": pl.col("some")}[how]
    return settle(inputs, counts, value / pl.col("patents"), _patents_of_year(inputs))


def partner_learning(inputs: Inputs, *, network: str, years: int = 5) -> pl.DataFrame:
    """Share of the citations of t of families of partners of at most `years` years; in [0, 1].

    Families that the unit holds itself are left out. No partner: undefined_isolate; no patents in
    t: undefined_nopat; no citations: zero_denominator. After the cross-citations of Mowery, Oxley
    and Silverman (1996).
    """
    held = holdings(inputs).select(pl.col("unit").alias("cited"), pl.col("org").alias("partner"))
    recent = tie_ages(inputs, network).filter(pl.col("year") - pl.col("first") < years)
    part = (
        split(inputs, network)[1]
        .join(held, on="cited")
        .join(recent, on=TIE, how="semi")
        .select(*KEY, "cited", "n")
        .unique()
    )
    return _with_partners(inputs, network, _share_of_citations(inputs, part, []))


def _with_partners(inputs: Inputs, network: str, found: pl.DataFrame) -> pl.DataFrame:
    """The variable with undefined_isolate for units without partners and the network's years."""
    some = partners(inputs, network).select(KEY).unique().with_columns(pl.lit(1).alias("tied"))
    frame = joined(inputs, v=found).join(some, on=KEY, how="left")
    rules = [
        *coverage(inputs, network),
        (pl.col("tied").is_null(), "undefined_isolate"),
        *passed_on("v"),
    ]
    return settle(inputs, frame, pl.col("v"), rules)


# -------------------------------------------------------------------------------- flows and power
def citing_holders(inputs: Inputs) -> pl.DataFrame:
    """org, year, partner, n: citations of the year of families of another holder, not own ones."""

    def build() -> pl.DataFrame:
        own = holdings(inputs).select("org", pl.col("unit").alias("cited"))
        held = holdings(inputs).select(
            pl.col("unit").alias("cited"), pl.col("org").alias("partner")
        )
        foreign = citation_instances(inputs).join(own, on=["org", "cited"], how="anti")
        pairs = foreign.join(held, on="cited")
        return pairs.group_by(*KEY, "partner").agg(pl.col("n").cast(pl.Int64).sum())

    return inputs.once("citing_holders", build)


def flows(inputs: Inputs, network: str, window: int) -> pl.DataFrame:
    """year, org, partner, given, taken: citations in W of the unit by the partner and back.

    Families that both hold are left out. One row a tie from each end.
    """
    return inputs.once(("flows", network, window), lambda: _flows(inputs, network, window))


def _flows(inputs: Inputs, network: str, window: int) -> pl.DataFrame:
    ties = partners(inputs, network).select(TIE)
    ever = ties.select("org", "partner").unique()
    among = citing_holders(inputs).join(ever, on=["org", "partner"], how="semi")
    sums = expand_years(among, window).group_by(TIE).agg(pl.col("n").sum())
    back = sums.rename({"org": "partner", "partner": "org"})
    return (
        ties.join(sums.rename({"n": "taken"}), on=TIE, how="left")
        .join(back.rename({"n": "given"}), on=TIE, how="left")
        .with_columns(pl.col("taken", "given").fill_null(0))
        .sort(TIE)
    )


def knowledge_flow(
    inputs: Inputs, *, network: str, window: int = 1, direction: str = "both"
) -> pl.DataFrame:
    """Mean citations a partner between unit and partner in W(t, window); >= 0.

    Citations of families that both hold are left out. Undefined for isolates. A proxy of knowledge
    sharing (Mowery, Oxley and Silverman 1996).

    Args:
        inputs: the study's inputs.
        network: the network.
        window: years of citations.
        direction: both | taken (the unit cites) | given (the partner cites).
    """
    value = {
        "both": pl.col("taken") + pl.col("given"),
        "taken": pl.col("taken"),
        "given": pl.col("given"),
    }[direction]
    sums = (
        flows(inputs, network, window)
        .group_by(KEY)
        .agg(pl.len().alias("n"), value.sum().alias("v"))
    )
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("n").fill_null(0) == 0, "undefined_isolate"),
    ]
    return settle(inputs, sums, pl.col("v") / pl.col("n"), rules)


def flow_among_partners(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Citations of the year between partners, per ordered pair of partners; >= 0.

    No partner: undefined_isolate; one: undefined_single.
    """
    cites = citing_holders(inputs)
    n_units = organisation_codes(inputs).height

    def build(year: int) -> pl.DataFrame:
        links = tied(inputs, network, year)
        now = cites.filter(pl.col("year") == year)
        flow = sparse(now, "org", "partner", (n_units, n_units), "n")
        inside = sp.csr_array(sp.csr_array(links @ flow).multiply(links))
        return pl.DataFrame(
            {
                "org": pl.Series(range(n_units), dtype=pl.UInt32),
                "v": inside.sum(axis=1),
                "n": links.sum(axis=1),
            }
        ).with_columns(pl.lit(year, pl.Int32).alias("year"))

    values = inputs.once(("flow_among", network), lambda: yearly(inputs, build))
    n = pl.col("n")
    rules = [
        *coverage(inputs, network),
        (n == 0, "undefined_isolate"),
        (n == 1, "undefined_single"),
    ]
    return settle(inputs, values, pl.col("v") / (n * (n - 1)), rules)


def power(
    inputs: Inputs, *, network: str, window: int = 5, column: str = "advantage"
) -> pl.DataFrame:
    """Knowledge power over the partners from external citations in W; mean over partners.

    D_ji = share of j's citations of others' families that go to i. advantage: mean of D_ji - D_ij,
    in [-1, 1]; imbalance: mean |D_ji - D_ij|; mutual: mean (D_ji + D_ij), in [0, 2]. Pairs of which
    one side cites nobody are left out. No partner: undefined_isolate; no such pair:
    zero_denominator. Emerson (1962); Casciaro and Piskorski (2005); the archival form is ours.
    """
    foreign = (
        citation_instances(inputs)
        .join(
            holdings(inputs).select("org", pl.col("unit").alias("cited")),
            on=["org", "cited"],
            how="anti",
        )
        .group_by(KEY)
        .agg(pl.col("n").cast(pl.Int64).sum())
    )
    totals = windowed_counts(inputs, foreign, ["n"], window)
    pairs = (
        flows(inputs, network, window)
        .join(totals.rename({"n": "own"}), on=KEY)
        .join(totals.rename({"n": "theirs", "org": "partner"}), on=["partner", "year"])
    )
    dependence_of_them = pl.col("given") / pl.col("theirs")
    dependence_on_them = pl.col("taken") / pl.col("own")
    value = {
        "advantage": dependence_of_them - dependence_on_them,
        "imbalance": (dependence_of_them - dependence_on_them).abs(),
        "mutual": dependence_of_them + dependence_on_them,
    }[column]
    return _mean_or_zero_denominator(inputs, network, window, pairs.select(*TIE, v=value))


def _mean_or_zero_denominator(
    inputs: Inputs, network: str, window: int, pairs: pl.DataFrame
) -> pl.DataFrame:
    sums = ordered_sum(pairs.with_columns(w=pl.lit(1.0)), KEY, ["partner"], ["v", "w"])
    counts = partners(inputs, network).group_by(KEY).agg(pl.len().alias("n"))
    rules = [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("n").fill_null(0) == 0, "undefined_isolate"),
        (pl.col("w").fill_null(0.0) == 0.0, "zero_denominator"),
    ]
    return settle(inputs, counts.join(sums, on=KEY, how="left"), pl.col("v") / pl.col("w"), rules)


def uniqueness(inputs: Inputs, *, network: str, window: int = 5) -> pl.DataFrame:
    """Mean over partners of the share of the unit's classes of advantage no other partner offers.

    In [0, 1]. No partner: undefined_isolate; no class of advantage: undefined_nopat. Our proxy.
    """
    pairs = dyads(inputs, network, window)
    return over_partners(inputs, network, window, pairs, pl.col("unique"))


# ------------------------------------------------------------------------- exploration in patents
def exploration(
    inputs: Inputs, *, years: int = 5, kind: str = "explore", how: str = "count"
) -> pl.DataFrame:
    """Patents of t in a subclass new to the unit (explore), or in known ones only (exploit).

    Look-back t-years..t-1 at IPC4. As counts (>= 0, 0 without patents) the two add up to the
    patents with a class; as shares they are complements, of which one says all. The first `years`
    years of the records or of the unit's record: truncated. After March (1991).

    Args:
        inputs: the study's inputs.
        years: length of the look-back.
        kind: explore | exploit.
        how: count | share (no patent with a class: undefined_nopat).
    """
    counts = explored(inputs, years)
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    base = pl.col("classed").fill_null(0)
    early = [rule for rule in look_back_rules(inputs, years) if rule[1] == "truncated"]
    hits = pl.col(kind).fill_null(0)
    if how == "count":
        return settle(inputs, values, hits, early)
    return settle(inputs, values, hits / base, [*early, (base == 0, "undefined_nopat")])


def explored(inputs: Inputs, years: int) -> pl.DataFrame:
    """org, year, classed, explore, exploit: families of the year by novelty of their subclasses."""
    marked = family_novelty(inputs, years)
    return marked.group_by(KEY).agg(
        pl.len().alias("classed"),
        pl.col("new").sum().alias("explore"),
        (~pl.col("new")).sum().alias("exploit"),
    )


def family_novelty(inputs: Inputs, years: int) -> pl.DataFrame:
    """org, year, unit, new: whether a family has a subclass the unit did not use before."""

    def build() -> pl.DataFrame:
        used = own_classes(inputs).join(class_use(inputs, years), on=[*KEY, "cls"])
        return used.group_by(*KEY, "unit").agg((pl.col("past") == 0).any().alias("new"))

    return inputs.once(("family_novelty", years), build)


def new_classes(inputs: Inputs, *, years: int = 5) -> pl.DataFrame:
    """Subclasses that the unit enters in t: used in t, not in t-years..t-1; >= 0.

    The first `years` years of the records or of the unit's record: truncated.
    """
    fresh = class_use(inputs, years).filter(pl.col("past") == 0)
    counts = fresh.group_by(KEY).agg(pl.len().alias("n"))
    values = patents_and_start(inputs).join(counts, on=KEY, how="left")
    early = [rule for rule in look_back_rules(inputs, years) if rule[1] == "truncated"]
    return settle(inputs, values, pl.col("n").fill_null(0), early)


def lock_in(inputs: Inputs, *, years: int = 5, how: str = "classes") -> pl.DataFrame:
    """How far the unit repeats itself; in [0, 1].

    classes: share of the families of t with a class, all of whose subclasses were used in each of
    the `years` years before; vectors: cosine of the class counts of t and t-years. No patents in t
    (or t-years): undefined_nopat; early years: truncated. Our proxy.
    """
    used = own_classes(inputs).group_by(*KEY, "cls").agg(pl.len().cast(pl.Int64).alias("n"))
    values = patents_and_start(inputs)
    rules = look_back_rules(inputs, years)
    if how == "vectors":
        return _class_cosine(inputs, used, values, rules, years)
    steady = (
        expand_years(used, years, start=1)
        .group_by(*KEY, "cls")
        .agg(pl.len().alias("k"))
        .filter(pl.col("k") == years)
    )
    marked = own_classes(inputs).join(
        steady.with_columns(pl.lit(True).alias("steady")), on=[*KEY, "cls"], how="left"
    )
    per_family = marked.group_by(*KEY, "unit").agg(pl.col("steady").fill_null(False).all())
    counts = per_family.group_by(KEY).agg(
        pl.len().alias("total"), pl.col("steady").sum().alias("hits")
    )
    values = values.join(counts, on=KEY, how="left")
    rules = [*rules, (pl.col("total").fill_null(0) == 0, "zero_denominator")]
    return settle(inputs, values, pl.col("hits") / pl.col("total"), rules)


def _class_cosine(
    inputs: Inputs, used: pl.DataFrame, values: pl.DataFrame, rules: list[Rule], years: int
) -> pl.DataFrame:
    then = used.with_columns((pl.col("year") + years).cast(pl.Int32).alias("year"))
    dots = (
        used.join(then, on=[*KEY, "cls"], suffix="_then")
        .group_by(KEY)
        .agg((pl.col("n") * pl.col("n_then")).sum().alias("dot"))
    )
    sizes = [
        frame.group_by(KEY).agg((pl.col("n") ** 2).sum().alias(name))
        for frame, name in ((used, "now"), (then, "then"))
    ]
    for frame in (dots, *sizes):
        values = values.join(frame, on=KEY, how="left")
    length = (pl.col("now").cast(pl.Float64) * pl.col("then").cast(pl.Float64)).sqrt()
    rules = [*rules, (length.fill_null(0.0) == 0.0, "undefined_nopat")]
    return settle(inputs, values, (pl.col("dot").fill_null(0) / length).clip(0.0, 1.0), rules)


def twins(inputs: Inputs, *, network: str) -> pl.DataFrame:
    """Share of the families of t with the classes of a family of outsiders; in [0, 1].

    Duplicated research: the same set of IPC main groups in the same year by a holder that is
    neither the unit nor a partner. No family with a class: undefined_nopat. Our proxy: classes
    stand in for texts.
    """
    sets = (
        family_classes(inputs, "group")
        .sort("unit", "cls")
        .group_by("unit", maintain_order=True)
        .agg(pl.col("cls").cast(pl.String).str.join(" ").alias("set"))
    )
    kinds = sets["set"].unique().sort().to_frame().with_row_index("kind")
    held = holdings(inputs).join(sets.join(kinds, on="set").select("unit", "kind"), on="unit")
    held = held.select("unit", "org", "year", "kind")
    owners = held.select("year", "kind", "org").unique()
    # Holders of a set in the year other than the unit and its partners.
    holders = owners.group_by("year", "kind").agg(pl.len().alias("holders"))
    tied_too = (
        owners.join(partners(inputs, network).select(TIE), on=["year", "org"])
        .join(owners.rename({"org": "partner"}), on=["year", "kind", "partner"], how="semi")
        .group_by("year", "kind", "org")
        .agg(pl.len().alias("near"))
    )
    counts = (
        held.join(holders, on=["year", "kind"])
        .join(tied_too, on=["year", "kind", "org"], how="left")
        .with_columns(other=pl.col("holders").cast(pl.Int64) - 1 - pl.col("near").fill_null(0))
        .group_by(KEY)
        .agg(pl.len().alias("n"), (pl.col("other") > 0).sum().alias("hits"))
    )
    rules = [
        *coverage(inputs, network),
        (pl.col("year") < inputs.raw_years[0], "missing_input"),
        (pl.col("n").fill_null(0) == 0, "undefined_nopat"),
    ]
    return settle(inputs, counts, pl.col("hits") / pl.col("n"), rules)
