"""The words of the change feed."""

from collections.abc import Collection
from dataclasses import dataclass

from trunkline.kit.events import StoredEvent
from trunkline.kit.principal import Reach

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events somebody gets: all of some subject types, single types of others, of the accounts that `reach` reaches."""

    subjects: frozenset[str]
    types: frozenset[str]
    reach: Reach | None

    def matches(self, event: StoredEvent) -> bool:
        """Whether the event is one of them."""
        return (event.subject_type in self.subjects or event.type in self.types) and self._reaches(event)

    def _reaches(self, event: StoredEvent) -> bool:
        reach = self.reach
        if reach is None:
            return True
        if not reach.path:
            return event.customer_id == reach.customer_id
        return event.account_path is not None and reach.path <= event.account_path < reach.path_end


def filter_of(readable: frozenset[str], patterns: Collection[str], reach: Reach | None) -> Filter:
    """The filter for somebody who may read the events of the subject types `readable`.

    `patterns`: `case.opened`, `case.*`, `*`; none of them means everything. What is asked for and not readable is left out.
    """
    if not patterns or EVERYTHING in patterns:
        return Filter(readable, frozenset(), reach)
    subjects = {pattern.removesuffix(".*") for pattern in patterns if pattern.endswith(".*")}
    types = {pattern for pattern in patterns if pattern.partition(".")[0] in readable and not pattern.endswith(".*")}
    return Filter(readable & subjects, frozenset(types), reach)


def known_pattern(pattern: str, event_types: Collection[str]) -> bool:
    """Whether a pattern can match any of these event types."""
    if pattern == EVERYTHING or pattern in event_types:
        return True
    return pattern.endswith(".*") and any(type_.startswith(pattern[:-1]) for type_ in event_types)
