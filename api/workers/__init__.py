"""The workers that live."""
