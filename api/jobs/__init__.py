"""Jobs: their records, results, previews and losses."""
