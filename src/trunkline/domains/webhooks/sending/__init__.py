"""Sending: committed events become deliveries (`fanout`), deliveries become requests (`outbox`), answers become rows (`results`).

`courier` runs it all, once for each environment, in whichever worker holds the lock (docs/decisions/0014-webhooks.md).
"""
