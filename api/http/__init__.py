"""What every response has in common: errors, headers, limits."""
