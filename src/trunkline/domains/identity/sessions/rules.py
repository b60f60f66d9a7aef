"""How long sessions live and when logins are locked (reference/expeto.md §2.2, §17)."""

from datetime import timedelta

SESSION_LIFE = timedelta(hours=12)
SESSION_IDLE = timedelta(minutes=30)
SEEN_EVERY = timedelta(minutes=1)  # a session's use is written at most so often

FAILURES = 10  # of one user name from one address, within
FAILURE_WINDOW = timedelta(minutes=15)
LOCKED_FOR = timedelta(minutes=15)

USERNAME_LENGTH = 100  # a longer name is nobody's
