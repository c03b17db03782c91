-- The folders that a job is confined to, with those that it is known to: those of who started it, a line each. None of a
-- job that is not confined.
alter table job add column prefixes text;
