"""Stored results of cdindex 1.0.20 (Funk and Owen-Smith) on random citation graphs.

Run with `python cdindex_values.py`; it has no wheel, so that it is in no lock: a C compiler and
`pip install cdindex==1.0.20` make them anew. Days are days since 1970; citations count until
DAYS after the document.
"""

import csv
import random

import cdindex

DAYS = 400

with (
    open("cdindex_edges.csv", "w", newline="") as edges,
    open("cdindex.csv", "w", newline="") as out,
):
    cites, values = csv.writer(edges), csv.writer(out)
    cites.writerow(["graph", "citing", "cited"])
    values.writerow(["graph", "document", "day", "cd", "mcd"])
    for number, (n, share) in enumerate([(30, 0.1), (40, 0.2), (60, 0.05), (80, 0.1), (120, 0.03)]):
        draw = random.Random(number)
        days = sorted(draw.sample(range(1, 2500), n))
        graph = cdindex.Graph()
        for k, day in enumerate(days):
            graph.add_vertex(str(k), day)
        for k in range(n):
            for j in range(k):
                if draw.random() < share:
                    graph.add_edge(str(k), str(j))
                    cites.writerow([number, k, j])
        for k, day in enumerate(days):
            cd, mcd = (f(str(k), DAYS) for f in (graph.cdindex, graph.mcdindex))
            values.writerow([number, k, day, cd, mcd])
