"""The figures: which request each one sends, and what it must not exceed. One module for each dialect."""

from bench.course import Figure
from bench.figures import cases, customer, network

FIGURES: tuple[Figure, ...] = (*customer.FIGURES, *network.FIGURES, *cases.FIGURES)
