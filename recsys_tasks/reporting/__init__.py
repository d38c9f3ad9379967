"""What a person reads of stored figures: the report of a judgement, plots, tables, what is live.

Stored figures come in; text, HTML and SVG go out. May import ``release`` and the rooms before it.
"""
