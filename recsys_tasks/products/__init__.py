"""The products: lists of tracks and artists, made from an open release for one listener or for all of them.

They ask the retriever that the evaluation asks. Values in, values out; may import ``release`` and the rooms before it.
"""
