"""The multiverse of each claim as the report tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tertius.exhibits.content import Bilingual, FigureBlock, Grid, Link, MultiverseBlock
from tertius.exhibits.style import count, minus, probability, real, share

FORMATS = ("png", "pdf", "svg")


def multiverse_block(summary: Mapping[str, Any], image: str) -> MultiverseBlock:
    """Sentences, figure and tables of one multiverse.

    Args:
        summary: of `tertius.multiverse.summary.summarise`, read back.
        image: the curve as a data URI.
    """
    claim_id, sentences = str(summary["claim_id"]), tuple(map(minus, _sentences(summary)))
    stem = f"multiverse_{claim_id}"
    figure = FigureBlock(
        id=stem,
        kind="multiverse",
        title=Bilingual(f"Specification curve of {claim_id}", f"{claim_id} 设定曲线"),
        caption=Bilingual(""),
        alt=sentences[0],
        drawn=True,
        image=image,
        files=tuple(Link(kind, f"../figures/{stem}.{kind}") for kind in FORMATS),
    )
    return MultiverseBlock(
        claim_id, sentences, figure, _joint(summary), _drivers(summary), _levels(summary)
    )


def _sentences(summary: Mapping[str, Any]) -> list[str]:
    counts, found = summary["counts"], summary["shares"]
    parts = {name: known["part"] for name, known in summary["choices"].items()}
    varied = [name for name in parts if name not in summary["idle"]]
    built = sum(parts[name] == "construction" for name in varied)
    told = [
        f"{count(found['n'])} of {count(counts['run'])} specifications could be estimated: "
        f"{share(found['same_sign'])} have the sign of the registered one, "
        f"{share(found['expected'])} pass the claim's test, {share(found['opposite'])} the "
        f"opposite one; the median effect is {real(found['median_effect'])}, the median t "
        f"{real(found['median_statistic'], 2)}.",
        f"They cross {len(varied)} choices, {built} of construction. The full crossing has "
        f"{count(counts['cells'])} cells; of the {count(counts['cells_of_measured_networks'])} on "
        f"the measured networks {count(counts['unavailable'])} need a variable that the panel "
        f"lacks and {count(counts['collapsed'])} equal another cell.",
    ]
    if summary["idle"]:
        idle = ", ".join(name.replace("_", " ") for name in summary["idle"])
        told.append(f"Choices that make no difference to this claim: {idle}.")
    told += [f"Not estimated, {count(n)}: {why}." for why, n in sorted(summary["refusals"].items())]
    return told


def _joint(summary: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (
            str(test["statistic"]),
            real(test["observed"]),
            real(test["null_median"]),
            real(test["null_high"]),
            probability(test["p_value"]),
        )
        for test in summary["joint"]
    )
    return Grid(
        title=f"{summary['claim_id']}: all specifications at once",
        heads=("Statistic", "Observed", "Median under the null", "Upper bound", "p"),
        rows=rows,
        numeric=frozenset({1, 2, 3, 4}),
        note=f"{count(summary['draws'])} resamples of {count(summary['n_clusters'])} clusters, the "
        "same for every specification, recentred so that none has an effect.",
    )


def _drivers(summary: Mapping[str, Any]) -> Grid:
    told = summary["decomposition"]
    ranked = sorted(told["shares"].items(), key=lambda item: (-item[1], item[0]))
    rows = [
        (name.replace("_", " "), summary["choices"][name]["part"], share(part))
        for name, part in ranked
    ]
    rows.append(("interplay of choices", "", share(told["rest"])))
    measure = "effect" if told["measure"] == "effect" else "t statistic"
    return Grid(
        title=f"{summary['claim_id']}: what drives the result",
        heads=("Choice", "Part", f"Share of the variance of the {measure}"),
        rows=tuple(rows),
        numeric=frozenset({2}),
        note="Shapley shares of the variance over specifications (Lindeman, Merenda & Gold 1980).",
    )


def _levels(summary: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (
            row["choice"].replace("_", " "),
            row["level"].replace("_", " "),
            count(row["n"]),
            minus(real(row["median_effect"])),
            minus(real(row["median_statistic"], 2)),
            share(row["expected"]),
            share(row["opposite"]),
        )
        for row in summary["levels"]
    )
    return Grid(
        title=f"{summary['claim_id']}: by level",
        heads=("Choice", "Level", "n", "Median effect", "Median t", "Passes", "Opposite"),
        rows=rows,
        numeric=frozenset({2, 3, 4, 5, 6}),
    )
