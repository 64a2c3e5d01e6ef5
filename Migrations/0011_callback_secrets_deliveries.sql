-- Why: what callbacks are signed with, what became of each try, and how nodes share the work without one account's
-- receiver holding up another's.

-- Sealed by a key that is derived from the installation's secret, so that a copy of the database cannot forge callbacks.
-- The one that has no end is the present one; after a rotation the one before it signs as well, until its end.
create table callback_secrets (
    id bigint generated always as identity primary key,
    account_id bigint not null references accounts,
    sealed bytea not null check (length(sealed) <= 256),
    created_at timestamptz not null default now(),
    ends_at timestamptz
);
create unique index callback_secrets_present on callback_secrets (account_id) where ends_at is null;
create index callback_secrets_of_account on callback_secrets (account_id);

-- Tries that ended, kept for 30 days. No foreign key, for the reason given in 0005.
create table callback_deliveries (
    callback_id bigint not null,
    number int not null,
    at timestamptz not null default clock_timestamp(),
    status smallint,
    error text,
    duration_ms int not null,
    primary key (callback_id, number)
);
create index callback_deliveries_at on callback_deliveries (at);

-- Callbacks as operators see them.
create view callback_views as
    select c.id, c.task_id, t.created_at task_created_at, a.name account, c.url, c.state, c.attempts, c.next_at, c.last_status,
        c.last_error, c.created_at, c.delivered_at
    from callbacks c join tasks t on t.id = c.task_id join accounts a on a.id = t.account_id;

-- Takes up to p_limit callbacks that are due, of each account only so many that no more than p_per_account are under way
-- on all nodes. One that is not recorded within p_seconds is due again.
--
-- The accounts that have callbacks waiting are visited in turn, those after p_after and at most 256 of them; the last row
-- has no id and tells the account after which to go on, or 0 when the turn is over. A visit costs a look or three into
-- indexes, however many callbacks the account has, and nothing is visited while none at all is due.
--
-- Plans must never look at more than that: a table that was small when the plan was made may be large by now. Comparing
-- rows leaves only the index of the account to serve, where comparing its parts would let the planner walk through what
-- is due of everybody.
create function claim_callbacks(p_limit int, p_after bigint, p_per_account int, p_seconds int)
returns table (id bigint, task_id bigint, account_id bigint, attempts int, taken int)
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
    -- Not the function itself, whose every call may answer differently: no index could be searched by that.
    moment timestamptz := clock_timestamp();
    place bigint := p_after;
    visits int := 0;
    left_over int := p_limit;
    found_account bigint;
    free int;
    count_taken int;
begin
    perform from callbacks c where c.state = 'waiting' and c.next_at <= moment order by c.next_at limit 1;
    if not found then place := 0; visits := 256; end if;

    while left_over > 0 and visits < 256 loop
        select c.account_id into found_account from callbacks c
        where c.state = 'waiting' and c.account_id > place order by c.account_id limit 1;
        place := coalesce(found_account, 0);
        exit when found_account is null;
        visits := visits + 1;
        perform from callbacks c where c.state = 'waiting' and (c.account_id, c.next_at) >= (found_account, '-infinity')
            and (c.account_id, c.next_at) <= (found_account, moment) order by c.account_id, c.next_at limit 1;
        continue when not found;
        -- Two nodes that count at once would both find room. Whoever comes second leaves the account to the first.
        continue when not pg_try_advisory_xact_lock(hashtextextended(found_account::text, 7216500334));
        select least(left_over, p_per_account - count(*)) into free from callbacks c
        where c.state = 'waiting' and c.taken > 0 and c.account_id = found_account and c.next_at > moment;
        continue when free <= 0;
        return query
        with due as materialized (
            select c.id from callbacks c
            where c.state = 'waiting' and (c.account_id, c.next_at) >= (found_account, '-infinity')
                and (c.account_id, c.next_at) <= (found_account, moment)
            order by c.account_id, c.next_at limit free for update skip locked)
        update callbacks c set taken = c.taken + 1, next_at = clock_timestamp() + make_interval(secs => p_seconds)
        from due where c.id = due.id
        returning c.id, c.task_id, c.account_id, c.attempts::int, c.taken::int;
        get diagnostics count_taken = row_count;
        left_over := left_over - count_taken;
    end loop;
    return query select null::bigint, null::bigint, place, null::int, null::int;
end $$;

revoke execute on function claim_callbacks(int, bigint, int, int) from public;
grant execute on function claim_callbacks(int, bigint, int, int) to zimage_service;
grant select on callback_secrets, callback_deliveries, callback_views to zimage_service;
grant insert (account_id, sealed), update (ends_at), delete on callback_secrets to zimage_service;
grant insert (callback_id, number, status, error, duration_ms), delete on callback_deliveries to zimage_service;
