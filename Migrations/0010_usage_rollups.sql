-- Why: usage reports that are exact at any moment and do not slow down with history.
--
-- Facts are folded into rollups in the order of their ids, each exactly once. A report adds up rollups and, in the same
-- snapshot, the facts that are not folded yet: those above `usage_fold.folded_to`.
--
-- A fact's id is drawn before its transaction commits, so a smaller id may become visible after a larger one, and
-- "everything up to the largest id in sight" would lose it. What may be folded is found in two steps:
--   1. The sequence's newest id is noted as the candidate, and only then the noting transaction takes its number. Writers
--      have a number before they draw ids (see the trigger), so whoever drew one up to the candidate has a smaller one.
--   2. Once every transaction with a smaller number has ended, each fact up to the candidate is visible or never will be.
-- A long transaction delays that, and its facts and later ones stay in the tail meanwhile; it loses none.
--
-- Numbers of transactions mean something in one cluster only. In a dump that is restored into another cluster nobody is
-- still writing a fact up to the candidate, so a number that has passed there is as good, and one that has not come yet
-- is replaced.

-- Gives a transaction its number when a statement begins to insert facts: ids are drawn later, by its rows. It holds for
-- every writer as long as the sequence keeps no ids in reserve (cache 1).
create function number_transaction() returns trigger language plpgsql as $$
begin
    perform pg_current_xact_id();
    return null;
end $$;
create trigger usage_facts_numbered before insert on usage_facts for each statement execute function number_transaction();

-- Three sizes of grain, because hours of thousands of keys are nearly as many rows as their facts. Measured with ten
-- million facts of 90 days and 1,000 accounts: 5 million rows by hour, 630,000 by account and day, 1,600 by day.
create type usage_grain as enum ('hour', 'account_day', 'day');

create table usage_rollups (
    grain usage_grain not null,
    -- The hour's or the day's first moment, in UTC.
    at timestamptz not null,
    mode account_mode not null,
    group_id int not null,
    model_id int not null,
    -- Both 0 in the grain 'day', which adds up all accounts.
    account_id bigint not null,
    key_id bigint not null,
    -- Both empty where facts have none: a unique key does not hold for null.
    provider text not null,
    currency text not null,
    submitted bigint not null check (submitted >= 0),
    completed bigint not null check (completed >= 0),
    failed bigint not null check (failed >= 0),
    cancelled bigint not null check (cancelled >= 0),
    reserved bigint not null check (reserved >= 0),
    settled bigint not null check (settled >= 0),
    refunded bigint not null check (refunded >= 0),
    cost bigint not null check (cost >= 0),
    primary key (grain, account_id, at, key_id, model_id, group_id, mode, provider, currency)
) partition by list (grain);
create index usage_rollups_at on usage_rollups using brin (at) with (pages_per_range = 16);
create table usage_hours partition of usage_rollups for values in ('hour') with (fillfactor = 80);
create table usage_account_days partition of usage_rollups for values in ('account_day') with (fillfactor = 80);
create table usage_days partition of usage_rollups for values in ('day') with (fillfactor = 50);

create table usage_fold (
    singleton boolean primary key default true check (singleton),
    -- Facts up to this id are in the rollups, and no others.
    folded_to bigint not null check (folded_to >= 0),
    -- Up to where facts may be folded once all transactions below the number have ended.
    candidate bigint not null,
    candidate_xid xid8 not null
);
insert into usage_fold (folded_to, candidate, candidate_xid) values (0, 0, '0');

-- Facts in the shape of the finest rollups.
create view usage_lines as
select id, date_trunc('hour', at, 'UTC') as at, mode, group_id, model_id, account_id, key_id,
    coalesce(provider, '') as provider, coalesce(currency, '') as currency,
    (event = 'submitted')::int as submitted, (event = 'completed')::int as completed, (event = 'failed')::int as failed,
    (event = 'cancelled')::int as cancelled, reserved, settled, refunded, cost
from usage_facts;

-- Facts that are not folded yet. The upper bound excludes nothing: without it the planner, who does not know the lower
-- one, would expect a third of the table and read it all.
create view usage_tail as
select * from usage_lines where id > (select folded_to from usage_fold) and id < 9223372036854775807;

-- Where a line belongs in each grain.
create function usage_grains(p_at timestamptz, p_account bigint, p_key bigint)
returns table (grain usage_grain, at timestamptz, account_id bigint, key_id bigint) language sql stable as $$
    values ('hour'::usage_grain, p_at, p_account, p_key),
        ('account_day', date_trunc('day', p_at, 'UTC'), p_account, p_key),
        ('day', date_trunc('day', p_at, 'UTC'), 0, 0)
$$;

-- Folds up to 100,000 ids, and notes a new candidate when the last one is done. Answers how many ids it folded: the
-- caller calls again until that is 0. Several nodes may call at once: one works and the others answer 0.
create function fold_usage() returns int language plpgsql security definer set search_path = public, pg_temp as $$
declare
    newest bigint;
    fold usage_fold;
    upto bigint;
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'fold_usage must be the first to write in its transaction' using errcode = '25001';
    end if;
    select case when s.is_called then s.last_value else 0 end into newest from usage_facts_id_seq s;
    -- An idle service writes nothing.
    if newest <= (select f.folded_to from usage_fold f) then return 0; end if;
    -- The lock gives this transaction its number, after the newest id was read.
    select * into fold from usage_fold for update skip locked;
    if not found then return 0; end if;

    upto := fold.folded_to;
    if fold.candidate > upto and fold.candidate_xid <= pg_snapshot_xmin(pg_current_snapshot()) then
        upto := least(fold.candidate, upto + 100000);
        -- Two sums, because lines are many and hours are few.
        with hours as (
            select l.at, l.mode, l.group_id, l.model_id, l.account_id, l.key_id, l.provider, l.currency,
                sum(l.submitted) submitted, sum(l.completed) completed, sum(l.failed) failed, sum(l.cancelled) cancelled,
                sum(l.reserved) reserved, sum(l.settled) settled, sum(l.refunded) refunded, sum(l.cost) as cost
            from usage_lines l where l.id > fold.folded_to and l.id <= upto group by 1, 2, 3, 4, 5, 6, 7, 8)
        insert into usage_rollups as r
        select g.grain, g.at, h.mode, h.group_id, h.model_id, g.account_id, g.key_id, h.provider, h.currency,
            sum(h.submitted), sum(h.completed), sum(h.failed), sum(h.cancelled), sum(h.reserved), sum(h.settled),
            sum(h.refunded), sum(h.cost)
        from hours h cross join usage_grains(h.at, h.account_id, h.key_id) g group by 1, 2, 3, 4, 5, 6, 7, 8, 9
        on conflict (grain, account_id, at, key_id, model_id, group_id, mode, provider, currency) do update
        set submitted = r.submitted + excluded.submitted, completed = r.completed + excluded.completed,
            failed = r.failed + excluded.failed, cancelled = r.cancelled + excluded.cancelled,
            reserved = r.reserved + excluded.reserved, settled = r.settled + excluded.settled,
            refunded = r.refunded + excluded.refunded, cost = r.cost + excluded.cost;
        update usage_fold set folded_to = upto;
    end if;
    if upto = fold.candidate or fold.candidate_xid > pg_current_xact_id() then
        update usage_fold set candidate = newest, candidate_xid = pg_current_xact_id();
    end if;
    return upto - fold.folded_to;
end $$;

revoke execute on function fold_usage() from public;
grant execute on function fold_usage() to zimage_service;
grant select on usage_rollups, usage_fold, usage_lines, usage_tail to zimage_service;
