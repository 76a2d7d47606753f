"""From a law to a decision: the best values for a budget, and the runs worth doing next."""

from discover.decisions.allocation import allocate
from discover.decisions.answer import Allocation, Optimum, Quantity
from discover.decisions.suggestion import Pick, Points, Suggestion, suggest

__all__ = ["Allocation", "Optimum", "Pick", "Points", "Quantity", "Suggestion", "allocate", "suggest"]
