"""The GPU worker: takes jobs, paints, says how it goes."""
