"""The rules of the gate by name, as they stand in the figures of a verdict: which one decided."""

EXACT, USERS, COLLAPSE, FLOOR = "exact", "users", "collapse", "floor"
POPULAR, INCUMBENT, POOLED, NONE = "popular", "incumbent", "pooled", "none"
