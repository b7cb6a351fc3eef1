"""Decoding and encoding of untrusted pictures."""
