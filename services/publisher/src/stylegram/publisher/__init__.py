"""From a finished picture to a post, once and only once."""
