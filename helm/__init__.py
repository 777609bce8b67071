"""What is made out of the chart."""
