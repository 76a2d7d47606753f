"""The search: archive, pool of workers, loop."""

from discover.search.archive import AddStatus, Archive
from discover.search.loop import SearchConfig, SearchResult, Step, search

__all__ = ["AddStatus", "Archive", "SearchConfig", "SearchResult", "Step", "search"]
