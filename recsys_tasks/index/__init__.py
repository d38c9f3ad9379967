"""The tracks in order of norm, the Annoy index over them, and how far a query has to look.

Item factors come in; a search goes out whose recall was measured. Annoy reads and writes files alone, so that here, and
nowhere else among the pure rooms, the name of a file is handed on. May import ``core``, ``matrix`` and ``recommenders``.
"""
