-- Events are read in the order of their numbers (docs/decisions/0013-feed.md): the primary key is the feed's order, and a transaction's
-- id, which begins anew in another server, is not needed any more. Dropping the column drops the index over it.

ALTER TABLE events DROP COLUMN transaction;
