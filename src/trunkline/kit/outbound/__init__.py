"""Calls to other people's servers, kept away from our own networks.

`addresses` judges the addresses, `resolver` asks for them, `client` makes the calls, `reasons` says in words why a call failed.
Nothing is imported here: the listeners of the APIs need `addresses` alone, never the HTTP client.
"""
