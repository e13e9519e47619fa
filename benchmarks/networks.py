"""Network measures against python-igraph and networkx; writes docs/benchmarks/networks.md.

python benchmarks/networks.py [section ...]: burt, memory, closeness, betweenness, scale; all of
them by default. Each section keeps its numbers in build/benchmarks and renews the page.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "scripts")]

import numpy as np
from measure import (
    PAGES,
    STORE,
    alternate,
    digits,
    in_process,
    least_and_median,
    machine,
    peak_mb,
    store,
    table,
)

from benchmarks.generate import co_affiliation_graph
from tertius.kernels import Workers, kernel
from tertius.measures import (
    Graph,
    betweenness,
    burt,
    closeness,
    components,
    holes,
    position,
    sources,
)

THREADS = 2
SIZES = (20_000, 200_000, 1_000_000)
SAMPLED = 4_000
# What `store` keeps beside the numbers of a section.
NOTES = ("load", "ahead")
SCALE = (2_000, 6_000, 20_000, 60_000, 200_000, 600_000, 1_000_000)


def igraph_of(graph: Graph) -> Any:
    import igraph

    a, b, weight = edges(graph)
    peer = igraph.Graph(n=graph.n_nodes, edges=np.column_stack([a, b]))
    peer.es["weight"] = weight.tolist()
    return peer


def networkx_of(graph: Graph) -> Any:
    import networkx

    peer = networkx.Graph()
    peer.add_nodes_from(range(graph.n_nodes))
    a, b, weight = edges(graph)
    peer.add_weighted_edges_from(zip(a.tolist(), b.tolist(), weight.tolist(), strict=True))
    return peer


def edges(graph: Graph) -> tuple[Any, Any, Any]:
    tails = np.repeat(np.arange(graph.n_nodes), np.diff(graph.indptr))
    once = tails < graph.indices
    return tails[once], graph.indices[once], graph.weights[once]


def agree(one: Any, other: Any) -> float:
    """Largest difference relative to the largest value; undefined cells must be the same."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    if (np.isnan(one) != np.isnan(other)).any():
        raise AssertionError("undefined cells differ")
    return float(np.nanmax(np.abs(one - other)) / np.nanmax(np.abs(other)))


def warm_up() -> None:
    """Compile, or read compiled code from the cache."""
    small = co_affiliation_graph(2000)
    burt(small, threads=THREADS)
    closeness(small, threads=THREADS)
    betweenness(small, threads=THREADS)


def burt_section() -> dict[str, Any]:
    result = {}
    for n in SIZES:
        print(f"burt {n}", flush=True)
        graph = co_affiliation_graph(n)
        peer = igraph_of(graph)
        values: dict[str, Any] = {}
        runs: dict[str, Callable[[], Any]] = {
            "ours": lambda g=graph, v=values: v.update(ours=burt(g, threads=THREADS).constraint),
            "ours, 1 thread": lambda g=graph: burt(g, threads=1),
            "igraph": lambda p=peer, v=values: v.update(igraph=p.constraint(weights="weight")),
        }
        rounds = {"ours": 30, "ours, 1 thread": 9, "igraph": 3 if n > 500_000 else 9}
        if n == 200_000:
            import networkx

            other = networkx_of(graph)
            runs["networkx"] = lambda p=other: networkx.constraint(p, weight="weight")
            rounds["networkx"] = 2
        seconds = alternate(runs, rounds)
        difference = agree(values["ours"], values["igraph"])
        result[str(n)] = {"seconds": seconds, "edges": graph.n_edges, "difference": difference}
    return result


def memory_section() -> dict[str, Any]:
    engines = ("ours", "igraph", "networkx")
    graph = co_affiliation_graph(200_000)
    return {name: memory_apart(name, graph) for name in engines}


def memory_apart(engine: str, graph: Graph) -> dict[str, Any]:
    """`memory_of` in a process of its own, which reads the graph from a file."""
    STORE.mkdir(parents=True, exist_ok=True)
    file = STORE / f"graph{graph.n_nodes}.npz"
    np.savez(file, indptr=graph.indptr, indices=graph.indices, weights=graph.weights)
    found = in_process("networks.py", "--memory", engine, str(graph.n_nodes))
    file.unlink()
    return found


def memory_of(engine: str, n: int) -> dict[str, float]:
    """Memory that one measurement adds to the process that holds the graph."""
    warm_up()
    held = np.load(STORE / f"graph{n}.npz")
    graph = Graph(held["indptr"], held["indices"], held["weights"], np.arange(n))
    if engine == "ours":
        return added(lambda: burt(graph, threads=THREADS))
    if engine == "igraph":
        peer = igraph_of(graph)
        return added(lambda: peer.constraint(weights="weight"))
    import networkx

    other = networkx_of(graph)
    return added(lambda: networkx.constraint(other, weight="weight"))


def added(run: Callable[[], Any]) -> dict[str, float]:
    """Growth of the process's peak, counted from what it holds when the run begins."""
    # Pages that the allocator holds back would hide what the call takes.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status")

    def kb(name: str) -> int:
        line = next(x for x in status.read_text().splitlines() if x.startswith(name))
        return int(line.split()[1])

    before = kb("VmRSS")
    run()
    return {"mb": (kb("VmHWM") - before) / 1024, "process_mb": peak_mb()}


def giant_of(graph: Graph) -> Any:
    label = components(graph)
    return np.flatnonzero(label == np.bincount(label).argmax())


def closeness_section() -> dict[str, Any]:
    result = {}
    for n, sample in ((20_000, None), (200_000, 64)):
        print(f"closeness {n}", flush=True)
        graph = co_affiliation_graph(n)
        peer, giant = igraph_of(graph), giant_of(graph)
        chosen = None
        if sample:
            chosen = np.random.default_rng(1).choice(giant, sample, replace=False).tolist()
        values: dict[str, Any] = {}
        seconds = alternate(
            {
                "ours": lambda g=graph, v=values: v.update(ours=closeness(g, threads=THREADS)),
                "igraph": lambda p=peer, c=chosen, v=values: v.update(igraph=p.closeness(c)),
            },
            {"ours": 3, "igraph": 3},
        )
        size = np.bincount(components(graph))[components(graph)]
        # igraph's value is that within the component.
        within = values["ours"].closeness * (n - 1) / np.where(size > 1, size - 1, np.nan)
        difference = agree(within if chosen is None else within[chosen], values["igraph"])
        factor = giant.size / sample if sample else 1.0
        result[str(n)] = {"seconds": seconds, "factor": factor, "difference": difference}
    return result


def betweenness_section() -> dict[str, Any]:
    result: dict[str, Any] = {}
    for n, sample in ((20_000, None), (200_000, 160)):
        print(f"betweenness {n}", flush=True)
        graph = co_affiliation_graph(n)
        peer, giant = igraph_of(graph), giant_of(graph)
        chosen = None
        if sample:
            chosen = np.random.default_rng(2).choice(giant, sample, replace=False).tolist()
        values: dict[str, Any] = {}
        seconds = alternate(
            {
                "ours": lambda g=graph, v=values: v.update(ours=betweenness(g, threads=THREADS)),
                "igraph": lambda p=peer, c=chosen, v=values: v.update(
                    igraph=p.betweenness(sources=c)
                ),
            },
            {"ours": 2 if sample else 3, "igraph": 3},
        )
        exact = values["ours"].raw
        if chosen:
            # What ours adds up from the same sources; igraph halves every pair.
            roots = np.sort(np.asarray(chosen))
            ours = position._dependencies(graph, roots, False, THREADS)[:, 0] / 2
            difference = agree(ours, values["igraph"])
        else:
            difference = agree(exact, values["igraph"])
        factor = giant.size / sample if sample else 1.0
        result[str(n)] = {"seconds": seconds, "factor": factor, "difference": difference}
        result[str(n)] |= {"sampled": sampled_betweenness(graph, exact)}
    return result


def sampled_betweenness(graph: Graph, exact: Any) -> dict[str, Any]:
    """Seconds and errors of betweenness from a sample of sources, on the 200 highest nodes."""
    seconds, found = [], None
    for seed in range(3):
        start = time.perf_counter()
        drawn = sources(graph, SAMPLED, np.random.default_rng(seed))
        found = betweenness(graph, start=drawn, threads=THREADS)
        seconds.append(time.perf_counter() - start)
    assert found is not None
    top = np.argsort(-exact)[:200]
    off, error = np.abs(found.raw - exact)[top], found.standard_error[top]
    return {
        "seconds": min(seconds),
        "off": float(np.median(off / exact[top])),
        "error": float(np.median(error / exact[top])),
        "covered": float((off <= 1.96 * error).mean()),
        "overlap": float(np.isin(top, np.argsort(-found.raw)[:200]).mean()),
    }


@kernel
def bare_count(lo: int, hi: int, rows: Any, heads: Any) -> int:
    """Number of triangles with their lowest corner in lo..hi-1, and nothing else."""
    mark = np.zeros(rows.size - 1 - lo, np.bool_)
    total = 0
    for u in range(lo, hi):
        if rows[u + 1] - rows[u] < 2:
            continue
        for a in range(rows[u], rows[u + 1]):
            mark[heads[a] - lo] = True
        for a in range(rows[u], rows[u + 1]):
            for b in range(rows[heads[a]], rows[heads[a] + 1]):
                if mark[heads[b] - lo]:
                    total += 1
        for a in range(rows[u], rows[u + 1]):
            mark[heads[a] - lo] = False
    return total


def scale_section() -> dict[str, Any]:
    return {str(n): scale_point(n) for n in SCALE}


def scale_point(n: int) -> dict[str, Any]:
    print(f"scale {n}", flush=True)
    graph = co_affiliation_graph(n)
    with Workers(THREADS) as workers:
        net = holes._orient(graph, holes._unit(graph.weights), workers)
        blocks = [s for chunk in holes._corner_chunks(net) for s in chunk]

        def count() -> int:
            return sum(workers.run(lambda s: bare_count(s.lo, s.hi, net.rows, net.heads), blocks))

        triangles = count()
        seconds = alternate(
            {"all": lambda: burt(graph, threads=THREADS), "bare": count}, {"all": 9, "bare": 9}
        )
    return {
        "edges": graph.n_edges,
        "triangles": triangles,
        "seconds": min(seconds["all"]),
        "bare": min(seconds["bare"]),
        "mb": memory_apart("ours", graph)["mb"],
    }


def burt_text(found: dict[str, Any], memory: dict[str, Any]) -> str:
    rows = []
    for n in map(str, SIZES):
        seconds = found[n]["seconds"]
        best = min(seconds["ours"])
        for name in seconds:
            rows.append(
                [
                    f"{int(n):,}",
                    f"{found[n]['edges']:,}",
                    name if name.startswith("ours") else f"{name}, constraint alone",
                    least_and_median(seconds[name]),
                    f"{min(seconds[name]) / best:.1f}",
                    digits(np.median(seconds[name]) / np.median(seconds["ours"])),
                    f"{memory[name]['mb']:,.0f}"
                    if memory and name in memory and n == "200000"
                    else "",
                ]
            )
    worst = max(found[n]["difference"] for n in map(str, SIZES))
    head = ["nodes", "edges", "", "s (least / median)", "ratio", "ratio of medians", "MB"]
    return (
        "## Structural holes\n\nOurs gives constraint (whole and ego network), effective size, "
        "efficiency, redundancy, hierarchy (both), ego density (both), clustering and triangles in "
        f"one call with {THREADS} threads; the peers give the weighted constraint alone. "
        f"Constraints agree to {worst:.0e}. MB is what the call adds to the process.\n\n"
        + table(head, rows)
    )


def closeness_text(found: dict[str, Any]) -> str:
    rows = []
    for n, one in found.items():
        if n in NOTES:
            continue
        theirs = min(one["seconds"]["igraph"]) * one["factor"]
        mark = " (extrapolated)" if one["factor"] > 1 else ""
        ours = min(one["seconds"]["ours"])
        rows.append([f"{int(n):,}", digits(ours), digits(theirs) + mark, f"{theirs / ours:.1f}"])
    worst = max(one["difference"] for n, one in found.items() if n not in NOTES)
    return (
        f"## Exact closeness and harmonic closeness\n\n{THREADS} threads. igraph gives closeness "
        "alone; at 200,000 nodes it runs from 64 nodes of the largest component, drawn at random, "
        "and its seconds are scaled up to that component. Its values, put on the scale of "
        f"Wasserman and Faust, agree to {worst:.0e}.\n\n"
        + table(["nodes", "ours, s", "igraph, s", "ratio"], rows)
    )


def betweenness_text(found: dict[str, Any]) -> str:
    rows, samples = [], []
    for n, one in found.items():
        if n in NOTES:
            continue
        mark = " (extrapolated)" if one["factor"] > 1 else ""
        ours = min(one["seconds"]["ours"])
        theirs = min(one["seconds"]["igraph"]) * one["factor"]
        rows.append([f"{int(n):,}", digits(ours), digits(theirs) + mark, f"{theirs / ours:.1f}"])
        drawn = one["sampled"]
        shares = [f"{100 * drawn[name]:.1f}" for name in ("off", "error", "covered", "overlap")]
        samples.append([f"{int(n):,}", digits(drawn["seconds"]), *shares])
    head = ["nodes", "s", "error, %", "standard error, %", "within 1.96, %", "overlap, %"]
    worst = max(one["difference"] for n, one in found.items() if n not in NOTES)
    return (
        f"## Betweenness\n\nExact, {THREADS} threads, ties count one step. At 200,000 nodes igraph "
        "runs from 160 nodes of the largest component, drawn at random, and its seconds are scaled "
        f"up to that component. Values agree to {worst:.0e}.\n\n"
        + table(["nodes", "ours, s", "igraph, s", "ratio"], rows)
        + f"\nFrom {SAMPLED:,} sources drawn in each larger component, ours, on the 200 nodes that "
        "are highest in truth: median error and median standard error as shares of the value, "
        "nodes whose value lies within 1.96 standard errors, and overlap with the 200 highest by "
        "sample. A sampled value is never taken for an exact one: its standard error stands "
        "beside it.\n\n" + table(head, samples)
    )


def slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def scale_text(found: dict[str, Any]) -> str:
    points = [(int(n), one) for n, one in found.items() if n not in NOTES]
    rows = [
        [
            f"{n:,}",
            f"{one['edges']:,}",
            f"{one['triangles']:,}",
            digits(1000 * one["seconds"]),
            digits(1000 * one["bare"]),
            f"{one['seconds'] / one['bare']:.1f}",
            digits(one["mb"]),
        ]
        for n, one in points
    ]
    large = [one for n, one in points if n >= 20_000]
    edges_, triangles, seconds, mb = (
        [one[name] for one in large] for name in ("edges", "triangles", "seconds", "mb")
    )
    plot(points)
    head = ["nodes", "edges", "triangles", "ms, least", "bare count, ms", "times bare", "MB"]
    return (
        "## Scale\n\nAll structural-hole measures, and a bare count of the triangles on the same "
        f"oriented arcs, {THREADS} threads each.\n\n{table(head, rows)}\n"
        f"From 20,000 nodes on, time grows with edges to the power {slope(edges_, seconds):.2f} "
        f"and with triangles to the power {slope(triangles, seconds):.2f}; memory with edges to "
        f"the power {slope(edges_, mb):.2f} and with triangles to the power "
        f"{slope(triangles, mb):.2f}."
        "\n\n![time and memory against edges and triangles](scale.svg)\n"
    )


def plot(points: list[tuple[int, dict[str, Any]]]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "scale"
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for panel, name in zip(panels, ("edges", "triangles"), strict=True):
        x = [one[name] for _, one in points]
        panel.loglog(x, [one["seconds"] for _, one in points], "o-", label="all measures, s")
        panel.loglog(x, [one["bare"] for _, one in points], "s--", label="bare triangle count, s")
        panel.loglog(x, [one["mb"] / 1000 for _, one in points], "^:", label="memory, GB")
        panel.set_xlabel(name)
        panel.grid(alpha=0.3)
    panels[0].legend(frameon=False)
    figure.savefig(PAGES / "scale.svg", metadata={"Date": None})
    plt.close(figure)


def write_page(found: dict[str, Any]) -> None:
    PAGES.mkdir(parents=True, exist_ok=True)
    loads = sorted({one["load"] for one in found.values()})
    ahead = [name for name, one in found.items() if one.get("ahead")]
    first = f" Ahead of it, by real-time priority: {', '.join(ahead)}." if ahead else ""
    parts = [
        "# Network measures: time and memory\n\nWritten by `make bench` "
        "(benchmarks/networks.py) from simulated co-affiliation graphs (benchmarks/generate.py: "
        "heavy-tailed, mean degree about 5.5, largest component about 62 %). Runs alternate "
        "between ours and the peers; a ratio is the peer's least time over our least time with "
        f"{THREADS} threads. Machine: {machine(['numpy', 'numba', 'igraph', 'networkx'])} "
        f"Load average at the end of the sections: {loads[0]} to {loads[-1]}; other work on the "
        f"machine slows the runs with two threads more than those with one.{first}\n"
    ]
    if "burt" in found:
        parts.append(burt_text(found["burt"], found.get("memory", {})))
    if "closeness" in found:
        parts.append(closeness_text(found["closeness"]))
    if "betweenness" in found:
        parts.append(betweenness_text(found["betweenness"]))
    if "scale" in found:
        parts.append(scale_text(found["scale"]))
    (PAGES / "networks.md").write_text("\n".join(parts), encoding="utf-8")


SECTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "burt": burt_section,
    "memory": memory_section,
    "closeness": closeness_section,
    "betweenness": betweenness_section,
    "scale": scale_section,
}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--memory"]:
        print(json.dumps(memory_of(arguments[1], int(arguments[2]))))
        return
    warm_up()
    for name in arguments or list(SECTIONS):
        write_page(store("networks", name, SECTIONS[name]()))


if __name__ == "__main__":
    main(sys.argv[1:])
