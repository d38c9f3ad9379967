"""PASS, HOLD or BLOCK: exact checks, the verdict on figures, and the slow decline that no single day shows.

Figures and the policy come in; a verdict with its reasons goes out. Pure. May import the rooms before it.
"""
