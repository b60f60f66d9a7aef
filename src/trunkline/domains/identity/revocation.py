"""Telling every process to forget the credentials that it remembers."""

import asyncio

from trunkline.domains.identity.memory import REVOKED_CHANNEL
from trunkline.domains.identity.store import SAY_REVOKED
from trunkline.kit.work import Work

HEARD_SECONDS = 0.05  # a signal takes about a millisecond; a revocation answers only when every process has had time to hear it


async def say_revoked(work: Work, what: object) -> None:
    """With the commit, every process forgets the credentials that it remembers. `what` (an id) only helps whoever watches."""
    await work.write(SAY_REVOKED, REVOKED_CHANNEL, str(what))
    if let_everybody_hear not in work.after_commit:
        work.after_commit.append(let_everybody_hear)


async def let_everybody_hear() -> None:
    """Wait until the signal of a commit has arrived everywhere."""
    await asyncio.sleep(HEARD_SECONDS)
