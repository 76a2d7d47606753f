"""From a law to a decision: the best values for a budget, and the runs worth doing next."""

from discover.decisions.allocation import Allocation, Optimum, Quantity, allocate

__all__ = ["Allocation", "Optimum", "Quantity", "allocate"]
