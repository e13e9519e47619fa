"""The multiverse of a claim: its test under every choice that another researcher could have made.

`grid` holds the choices and their cells, `construct` the networks and panels that they build,
`specs` the models that they write, `estimate` runs the cells, `curve` sums them up.
"""
