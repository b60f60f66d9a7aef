"""What webhooks leave for later: replays of more deliveries than one request takes."""

from collections.abc import Mapping

from trunkline.domains.webhooks.deliveries import REPLAY_JOB, run_replay
from trunkline.kit.jobs import JobFunction

JOBS: Mapping[str, JobFunction] = {REPLAY_JOB: run_replay}
