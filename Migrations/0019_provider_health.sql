-- Why: an operator sees which node leaves which provider alone, since when and why, and how much of a provider's limits is used
-- at this moment. No job waits for it, and nothing decides by it: each node goes by what it knows itself.
--
-- A node tells when something has changed, at most every other second, and otherwise a few times a minute. A row that is no
-- longer renewed is of a node that is gone: readers leave it out, and whoever tells next removes it. Unlogged, because after a
-- crash of the database every node tells it anew.

create unlogged table provider_health (
    node text not null check (length(node) between 1 and 200),
    provider_id int not null references providers,
    -- `well`, or why it gets no jobs: a word of Sources/Providers/Choice/ProviderState.swift.
    kind text not null check (length(kind) between 1 and 40),
    reason text check (length(reason) <= 500),
    -- When it is worth looking again; null when it is well.
    until timestamptz,
    -- What a picture takes there; null when that is not known.
    latency_ms bigint,
    -- Since when it is well, or is not.
    since timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    primary key (node, provider_id)
);

-- What a node knows of all its providers; of those that it does not name, nothing any more. Rows that somebody else changes at
-- this moment are left to the next call.
create function tell_provider_health(
    p_node text, p_providers int[], p_kinds text[], p_reasons text[], p_left_ms bigint[], p_latencies_ms bigint[])
returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
    delete from provider_health h where (h.node, h.provider_id) in (
        select o.node, o.provider_id from provider_health o
        where o.node = p_node and o.provider_id <> all (p_providers) or o.seen_at < clock_timestamp() - interval '10 minutes'
        for update skip locked);
    insert into provider_health as h (node, provider_id, kind, reason, until, latency_ms)
    select p_node, i.provider_id, i.kind, left(i.reason, 500), clock_timestamp() + i.left_ms * interval '1 millisecond', i.latency_ms
    from unnest(p_providers, p_kinds, p_reasons, p_left_ms, p_latencies_ms) i (provider_id, kind, reason, left_ms, latency_ms)
    on conflict (node, provider_id) do update set
        since = case when (h.kind = 'well') = (excluded.kind = 'well') then h.since else clock_timestamp() end,
        kind = excluded.kind, reason = excluded.reason, until = excluded.until, latency_ms = excluded.latency_ms,
        seen_at = clock_timestamp();
end $$;

-- How many jobs each provider has, and for how many milliseconds it gets no more requests, as begin_submit counts both.
create function provider_loads()
returns table (provider_id int, running bigint, wait_ms bigint)
language sql stable security definer set search_path = public, pg_temp as $$
    select p.id,
        (select count(*) from provider_submits s where s.provider_id = p.id and s.state in ('intended', 'unknown', 'accepted')),
        case when p.rpm is null then 0 else greatest(
            next_arrival(coalesce(g.rate_tat, 0), now.us, pace.emission, pace.tolerance) - now.us - pace.tolerance, 0) / 1000 end
    from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint us) now, providers p
        left join provider_gates g on g.provider_id = p.id
        cross join lateral (
            select 60000000::bigint / p.rpm emission, 60000000::bigint / p.rpm * greatest(p.rpm / 60, 1) tolerance) pace
$$;

grant select on provider_health to zimage_service;
revoke execute on function tell_provider_health(text, int[], text[], text[], bigint[], bigint[]), provider_loads() from public;
grant execute on function tell_provider_health(text, int[], text[], text[], bigint[], bigint[]), provider_loads() to zimage_service;
