"""What people like: comparisons of two pictures, ratings and how posts are taken, made into one ranking."""
