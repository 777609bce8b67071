"""Instagram's official Graph API as an outlet."""

from stylegram.publisher.outlets.graph_api.outlet import GraphOutlet

__all__ = ["GraphOutlet"]
