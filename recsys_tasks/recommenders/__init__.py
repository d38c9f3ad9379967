"""The models: one contract (``base``), and what implements it.

The training part of a split comes in; a fitted component goes out that lists candidates and scores pairs. The solver of
a model is a backend. Pure: values in, values out. May import ``core`` and ``matrix``.
"""
