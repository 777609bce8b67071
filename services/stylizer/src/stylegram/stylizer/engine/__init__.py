"""The style transfer engine, a library."""
