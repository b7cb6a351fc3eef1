"""Programs for developers of the project, which draw, paint and write its documentation."""
