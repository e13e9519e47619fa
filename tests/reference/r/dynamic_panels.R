# Dynamic panels by plm (2.6-2): writes dynamic_panels.csv. Run: Rscript dynamic_panels.R
library(plm)
data("EmplUK", package = "plm")
rows <- list()
keep <- function(case, fit, step) {
  s <- summary(fit, robust = TRUE)
  b <- coef(s)
  rows[[length(rows) + 1]] <<- data.frame(
    case = case, step = step, term = seq_len(nrow(b)), estimate = b[, 1], std_error = b[, 2],
    sargan = unname(s$sargan$statistic), dof = unname(s$sargan$parameter),
    ar1 = unname(s$m1$statistic), ar2 = unname(s$m2$statistic), row.names = NULL)
}
bond <- log(emp) ~ lag(log(emp), 1:2) + lag(log(wage), 0:1) + lag(log(capital), 0:2) +
  lag(log(output), 0:2) | lag(log(emp), 2:99)
blundell <- log(emp) ~ lag(log(emp), 1) + lag(log(wage), 0:1) + lag(log(capital), 0:1) |
  lag(log(emp), 2:99) + lag(log(wage), 2:99) + lag(log(capital), 2:99)
for (step in 1:2) {
  model <- c("onestep", "twosteps")[step]
  for (collapse in c(FALSE, TRUE)) {
    end <- if (collapse) "_collapsed" else ""
    keep(paste0("difference", end), pgmm(bond, EmplUK, effect = "twoways", model = model,
      collapse = collapse), step)
    keep(paste0("system", end), pgmm(blundell, EmplUK, effect = "twoways", model = model,
      transformation = "ld", collapse = collapse), step)
  }
}
out <- do.call(rbind, rows)
out[-(1:3)] <- lapply(out[-(1:3)], function(v) format(v, digits = 15, trim = TRUE))
write.csv(out, "dynamic_panels.csv", row.names = FALSE, quote = FALSE)
