"""Importing and removing many subscribers, at once or as a job."""
