# Reference values of shape tests, on the rows of shapes_data.csv.
# Rscript shapes.R   (in this folder; writes shapes_data.csv and shapes.csv). Debian: r-cran-sandwich.
# Natural splines (splines::ns) span the space of restricted cubic splines with the same knots;
# Johnson-Neyman and Fieller ends are roots found by uniroot, corrections come from p.adjust.
suppressPackageStartupMessages(library(sandwich))
suppressPackageStartupMessages(library(splines))

set.seed(7)
n <- 400
x <- round(runif(n, 0.2, 6), 3)
z <- round(rnorm(n, 1, 1.2), 3)
w <- round(rnorm(n), 3)
y <- round(1.2 * x - 0.2 * x^2 + 0.3 * z + 0.15 * x * z + 0.4 * w + rnorm(n), 4)
data <- data.frame(x, z, w, y)
write.csv(data, "shapes_data.csv", row.names = FALSE)
out <- list()
keep <- function(name, value) out[[name]] <<- unname(value)
hc0 <- function(fit) vcovHC(fit, type = "HC0")

# Two lines: spline, flat region, Robin Hood, interrupted regressions (Simonsohn 2018).
knots <- quantile(x, c(0.05, 0.275, 0.5, 0.725, 0.95))
basis <- ns(x, knots = knots[2:4], Boundary.knots = knots[c(1, 5)])
smooth <- lm(y ~ basis + w + z)
b <- coef(smooth)[2:5]
v <- hc0(smooth)[2:5, 2:5]
xu <- sort(unique(x))
at <- predict(basis, xu)
at <- sweep(at, 2, colMeans(basis))
fit <- as.vector(at %*% b)
se <- sqrt(rowSums((at %*% v) * at))
middle <- xu > quantile(x, 0.1) & xu < quantile(x, 0.9)
top <- max(fit[middle])
keep("peak", xu[middle][which.max(fit[middle])])
near <- xu[middle & fit + se >= top]
flat <- sort(x[x %in% near])
keep("flat_low", min(flat))
keep("flat_high", max(flat))
lines2 <- function(cut) {
  one <- data.frame(lo = ifelse(x <= cut, x - cut, 0), hi = ifelse(x > cut, x - cut, 0), jump = x > cut)
  two <- data.frame(lo = ifelse(x < cut, x - cut, 0), hi = ifelse(x >= cut, x - cut, 0), jump = x >= cut)
  f1 <- lm(y ~ lo + hi + jump + w + z, data = one)
  f2 <- lm(y ~ lo + hi + jump + w + z, data = two)
  list(b = c(coef(f1)["lo"], coef(f2)["hi"]),
       se = c(sqrt(hc0(f1)["lo", "lo"]), sqrt(hc0(f2)["hi", "hi"])))
}
mid <- lines2(median(flat))
zz <- abs(mid$b / mid$se)
keep("z_low", zz[1])
keep("z_high", zz[2])
cut <- quantile(flat, zz[2] / sum(zz))
keep("break_point", cut)
final <- lines2(cut)
keep("slope_low", final$b[1])
keep("slope_high", final$b[2])
keep("se_low", final$se[1])
keep("se_high", final$se[2])

# Fieller: roots of (slope / se)^2 = t^2.
quad <- lm(y ~ x + I(x^2) + w + z)
bq <- coef(quad)[2:3]
vq <- hc0(quad)[2:3, 2:3]
df <- n - 1
tq <- qt(0.975, df)
gap <- function(p) {
  g <- c(1, 2 * p)
  sum(g * bq)^2 - tq^2 * as.numeric(t(g) %*% vq %*% g)
}
turn <- -bq[1] / (2 * bq[2])
keep("turning_point", turn)
keep("fieller_low", uniroot(gap, c(turn - 3, turn), tol = 1e-12)$root)
keep("fieller_high", uniroot(gap, c(turn, turn + 8), tol = 1e-12)$root)
slope_t <- function(p) sum(c(1, 2 * p) * bq) / sqrt(as.numeric(t(c(1, 2 * p)) %*% vq %*% c(1, 2 * p)))
keep("u_p", max(pt(-slope_t(min(x)), df), pt(slope_t(max(x)), df)))

# Johnson-Neyman, and the critical t that holds the false discovery rate.
inter <- lm(y ~ x * z + w)
bi <- coef(inter)[c("x", "x:z")]
vi <- hc0(inter)[c("x", "x:z"), c("x", "x:z")]
me <- function(p) sum(c(1, p) * bi)
mse <- function(p) sqrt(as.numeric(t(c(1, p)) %*% vi %*% c(1, p)))
root <- function(crit, lo, hi) uniroot(function(p) (me(p) / mse(p))^2 - crit^2, c(lo, hi), tol = 1e-12)$root
zero <- -bi[1] / bi[2]
keep("jn_low", root(tq, zero - 15, zero))
keep("jn_high", root(tq, zero, zero + 15))
points <- sort(unique(z))
points <- unique(quantile(points, seq(0, 1, length.out = 200)))
p <- sapply(points, function(q) 2 * pt(-abs(me(q) / mse(q)), df))
found <- p.adjust(p, "BH") <= 0.05
keep("fdr_significant", sum(found))
crit <- qt(1 - 0.05 * sum(found) / length(points) / 2, df)
keep("fdr_t", crit)
keep("fdr_low", root(crit, zero - 25, zero))
keep("fdr_high", root(crit, zero, zero + 25))

# Binning estimator (Hainmueller, Mummolo & Xu 2019).
edges <- quantile(z, c(0, 1 / 3, 2 / 3, 1))
bin <- cut(z, edges, include.lowest = TRUE, labels = FALSE)
centre <- tapply(z, bin, median)[bin]
d <- z - centre
f <- factor(bin)
binned <- lm(y ~ f + f:x + f:d + f:x:d + w - 1)
vb <- hc0(binned)
for (j in 1:3) {
  term <- paste0("f", j, ":x")
  keep(paste0("bin_", j), coef(binned)[term])
  keep(paste0("bin_se_", j), sqrt(vb[term, term]))
}
write.csv(data.frame(name = names(out), value = sprintf("%.15g", unlist(out))), "shapes.csv",
          row.names = FALSE, quote = FALSE)
