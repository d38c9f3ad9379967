"""What a model is worth: the lists that hidden listeners would have got, and the metrics of these lists.

A split and evaluated models come in; figures of single listeners and their means go out. Pure. May import the rooms
before it.
"""
