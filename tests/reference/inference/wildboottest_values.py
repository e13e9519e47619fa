"""Wild cluster bootstrap p values of wildboottest 0.3.2, for test_inference_reference.py.

python wildboottest_values.py > wildboottest.json, in this folder
(needs wildboottest and statsmodels; few clusters, so that all sign vectors are gone through).
"""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from wildboottest.wildboottest import wildboottest


def panel(clusters: int, years: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(clusters), years), np.tile(np.arange(years), clusters)
    x = rng.normal(size=(clusters * years, 2)) + rng.normal(size=(clusters, 2))[firm]
    noise = rng.normal(size=clusters * years) * (1 + firm / clusters)
    y = 0.15 * x[:, 0] - 0.3 * x[:, 1] + rng.normal(size=clusters)[firm] + 0.1 * year + noise
    return pd.DataFrame({"firm": firm, "year": year, "x0": x[:, 0], "x1": x[:, 1], "y": y})


def main() -> None:
    warnings.simplefilter("ignore")
    found = []
    for clusters, seed in ((8, 1), (9, 2), (10, 3)):
        data = panel(clusters, 6, seed)
        dummies = pd.get_dummies(data[["firm", "year"]].astype(str), drop_first=True, dtype=float)
        design = pd.concat([data[["x0", "x1"]], dummies], axis=1)
        design.insert(0, "const", 1.0)
        for imposed in (True, False):
            result = wildboottest(
                sm.OLS(data["y"], design),
                param="x0",
                cluster=data["firm"],
                B=99_999,
                weights_type="rademacher",
                impose_null=imposed,
                bootstrap_type="11",
                seed=1,
                show=False,
            )
            p_value = float(result["p-value"].iloc[0])
            found.append({"clusters": clusters, "seed": seed, "imposed": imposed, "p": p_value})
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
