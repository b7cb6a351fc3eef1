"""Programs for those who work on the project: what draws, paints and writes its documentation."""
