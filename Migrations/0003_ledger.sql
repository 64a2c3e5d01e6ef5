-- Why: the books. One entry moves one amount from one ledger account (debit) to another (credit), so entries sum to
-- zero by their shape: an unbalanced entry cannot be written down.
--
-- Entries are partitioned by `period`, the month. An entry of a task carries the month in which the task was made, not
-- the month of the entry, so that the reservation and what ends it meet in one partition and one unique index.

create type ledger_account as enum ('granted', 'adjusted', 'available', 'reserved', 'revenue', 'expired');
create type entry_kind as enum ('grant', 'adjust', 'reserve', 'settle', 'refund', 'remainder', 'expire');

create sequence entries_id_seq;

create table entries (
    id bigint not null default nextval('entries_id_seq'),
    period date not null,
    wallet_id bigint not null,
    kind entry_kind not null,
    debit ledger_account not null,
    credit ledger_account not null,
    amount bigint not null check (amount >= 0),
    task_id bigint,
    -- The price version, for entries of tasks.
    price_id bigint,
    -- The grant with a date that begins or expires.
    grant_id bigint,
    reason text,
    actor text,
    at timestamptz not null default clock_timestamp(),
    constraint entries_kind_fits_accounts check ((kind, debit, credit) in (
        ('grant', 'granted', 'available'),
        -- A correction by a person, up or down.
        ('adjust', 'adjusted', 'available'),
        ('adjust', 'available', 'adjusted'),
        ('reserve', 'available', 'reserved'),
        ('settle', 'reserved', 'revenue'),
        ('refund', 'reserved', 'available'),
        -- What a settled reservation did not use.
        ('remainder', 'reserved', 'available'),
        ('expire', 'available', 'expired'))),
    constraint entries_task_iff_of_task
        check ((task_id is not null) = (kind in ('reserve', 'settle', 'refund', 'remainder'))),
    constraint entries_expiry_names_grant check (kind <> 'expire' or grant_id is not null),
    constraint entries_people_say_why
        check (kind not in ('grant', 'adjust') or (length(reason) > 0 and length(actor) > 0)),
    constraint entries_period_is_month check (extract(day from period) = 1)
) partition by range (period);

-- Rule 4: a task is reserved once and its reservation ends once, by settle or by refund: both have the same slot.
create unique index entries_once on entries (task_id, period, (
    case kind when 'reserve' then 0 when 'settle' then 1 when 'refund' then 1 when 'remainder' then 2 end));
create index entries_of_wallet on entries (wallet_id, id);

-- Rule 7: what is written stays. Privileges keep the service from it; this keeps the owner from it too.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'entries are never changed or deleted: write an opposite entry instead' using errcode = '42501';
end $$;
create trigger entries_immutable before update or delete on entries for each row execute function refuse_change();
create trigger entries_not_truncated before truncate on entries for each statement execute function refuse_change();

-- Usage facts: narrow rows for reports, one when a task is submitted and one when it is closed.
create type usage_event as enum ('submitted', 'completed', 'failed', 'cancelled');
create sequence usage_facts_id_seq;
create table usage_facts (
    -- Grows with each fact: what is already folded into rollups is told apart by it.
    id bigint not null default nextval('usage_facts_id_seq'),
    at timestamptz not null,
    event usage_event not null,
    mode account_mode not null,
    group_id int not null,
    model_id int not null,
    account_id bigint not null,
    key_id bigint not null,
    provider text,
    reserved bigint not null default 0 check (reserved >= 0),
    settled bigint not null default 0 check (settled >= 0),
    refunded bigint not null default 0 check (refunded >= 0),
    -- What the provider is expected to bill for the attempt that ended the task, in millionths of its currency.
    cost bigint not null default 0 check (cost >= 0),
    currency text check (currency ~ '^[A-Z]{3}$'),
    constraint usage_cost_has_currency check (cost = 0 or currency is not null)
) partition by range (at);
create index usage_facts_at on usage_facts using brin (at);
create index usage_facts_id on usage_facts (id);

-- Makes the partitions of this month and the next two; called by every migration and hourly by the service.
create function ensure_partitions() returns int language plpgsql security definer set search_path = public, pg_temp as $$
declare
    parent text;
    first date;
    made int := 0;
begin
    -- Nodes that start at once must not both make one.
    perform pg_advisory_xact_lock(7216500333);
    foreach parent in array array['entries', 'usage_facts'] loop
        for back in -1..2 loop
            first := date_trunc('month', now() at time zone 'UTC') + make_interval(months => back);
            if to_regclass(format('%s_%s', parent, to_char(first, 'YYYYMM'))) is null then
                execute format('create table %I partition of %I for values from (%L) to (%L)',
                    parent || '_' || to_char(first, 'YYYYMM'), parent,
                    first::timestamp at time zone 'UTC', (first + interval '1 month') at time zone 'UTC');
                -- A trigger against TRUNCATE is not inherited.
                if parent = 'entries' then
                    execute format('create trigger entries_not_truncated before truncate on %I '
                        'for each statement execute function refuse_change()',
                        parent || '_' || to_char(first, 'YYYYMM'));
                end if;
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end $$;
revoke execute on function ensure_partitions() from public;
select ensure_partitions();

create function credit_month(at timestamptz) returns date language sql immutable as $$
    select date_trunc('month', at at time zone 'UTC')::date
$$;

grant select on entries, usage_facts to zimage_service;
grant execute on function ensure_partitions(), credit_month(timestamptz) to zimage_service;
