"""A whole service under mixed load for a long time, and what its processes hold meanwhile."""
