"""Rate limits that are exact across processes and nodes, with nothing but the database.

A process leases hits from one UNLOGGED row per key and spends them locally; small budgets are asked for hit by hit. Files, in
reading order: `rules` (what a limit is, what is answered), `store` (the two statements), `holding` (what a process holds of one
key), `fallback` (the database is away), `limiter` (the `Throttle` that ties them together).

How exact:
- Never more than the rule allows, in any interval, whatever the number of processes: `holding` says why.
- A rule below about 128 hits per second is not leased at all: it behaves as one limiter, also with many processes.
- Above, a process may hold back at most 1/16 of the burst or of a second's refill (token bucket), or a fifth of its last
  second's hits (window); what it does not spend is lost, never given back. A window of more than 60 hits forgets a hit up to
  2/60 of its length late.
"""

from trunkline.kit.throttle.limiter import Throttle
from trunkline.kit.throttle.rules import Allowance, Rule, SlidingWindow, TokenBucket, limit_field, policy_field
from trunkline.kit.throttle.store import forget_idle

__all__ = ["Allowance", "Rule", "SlidingWindow", "Throttle", "TokenBucket", "forget_idle", "limit_field", "policy_field"]
