-- A webhook's address may hold a secret: `url` shows scheme and host from now on, and the address is sealed as its secret is, under the same key.
-- Destinations made before keep theirs in `url` until they are made again.
alter table report_destinations add column url_sealed bytea;
