"""The fault suite: a whole service of real processes, and what can go wrong with them."""
