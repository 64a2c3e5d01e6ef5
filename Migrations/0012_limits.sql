-- Why: limits besides those of a whole group and a key's own rate: for an account, for a key's jobs, and for one model. And
-- keys that take the place of others, with their limits.
--
-- Requests per minute and burst, waiting tasks, running tasks. Each limit holds by itself, so the strictest wins. A group's
-- is for each of its accounts, as the group's own columns are; live and test jobs are counted apart.
--
-- The counters of a limit are per wallet and belong to whoever holds the wallet's lock, like its rows in queue and leases.
-- They begin when they are first needed, with what is alive then, and from there on only the functions of 0007 and 0008
-- count. A wallet with counters is marked as limited, and its waiting tasks stand in lanes, one for each key and model:
-- so a claim steps over a lane that is full, however long it is. Wallets without limits pay for none of it.

create type limit_scope as enum ('key', 'account', 'group');
create table limits (
    id bigint generated always as identity primary key,
    scope limit_scope not null,
    subject_id bigint not null,
    -- Null is all models.
    model_id int references models,
    rpm int check (rpm between 1 and 10000000),
    -- Requests at once; null is as many as per minute.
    burst int check (burst between 1 and 10000000),
    max_running int check (max_running between 1 and 1000000),
    max_pending int check (max_pending between 1 and 100000000),
    unique nulls not distinct (scope, subject_id, model_id),
    constraint limits_burst_has_rpm check (burst is null or rpm is not null),
    constraint limits_something check (rpm is not null or max_running is not null or max_pending is not null),
    -- These are the columns of user_groups and api_keys.
    constraint limits_group_has_model check (scope <> 'group' or model_id is not null),
    constraint limits_key_rate_has_model check (scope <> 'key' or model_id is not null or rpm is null)
);

-- No foreign keys, as with the other hot tables.
create table limit_counters (
    wallet_id bigint not null,
    -- 0 is all keys, 0 all models.
    key_id bigint not null,
    model_id int not null,
    limit_id bigint not null,
    -- GCRA, as in wallets.
    rate_tat bigint not null default 0,
    pending int not null constraint limit_counters_pending check (pending >= 0),
    running int not null constraint limit_counters_running check (running >= 0),
    primary key (wallet_id, key_id, model_id, limit_id)
) with (fillfactor = 50);
create index limit_counters_of_limit on limit_counters (limit_id);

alter table wallets add column limited boolean not null default false;
-- The lane of a waiting task of a limited wallet; null elsewhere, where they cost nothing.
alter table queue add column key_id bigint, add column model_id int;
create index queue_lanes on queue (wallet_id, key_id, model_id, task_id) where key_id is not null;

-- When a request at this moment moves the theoretical arrival time to. What was borrowed under another limit, or before a
-- clock that was set back, counts as this limit's burst at most.
create function next_arrival(p_tat bigint, p_now bigint, p_emission bigint, p_tolerance bigint)
returns bigint language sql immutable as $$
    select greatest(least(p_tat, p_now + p_tolerance), p_now) + p_emission
$$;

-- Whether a rate limit is stricter than another that may be null: one that makes a request wait longer, or else one that
-- leaves less. Slack is how much of the burst is left, as time; below 0 a request must wait for it.
create function stricter(p_slack bigint, p_emission bigint, p_other bigint, p_other_emission bigint)
returns boolean language sql immutable as $$
    select p_other is null or case when p_slack < 0 or p_other < 0 then p_slack < p_other
        else p_slack / p_emission < p_other / p_other_emission end
$$;

-- What customers know a limit by.
create function limit_name(p_key bigint, p_model int) returns text language sql immutable as $$
    select case when p_key = 0 then 'account' else 'key' end || case when p_model = 0 then '' else '-model' end
$$;

-- The limits on wallets; those of keys only for the keys named.
create function limits_on(p_wallets bigint[], p_keys bigint[])
returns table (
    wallet_id bigint, key_id bigint, model_id int, limit_id bigint, rpm int, burst int, max_running int, max_pending int)
language sql stable as $$
    select w.id, 0::bigint, coalesce(l.model_id, 0), l.id, l.rpm, l.burst, l.max_running, l.max_pending
    from wallets w join accounts a on a.id = w.account_id
        cross join lateral (
            select * from limits where scope = 'account' and subject_id = a.id
            union all
            select * from limits where scope = 'group' and subject_id = a.group_id) l
    where w.id = any (p_wallets)
    union all
    select k.wallet_id, k.id, coalesce(l.model_id, 0), l.id, l.rpm, l.burst, l.max_running, l.max_pending
    from api_keys k join limits l on l.scope = 'key' and l.subject_id = k.id
    where k.id = any (p_keys) and k.wallet_id = any (p_wallets)
$$;

-- Marks wallets that have counters, and gives their waiting tasks lanes. The wallets are locked.
create function mark_limited(p_wallets bigint[])
returns void language plpgsql set search_path = public, pg_temp as $$
begin
    update wallets w set limited = not w.limited
    where w.id = any (p_wallets)
        and w.limited <> exists (select from limit_counters c where c.wallet_id = w.id);
    update queue q set key_id = t.key_id, model_id = t.model_id
    from wallets w, tasks t
    where w.id = any (p_wallets) and w.limited and q.wallet_id = w.id and q.key_id is null and t.id = q.task_id;
end $$;

-- Begins the counters that limits on wallets still lack. The wallets are locked.
create function open_limit_counters(p_wallets bigint[], p_keys bigint[])
returns void language plpgsql set search_path = public, pg_temp as $$
begin
    insert into limit_counters (wallet_id, key_id, model_id, limit_id, pending, running)
    select n.wallet_id, n.key_id, n.model_id, n.limit_id,
        (select count(*) from queue q join tasks t on t.id = q.task_id where q.wallet_id = n.wallet_id
            and n.key_id in (0, t.key_id) and n.model_id in (0, t.model_id)),
        (select count(*) from leases l join tasks t on t.id = l.task_id where l.wallet_id = n.wallet_id
            and n.key_id in (0, t.key_id) and n.model_id in (0, t.model_id))
    from limits_on(p_wallets, p_keys) n
    where not exists (
        select from limit_counters c where (c.wallet_id, c.key_id, c.model_id, c.limit_id)
            = (n.wallet_id, n.key_id, n.model_id, n.limit_id));
    if found then perform mark_limited(p_wallets); end if;
end $$;

-- Adds to the counters that tasks count in: how many more of each wait and run. The wallets are locked.
create function count_toward_limits(p_wallets bigint[], p_tasks bigint[], p_pending int[], p_running int[])
returns void language plpgsql set search_path = public, pg_temp as $$
begin
    update limit_counters c set pending = c.pending + s.pending, running = c.running + s.running
    from (
        select o.wallet_id, o.key_id, o.model_id, o.limit_id, sum(i.pending)::int pending, sum(i.running)::int running
        from unnest(p_wallets, p_tasks, p_pending, p_running) i (wallet, task, pending, running)
            join wallets w on w.id = i.wallet and w.limited
            join tasks t on t.id = i.task
            join limit_counters o on o.wallet_id = w.id and o.key_id in (0, t.key_id) and o.model_id in (0, t.model_id)
        group by o.wallet_id, o.key_id, o.model_id, o.limit_id) s
    where (c.wallet_id, c.key_id, c.model_id, c.limit_id) = (s.wallet_id, s.key_id, s.model_id, s.limit_id);
end $$;

-- The oldest waiting tasks of a limited wallet that its limits let run now. At most 64 lanes are looked at, from one by
-- chance on, so that none starves among more. The numbers are literals for the reason given at claim_tasks.
create function startable_tasks(p_wallet bigint, p_limit int)
returns setof bigint language plpgsql strict set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
    lane_keys bigint[] := '{}';
    lane_models int[] := '{}';
    first_key bigint;
    last_key bigint;
    start_key bigint;
    place_key bigint;
    place_model int := -1;
    wrapped boolean := false;
    -- One slot per limit on running tasks.
    s_key bigint[];
    s_model int[];
    s_free int[];
    r record;
    slot int;
    open boolean;
    started int := 0;
begin
    select q.key_id into first_key from queue q where q.wallet_id = p_wallet and q.key_id is not null
    order by q.key_id limit 1;
    if first_key is null then return; end if;
    select q.key_id into last_key from queue q where q.wallet_id = p_wallet and q.key_id is not null
    order by q.key_id desc limit 1;
    start_key := first_key + floor(random() * (last_key - first_key + 1));
    place_key := start_key;
    while cardinality(lane_keys) < 64 loop
        select q.key_id, q.model_id into r from queue q
        where q.wallet_id = p_wallet and q.key_id is not null and (q.key_id, q.model_id) > (place_key, place_model)
        order by q.key_id, q.model_id limit 1;
        if r.key_id is null then
            exit when wrapped;
            wrapped := true;
            place_key := 0;
            place_model := -1;
            continue;
        end if;
        exit when wrapped and r.key_id >= start_key;
        lane_keys := lane_keys || r.key_id;
        lane_models := lane_models || r.model_id;
        place_key := r.key_id;
        place_model := r.model_id;
    end loop;

    -- Of a group that the account has left, only the counters remain.
    select array_agg(n.key_id order by n.limit_id, n.key_id), array_agg(n.model_id order by n.limit_id, n.key_id),
        array_agg(n.max_running - c.running order by n.limit_id, n.key_id)
    into s_key, s_model, s_free
    from limits_on(array[p_wallet], lane_keys) n join limit_counters c
        on (c.wallet_id, c.key_id, c.model_id, c.limit_id) = (n.wallet_id, n.key_id, n.model_id, n.limit_id)
    where n.max_running is not null;

    for r in
        select t.task_id, s.slots
        from unnest(lane_keys, lane_models) n (key_id, model_id)
            cross join lateral (
                select array_agg(i.slot::int) slots, coalesce(min(i.free), 1) free
                from unnest(s_key, s_model, s_free) with ordinality i (key_id, model_id, free, slot)
                where i.key_id in (0, n.key_id) and i.model_id in (0, n.model_id)) s
            cross join lateral (
                select q.task_id from queue q
                where q.wallet_id = p_wallet and q.key_id = n.key_id and q.model_id = n.model_id and s.free > 0
                order by q.task_id limit 64) t
        order by t.task_id
    loop
        open := true;
        foreach slot in array coalesce(r.slots, '{}') loop
            open := open and s_free[slot] > 0;
        end loop;
        continue when not open;
        foreach slot in array coalesce(r.slots, '{}') loop
            s_free[slot] := s_free[slot] - 1;
        end loop;
        return next r.task_id;
        started := started + 1;
        exit when started >= p_limit;
    end loop;
end $$;

-- Sets a limit as a whole; with nothing in it, it goes. All wallets concerned are locked, so that no submit and no claim
-- slips in between counting and setting.
create function set_limit(
    p_scope limit_scope, p_subject bigint, p_model int, p_rpm int, p_burst int, p_max_running int, p_max_pending int)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
    own bigint;
    concerned bigint[];
begin
    if p_scope = 'group' and p_model is null then
        update user_groups set rpm = p_rpm, burst = p_burst, max_running = p_max_running, max_pending = p_max_pending
        where id = p_subject;
        return;
    end if;
    select id into own from limits
    where scope = p_scope and subject_id = p_subject and model_id is not distinct from p_model for no key update;
    perform from wallets w join accounts a on a.id = w.account_id
    where case p_scope
            when 'key' then w.id = (select k.wallet_id from api_keys k where k.id = p_subject)
            when 'account' then a.id = p_subject
            else a.group_id = p_subject end
        or w.id in (select c.wallet_id from limit_counters c where c.limit_id = own)
    order by w.id for no key update of w;
    if p_scope = 'key' and p_model is null then
        update api_keys set rpm = p_rpm, burst = p_burst where id = p_subject and (rpm, burst) is distinct from (p_rpm, p_burst);
        p_rpm := null;
        p_burst := null;
    end if;
    if p_rpm is null and p_max_running is null and p_max_pending is null then
        delete from limits where id = own;
        with gone as (delete from limit_counters where limit_id = own returning wallet_id)
        select array_agg(distinct wallet_id) into concerned from gone;
        perform mark_limited(concerned);
        return;
    end if;
    insert into limits (scope, subject_id, model_id, rpm, burst, max_running, max_pending)
    values (p_scope, p_subject, p_model, p_rpm, p_burst, p_max_running, p_max_pending)
    on conflict (scope, subject_id, model_id) do update set rpm = excluded.rpm, burst = excluded.burst,
        max_running = excluded.max_running, max_pending = excluded.max_pending;
    -- Where nothing is alive, the first submit begins the counters.
    perform open_limit_counters(
        array(select w.id from wallets w join accounts a on a.id = w.account_id
            where w.pending + w.running > 0 and case p_scope
                when 'key' then w.id = (select k.wallet_id from api_keys k where k.id = p_subject)
                when 'account' then a.id = p_subject
                else a.group_id = p_subject end),
        case when p_scope = 'key' then array[p_subject] else '{}' end);
end $$;

-- An account that moves comes under the limits of its new group with what it has waiting and running.
create function account_moved() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if not exists (select from limits where scope = 'group' and subject_id = new.group_id) then return null; end if;
    perform from wallets w where w.account_id = new.id order by w.id for no key update;
    perform open_limit_counters(array(select w.id from wallets w where w.account_id = new.id), '{}');
    return null;
end $$;
create trigger accounts_moved after update of group_id on accounts
    for each row when (old.group_id <> new.group_id) execute function account_moved();

-- Every limit, also those that are columns of groups and keys.
create view all_limits as
    select 'group'::limit_scope scope, g.id::bigint subject_id, g.name subject, null::int model_id, g.rpm, g.burst,
        g.max_running, g.max_pending
    from user_groups g
    where g.rpm is not null or g.burst is not null or g.max_running is not null or g.max_pending is not null
    union all
    select 'key', k.id, k.id::text, null, k.rpm, k.burst, l.max_running, l.max_pending
    from api_keys k left join limits l on l.scope = 'key' and l.subject_id = k.id and l.model_id is null
    where k.rpm is not null or k.burst is not null or l.id is not null
    union all
    select l.scope, l.subject_id, coalesce(g.name, a.name, l.subject_id::text), l.model_id, l.rpm, l.burst,
        l.max_running, l.max_pending
    from limits l left join user_groups g on l.scope = 'group' and g.id = l.subject_id
        left join accounts a on l.scope = 'account' and a.id = l.subject_id
    where l.scope <> 'key' or l.model_id is not null;

-- Where a key stands with the strictest rate limit on all of its requests, without using any of it up: what a request that
-- is no submit is told.
create function rate_standing(p_key bigint)
returns table (rate_limit int, rate_burst int, rate_remaining int, rate_next_us bigint, rate_scope text)
language sql stable as $$
    with now as materialized (select (extract(epoch from clock_timestamp()) * 1000000)::bigint us),
    bound as (
        select 'account' scope, g.rpm, g.burst, w.rate_tat tat
        from api_keys k join accounts a on a.id = k.account_id join user_groups g on g.id = a.group_id
            join wallets w on w.id = k.wallet_id
        where k.id = p_key
        union all
        select 'key', k.rpm, k.burst, k.rate_tat from api_keys k where k.id = p_key
        union all
        select 'account', l.rpm, l.burst, coalesce(c.rate_tat, 0)
        from api_keys k join limits l on l.scope = 'account' and l.subject_id = k.account_id and l.model_id is null
            left join limit_counters c on (c.wallet_id, c.key_id, c.model_id, c.limit_id) = (k.wallet_id, 0, 0, l.id)
        where k.id = p_key),
    paced as (
        select b.*, coalesce(b.burst, b.rpm) size, 60000000::bigint / b.rpm emission from bound b where b.rpm is not null),
    standing as (
        select p.*, now.us + p.emission * size - next_arrival(p.tat, now.us, 0, p.emission * size) slack from paced p, now)
    select s.rpm, s.size, (s.slack / s.emission)::int, s.emission - s.slack % s.emission, s.scope
    from standing s order by s.slack / s.emission, s.slack % s.emission limit 1
$$;

-- Makes a key that takes the place of another: the same rights, limits and date, another secret. The old one works until the
-- overlap is over. Null when it cannot be replaced. The wallet comes first, as in every order of locks.
create function rotate_key(p_id bigint, p_selector text, p_hash text, p_hint text, p_overlap_seconds bigint)
returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
    made bigint;
begin
    perform from wallets w where w.id = (select k.wallet_id from api_keys k where k.id = p_id) for no key update;
    insert into api_keys (selector, account_id, wallet_id, mode, name, hash, hint, rpm, burst, models, scopes, ips, expires_at,
        rate_tat)
    select p_selector, account_id, wallet_id, mode, name, p_hash, p_hint, rpm, burst, models, scopes, ips, expires_at, rate_tat
    from api_keys
    where id = p_id and revoked_at is null and rotated_to is null and (expires_at is null or expires_at > clock_timestamp())
    returning id into made;
    insert into limits (scope, subject_id, model_id, rpm, burst, max_running, max_pending)
    select scope, made, model_id, rpm, burst, max_running, max_pending from limits
    where scope = 'key' and subject_id = p_id and made is not null;
    update api_keys set rotated_to = made,
        expires_at = least(expires_at, clock_timestamp() + make_interval(secs => p_overlap_seconds))
    where id = p_id and made is not null;
    return made;
end $$;

create trigger limits_bump after insert or delete or update on limits for each statement execute function bump_auth_epoch();

revoke execute on function mark_limited(bigint[]), open_limit_counters(bigint[], bigint[]),
    count_toward_limits(bigint[], bigint[], int[], int[]), startable_tasks(bigint, int),
    set_limit(limit_scope, bigint, int, int, int, int, int), rotate_key(bigint, text, text, text, bigint) from public;
grant select on limits, limit_counters, all_limits to zimage_service;
grant execute on function rate_standing(bigint), set_limit(limit_scope, bigint, int, int, int, int, int),
    rotate_key(bigint, text, text, text, bigint) to zimage_service;
