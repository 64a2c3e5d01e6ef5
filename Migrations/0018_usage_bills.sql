-- Why: usage shows all that providers are expected to bill, also for tasks that were refunded, and says how much of it is
-- only possible. Until now a task's closing fact held the costs that its last attempt knew of: what a provider made after
-- the customer was refunded was in the invoice's comparison only, so that the margin looked too good.
--
-- Costs have facts of their own, written by the book of submits whenever it learns that something is billed, may be billed
-- or is not. So the facts' costs are the sums of expected_bills at any moment (the proof compares them), whoever closes
-- the task and when. A fact of a cost belongs to the hour in which the submit left, which is the provider's day for it
-- and never changes: what turns out otherwise is retracted there.
--
-- A fact of a cost has no event, because a new word of an enum cannot be used by the migration that adds it.

-- Closings that are under way end first, and those that come later find the new end_tasks: each cost is in one fact. The
-- others are in the order in which folds and reports take them.
lock table wallets, usage_fold in exclusive mode;
lock table usage_rollups, usage_facts in access exclusive mode;

alter table usage_facts alter column event drop not null;
alter table usage_facts drop constraint usage_facts_cost_check;
-- What of the cost may be billed, and is not certain.
alter table usage_facts add column possible bigint not null default 0;
alter table usage_facts add constraint usage_facts_bills check (
    case when event is null then provider is not null and (reserved, settled, refunded) = (0, 0, 0) and possible in (0, cost)
        else cost >= 0 and possible = 0 end);
-- A check would refuse what is retracted before it is added to what is there.
alter table usage_rollups drop constraint usage_rollups_cost_check, add column possible bigint not null default 0;

create or replace view usage_lines as
select id, date_trunc('hour', at, 'UTC') as at, mode, group_id, model_id, account_id, key_id,
    coalesce(provider, '') as provider, coalesce(currency, '') as currency,
    coalesce(event = 'submitted', false)::int as submitted, coalesce(event = 'completed', false)::int as completed,
    coalesce(event = 'failed', false)::int as failed, coalesce(event = 'cancelled', false)::int as cancelled,
    reserved, settled, refunded, cost, possible
from usage_facts;
create or replace view usage_tail as
select * from usage_lines where id > (select folded_to from usage_fold) and id < 9223372036854775807;

-- As in 0010, with possible costs.
create or replace function fold_usage() returns int language plpgsql security definer set search_path = public, pg_temp as $$
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
                sum(l.reserved) reserved, sum(l.settled) settled, sum(l.refunded) refunded, sum(l.cost) as cost,
                sum(l.possible) possible
            from usage_lines l where l.id > fold.folded_to and l.id <= upto group by 1, 2, 3, 4, 5, 6, 7, 8)
        insert into usage_rollups as r (grain, at, mode, group_id, model_id, account_id, key_id, provider, currency, submitted,
            completed, failed, cancelled, reserved, settled, refunded, cost, possible)
        select g.grain, g.at, h.mode, h.group_id, h.model_id, g.account_id, g.key_id, h.provider, h.currency,
            sum(h.submitted), sum(h.completed), sum(h.failed), sum(h.cancelled), sum(h.reserved), sum(h.settled),
            sum(h.refunded), sum(h.cost), sum(h.possible)
        from hours h cross join usage_grains(h.at, h.account_id, h.key_id) g group by 1, 2, 3, 4, 5, 6, 7, 8, 9
        on conflict (grain, account_id, at, key_id, model_id, group_id, mode, provider, currency) do update
        set submitted = r.submitted + excluded.submitted, completed = r.completed + excluded.completed,
            failed = r.failed + excluded.failed, cancelled = r.cancelled + excluded.cancelled,
            reserved = r.reserved + excluded.reserved, settled = r.settled + excluded.settled,
            refunded = r.refunded + excluded.refunded, cost = r.cost + excluded.cost, possible = r.possible + excluded.possible;
        update usage_fold set folded_to = upto;
    end if;
    if upto = fold.candidate or fold.candidate_xid > pg_current_xact_id() then
        update usage_fold set candidate = newest, candidate_xid = pg_current_xact_id();
    end if;
    return upto - fold.folded_to;
end $$;

-- What providers are expected to bill, as in 0016; possible: nobody knows whether the provider made it.
create or replace view expected_bills as
    select p.name provider, s.provider_task_id, s.cost, s.currency, s.task_id, s.id number, s.made_at started_at, s.ended_at,
        s.state = 'abandoned' possible
    from provider_submits s join providers p on p.id = s.provider_id where s.state in ('made', 'abandoned')
    union all
    select a.provider, a.provider_task_id, a.cost, a.currency, a.task_id, a.number, a.started_at, a.ended_at, false
    from attempts a
    where a.provider is not null and not exists (select from provider_submits s where s.task_id = a.task_id);

create function bill_usage() returns trigger language plpgsql security definer set search_path = public, pg_temp
    set plan_cache_mode = force_generic_plan as $$
begin
    insert into usage_facts (at, mode, group_id, model_id, account_id, key_id, provider, cost, possible, currency)
    select new.made_at, w.mode, t.group_id, t.model_id, t.account_id, t.key_id, p.name, b.sign * b.cost,
        case b.state when 'abandoned' then b.sign * b.cost else 0 end, b.currency
    from (values (old.state, old.cost, old.currency, -1), (new.state, new.cost, new.currency, 1)) b (state, cost, currency, sign)
        join tasks t on t.id = new.task_id join wallets w on w.id = t.wallet_id join providers p on p.id = new.provider_id
    where b.state in ('made', 'abandoned') and b.cost > 0;
    return null;
end $$;
create trigger provider_submits_billed after insert or update of state, cost, currency on provider_submits
    for each row execute function bill_usage();

-- Changes a text in a function that is otherwise as it was; a text that is not there exactly once is an error.
create or replace function pg_temp.change_function(p_function regprocedure, p_old text, p_new text) returns void
language plpgsql as $$
declare
    definition text := pg_get_functiondef(p_function);
begin
    if length(replace(definition, p_old, '')) <> length(definition) - length(p_old) then
        raise exception '% does not hold this once: %', p_function, p_old;
    end if;
    execute replace(definition, p_old, p_new);
end $$;

-- Tasks without submits have their cost in the closing fact, as expected_bills has it from their attempts.
select pg_temp.change_function('end_tasks(task_end[])', 'coalesce(j.cost, 0), j.currency',
    'case when exists (select from provider_submits s where s.task_id = j.task_id) then 0 else coalesce(j.cost, 0) end, j.currency');

-- The costs of submits that are in closing facts until now move to facts of their own.
insert into usage_facts (at, mode, group_id, model_id, account_id, key_id, provider, cost, currency)
select t.finished_at, w.mode, t.group_id, t.model_id, t.account_id, t.key_id, a.provider, -a.cost, a.currency
from attempts a join tasks t on t.id = a.task_id join wallets w on w.id = t.wallet_id
where a.cost > 0 and exists (select from provider_submits s where s.task_id = a.task_id);
insert into usage_facts (at, mode, group_id, model_id, account_id, key_id, provider, cost, possible, currency)
select b.started_at, w.mode, t.group_id, t.model_id, t.account_id, t.key_id, b.provider, b.cost,
    case when b.possible then b.cost else 0 end, b.currency
from expected_bills b join provider_submits s on s.id = b.number and s.task_id = b.task_id
    join tasks t on t.id = b.task_id join wallets w on w.id = t.wallet_id
where b.cost > 0;

revoke execute on function bill_usage() from public;
