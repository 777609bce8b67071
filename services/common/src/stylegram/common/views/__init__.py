"""What the services' APIs answer, as models that those who ask may import too: the pages, the command line."""
