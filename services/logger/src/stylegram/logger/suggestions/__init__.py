"""What to try next: learned from the record."""
