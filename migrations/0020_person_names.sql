-- Names that somebody gave with a decision. The previous binary reads and writes none of it.

-- Somebody who split or remapped accounts said what the person is called: matching leaves the name alone. Null: made of the accounts.
alter table people add column named_at timestamptz;
