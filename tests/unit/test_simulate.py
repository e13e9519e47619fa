"""The simulated world: planted formulas on hand cases, sound records, and no leak into counts."""

from __future__ import annotations

import datetime as dt
import io
import lzma
import warnings
from dataclasses import fields, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import yaml
from scipy import stats

from tertius.simulate import (
    coefficients,
    null_world,
    settings_for,
    simulate_world,
    write_world,
)
from tertius.simulate import regressors as plant
from tertius.simulate.citations import group_sizes
from tertius.simulate.environment import dess_beard, turbulence_z
from tertius.simulate.formation import Deal, state_of
from tertius.simulate.further import further_terms
from tertius.simulate.outcome import Centres, index
from tertius.simulate.settings import RecordFaults
from tertius.simulate.traits import leanings
from tertius.simulate.truth import planted_terms

DEMO = Path(__file__).resolve().parents[2] / "data" / "raw" / "demo"


def exact_names(n_firms):
    return replace(settings_for(n_firms), faults=RecordFaults(name_variants=0.0))


@pytest.fixture(scope="module")
def world():
    return simulate_world(exact_names(100), seed=5)


@pytest.fixture(scope="module")
def demo_world():
    truth = yaml.safe_load((DEMO / "truth.yaml").read_text(encoding="utf-8"))
    return simulate_world(settings_for(truth["settings"]["n_firms"]), truth["seed"])


def day(year, month=6, date=1):
    return dt.date(year, month, date).toordinal()


def deal(members, functions=("RD",), start=2000, end=2004):
    return Deal(day(start), day(end) if end else 0, members, "joint_rd", functions)


def network(n, ties):
    a = np.zeros((n, n))
    for i, j, w in ties:
        a[i, j] = a[j, i] = w
    return sp.csr_array(a)


# ---- planted formulas on hand cases ------------------------------------------------------------


def test_structural_holes_of_the_worked_network():
    g1 = network(6, [(0, 1, 3), (0, 2, 1), (0, 3, 2), (1, 2, 2), (3, 4, 4), (2, 4, 1)])
    holes = plant.structural_holes(g1)
    assert holes[0] == pytest.approx(1.0 - 703 / 1200, abs=1e-9)
    assert np.isnan(holes[5])
    assert plant.degree(g1).tolist() == [3, 2, 3, 2, 2, 0]
    triad = network(4, [(0, 1, 1), (0, 2, 1), (1, 2, 1)])
    assert plant.structural_holes(triad)[:3] == pytest.approx([-1 / 8] * 3)
    assert plant.structural_holes(network(2, [(0, 1, 1)]))[0] == pytest.approx(0.0)


def test_weights_of_multi_party_deals():
    deals = [deal((0, 1)), deal((0, 1, 2)), deal((0, 3)), deal((1, 3), start=2003, end=2005)]
    state = state_of(deals, 4, 2001).toarray()
    assert state[0].tolist() == [0.0, 1.5, 0.5, 1.0]
    assert state[1, 2] == 0.5
    assert state[1, 3] == 0.0
    assert state[0].sum() == 3.0


def test_a_deal_is_active_until_it_ends_or_five_decembers_when_the_end_is_unknown():
    years = range(1998, 2010)
    assert [y for y in years if deal((0, 1)).active(y)] == [2000, 2001, 2002, 2003]
    unknown = deal((0, 1), end=None)
    assert [y for y in years if unknown.active(y)] == [2000, 2001, 2002, 2003, 2004]


def test_pair_diversity_is_halls_index_and_shares_fractions():
    totals = np.array([[3.0, 2.0, 1.0], [1.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    diversity = plant.pair_diversity(totals, np.array([6.0, 1.5, 1.0]), np.array([6, 2, 1]))
    assert diversity[0] == pytest.approx(11 / 15, abs=1e-9)
    # one patent in class 0 and one half in 0, half in 1 agree with probability one half
    assert diversity[1] == pytest.approx(0.5)
    assert np.isnan(diversity[2])


def test_partner_diversity_pools_partners_patents_without_joint_ones():
    state = network(4, [(0, 1, 1), (0, 2, 1)])
    owners = sp.csr_array(
        np.array([[0, 1, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    )
    shares = sp.csr_array(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [1, 0, 0.0]]))
    diversity = plant.partner_diversity(state, owners, shares)
    # firm 0 pools patents 0, 1 (once) and 3: pairs agree with 0, .5 and .5
    assert diversity[0] == pytest.approx(1.0 - 1.0 / 3.0)
    # firm 1 pools firm 0's only patent, which is its own as well
    assert np.isnan(diversity[1])
    assert np.isnan(diversity[3])


def test_search_breadth_counts_external_citation_instances():
    state = network(4, [(0, 1, 1)])
    owners = sp.csr_array(
        np.array(
            [[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
        )
        * 1.0
    )
    shares = sp.csr_array(np.eye(3)[[0, 1, 2, 2, 0, 0]])
    citing, cited = np.array([4, 4, 4, 4, 5]), np.array([0, 1, 2, 3, 0])
    breadth = plant.search_breadth(state, owners, citing, cited, np.array([4, 5]), shares)
    # the partner's patent 2 and the own patent 3 are left out; external instances are 0, 1, 0
    assert breadth[0] == pytest.approx(2.0 / 3.0)
    assert np.isnan(breadth[1:]).all()


def test_function_balance_of_explore_and_exploit_deals():
    deals = [
        deal((0, 1), ("RD",)),
        deal((0, 2), ("RD", "marketing")),
        deal((0, 3), ("license",)),
        deal((1, 3), ("manufacture",), start=2005, end=2006),
    ]
    balance = plant.function_balance(deals, 4, 2001)
    # firm 0: explore 1.5, exploit .5
    assert balance[:3] == pytest.approx([0.5, 0.0, 1.0])
    assert np.isnan(balance[3])


def test_dess_beard_worked_answer_and_z_over_firms():
    munificence, dynamism = dess_beard(np.array([100.0, 112.0, 118.0, 135.0, 140.0]))
    assert munificence == pytest.approx(0.085124, abs=1e-6)
    assert dynamism == pytest.approx(0.00785486, abs=1e-8)
    frame = np.array([True, True, True, False])
    z = turbulence_z(np.array([1.0, 4.0]), np.array([0, 0, 1, 1]), frame)
    assert z[:3] == pytest.approx([-1 / np.sqrt(2), -1 / np.sqrt(2), np.sqrt(2)])
    assert np.isnan(z[3])


def test_index_of_a_hand_case():
    plan = settings_for(100).outcome
    x = {
        "deg": np.array([3.0, 0.0]),
        "sh": np.array([0.7, np.nan]),
        "tdiv": np.array([0.68, np.nan]),
        "turb": np.array([1.0, 2.0]),
        "sbreadth": np.array([plan.breadth_centre + plan.breadth_unit, np.nan]),
        "amb_bal": np.array([0.5, np.nan]),
        "partner_death": np.array([1.0, 0.0]),
        "ln_assets": np.array([6.0, 5.0]),
        "rd_int": np.array([0.05, np.nan]),
    }
    got = index(plan, Centres(1.4, 0.6), x)
    ties = np.log(4.0) - 1.4
    by_hand = (
        0.45 * ties + 1.6 * 0.1 + 1.2 * ties * 0.1 - 8 * 0.0016 + 0.8 * -0.04 + 2.0 * 0.0016
        + 0.15 - 0.25 + 0.17 - 0.2 + 0.6 + 0.1
    )  # fmt: skip
    assert got == pytest.approx([by_hand, 0.45 * -1.4 + 0.5], abs=1e-9)


def test_what_last_year_adds_through_latent_constructs():
    """The index moves with last year's portfolio as the product of both paths says."""
    settings, ip = settings_for(100), np.array([0.0, 1.0])
    past = {
        "deg": np.array([3.0, 5.0]),
        "sh": np.array([0.5, 0.6]),
        "tstr": np.array([3.0, 3.4]),
        "gov_r": np.zeros(2),
        "science": np.array([1.0, 4.0]),
    }
    noise = dict.fromkeys(("depth", "sharing", "recombine"), np.zeros(2))
    under = {"pilot": np.zeros(2), "ip": ip}
    got = leanings(settings, past, np.zeros(2), under, noise, np.zeros(2))
    further, it = settings.further, 1.0
    sharing = further.sharing + (it - 0.5) * further.it_sharing
    index_of = further.depth * got["depth"] + sharing * got["sharing"]
    index_of = index_of + further.recombine * got["recombine"]

    terms = further_terms(further, settings.traits)
    own = {"sh_l1": further.sh_past / 0.26}
    moved = {
        "sh_l1": 0.1,
        "log1p(deg_l1)": np.log(6.0 / 4.0),
        "tstr_l1": 0.4,
        "log1p(gf_bridge_sci_l1)": np.log(5.0 / 2.0),
        "pol_ip_l1": 1.0,
        "ind_it:sh_l1": (it - 0.5) * 0.1,
        "ind_it:tstr_l1": (it - 0.5) * 0.4,
    }
    expected = sum((terms[term] - own.get(term, 0.0)) * by for term, by in moved.items())
    assert np.diff(index_of) == pytest.approx(expected)
    assert terms["sh_l1"] == pytest.approx((0.12 + 0.2 * 0.6 + 0.1 * 0.35 + 0.06 * 0.6) / 0.26)


def test_breadth_out_of_reach_takes_the_nearest_split():
    rng, nobody = np.random.default_rng(1), np.zeros(60, dtype=np.int64)
    assert group_sizes(5, 0.0, nobody, rng).tolist() == [5, 0, 0, 0, 0]
    assert group_sizes(5, 1.0, nobody, rng).tolist() == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("joint", [0, 2])
@pytest.mark.parametrize(("total", "breadth"), [(4, 0.6), (7, 0.8), (30, 0.6), (120, 0.4)])
def test_citations_split_so_that_diversity_is_met_on_average(total, breadth, joint):
    rng = np.random.default_rng(1)
    others = np.zeros(60, dtype=np.int64)
    others[[0, 7]] = joint
    agree = []
    for _ in range(400):
        sizes = group_sizes(total, breadth, others, rng)
        assert sizes.sum() == total
        whole = others.copy()
        whole[: len(sizes)] += sizes
        agree.append((whole**2 - whole).sum() / (whole.sum() * (whole.sum() - 1)))
    # two patents of one first class agree with chance .79
    assert np.mean(agree) == pytest.approx((1.0 - breadth) / 0.79, abs=0.03)


# ---- the records -------------------------------------------------------------------------------


def test_the_same_settings_and_seed_give_the_same_bytes(tmp_path):
    settings = settings_for(50)
    first = write_world(simulate_world(settings, seed=3), tmp_path / "a")
    second = write_world(simulate_world(settings, seed=3), tmp_path / "b")
    other = write_world(simulate_world(settings, seed=4), tmp_path / "c")
    assert [p.name for p in first] == [p.name for p in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
    unlike = [a.name for a, c in zip(first, other, strict=True) if a.read_bytes() != c.read_bytes()]
    # lists that no draw enters
    fixed = {"choke_classes", "cultures", "industry_groups", "multilateral_countries",
             "survey_key", "technology_fields"}  # fmt: skip
    assert {p.stem for p in first if p.name not in unlike} == fixed


def test_counts_in_the_records_are_the_drawn_counts(world):
    counted = (
        world.tables["patents"]
        .with_columns(year=pl.col("priority_date").str.slice(0, 4).cast(pl.Int32) - 1)
        .with_columns(name=pl.col("applicants").str.split("; "))
        .explode("name")
        .group_by("name", "year")
        .len("counted")
    )
    joined = world.panel.join(counted, on=["name", "year"], how="left").fill_null(0)
    assert joined["counted"].to_list() == joined["pat_next"].to_list()
    assert joined["pat_next"].sum() > 3000


def test_dates_are_in_order(world):
    patents = world.tables["patents"].with_columns(
        pl.col("^.*_date$").replace("", None).str.to_date(strict=True)
    )
    assert (patents["priority_date"] <= patents["application_date"]).all()
    wait = (patents["publication_date"] - patents["priority_date"]).dt.total_days()
    assert wait.min() >= 548
    assert wait.max() < 576
    assert (patents["grant_date"].drop_nulls() > dt.date(1991, 12, 1)).all()
    assert patents["publication_number"].is_unique().all()
    assert patents["publication_date"].is_sorted()
    deals = world.tables["alliances"].with_columns(
        pl.col("announced", "terminated").replace("", None).str.to_date(strict=True)
    )
    ended = deals.filter(pl.col("terminated").is_not_null())
    assert (ended["terminated"] > ended["announced"]).all()
    assert 0.0 < deals["terminated"].null_count() / deals.height < 0.05


def test_citations_point_to_patents_published_before_the_citing_year(world):
    patents, citations = world.tables["patents"], world.tables["citations"]
    published = dict(zip(patents["publication_number"], patents["publication_date"], strict=True))
    priority = dict(zip(patents["publication_number"], patents["priority_date"], strict=True))
    assert all(
        published[cited] < priority[citing][:4] + "-01-01"
        for citing, cited in citations.iter_rows()
    )
    assert citations.is_unique().all()
    assert citations.height > 4 * patents.height


def test_every_name_stands_in_the_register(world):
    known = set(world.tables["organisations"]["name"])
    assert len(known) == world.tables["organisations"].height == 115
    assert set(world.tables["firm_years"]["name"]) <= known
    assert set(world.tables["organisations"]["parent"]) - {""} <= known
    parties = world.tables["alliances"]["participants"].str.split("; ")
    assert set(parties.explode()) <= known
    assert set(parties.list.len()) <= {2, 3, 4, 5}
    assert (parties.list.len() == parties.list.n_unique()).all()
    assert set(world.tables["patents"]["applicants"].str.split("; ").explode()) <= known


def test_nobody_acts_before_birth_or_after_dissolution(world):
    lives = {
        name: (founded, dissolved or "9999")
        for name, founded, dissolved in world.tables["organisations"]
        .select("name", "founded", "dissolved")
        .iter_rows()
    }
    for priority, applicants in (
        world.tables["patents"].select("priority_date", "applicants").iter_rows()
    ):
        assert all(lives[a][0] <= priority < lives[a][1] for a in applicants.split("; "))
    columns = ("announced", "terminated", "participants")
    for start, end, parties in world.tables["alliances"].select(columns).iter_rows():
        for party in parties.split("; "):
            assert lives[party][0] <= start < lives[party][1]
            assert (end or start) <= lives[party][1]
    assert sum(dissolved != "9999" for _, dissolved in lives.values()) > 3


def test_spelling_variants_are_few_and_clash_with_no_other_name():
    world = simulate_world(settings_for(100), seed=5)
    known = set(world.tables["organisations"]["name"])
    listed = world.tables["patents"]["applicants"].str.split("; ").explode()
    variants = listed.filter(~listed.is_in(known))
    assert 0.02 < variants.len() / listed.len() < 0.04
    roots = {name.split(" ")[0].lower() for name in known}
    swapped = [v for v in variants.unique() if v.split(" ")[0].lower() not in roots]
    assert len(swapped) < 0.5 * variants.n_unique()
    assert world.truth["realised"]["applicant_spellings_not_in_register"] == variants.len()


def test_planted_regressors_follow_from_the_records_dated_until_december(world):
    """A slow second way: from the written text alone, nothing dated after the year is read."""
    year = 2006
    rows = {row["name"]: row for row in world.panel.filter(pl.col("year") == year).to_dicts()}
    weights, partners = text_state(world.tables["alliances"], year)
    patents = text_patents(world.tables["patents"], year)
    cited = text_citations(world.tables["citations"], patents, year)
    checked = 0
    for name, row in rows.items():
        near = partners.get(name, set())
        assert row["deg"] == len(near)
        pooled = [
            classes
            for when, owners, classes in patents.values()
            if when > year - 5 and owners & near and name not in owners
        ]
        assert_equal_or_none(row["tdiv"], brute_diversity(pooled))
        external = [
            patents[target][2]
            for source, target in cited
            if name in patents[source][1] and not patents[target][1] & (near | {name})
        ]
        assert_equal_or_none(row["sbreadth"], brute_diversity(external))
        assert_equal_or_none(row["sh"], brute_holes(name, weights, partners))
        checked += row["tdiv"] is not None
    assert checked > 50


def text_state(alliances, year):
    weights, partners = {}, {}
    for row in alliances.iter_rows(named=True):
        started = int(row["announced"][:4])
        over = row["terminated"] or f"{started + 5}-01-01"
        if started > year or over <= f"{year}-12-31":
            continue
        parties = row["participants"].split("; ")
        for a, b in combinations(parties, 2):
            for pair in ((a, b), (b, a)):
                weights[pair] = weights.get(pair, 0.0) + 1.0 / (len(parties) - 1)
                partners.setdefault(pair[0], set()).add(pair[1])
    return weights, partners


def text_patents(table, year):
    columns = ("publication_number", "priority_date", "applicants", "ipc")
    return {
        number: (
            int(priority[:4]),
            set(applicants.split("; ")),
            sorted({symbol[:4] for symbol in ipc.split("; ")}),
        )
        for number, priority, applicants, ipc in table.select(columns).iter_rows()
        if int(priority[:4]) <= year
    }


def text_citations(table, patents, year):
    return [
        (source, target)
        for source, target in table.iter_rows()
        if source in patents and patents[source][0] == year
    ]


def brute_diversity(items):
    if len(items) < 2:
        return None
    agree = [len(set(a) & set(b)) / (len(a) * len(b)) for a, b in combinations(items, 2)]
    return 1.0 - sum(agree) / len(agree)


def brute_holes(name, weights, partners):
    if name not in partners:
        return None

    def share(a, b):
        return weights.get((a, b), 0.0) / sum(weights[a, c] for c in partners[a])

    return 1.0 - sum(
        (share(name, j) + sum(share(name, q) * share(q, j) for q in partners[name] - {j})) ** 2
        for j in partners[name]
    )


def assert_equal_or_none(got, expected):
    assert got is None if expected is None else got == pytest.approx(expected, abs=1e-9)


def test_files_read_back_and_truth_lists_the_plant(world, tmp_path):
    paths = {path.name: path for path in write_world(world, tmp_path)}
    assert sorted(paths) == [
        "alliance_parties.csv.xz", "alliances.csv.xz", "choke_classes.csv", "citations.csv.xz",
        "cultures.csv", "customs.csv.xz", "family_members.csv.xz", "firm_years.csv.xz",
        "industry_groups.csv", "industry_links.csv", "industry_years.csv", "inventors.csv.xz",
        "litigation.csv.xz", "multilateral_countries.csv", "npl_citations.csv.xz",
        "organisations.csv", "patent_events.csv.xz", "patents.csv.xz", "policies.csv",
        "products.csv.xz", "region_years.csv", "sales_ties.csv.xz", "sanctions.csv", "shocks.csv",
        "standards.csv", "survey.csv.xz", "survey_key.csv", "technology_fields.csv",
        "trademarks.csv.xz", "truth.yaml",
    ]  # fmt: skip
    text = lzma.decompress(paths["patents.csv.xz"].read_bytes())
    assert pl.read_csv(io.BytesIO(text)).height == world.tables["patents"].height
    truth = yaml.safe_load(paths["truth.yaml"].read_text(encoding="utf-8"))
    planted = {term["term"]: term["coefficient"] for term in truth["outcome"]["terms"]}
    assert planted == planted_terms(world.settings)
    assert coefficients(world.settings.outcome).items() <= planted.items()
    assert planted["pdiv^2"] == pytest.approx(-0.14 / 0.13**2, abs=1e-5)
    assert planted["rdint:sbreadth"] == pytest.approx(0.08 / 0.018 / 0.18, abs=1e-5)
    assert truth["outcome"]["turning_points"]["tdiv"]["at_mean_turbulence"] == 0.72
    assert truth["outcome"]["turning_points"]["sbreadth"] == pytest.approx(0.739)
    assert truth["realised"]["rows"]["policies"] == world.tables["policies"].height


def test_the_demo_study_is_what_the_simulator_writes(demo_world, tmp_path):
    for path in write_world(demo_world, tmp_path):
        stored, fresh = (DEMO / path.name).read_bytes(), path.read_bytes()
        if path.suffix == ".xz":
            stored, fresh = lzma.decompress(stored), lzma.decompress(fresh)
        assert stored == fresh, path.name
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 8_000_000


# ---- worlds ------------------------------------------------------------------------------------


def test_a_null_world_has_no_slopes():
    settings = null_world(settings_for(50))
    assert set(coefficients(settings.outcome).values()) == {0.0}
    levels = {"bilateral_rate", "team_rate", "base"}
    plans = (settings.formation, settings.hazard, settings.further, settings.quality,
             settings.traits, settings.records)  # fmt: skip
    assert {getattr(plan, f.name) for plan in plans for f in fields(plan)
            if f.name not in levels} == {0.0}  # fmt: skip
    assert (settings.breadth.log1p_deg, settings.breadth.sh) == (0.0, 0.0)
    world = simulate_world(settings, seed=2)
    assert world.panel["index"].abs().max() == 0.0
    assert world.panel["pat_next"].sum() > 1000


def test_small_worlds_are_refused():
    with pytest.raises(ValueError, match="at least 40 firms"):
        settings_for(39)


def test_fixed_effects_poisson_recovers_the_plant(demo_world):
    """No leak: on the simulator's own regressors the planted coefficients are not rejected."""
    estimated, covariance, planted = estimate(demo_world)
    gap, error = estimated - planted, np.sqrt(np.diag(covariance))
    assert stats.chi2.sf(gap @ np.linalg.solve(covariance, gap), len(gap)) > 0.01
    assert (np.abs(gap) / error).max() < 3.0
    # the plant is large enough to be found: planted value over standard error
    power = dict(zip(MAIN, np.abs(planted) / error, strict=True))
    assert min(ratio for name, ratio in power.items() if name != "tdiv") > 3.0
    assert power["tdiv^2"] > 8.0


MAIN = ("log1p(deg)", "sh", "log1p(deg):sh", "tdiv", "tdiv^2", "turb:tdiv", "turb:tdiv^2",
        "sbreadth", "sbreadth^2", "amb_bal")  # fmt: skip


def estimate(world):
    """FE Poisson with firm and year effects, firm clusters, zero plus a dummy where undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyfixest

        centres = world.truth["outcome"]["centres"]
        frame = world.panel.filter(
            pl.col("year").is_between(world.settings.analysis_first, world.settings.analysis_last)
        )
        columns, dummies = design(frame, centres)
        data = frame.select("pat_next", "org", "year").to_pandas()
        labels = {name: f"x{k}" for k, name in enumerate([*columns, *dummies])}
        for name, values in {**columns, **dummies}.items():
            data[labels[name]] = values
        formula = "pat_next ~ " + " + ".join(labels.values()) + " | org + year"
        fit = pyfixest.fepois(formula, data, vcov={"CRV1": "org"})
        names = list(fit._coefnames)
        rows = [names.index(labels[name]) for name in MAIN]
        estimated = fit.coef().to_numpy()[rows]
        covariance = np.asarray(fit._vcov)[np.ix_(rows, rows)]
    plant = coefficients(world.settings.outcome)
    return estimated, covariance, np.array([plant[name] for name in MAIN])


def design(frame, centres):
    def centred(name, label=None):
        x = frame[name].cast(pl.Float64).to_numpy().copy()
        return np.nan_to_num((np.log1p(x) if label else x) - centres.get(label or name, 0.0))

    d, s, t = centred("deg", "log1p(deg)"), centred("sh"), centred("tdiv")
    z, w = centred("turb"), centred("sbreadth")
    columns = {
        "log1p(deg)": d, "sh": s, "log1p(deg):sh": d * s, "tdiv": t, "tdiv^2": t**2, "turb": z,
        "turb:tdiv": z * t, "turb:tdiv^2": z * t**2, "sbreadth": w, "sbreadth^2": w**2,
        "amb_bal": centred("amb_bal"), "partner_death": centred("partner_death"),
        "ln_assets": centred("ln_assets"), "rd_int": centred("rd_int"),
    }  # fmt: skip
    undefined = {
        f"no {name}": frame[name].is_null().cast(pl.Float64).to_numpy()
        for name in ("sh", "tdiv", "sbreadth", "amb_bal", "rd_int")
    }
    # every other planted term, so that none is left to bias the main ones
    columns |= {
        name: frame[name].to_numpy() for name in frame.columns if name.startswith("further_")
    }
    return columns, undefined | {"no tdiv, turb": undefined["no tdiv"] * z}
