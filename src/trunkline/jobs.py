"""Everything that runs later, by name: what `trunkline worker` runs and `kit.jobs.enqueue` asks for."""

from collections.abc import Mapping

from trunkline.domains.connectivity.subscribers import jobs as subscribers
from trunkline.domains.webhooks import jobs as webhooks
from trunkline.kit.jobs import JobFunction

JOBS: Mapping[str, JobFunction] = {**subscribers.JOBS, **webhooks.JOBS}
