# MRQAP by double semi-partialling with sna's netlm, for test_inference.py:
# Rscript qap.R > qap.csv, in this folder. The matrices are made by a rule, so that they need no file.
suppressPackageStartupMessages(library(sna))
n <- 12
i <- row(diag(n)); j <- col(diag(n)); s <- pmin(i, j); l <- pmax(i, j)
x1 <- ((7 * s + 3 * l) %% 11) / 10
x2 <- ((5 * s * l) %% 13) / 12
noise <- ((s * s + 17 * l * s + 5 * l) %% 23) / 22
y <- 0.6 * x1 - 0.2 * x2 + noise
diag(x1) <- diag(x2) <- diag(y) <- 0
set.seed(1)
fit <- netlm(y, list(x1, x2), mode = "graph", nullhyp = "qapspp", reps = 20000)
cat("term,slope,t,p_less,p_greater,p_two\n")
for (k in 2:3)
  cat(sprintf("x%d,%.12f,%.12f,%.5f,%.5f,%.5f\n", k - 1, fit$coefficients[k], fit$tstat[k],
              fit$pleeq[k], fit$pgreq[k], fit$pgreqabs[k]))
