"""The front door: pictures from their sources into object storage, and the table of jobs."""
