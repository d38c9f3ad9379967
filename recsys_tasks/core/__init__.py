"""The words that every room shares: errors, ids and matrices as frozen types, digests, configuration.

Nothing comes in but plain values, and nothing here knows a file, a clock or a database. Imports no other room.
"""
