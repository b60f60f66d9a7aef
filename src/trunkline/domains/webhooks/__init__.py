"""Webhooks: endpoints that hear of events, what is on its way to them, and every try."""
