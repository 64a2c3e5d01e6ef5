-- Why: every submit to a provider is written down before it leaves, so that whatever becomes of the node or the answer, no
-- picture is paid for twice and no bill comes as a surprise.
--
-- A submit belongs to a picture of a task and outlives the attempt that made it: another node goes on with it. Its state:
--   intended   written down; it may have left
--   unknown    it left, and no answer came from which anything follows
--   accepted   the provider has the job, under an id of its own
--   made       the picture was made, and is billed
--   refused    it ended without a picture, and nothing is billed
--   abandoned  no answer came until its deadline; it may be billed

create type provider_submit_state as enum ('intended', 'unknown', 'accepted', 'made', 'refused', 'abandoned');

create table provider_submits (
    id bigint generated always as identity primary key,
    task_id bigint not null,
    picture smallint not null check (picture between 0 and 15),
    -- 1 for the first submit for this picture.
    number smallint not null,
    provider_id int not null references providers,
    -- Our name for it at the provider, the same whenever it is repeated. By chance, because another installation may be
    -- another customer of the same provider, or the same one.
    reference text not null unique check (length(reference) between 1 and 200),
    -- Whose attempt made it.
    lease bigint not null,
    node text not null,
    state provider_submit_state not null default 'intended',
    -- The provider's own id of the job, by which its invoice names it.
    provider_task_id text,
    -- Whether the provider can stop the job.
    can_cancel boolean not null,
    -- What the provider is expected to bill, in millionths of its currency; null when it bills nothing.
    cost bigint check (cost >= 0),
    currency text check (currency ~ '^[A-Z]{3}$'),
    -- Why it is refused, unknown or abandoned: the kind in one word, and what was said.
    fault text,
    message text,
    -- Whoever asks for a job whose task has ended does it from here on.
    ask_at timestamptz not null default clock_timestamp(),
    made_at timestamptz not null default clock_timestamp(),
    answered_at timestamptz,
    ended_at timestamptz,
    -- From here on nobody waits for an answer any more.
    deadline timestamptz not null,
    unique (task_id, picture, number),
    constraint provider_submits_cost_has_currency check ((cost is null) = (currency is null)),
    constraint provider_submits_ended check ((state in ('made', 'refused', 'abandoned')) = (ended_at is not null))
) with (fillfactor = 70);

-- Rule 9: while a submit may be billed, there is no other for the same picture.
create unique index provider_submits_one_paid on provider_submits (task_id, picture) where state <> 'refused';
create index provider_submits_open on provider_submits (provider_id) where state in ('intended', 'unknown', 'accepted');
create index provider_submits_late on provider_submits (ask_at) where state in ('intended', 'unknown', 'accepted');
create index provider_submits_of_provider on provider_submits (provider_id, ended_at)
    where state in ('made', 'abandoned');

-- A submit as those who follow it see it; the last column is how long somebody still waits for it.
create view submit_views as
    select s.id, s.task_id, s.picture::int, s.provider_id, p.name provider, s.state::text, s.provider_task_id, s.can_cancel,
        s.cost, s.currency, s.fault, s.message, s.lease, s.node, s.made_at, s.ended_at, s.reference,
        (extract(epoch from s.deadline - clock_timestamp()) * 1000)::bigint left_ms
    from provider_submits s join providers p on p.id = s.provider_id;

-- Requests per minute to a provider, by GCRA as in wallets; the row is also what its submits line up at.
create table provider_gates (
    provider_id int primary key references providers,
    rate_tat bigint not null default 0
) with (fillfactor = 50);

-- Writes down a submit that is about to leave. Verdicts: begun; stale when the lease is no longer held; full when the provider
-- has as many jobs as it may; limited when it gets too many requests, with the milliseconds to wait; taken when a submit for the
-- picture may still be billed. Only begun changes anything.
--
-- The lease's row is locked, so a node that was given up between its last heartbeat and this call begins nothing.
create function begin_submit(
    p_lease bigint, p_picture int, p_provider int, p_can_cancel boolean, p_cost bigint, p_currency text,
    p_reference text)
returns table (verdict text, id bigint, wait_ms bigint)
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    p record;
    l record;
    now_us bigint;
    emission bigint;
    tolerance bigint;
    tat bigint;
begin
    select * into p from providers where providers.id = p_provider;
    if not found then raise exception 'there is no provider %', p_provider using errcode = '23503'; end if;
    insert into provider_gates (provider_id) values (p_provider) on conflict do nothing;
    select g.rate_tat into tat from provider_gates g where g.provider_id = p_provider for no key update;
    select * into l from leases where lease = p_lease for update;
    if not found then
        return query select 'stale', null::bigint, 0::bigint;
        return;
    end if;
    if p.max_running is not null and p.max_running <= (
        select count(*) from provider_submits s
        where s.provider_id = p_provider and s.state in ('intended', 'unknown', 'accepted'))
    then
        return query select 'full', null::bigint, 0::bigint;
        return;
    end if;
    if exists (select from provider_submits s where s.task_id = l.task_id and s.picture = p_picture and s.state <> 'refused') then
        return query select 'taken', null::bigint, 0::bigint;
        return;
    end if;
    if p.rpm is not null then
        now_us := extract(epoch from clock_timestamp()) * 1000000;
        emission := 60000000 / p.rpm;
        -- A second's worth at once.
        tolerance := emission * greatest(p.rpm / 60, 1);
        tat := next_arrival(tat, now_us, emission, tolerance);
        if tat > now_us + tolerance then
            return query select 'limited', null::bigint, (tat - now_us - tolerance) / 1000 + 1;
            return;
        end if;
        update provider_gates g set rate_tat = tat where g.provider_id = p_provider;
    end if;
    return query
    insert into provider_submits (task_id, picture, number, provider_id, reference, lease, node, can_cancel, cost, currency, deadline)
    select l.task_id, p_picture,
        1 + coalesce((select max(s.number) from provider_submits s where s.task_id = l.task_id and s.picture = p_picture), 0),
        p_provider, p_reference, p_lease, l.node, p_can_cancel, p_cost, p_currency,
        clock_timestamp() + make_interval(secs => p.deadline_seconds)
    returning 'begun', provider_submits.id, 0::bigint;
end $$;

-- Writes down what became of a submit; it can be repeated. What is true of the provider is true whoever says it, so no lease
-- is asked for; but a submit only goes forward, and one that was abandoned only learns that it was made, or that it was not.
create function record_submit(
    p_id bigint, p_state text, p_provider_task text, p_cost bigint, p_currency text, p_fault text, p_message text)
returns boolean language plpgsql security definer set search_path = public, pg_temp
    set plan_cache_mode = force_generic_plan as $$
begin
    update provider_submits s set state = p_state::provider_submit_state,
        provider_task_id = coalesce(p_provider_task, s.provider_task_id),
        cost = case when p_state = 'refused' then s.cost when p_currency is null then s.cost else p_cost end,
        currency = case when p_state = 'refused' then s.currency else coalesce(p_currency, s.currency) end,
        fault = p_fault, message = p_message,
        answered_at = case when p_state in ('unknown', 'abandoned') then s.answered_at
            else coalesce(s.answered_at, clock_timestamp()) end,
        ended_at = case when p_state in ('made', 'refused', 'abandoned') then clock_timestamp() end
    where s.id = p_id and (
        s.state in ('intended', 'unknown')
        or s.state = 'accepted' and p_state in ('made', 'refused', 'abandoned')
        or s.state = 'abandoned' and p_state in ('made', 'refused'));
    return found;
end $$;

-- Submits whose tasks ended before them, for whoever asks next what became of them; they are left alone for p_ms then.
create function late_submits(p_limit int, p_ms bigint)
returns setof bigint language plpgsql security definer set search_path = public, pg_temp
    set plan_cache_mode = force_generic_plan as $$
begin
    return query execute format($q$
        with due as (
            select s.id from provider_submits s join tasks t on t.id = s.task_id
            where s.state in ('intended', 'unknown', 'accepted') and s.ask_at <= clock_timestamp() and t.finished_at is not null
            order by s.ask_at limit %1$s for update of s skip locked)
        update provider_submits s set ask_at = clock_timestamp() + $1 * interval '1 millisecond' from due where s.id = due.id
        returning s.id
        $q$, p_limit) using p_ms;
end $$;

-- A task that no provider can take now waits as a lease that belongs to nobody until a moment, and then returns to the queue:
-- so it keeps no worker from other tasks, is found by whoever cancels it, and counts as running, as its account is told.
alter table leases add column deferred boolean not null default false;

create function defer_task(p_lease bigint, p_ms bigint)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update leases set deferred = true, until = clock_timestamp() + p_ms * interval '1 millisecond' where lease = p_lease;
    return found;
end $$;

create function return_deferred_tasks()
returns int language plpgsql security definer set search_path = public, pg_temp
    set plan_cache_mode = force_generic_plan as $$
declare
    due bigint[];
begin
    select array_agg(d.lease) into due
    from (select lease from leases where deferred and until <= clock_timestamp() order by until limit 500) d;
    if due is null then return 0; end if;
    return return_tasks(due, 'handed_back');
end $$;
create index leases_deferred on leases (until) where deferred;

-- As in 0008, but a heartbeat that was under way does not take a deferred lease back.
create or replace function renew_leases(p_leases bigint[], p_progress int[], p_lease_seconds int)
returns setof bigint language sql security definer set search_path = public, pg_temp as $$
    update leases l set until = clock_timestamp() + make_interval(secs => p_lease_seconds),
        progress = greatest(l.progress, i.progress)
    from unnest(p_leases, p_progress) i (lease, progress)
    where l.lease = i.lease and not l.deferred
    returning l.lease
$$;

-- Changes a text in a function that is otherwise as it was; a text that is not there exactly once is an error.
create function pg_temp.change_function(p_function regprocedure, p_old text, p_new text) returns void language plpgsql as $$
declare
    definition text := pg_get_functiondef(p_function);
begin
    if length(replace(definition, p_old, '')) <> length(definition) - length(p_old) then
        raise exception '% does not hold this once: %', p_function, p_old;
    end if;
    execute replace(definition, p_old, p_new);
end $$;

-- Deferred tasks were not lost.
select pg_temp.change_function('rescue_tasks(int)', 'from leases where until < clock_timestamp() order by',
    'from leases where until < clock_timestamp() and not deferred order by');

-- What providers are expected to bill: each submit that was made or may have been, and attempts from before there were submits.
create view expected_bills as
    select p.name provider, s.provider_task_id, s.cost, s.currency, s.task_id, s.id number, s.made_at started_at, s.ended_at
    from provider_submits s join providers p on p.id = s.provider_id where s.state in ('made', 'abandoned')
    union all
    select a.provider, a.provider_task_id, a.cost, a.currency, a.task_id, a.number, a.started_at, a.ended_at
    from attempts a
    where a.provider is not null and not exists (select from provider_submits s where s.task_id = a.task_id);
select pg_temp.change_function(
    'close_invoice(text, timestamptz, timestamptz, bytea, text, jsonb, bigint, text, int)', 'from attempts a', 'from expected_bills a');

-- A running task can be cancelled while nobody works on it who cannot stop.
create or replace view task_views as
    select t.id, t.state::text, t.account_id, a.name account, w.mode::text, m.name model, t.dialect, p.rule::text,
        g.name user_group, t.reserved, t.settled, t.created_at, t.started_at, t.finished_at,
        case when t.state = 'completed' then 100 else coalesce(l.progress, 0) end::int progress, m.estimated_seconds,
        t.error_code, t.error_message, t.images::text, t.callback_url, t.request::text,
        not exists (
            select from provider_submits s
            where s.task_id = t.id and s.state in ('intended', 'unknown', 'accepted') and not s.can_cancel) can_stop
    from tasks t join accounts a on a.id = t.account_id join wallets w on w.id = t.wallet_id
        join models m on m.id = t.model_id join prices p on p.id = t.price_id join user_groups g on g.id = t.group_id
        left join leases l on l.task_id = t.id;

grant select on provider_submits, submit_views, expected_bills to zimage_service;
revoke execute on function begin_submit(bigint, int, int, boolean, bigint, text, text),
    record_submit(bigint, text, text, bigint, text, text, text), late_submits(int, bigint), defer_task(bigint, bigint),
    return_deferred_tasks() from public;
grant execute on function begin_submit(bigint, int, int, boolean, bigint, text, text),
    record_submit(bigint, text, text, bigint, text, text, text), late_submits(int, bigint), defer_task(bigint, bigint),
    return_deferred_tasks() to zimage_service;
