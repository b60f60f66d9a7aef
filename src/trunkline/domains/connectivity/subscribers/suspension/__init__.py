"""Suspending accounts together with their subscribers."""
