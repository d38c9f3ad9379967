"""The corpus of bad inputs: 64 accidents, each really done to the program, each with the outcome that is promised.

cases.py         the table, and what the cases share
rows.py          1 to 19: days, events, ids and instants in the source
tables.py        20 to 36: counts, what qualifies, and the tables of the source
vocabularies.py  37 to 43: ids and their numbers
arrays.py        44 to 53: the cells of a matrix, and the arrays that hold them
artefacts.py     54 to 58: factors, index, manifests, the release log
judgements.py    59 to 64: the gate, rollback, and where alerts go
"""
