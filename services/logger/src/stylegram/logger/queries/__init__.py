"""What is asked of the record: lists, comparisons, the best, and what matters."""
