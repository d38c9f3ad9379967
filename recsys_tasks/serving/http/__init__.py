"""The live release over HTTP: ``recsys serve``.

Needs the extra ``[serve]`` of the package; nothing outside this room imports it before that command is started. The app
is made by ``app.create_app`` from values alone: the release that answers, bounds, tokens, clocks.
"""
