"""The tracks in order of norm, the Annoy index over them, and how far a query has to look.

Item factors and sampled users come in; an index file, search parameters that reach a recall target, and the search
itself go out. Annoy reads and writes files by itself, so that here, and nowhere else among the pure rooms, functions
take the name of a file. May import ``core``, ``matrix`` and ``recommenders``.
"""
