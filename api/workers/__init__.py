"""The live workers."""
