-- Why: the life of a task after admission. Claims give leases, heartbeats keep them, lost ones return to the queue, and
-- end_tasks, behind close_tasks and cancel_tasks, is the only door through which a reservation ends. Plans are generic for the reason given in 0007.

-- Claims up to p_limit tasks for a node, fairly between wallets: at most 64 wallets after p_after are visited (round
-- robin over any number of wallets at a bounded price), and among them the next task goes to the wallet with the
-- fewest running tasks for its group's weight.
--
-- The limits reach the planner as literals: with a parameter the plan would assume a tenth of the table.
--
-- The answer is leases alone. It is sent before the commit, and one with the prompts in it is larger than a socket's
-- buffer: a node that was stopped before it read all would hold the locks of 64 wallets, and with them everybody's
-- submits, for as long as it is stopped. What the tasks are is read afterwards, without a lock.
create function claim_tasks(p_node text, p_limit int, p_after bigint, p_lease_seconds int)
returns table (lease bigint)
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    visited bigint[] := '{}';
    place bigint := p_after;
    found_id bigint;
    wrapped boolean := p_after <= 0;
    per_wallet int;
    c_wallet bigint[];
    c_task bigint[];
begin
    while cardinality(visited) < 64 loop
        select q.wallet_id into found_id from queue q where q.wallet_id > place order by q.wallet_id limit 1;
        if found_id is null then
            exit when wrapped;
            wrapped := true;
            place := 0;
            continue;
        end if;
        exit when wrapped and p_after > 0 and found_id > p_after;
        visited := visited || found_id;
        place := found_id;
    end loop;
    if visited = '{}' then return; end if;

    perform from wallets w where w.id = any (visited) order by w.id for no key update;

    per_wallet := greatest(4, ceil(4.0 * p_limit / cardinality(visited)));
    execute format($q$
        select array_agg(c.wallet_id), array_agg(c.task_id) from (
            select w.id wallet_id, q.task_id
            from wallets w join accounts a on a.id = w.account_id join user_groups g on g.id = a.group_id
                cross join lateral (
                    select s.task_id, row_number() over (order by s.task_id) place
                    from (select task_id from queue where queue.wallet_id = w.id and not w.limited
                          order by task_id limit %1$s) s
                    union all
                    -- Strict, so for other wallets not even called.
                    select s.task_id, row_number() over (order by s.task_id)
                    from startable_tasks(case when w.limited then w.id end, %1$s) s (task_id)) q
            where w.id = any ($1) and (g.max_running is null or w.running + q.place <= g.max_running)
            order by (w.running + q.place)::float8 / g.weight, q.task_id
            limit %2$s) c
        $q$, least(per_wallet, p_limit), p_limit)
        into c_wallet, c_task using visited;
    if c_task is null then return; end if;

    if exists (select from limit_counters) then
        perform count_toward_limits(c_wallet, c_task, array_fill(-1, array[cardinality(c_task)]),
            array_fill(1, array[cardinality(c_task)]));
    end if;
    return query
    with taken as (
        delete from queue q using unnest(c_wallet, c_task) c (wallet_id, task_id)
        where q.wallet_id = c.wallet_id and q.task_id = c.task_id
        returning q.wallet_id, q.task_id, q.attempts),
    leased as (
        insert into leases (task_id, wallet_id, node, attempt, until)
        select t.task_id, t.wallet_id, p_node, t.attempts + 1,
            clock_timestamp() + make_interval(secs => p_lease_seconds)
        from taken t returning leases.lease, leases.task_id),
    counted as (
        update wallets w set pending = w.pending - s.count, running = w.running + s.count
        from (select t.wallet_id, count(*)::int from taken t group by t.wallet_id) s (id, count)
        where w.id = s.id),
    started as (
        update tasks t set state = 'processing', started_at = coalesce(t.started_at, clock_timestamp())
        from leased l where t.id = l.task_id)
    select l.lease from leased l;
end $$;

-- Prolongs leases and records progress; answers those that are still held.
create function renew_leases(p_leases bigint[], p_progress int[], p_lease_seconds int)
returns setof bigint language sql security definer set search_path = public, pg_temp as $$
    update leases l set until = clock_timestamp() + make_interval(secs => p_lease_seconds),
        progress = greatest(l.progress, i.progress)
    from unnest(p_leases, p_progress) i (lease, progress)
    where l.lease = i.lease
    returning l.lease
$$;

-- How one task ends. lease, node, attempt and started_at are null for a task that never ran.
create type task_end as (
    task_id bigint, wallet_id bigint, lease bigint, node text, attempt smallint, started_at timestamptz, state task_state,
    units int, provider text, provider_task text, cost bigint, currency text, code text, message text, images jsonb);

-- Ends tasks whose queue row or lease the caller has just deleted, under the wallets' locks: state, money, usage, attempt
-- and callback in one statement (rule 5), then what hangs on what came back: grants with a date, caps and limits.
create function end_tasks(p_ends task_end[])
returns void language plpgsql set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    tasks_ended bigint[];
    wallets_drawn bigint[];
begin
    with judged as materialized (
        select e.*, t.period, t.account_id, t.key_id, t.group_id, t.model_id, t.price_id, t.callback_url, t.reserved,
            w.mode,
            case when e.state <> 'completed' then 0
                else least(t.reserved, price_of(p.rule, p.amount, p.units_max, e.units)) end settled,
            clock_timestamp() at
        from unnest(p_ends) e join tasks t on t.id = e.task_id join prices p on p.id = t.price_id
            join wallets w on w.id = e.wallet_id),
    finished as (
        update tasks t set state = j.state, finished_at = j.at, settled = j.settled, error_code = j.code,
            error_message = j.message, images = j.images
        from judged j where t.id = j.task_id),
    booked as (
        insert into entries (period, wallet_id, kind, debit, credit, amount, task_id, price_id, at)
        select j.period, j.wallet_id, 'settle'::entry_kind, 'reserved'::ledger_account, 'revenue'::ledger_account,
            j.settled, j.task_id, j.price_id, j.at
        from judged j where j.state = 'completed'
        union all
        select j.period, j.wallet_id, 'remainder', 'reserved', 'available', j.reserved - j.settled, j.task_id,
            j.price_id, j.at
        from judged j where j.state = 'completed' and j.settled < j.reserved
        union all
        select j.period, j.wallet_id, 'refund', 'reserved', 'available', j.reserved, j.task_id, j.price_id, j.at
        from judged j where j.state <> 'completed'),
    counted as (
        update wallets w set pending = w.pending - s.waiting, running = w.running - s.running,
            reserved = w.reserved - s.reserved, settled = w.settled + s.settled,
            available = w.available + s.reserved - s.settled
        from (select j.wallet_id, (count(*) - count(j.lease))::int, count(j.lease)::int, sum(j.reserved)::bigint,
                  sum(j.settled)::bigint
              from judged j group by j.wallet_id) s (id, waiting, running, reserved, settled)
        where w.id = s.id),
    reported as (
        insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, provider, settled, refunded,
            cost, currency)
        select j.at, j.state::text::usage_event, j.mode, j.group_id, j.model_id, j.account_id, j.key_id, j.provider,
            j.settled, j.reserved - j.settled, coalesce(j.cost, 0), j.currency
        from judged j),
    tried as (
        insert into attempts (task_id, number, lease, node, provider, provider_task_id, cost, currency, outcome,
            started_at)
        select j.task_id, j.attempt, j.lease, j.node, j.provider, j.provider_task, j.cost, j.currency,
            j.state::text::attempt_outcome, j.started_at
        from judged j where j.lease is not null),
    announced as (
        insert into callbacks (task_id, account_id, url)
        select j.task_id, j.account_id, j.callback_url from judged j where j.callback_url is not null)
    select array_agg(j.task_id) into tasks_ended from judged j;

    select array_agg(distinct g.wallet_id) into wallets_drawn
    from unnest(p_ends) e join expiring_grants g on g.wallet_id = e.wallet_id and g.reserved > 0;
    if wallets_drawn is not null then perform return_draws(wallets_drawn, tasks_ended); end if;
    perform give_back_quota(tasks_ended);
    if exists (select from limit_counters) then
        perform count_toward_limits(array_agg(e.wallet_id), array_agg(e.task_id), array_agg(-(e.lease is null)::int),
            array_agg(-(e.lease is not null)::int))
        from unnest(p_ends) e;
    end if;
end $$;

-- Ends running tasks. A lease that is no longer held changes nothing and is answered as stale. units: what the provider
-- used, for rules other than per_call; costs: what it is expected to bill for that, in millionths of the currencies.
create function close_tasks(
    p_leases bigint[], p_outcomes text[], p_units int[], p_providers text[], p_provider_tasks text[], p_costs bigint[],
    p_currencies text[], p_codes text[], p_messages text[], p_images jsonb[])
returns table (lease bigint, task_id bigint, verdict text)
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    ends task_end[];
begin
    perform from wallets w where w.id in (select l.wallet_id from leases l where l.lease = any (p_leases))
        order by w.id for no key update;
    with ended as (
        delete from leases l
        using unnest(p_leases, p_outcomes, p_units, p_providers, p_provider_tasks, p_costs, p_currencies, p_codes,
                p_messages, p_images)
            i (lease, outcome, units, provider, provider_task, cost, currency, code, message, images)
        where l.lease = i.lease
        returning l.task_id, l.wallet_id, l.lease, l.node, l.attempt, l.started_at, i.outcome::task_state, i.units,
            i.provider, i.provider_task, i.cost, i.currency, i.code, i.message, i.images)
    select array_agg(row(e.*)::task_end) into ends from ended e;
    if ends is not null then perform end_tasks(ends); end if;
    return query
    select i.lease, e.task_id, case when e.lease is null then 'stale' else 'closed' end
    from unnest(p_leases) i (lease) left join unnest(ends) e on e.lease = i.lease;
end $$;

-- Withdraws tasks that wait, and with p_running those that run: their leases end, so whoever works on one can no longer
-- close it. p_wallet: only of this wallet. Answers each task as cancelled, running, final or unknown; again changes nothing.
create function cancel_tasks(p_tasks bigint[], p_wallet bigint, p_running boolean)
returns table (task_id bigint, verdict text)
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    ends task_end[];
begin
    perform from wallets w where w.id in (select t.wallet_id from tasks t where t.id = any (p_tasks))
        and (p_wallet is null or w.id = p_wallet) order by w.id for no key update;
    with chosen as materialized (
        select t.id, t.wallet_id from tasks t where t.id = any (p_tasks) and (p_wallet is null or t.wallet_id = p_wallet)),
    waited as (
        delete from queue q using chosen c where q.wallet_id = c.wallet_id and q.task_id = c.id
        returning q.task_id, q.wallet_id),
    ran as (
        delete from leases l using chosen c where p_running and l.task_id = c.id
        returning l.task_id, l.wallet_id, l.lease, l.node, l.attempt, l.started_at),
    ended as (
        select w.task_id, w.wallet_id, null::bigint lease, null::text node, null::smallint attempt,
            null::timestamptz started_at from waited w
        union all select * from ran)
    select array_agg(row(e.*, 'cancelled', 0, null, null, null, null, 'task_cancelled',
        'The task was cancelled; you were not charged.', null)::task_end) into ends from ended e;
    if ends is not null then perform end_tasks(ends); end if;
    return query
    select i.id, case when e.task_id is not null then 'cancelled' when t.id is null then 'unknown'
        when t.finished_at is not null then 'final' else 'running' end
    from unnest(p_tasks) i (id) left join unnest(ends) e on e.task_id = i.id
        left join tasks t on t.id = i.id and (p_wallet is null or t.wallet_id = p_wallet);
end $$;

-- Returns running tasks to the queue: handed back by a node that stops, or lost with a node that died.
create function return_tasks(p_leases bigint[], p_outcome attempt_outcome)
returns int language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    returned int;
    from_wallets bigint[];
    tasks_returned bigint[];
begin
    perform from wallets w where w.id in (select l.wallet_id from leases l where l.lease = any (p_leases))
        order by w.id for no key update;
    with ended as (
        delete from leases l where l.lease = any (p_leases)
            -- A lease that was renewed while we waited for the lock is not lost.
            and (p_outcome <> 'lost' or l.until < clock_timestamp())
        returning l.*),
    queued as (
        insert into queue (wallet_id, task_id, attempts, key_id, model_id)
        select e.wallet_id, e.task_id, e.attempt, case when w.limited then t.key_id end,
            case when w.limited then t.model_id end
        from ended e join wallets w on w.id = e.wallet_id join tasks t on t.id = e.task_id),
    tried as (
        insert into attempts (task_id, number, lease, node, outcome, started_at)
        select e.task_id, e.attempt, e.lease, e.node, p_outcome, e.started_at from ended e),
    waiting as (
        update tasks t set state = 'pending' from ended e where t.id = e.task_id),
    counted as (
        update wallets w set pending = w.pending + s.count, running = w.running - s.count
        from (select e.wallet_id, count(*)::int from ended e group by e.wallet_id) s (id, count)
        where w.id = s.id)
    select count(*), array_agg(e.wallet_id), array_agg(e.task_id) into returned, from_wallets, tasks_returned from ended e;
    if returned > 0 and exists (select from limit_counters) then
        perform count_toward_limits(from_wallets, tasks_returned, array_fill(1, array[returned]),
            array_fill(-1, array[returned]));
    end if;
    return returned;
end $$;

-- Finds leases that ran out. A task that lost p_attempts_max attempts takes its workers down with it: it fails, and the
-- customer gets the credits back.
create function rescue_tasks(p_attempts_max int)
returns int language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    lost bigint[];
    hopeless bigint[];
begin
    -- Attempts that were handed back by nodes that stopped do not count.
    select array_agg(l.lease), array_agg(l.lease) filter (where 1 + (
        select count(*) from attempts a where a.task_id = l.task_id and a.outcome = 'lost') >= p_attempts_max)
    into lost, hopeless
    from (select * from leases where until < clock_timestamp() order by until limit 500) l;
    if lost is null then return 0; end if;
    perform from wallets w where w.id in (select l.wallet_id from leases l where l.lease = any (lost))
        order by w.id for no key update;
    select array_agg(l.lease) into hopeless from leases l where l.lease = any (hopeless) and l.until < clock_timestamp();
    if hopeless is not null then
        perform close_tasks(hopeless,
            array_fill('failed'::text, array[cardinality(hopeless)]), array_fill(0, array[cardinality(hopeless)]),
            array_fill(null::text, array[cardinality(hopeless)]), array_fill(null::text, array[cardinality(hopeless)]),
            array_fill(null::bigint, array[cardinality(hopeless)]), array_fill(null::text, array[cardinality(hopeless)]),
            array_fill('generation_timeout'::text, array[cardinality(hopeless)]),
            array_fill('The image could not be generated in several attempts; you were not charged.'::text,
                array[cardinality(hopeless)]),
            array_fill(null::jsonb, array[cardinality(hopeless)]));
    end if;
    return coalesce(cardinality(hopeless), 0) + return_tasks(lost, 'lost');
end $$;

revoke execute on function claim_tasks(text, int, bigint, int), renew_leases(bigint[], int[], int),
    end_tasks(task_end[]), cancel_tasks(bigint[], bigint, boolean),
    close_tasks(bigint[], text[], int[], text[], text[], bigint[], text[], text[], text[], jsonb[]), return_tasks(bigint[], attempt_outcome),
    rescue_tasks(int) from public;
grant execute on function claim_tasks(text, int, bigint, int), renew_leases(bigint[], int[], int),
    cancel_tasks(bigint[], bigint, boolean),
    close_tasks(bigint[], text[], int[], text[], text[], bigint[], text[], text[], text[], jsonb[]), return_tasks(bigint[], attempt_outcome),
    rescue_tasks(int) to zimage_service;
