# Reference values of node measures from R: igraph and sna, on the graphs of edges.csv.
# Rscript networks.R   (in this folder; writes networks.csv). Debian: r-cran-igraph, r-cran-sna.
suppressPackageStartupMessages(library(igraph))
suppressPackageStartupMessages(library(sna))

edges <- read.csv("edges.csv")
types <- read.csv("types.csv", colClasses = c("integer", "integer", "character"))
out <- list()
for (g in sort(unique(types$graph))) {
  nodes <- types[types$graph == g, ]
  nodes <- nodes[order(nodes$node), ]
  ties <- edges[edges$graph == g, c("a", "b", "weight")]
  net <- igraph::graph_from_data_frame(ties, directed = FALSE, vertices = nodes[, c("node", "type")])
  plain <- igraph::delete_edge_attr(net, "weight")
  matrix01 <- as.matrix(igraph::as_adjacency_matrix(plain))
  weights <- as.matrix(igraph::as_adjacency_matrix(net, attr = "weight"))
  lambda <- max(eigen(weights, symmetric = TRUE, only.values = TRUE)$values)
  ratio <- c(b75 = 0.75, b50 = 0.5, neg = -0.75)
  # igraph's power centrality takes no weights; sna's takes the matrix as it is.
  power <- sapply(ratio, function(r) sna::bonpow(weights, gmode = "graph", exponent = r / lambda))
  lambda01 <- max(eigen(matrix01, symmetric = TRUE, only.values = TRUE)$values)
  unweighted <- igraph::power_centrality(plain, exponent = 0.75 / lambda01, sparse = FALSE)
  roles <- sna::brokerage(matrix01, nodes$type)$raw.nli
  gould <- as.data.frame(roles)
  tri <- igraph::transitivity(plain, type = "local", isolates = "nan")
  # The leading eigenvector on the largest component.
  member <- igraph::components(net)
  giant <- which(member$membership == which.max(member$csize))
  eig <- rep(NA_real_, nrow(nodes))
  eig[giant] <- igraph::eigen_centrality(igraph::induced_subgraph(net, giant))$vector
  out[[length(out) + 1]] <- data.frame(
    graph = g, node = nodes$node, type = nodes$type,
    constraint = igraph::constraint(net),
    betweenness = igraph::betweenness(plain),
    betweenness_cost = igraph::betweenness(net, weights = 1 / igraph::E(net)$weight),
    closeness_component = igraph::closeness(plain),
    component = member$csize[member$membership],
    harmonic = igraph::harmonic_centrality(plain, normalized = TRUE),
    power_75 = power[, "b75"], power_50 = power[, "b50"], power_neg = power[, "neg"],
    power_unweighted = unweighted,
    eigenvector = eig,
    core = igraph::coreness(plain),
    clustering = tri,
    coordinator = gould$w_I, itinerant = gould$w_O, representative = gould$b_IO,
    gatekeeper = gould$b_OI, liaison = gould$b_O,
    degree_centralisation = sna::centralization(matrix01, sna::degree, mode = "graph"),
    betweenness_centralisation = sna::centralization(matrix01, sna::betweenness, mode = "graph"),
    transitivity = igraph::transitivity(plain, type = "global"),
    assortativity = igraph::assortativity_degree(plain),
    mean_path = igraph::mean_distance(igraph::induced_subgraph(plain, giant))
  )
}
table <- do.call(rbind, out)
write.csv(format(table, digits = 16, trim = TRUE), "networks.csv", row.names = FALSE, quote = FALSE)
