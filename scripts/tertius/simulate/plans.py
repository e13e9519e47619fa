"""Planted coefficients beside those of the main equation, each on scaled variables (`scales`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FurtherPlan:
    """Further terms of the index of E[patents in t+1]; a product is named by its factors."""

    pilot: float = 0.30
    ip: float = 0.40
    shock: float = -0.40
    shock_deg: float = 0.22
    below_deg: float = -0.34
    small_hub: float = 0.50
    small_subsidy: float = -0.24
    it_market: float = -0.22
    inst_breadth: float = -0.095
    rd_breadth: float = 0.08
    rd_deg: float = -0.11
    digital_pdiv: float = -0.09
    pdiv: float = 0.0
    pdiv_squared: float = -0.14
    edens: float = -0.10
    sh_past: float = 0.12
    turb_sh: float = 0.08
    deg_squared: float = -0.07
    tstr: float = 0.09
    reconf_s: float = 0.11
    reconf_turb: float = -0.07
    reconf_deg: float = -0.05
    reconf_f: float = 0.08
    instab: float = -0.08
    geodist: float = -0.12
    inst_dist: float = -0.12
    culture: float = -0.12
    recombine: float = 0.06
    compl: float = 0.16
    sites: float = 0.16
    depth: float = 0.20
    sharing: float = 0.10
    it_gov: float = 0.22
    it_regional: float = 0.42
    it_sharing: float = 0.33


@dataclass(frozen=True)
class QualityPlan:
    """Log attractiveness to citations of the patents of t+1, from the state of 31 December t."""

    sh: float = 0.18
    breadth: float = 0.10
    depth: float = 0.05
    breadth_depth: float = 0.35
    tdiv_squared: float = -0.28
    turb_tdiv: float = 0.15
    khet: float = 0.0
    khet_squared: float = -0.12
    converge: float = 0.10
    it_converge: float = 0.16
    ip: float = 0.8
    coop_fp: float = -0.35
    coop_pp: float = -0.26


@dataclass(frozen=True)
class TraitPlan:
    """Leanings behind proxies: depth of search, knowledge sharing, recombination, youth of sources.

    Each is linear in the scaled portfolio of last year plus its own noise of standard deviation 1
    (depth .8); the rates they move are in `traits`.
    """

    depth_sh: float = 0.60
    depth_deg: float = 0.12
    breadth_pilot: float = 0.32
    breadth_data: float = 0.25
    breadth_incoming: float = 0.12
    sharing_tstr: float = 0.35
    sharing_sh: float = 0.35
    recent_deg: float = 0.50
    recent_pilot: float = 0.90
    recombine_sh: float = 0.60
    recombine_science: float = 0.40
    recombine_ip: float = 0.70
    explore_breadth: float = 1.1
    joint_gov: float = 0.50
    joint_gov_turb: float = 0.50


@dataclass(frozen=True)
class RecordPlan:
    """What moves the records beside patents: log rates, log odds, shares and money of t+1."""

    grant_ip: float = -0.35
    filing_ip: float = 0.9
    invention_deg: float = 0.50
    invention_pat: float = 0.60
    used_depth: float = 0.80
    coinvent_data: float = 2.0
    coinvent_distance: float = -0.35
    coinvent_digital: float = 0.10
    coinvent_distance_digital: float = 0.90
    trademark_univ: float = 0.15
    trademark_young: float = 0.15
    segment_univ: float = 0.15
    segment_young: float = 0.12
    cycle_market: float = -0.08
    cycle_sales: float = -0.10
    standard_deg: float = 0.20
    standard_large_spoke: float = 0.60
    dispute_ip: float = -0.70
    loss_ip: float = -1.8
    domestic_deg: float = 0.02
    upstream_deg: float = 0.06
    admin_deg: float = 0.006
    admin_sh: float = 0.005
    admin_pdiv: float = 0.004
    admin_pdiv_squared: float = 0.004
    margin_homogeneous: float = -0.06
    margin_homogeneous_exports: float = -0.06
    margin_labour: float = -0.05
    roa_growth: float = -0.02
    roa_growth_brand: float = -0.03
