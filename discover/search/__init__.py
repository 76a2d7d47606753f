"""The search: islands and their archives, who does their tasks, the loop."""

from discover.search.archive import AddStatus, Archive
from discover.search.island import Step
from discover.search.loop import SearchConfig, SearchResult, search

__all__ = ["AddStatus", "Archive", "SearchConfig", "SearchResult", "Step", "search"]
