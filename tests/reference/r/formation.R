# Stored results of R for choice, rare events and matching.
# Rscript formation.R > formation.csv   (survival, Zelig 5, Matching 4, MatchIt for lalonde)
suppressMessages({library(survival); library(Zelig); library(Matching)})
put <- function(model, term, estimate, se)
  cat(sprintf("%s,%s,%.15g,%.15g\n", model, term, estimate, se), sep = "")
cat("model,term,estimate,std_error\n")
fit <- clogit(case ~ spontaneous + induced + strata(stratum), data = infert)
put("clogit", names(coef(fit)), coef(fit), sqrt(diag(vcov(fit))))
put("clogit", "log_likelihood", fit$loglik[2], NA)
rare <- function(model, ...) {
  z <- suppressWarnings(suppressMessages(zelig(case ~ age + parity + spontaneous,
    model = "relogit", data = infert, cite = FALSE, ...)))
  put(model, names(coef(z)), coef(z), rep(NA, length(coef(z))))
}
rare("relogit")
rare("relogit_weighting", tau = 0.02, case.control = "weighting")
data(lalonde, package = "MatchIt")
score <- glm(treat ~ age + educ + (race == "black") + (race == "hispan") + married + nodegree +
  re74 + re75, binomial, lalonde)$linear.predictors
for (m in c(1, 3)) {
  found <- Match(Y = lalonde$re78, Tr = lalonde$treat, X = score, M = m, Var.calc = 1,
    ties = TRUE, replace = TRUE, distance.tolerance = 0)
  put("matching", paste0("m", m), found$est, found$se)
}
