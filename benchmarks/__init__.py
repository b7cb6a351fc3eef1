"""What is measured, as programs: each prints its figures and asserts none."""
