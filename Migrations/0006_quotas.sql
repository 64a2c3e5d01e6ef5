-- Why: caps on spending, for a key, an account, or all accounts of a group together.
--
-- A cap is about the credits of a day and of a month. Reserving counts and what comes back is taken off again, so that
-- what counts in the end is what tasks of the window cost. A window begins at midnight or on the first of the cap's own
-- time zone, by the database's clock. The counters belong to the window whose start stands beside them; an older one
-- counts as empty, so nothing has to run at midnight.
--
-- Caps of accounts and groups are about live credits, that of a key about the credits that the key pays with. Lock order:
-- wallets by id, then keys by id, then quotas by id.

create type quota_scope as enum ('key', 'account', 'group');
create table quotas (
    id bigint generated always as identity primary key,
    scope quota_scope not null,
    subject_id bigint not null,
    -- Null is no cap.
    daily bigint check (daily between 0 and 1000000000000000),
    monthly bigint check (monthly between 0 and 1000000000000000),
    time_zone text not null default 'UTC',
    day_start timestamptz not null,
    day_used bigint not null default 0 check (day_used >= 0),
    month_start timestamptz not null,
    month_used bigint not null default 0 check (month_used >= 0),
    unique (scope, subject_id)
) with (fillfactor = 50);

-- The first moment of the day or month that a moment lies in.
create function window_start(p_unit text, p_at timestamptz, p_time_zone text) returns timestamptz
language sql stable as $$ select date_trunc(p_unit, p_at at time zone p_time_zone) at time zone p_time_zone $$;

-- The first moment after it.
create function window_end(p_unit text, p_start timestamptz, p_time_zone text) returns timestamptz
language sql stable as $$
    select ((p_start at time zone p_time_zone) + ('1 ' || p_unit)::interval) at time zone p_time_zone
$$;

-- The caps that a key, account and group in a mode are under.
create function quotas_of(p_key bigint, p_account bigint, p_group int, p_mode account_mode)
returns setof quotas language sql stable as $$
    select q.* from quotas q where q.scope = 'key' and q.subject_id = p_key
    union all
    select q.* from quotas q where q.scope = 'account' and q.subject_id = p_account and p_mode = 'live'
    union all
    select q.* from quotas q where q.scope = 'group' and q.subject_id = p_group and p_mode = 'live'
$$;

-- Takes off again what ended tasks gave back, from the windows in which they were made. The wallets are locked.
create function give_back_quota(p_tasks bigint[])
returns void language plpgsql set search_path = public, pg_temp as $$
begin
    -- Most installations have few caps or none.
    if not exists (select from quotas) then return; end if;
    perform from quotas q where q.id in (
        select c.id from tasks t join wallets w on w.id = t.wallet_id,
            quotas_of(t.key_id, t.account_id, t.group_id, w.mode) c
        where t.id = any (p_tasks) and t.settled < t.reserved)
    order by q.id for no key update;
    -- A wrong counter must not keep a customer's credits reserved, so it stops at zero; the proof compares it with the tasks.
    update quotas q set day_used = greatest(q.day_used - s.day, 0), month_used = greatest(q.month_used - s.month, 0)
    from (
        select c.id, coalesce(sum(t.reserved - t.settled) filter (where t.created_at >= c.day_start), 0)::bigint as day,
            coalesce(sum(t.reserved - t.settled) filter (where t.created_at >= c.month_start), 0)::bigint as month
        from tasks t join wallets w on w.id = t.wallet_id,
            quotas_of(t.key_id, t.account_id, t.group_id, w.mode) c
        where t.id = any (p_tasks) and t.settled < t.reserved
        group by c.id) s
    where q.id = s.id and (s.day > 0 or s.month > 0);
end $$;

-- What the tasks of a key, account or group cost or reserve since a moment: what a counter should say.
create function quota_spent(p_scope quota_scope, p_subject bigint, p_since timestamptz)
returns bigint language sql stable as $$
    select coalesce(sum(coalesce(t.settled, t.reserved)), 0)::bigint
    from tasks t join wallets w on w.id = t.wallet_id
    where t.created_at >= p_since and case p_scope
        when 'key' then t.key_id = p_subject
        when 'account' then t.account_id = p_subject and w.mode = 'live'
        else t.group_id = p_subject and w.mode = 'live' end
$$;

-- Sets, changes or lifts a cap; with neither a daily nor a monthly cap the row goes. It counts from the beginning of the
-- present windows: all wallets concerned are locked, so that no submit slips in between counting and setting.
create function set_quota(p_scope quota_scope, p_subject bigint, p_daily bigint, p_monthly bigint, p_time_zone text)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
    at timestamptz;
    day timestamptz;
    month timestamptz;
begin
    perform from wallets w join accounts a on a.id = w.account_id
    where case p_scope
        when 'key' then w.id = (select k.wallet_id from api_keys k where k.id = p_subject)
        when 'account' then a.id = p_subject
        else a.group_id = p_subject end
    order by w.id for no key update of w;
    if p_daily is null and p_monthly is null then
        delete from quotas where scope = p_scope and subject_id = p_subject;
        return;
    end if;
    at := clock_timestamp();
    day := window_start('day', at, p_time_zone);
    month := window_start('month', at, p_time_zone);
    insert into quotas as q (scope, subject_id, daily, monthly, time_zone, day_start, day_used, month_start, month_used)
    values (p_scope, p_subject, p_daily, p_monthly, p_time_zone, day, quota_spent(p_scope, p_subject, day), month,
        quota_spent(p_scope, p_subject, month))
    on conflict (scope, subject_id) do update set daily = excluded.daily, monthly = excluded.monthly,
        time_zone = excluded.time_zone, day_start = excluded.day_start, day_used = excluded.day_used,
        month_start = excluded.month_start, month_used = excluded.month_used;
end $$;

revoke execute on function give_back_quota(bigint[]), set_quota(quota_scope, bigint, bigint, bigint, text) from public;
grant select on quotas to zimage_service;
grant execute on function window_start(text, timestamptz, text), window_end(text, timestamptz, text),
    quota_spent(quota_scope, bigint, timestamptz), set_quota(quota_scope, bigint, bigint, bigint, text)
    to zimage_service;
