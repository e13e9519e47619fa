# One-factor maximum-likelihood model of six ability tests (datasets::ability.cov), by stats::factanal.
# The numbers stand in tests/unit/test_survey.py.
fit <- factanal(factors = 1, covmat = ability.cov, control = list(opt = list(factr = 1, pgtol = 0)))
cat(format(fit$uniquenesses, digits = 8), "\n", fit$STATISTIC, fit$dof, "\n")
