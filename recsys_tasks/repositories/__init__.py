"""What the pure rooms made, kept in a store: a class for each kind of artefact, which alone knows its names and forms.

Matrices, splits, models and catalogue snapshots come in as values and go out as values, verified and mapped. May import
the rooms before it; the pure rooms never import it, nor the store.
"""
