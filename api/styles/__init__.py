"""Styles that jobs can name: built-in ones, the operator's, and uploaded pictures with a name."""
