"""Pictures to try the service with, and the programs that draw them."""
