-- A job's record and, while it waits, how many are before it, and how much they and it itself have
-- left to paint.
-- ARGV[1] id        ARGV[2] exact     how many of those before it are added up one by one; for the
--                   rest the mean of all that wait is taken
-- Replies {fields and values}, or {fields and values, rank, work ahead, work left} where it waits; no
-- fields where there is no such job, its id alone where what is there is no record.
return looked_at(record, ARGV[1], waiting, running, work, ARGV[2])
