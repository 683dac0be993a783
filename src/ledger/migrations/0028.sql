-- Calls of a time are found by the log's rows, which lie in the order of their times: an index less is written with each call.
DROP INDEX attempt_intent;
