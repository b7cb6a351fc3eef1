"""What is there for speed and memory alone: the numbers of `pastiche.engine.plain`, sooner."""
