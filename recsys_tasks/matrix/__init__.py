"""The play matrix, a fold over partitions, and the split of its newest day into what is trained on and what is hidden.

Play counts come in; the matrix, its vocabularies and chain, and the split go out. May import the rooms before it.
"""
