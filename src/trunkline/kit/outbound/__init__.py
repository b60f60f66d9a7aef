"""Calls to other people's servers, kept away from our own networks.

`client` makes the calls. `target` reads the URL, `resolver` asks for addresses, `addresses` judges them, `connections` opens sockets
to them, `trust` knows whose certificates count, `reasons` says in words why a call failed.
Nothing is imported here: the listeners of the APIs need `addresses` alone, never the HTTP client.
"""
