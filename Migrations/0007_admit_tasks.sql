-- Why: the only door through which a reservation is opened.
--
-- One call judges a whole batch of submits in order and writes what it accepts: key state, idempotency, models, rate
-- limit, waiting tasks, caps, balance; then tasks, queue, entries, usage facts and idempotency rows. It is one
-- transaction, so a task is there with its reservation or not at all (rule 1), and the limits hold over every node.
--
-- Judging is a loop over local variables because the verdicts depend on each other: a refused request must not use up
-- what the one behind it could have. Reading and writing are set-based: each wallet row is written once per batch.
--
-- Plans are generic by setting: the planner would otherwise plan anew for each batch, because it sees the arrays' lengths,
-- and that costs a millisecond, twice as much as judging and writing a single request.
--
-- Locks: wallets by id (and with them the counters of further limits), then keys with a rate limit of their own by id, then
-- caps by id. All else is read after them, in a
-- new snapshot.

create type admit_verdict as enum (
    'accepted', 'replayed', 'key_unknown', 'key_revoked', 'key_expired', 'account_suspended', 'idempotency_conflict',
    'model_unknown', 'model_forbidden', 'price_missing', 'rate_limited', 'too_many_pending', 'quota_exceeded',
    'credits_insufficient');

-- The quote of one request: the group's own price before that of the group default, a price for its size before one
-- for every size, the latest before older ones. One step in the index for each of the four, however long the history.
create function price_in_force(p_group int, p_model int, p_operation operation, p_tier text, p_at timestamptz)
returns table (price_id bigint, rule billing_rule, quote bigint) language sql stable as $$
    select p.id, p.rule, price_of(p.rule, p.amount, p.units_max, p.units_max)
    from user_groups g cross join (values (p_tier), ('')) size (tier)
        cross join lateral (
            select v.id, v.rule, v.amount, v.units_max from prices v
            where v.group_id = g.id and v.model_id = p_model and v.operation = p_operation
              and coalesce(v.size_tier, '') = size.tier and v.effective_from <= p_at and v.withdrawn_at is null
            order by v.effective_from desc limit 1) p
    where g.id = p_group or g.name = 'default'
    order by (g.id = p_group) desc, (size.tier <> '') desc
    limit 1
$$;

-- What is kept and told of a request that a cap refuses; its shape is described at admit_tasks.
create function cap_refusal(
    p_available bigint, p_needed bigint, p_scope quota_scope, p_window text, p_cap bigint, p_used bigint,
    p_start timestamptz, p_time_zone text)
returns jsonb language sql stable as $$
    select jsonb_build_object('verdict', 'quota_exceeded', 'available', p_available, 'needed', p_needed, 'scope', p_scope,
        'window', p_window, 'cap', p_cap, 'used', p_used, 'time_zone', p_time_zone,
        'resets_at', extract(epoch from window_end(p_window, p_start, p_time_zone))::bigint)
$$;

-- p_again: the answer to an earlier call with these ids was lost, so some of them may exist already.
--
-- refusal: what a customer who lacks credit is told: {"available", "needed"} in micro-credits, and for a cap {"scope",
-- "window", "cap", "used", "time_zone", "resets_at" (seconds since 1970)}. replayed: the answer is that of an earlier request
-- with the same idempotency key. rate_*: the strictest rate limit: what may come after this request, and when one more, or
-- for one that is refused by it, when it may come. full_scope: whose waiting tasks are too many.
create function admit_tasks(
    p_again boolean, p_ids bigint[], p_keys bigint[], p_models text[], p_operations text[], p_tiers text[],
    p_dialects text[], p_requests jsonb[], p_callbacks text[], p_idempotency text[], p_fingerprints bytea[])
returns table (
    n int, verdict text, replayed boolean, task_id bigint, created_at timestamptz, reserved bigint, rule text,
    group_name text, estimated_seconds int, refusal jsonb, rate_limit int, rate_burst int, rate_remaining int,
    rate_next_us bigint, rate_scope text, full_scope text)
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    size int := cardinality(p_ids);
    at timestamptz;
    now_us bigint;
    r record;
    v admit_verdict;
    -- One slot per request.
    v_verdict admit_verdict[] := array_fill(null::admit_verdict, array[size]);
    v_task bigint[] := array_fill(null::bigint, array[size]);
    v_created timestamptz[] := array_fill(null::timestamptz, array[size]);
    v_reserved bigint[] := array_fill(null::bigint, array[size]);
    v_price bigint[] := array_fill(null::bigint, array[size]);
    v_rule billing_rule[] := array_fill(null::billing_rule, array[size]);
    v_wallet bigint[] := array_fill(null::bigint, array[size]);
    v_account bigint[] := array_fill(null::bigint, array[size]);
    v_mode account_mode[] := array_fill(null::account_mode, array[size]);
    v_group int[] := array_fill(null::int, array[size]);
    v_group_name text[] := array_fill(null::text, array[size]);
    v_model int[] := array_fill(null::int, array[size]);
    v_seconds int[] := array_fill(null::int, array[size]);
    v_refusal jsonb[] := array_fill(null::jsonb, array[size]);
    v_scope text[] := array_fill(null::text, array[size]);
    v_rpm int[] := array_fill(null::int, array[size]);
    v_burst int[] := array_fill(null::int, array[size]);
    v_left int[] := array_fill(null::int, array[size]);
    v_next bigint[] := array_fill(null::bigint, array[size]);
    v_full text[] := array_fill(null::text, array[size]);
    -- The lane of a limited wallet's task.
    v_lane bigint[] := array_fill(null::bigint, array[size]);
    -- Whether the idempotency key was known before this batch.
    v_known boolean[] := array_fill(null::boolean, array[size]);
    -- One slot per wallet and per key, in the order of their ids.
    w_id bigint[] := array_fill(null::bigint, array[size]);
    w_available bigint[] := array_fill(null::bigint, array[size]);
    w_pending int[] := array_fill(0, array[size]);
    w_tat bigint[] := array_fill(0::bigint, array[size]);
    w_taken bigint[] := array_fill(0::bigint, array[size]);
    w_count int[] := array_fill(0, array[size]);
    k_id bigint[] := array_fill(null::bigint, array[size]);
    k_tat bigint[] := array_fill(0::bigint, array[size]);
    k_count int[] := array_fill(0, array[size]);
    -- One slot per cap that concerns the batch, in the order of their ids.
    q_id bigint[];
    q_scope quota_scope[];
    q_subject bigint[];
    q_zone text[];
    q_daily bigint[];
    q_monthly bigint[];
    q_day timestamptz[];
    q_day_used bigint[];
    q_month timestamptz[];
    q_month_used bigint[];
    q_count int := 0;
    -- One slot per limit and wallet that concern the batch; see 0012.
    l_id bigint[];
    l_wallet bigint[];
    l_key bigint[];
    l_model int[];
    l_rpm int[];
    l_burst int[];
    l_max_pending int[];
    l_tat bigint[];
    l_pending int[];
    l_count int := 0;
    slot int;
    -- Wallets in which a grant's date has passed, or which have grants with a date.
    w_due bigint[];
    w_drawn bigint[];
    -- The rate limit under judgement: how far behind the request stays of what is allowed, and the strictest so far.
    emission bigint;
    slack bigint;
    strictest bigint;
    wallet_next bigint;
    key_next bigint;
    full_scope text;
begin
    perform from wallets w where w.id in (select k.wallet_id from api_keys k where k.id = any (p_keys))
        order by w.id for no key update;
    perform from api_keys k where k.id = any (p_keys) and k.rpm is not null order by k.id for no key update;
    -- Not now(): that is when the call began to wait for the locks.
    at := clock_timestamp();
    now_us := (extract(epoch from at) * 1000000)::bigint;

    select array_agg(w.id) filter (where w.next_expiry <= at), array_agg(w.id) into w_due, w_drawn
    from wallets w where w.id in (select k.wallet_id from api_keys k where k.id = any (p_keys))
        and w.next_expiry is not null;
    if w_due is not null then perform expire_grants(w_due); end if;

    -- Most installations have few caps or none.
    if exists (select from quotas) then
        -- Whoever sets a cap locks these wallets first, so none is added or lifted from here on.
        q_id := array(select distinct c.id from api_keys k join accounts a on a.id = k.account_id,
            quotas_of(k.id, a.id, a.group_id, k.mode) c where k.id = any (p_keys));
        perform from quotas q where q.id = any (q_id) order by q.id for no key update;
        select array_agg(q.id order by q.id), array_agg(q.scope order by q.id), array_agg(q.subject_id order by q.id),
            array_agg(q.time_zone order by q.id), array_agg(q.daily order by q.id), array_agg(q.monthly order by q.id),
            array_agg(greatest(q.day_start, d.day) order by q.id),
            array_agg(case when q.day_start >= d.day then q.day_used else 0 end order by q.id),
            array_agg(greatest(q.month_start, d.month) order by q.id),
            array_agg(case when q.month_start >= d.month then q.month_used else 0 end order by q.id)
        into q_id, q_scope, q_subject, q_zone, q_daily, q_monthly, q_day, q_day_used, q_month, q_month_used
        from quotas q, lateral (
            select window_start('day', at, q.time_zone) as day, window_start('month', at, q.time_zone) as month) d
        where q.id = any (q_id);
    end if;

    -- So are further limits.
    if exists (select from limits) then
        l_wallet := array(select distinct k.wallet_id from api_keys k where k.id = any (p_keys));
        perform open_limit_counters(l_wallet, p_keys);
        select array_agg(n.limit_id order by o), array_agg(n.wallet_id order by o), array_agg(n.key_id order by o),
            array_agg(n.model_id order by o), array_agg(n.rpm order by o), array_agg(coalesce(n.burst, n.rpm) order by o),
            array_agg(n.max_pending order by o), array_agg(c.rate_tat order by o), array_agg(c.pending order by o)
        into l_id, l_wallet, l_key, l_model, l_rpm, l_burst, l_max_pending, l_tat, l_pending
        from limits_on(l_wallet, p_keys) n join limit_counters c
                on (c.wallet_id, c.key_id, c.model_id, c.limit_id) = (n.wallet_id, n.key_id, n.model_id, n.limit_id),
            lateral (select (n.limit_id, n.wallet_id) o) u;
    end if;

    for r in
        with input as materialized (
            select i.n::int, i.id, i.key_id, i.model, i.operation::operation, i.tier, i.idempotency, i.fingerprint
            from unnest(p_ids, p_keys, p_models, p_operations, p_tiers, p_idempotency, p_fingerprints)
                with ordinality i (id, key_id, model, operation, tier, idempotency, fingerprint, n)),
        caller as materialized (
            select k.id key_id, k.revoked_at, k.expires_at, k.models key_models, k.rpm key_rpm, k.burst key_burst,
                k.rate_tat key_tat, a.id account_id, a.suspended_at, g.id group_id, g.name group_name,
                g.models group_models, g.rpm, g.burst, g.max_pending, w.id wallet_id, w.mode, w.available, w.pending,
                w.rate_tat, w.limited, dense_rank() over (order by w.id)::int wi, dense_rank() over (order by k.id)::int ki
            from api_keys k join accounts a on a.id = k.account_id join user_groups g on g.id = a.group_id
                join wallets w on w.id = k.wallet_id
            where k.id in (select input.key_id from input)),
        caps as materialized (
            select c.key_id, array_agg(q.slot::int order by q.slot) slots
            from unnest(q_id, q_scope, q_subject) with ordinality q (id, scope, subject, slot) join caller c
                on case q.scope when 'key' then q.subject = c.key_id
                    when 'account' then q.subject = c.account_id and c.mode = 'live'
                    else q.subject = c.group_id and c.mode = 'live' end
            group by c.key_id),
        bounds as materialized (
            select c.key_id, array_agg(l.slot::int order by l.slot) slots
            from unnest(l_wallet, l_key) with ordinality l (wallet, key, slot) join caller c
                on c.wallet_id = l.wallet and l.key in (0, c.key_id)
            where l_id is not null
            group by c.key_id),
        quotes as materialized (
            select q.group_id, q.model, q.operation, q.tier, m.id model_id, m.estimated_seconds,
                p.price_id, p.rule, p.quote
            from (select distinct c.group_id, i.model, i.operation, i.tier
                  from input i join caller c on c.key_id = i.key_id) q
                join models m on m.name = q.model and m.enabled
                left join lateral price_in_force(q.group_id, m.id, q.operation, q.tier, at) p on true)
        select i.n, i.id, i.model, i.fingerprint, c.*, q.model_id, q.estimated_seconds, q.price_id, q.rule, q.quote,
            caps.slots caps, bounds.slots bounds, d.key idem_key, d.fingerprint idem_fingerprint, d.task_id idem_task,
            d.refusal idem_refusal,
            t.id old_id, t.created_at old_created, t.reserved old_reserved, tp.rule old_rule, tg.name old_group,
            tm.estimated_seconds old_seconds
        from input i
            left join caller c on c.key_id = i.key_id
            left join caps on caps.key_id = i.key_id
            left join bounds on bounds.key_id = i.key_id
            left join quotes q on q.group_id = c.group_id and q.model = i.model and q.operation = i.operation
                and q.tier = i.tier
            left join idempotency d on d.wallet_id = c.wallet_id and d.key = i.idempotency
            left join tasks t on t.id = coalesce(d.task_id, case when p_again then i.id end)
            -- A replay is told what the task was made under, whatever holds today.
            left join prices tp on tp.id = t.price_id
            left join user_groups tg on tg.id = t.group_id
            left join models tm on tm.id = t.model_id
        order by i.n
    loop
        if r.wallet_id is not null and w_id[r.wi] is null then
            w_id[r.wi] := r.wallet_id;
            w_available[r.wi] := r.available;
            w_pending[r.wi] := r.pending;
            w_tat[r.wi] := r.rate_tat;
        end if;
        if r.wallet_id is not null and k_id[r.ki] is null then
            k_id[r.ki] := r.key_id;
            k_tat[r.ki] := r.key_tat;
        end if;

        v := 'accepted';
        if r.wallet_id is null then v := 'key_unknown';
        elsif r.revoked_at <= at then v := 'key_revoked';
        elsif r.expires_at <= at then v := 'key_expired';
        elsif r.suspended_at <= at then v := 'account_suspended';
        elsif r.idem_key is not null and r.idem_fingerprint <> r.fingerprint then v := 'idempotency_conflict';
        elsif r.idem_key is not null and r.idem_task is null then
            v := (r.idem_refusal ->> 'verdict')::admit_verdict;
            v_refusal[r.n] := r.idem_refusal;
        elsif r.idem_key is not null and not (p_again and r.idem_task = r.id) then v := 'replayed';
        elsif r.old_id is not null then v := 'accepted';
        elsif r.model_id is null then v := 'model_unknown';
        elsif not (r.model = any (r.key_models)) or not (r.model = any (r.group_models)) then v := 'model_forbidden';
        elsif r.price_id is null then v := 'price_missing';
        end if;

        if v = 'accepted' and r.old_id is null then
            -- GCRA at the account, at the key and at further limits: each request moves the arrival time by one emission
            -- interval, and may run ahead of the clock by the burst. Nothing moves unless the request is accepted in the end.
            wallet_next := null;
            key_next := null;
            strictest := null;
            full_scope := null;
            if r.rpm is not null then
                emission := 60000000 / r.rpm;
                wallet_next := next_arrival(w_tat[r.wi], now_us, emission, emission * coalesce(r.burst, r.rpm));
                strictest := now_us + emission * coalesce(r.burst, r.rpm) - wallet_next;
                v_scope[r.n] := 'account';
                v_rpm[r.n] := r.rpm;
                v_burst[r.n] := coalesce(r.burst, r.rpm);
            end if;
            if r.key_rpm is not null then
                emission := 60000000 / r.key_rpm;
                key_next := next_arrival(k_tat[r.ki], now_us, emission, emission * coalesce(r.key_burst, r.key_rpm));
                slack := now_us + emission * coalesce(r.key_burst, r.key_rpm) - key_next;
                if stricter(slack, emission, strictest, 60000000 / v_rpm[r.n]) then
                    strictest := slack;
                    v_scope[r.n] := 'key';
                    v_rpm[r.n] := r.key_rpm;
                    v_burst[r.n] := coalesce(r.key_burst, r.key_rpm);
                end if;
            end if;
            if w_pending[r.wi] >= r.max_pending then full_scope := 'account'; end if;
            if r.bounds is not null then
                foreach slot in array r.bounds loop
                    continue when l_model[slot] not in (0, r.model_id);
                    if l_pending[slot] >= l_max_pending[slot] then
                        full_scope := coalesce(full_scope, limit_name(l_key[slot], l_model[slot]));
                    end if;
                    continue when l_rpm[slot] is null;
                    emission := 60000000 / l_rpm[slot];
                    slack := now_us + emission * l_burst[slot]
                        - next_arrival(l_tat[slot], now_us, emission, emission * l_burst[slot]);
                    if stricter(slack, emission, strictest, 60000000 / v_rpm[r.n]) then
                        strictest := slack;
                        v_scope[r.n] := limit_name(l_key[slot], l_model[slot]);
                        v_rpm[r.n] := l_rpm[slot];
                        v_burst[r.n] := l_burst[slot];
                    end if;
                end loop;
            end if;

            if strictest < 0 then v := 'rate_limited';
            elsif full_scope is not null then
                v := 'too_many_pending';
                v_full[r.n] := full_scope;
            elsif w_available[r.wi] < r.quote then
                v := 'credits_insufficient';
                v_refusal[r.n] := jsonb_build_object(
                    'verdict', v, 'available', w_available[r.wi], 'needed', r.quote);
            end if;
            if v = 'accepted' and r.caps is not null then
                foreach slot in array r.caps loop
                    if q_day_used[slot] + r.quote > q_daily[slot] then
                        v_refusal[r.n] := cap_refusal(w_available[r.wi], r.quote, q_scope[slot], 'day', q_daily[slot],
                            q_day_used[slot], q_day[slot], q_zone[slot]);
                    elsif q_month_used[slot] + r.quote > q_monthly[slot] then
                        v_refusal[r.n] := cap_refusal(w_available[r.wi], r.quote, q_scope[slot], 'month',
                            q_monthly[slot], q_month_used[slot], q_month[slot], q_zone[slot]);
                    else continue;
                    end if;
                    v := 'quota_exceeded';
                    exit;
                end loop;
            end if;
            if v = 'accepted' then
                if r.caps is not null then
                    foreach slot in array r.caps loop
                        q_day_used[slot] := q_day_used[slot] + r.quote;
                        q_month_used[slot] := q_month_used[slot] + r.quote;
                        q_count := q_count + 1;
                    end loop;
                end if;
                w_available[r.wi] := w_available[r.wi] - r.quote;
                w_taken[r.wi] := w_taken[r.wi] + r.quote;
                w_pending[r.wi] := w_pending[r.wi] + 1;
                w_count[r.wi] := w_count[r.wi] + 1;
                if wallet_next is not null then w_tat[r.wi] := wallet_next; end if;
                if key_next is not null then
                    k_tat[r.ki] := key_next;
                    k_count[r.ki] := k_count[r.ki] + 1;
                end if;
                if r.bounds is not null then
                    foreach slot in array r.bounds loop
                        continue when l_model[slot] not in (0, r.model_id);
                        l_count := l_count + 1;
                        l_pending[slot] := l_pending[slot] + 1;
                        if l_rpm[slot] is not null then
                            emission := 60000000 / l_rpm[slot];
                            l_tat[slot] := next_arrival(l_tat[slot], now_us, emission, emission * l_burst[slot]);
                        end if;
                    end loop;
                end if;
                if r.limited then v_lane[r.n] := r.key_id; end if;
                v_price[r.n] := r.price_id;
                v_account[r.n] := r.account_id;
                v_mode[r.n] := r.mode;
                v_group[r.n] := r.group_id;
                v_model[r.n] := r.model_id;
            end if;
            if strictest is not null then
                emission := 60000000 / v_rpm[r.n];
                -- A request that uses nothing up leaves its place to the next.
                v_left[r.n] := case when strictest < 0 then 0
                    else strictest / emission + (v <> 'accepted')::int end;
                v_next[r.n] := case when strictest < 0 then -strictest else emission - strictest % emission end;
            end if;
        end if;

        v_verdict[r.n] := v;
        v_known[r.n] := r.idem_key is not null;
        v_task[r.n] := coalesce(r.old_id, r.id);
        v_created[r.n] := coalesce(r.old_created, at);
        v_reserved[r.n] := coalesce(r.old_reserved, r.quote);
        v_rule[r.n] := coalesce(r.old_rule, r.rule);
        v_wallet[r.n] := r.wallet_id;
        v_group_name[r.n] := coalesce(r.old_group, r.group_name);
        v_seconds[r.n] := coalesce(r.old_seconds, r.estimated_seconds);
    end loop;

    -- A price is set only on the slots of tasks that are new and accepted.
    insert into tasks (id, period, wallet_id, account_id, key_id, group_id, model_id, operation, dialect, request,
        callback_url, price_id, reserved, created_at)
    select i.id, credit_month(at), i.wallet, i.account, i.key_id, i.grp, i.model, i.operation::operation, i.dialect,
        i.request, i.callback, i.price, i.reserved, at
    from unnest(p_ids, v_wallet, v_account, p_keys, v_group, v_model, p_operations, p_dialects, p_requests,
            p_callbacks, v_price, v_reserved)
        i (id, wallet, account, key_id, grp, model, operation, dialect, request, callback, price, reserved)
    where i.price is not null;

    insert into queue (wallet_id, task_id, key_id, model_id)
    select i.wallet, i.id, i.lane, case when i.lane is not null then i.model end
    from unnest(p_ids, v_wallet, v_price, v_lane, v_model) i (id, wallet, price, lane, model) where i.price is not null;

    insert into entries (period, wallet_id, kind, debit, credit, amount, task_id, price_id, at)
    select credit_month(at), i.wallet, 'reserve', 'available', 'reserved', i.reserved, i.id, i.price, at
    from unnest(p_ids, v_wallet, v_price, v_reserved) i (id, wallet, price, reserved) where i.price is not null;

    insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, reserved)
    select at, 'submitted', i.mode, i.grp, i.model, i.account, i.key_id, i.reserved
    from unnest(v_price, v_mode, v_group, v_model, v_account, p_keys, v_reserved)
        i (price, mode, grp, model, account, key_id, reserved)
    where i.price is not null;

    -- A key twice in one batch breaks the primary key and with it the whole batch: callers keep such requests apart.
    insert into idempotency (wallet_id, key, fingerprint, task_id, refusal, created_at)
    select i.wallet, i.key, i.fingerprint, case when i.price is not null then i.id end, i.refusal, at
    from unnest(p_ids, v_wallet, v_price, v_refusal, v_known, p_idempotency, p_fingerprints)
        i (id, wallet, price, refusal, known, key, fingerprint)
    where i.key is not null and not i.known and (i.price is not null or i.refusal is not null);

    if w_drawn is not null then
        perform draw_grants(array_agg(i.wallet order by i.n), array_agg(i.id order by i.n),
            array_agg(i.reserved order by i.n))
        from unnest(p_ids, v_wallet, v_price, v_reserved) with ordinality i (id, wallet, price, reserved, n)
        where i.price is not null and i.wallet = any (w_drawn);
    end if;

    update wallets w set available = w.available - s.taken, reserved = w.reserved + s.taken,
        pending = w.pending + s.count, rate_tat = s.tat
    from unnest(w_id, w_taken, w_count, w_tat) s (id, taken, count, tat)
    where w.id = s.id and s.count > 0;

    update api_keys k set rate_tat = s.tat
    from unnest(k_id, k_count, k_tat) s (id, count, tat)
    where k.id = s.id and s.count > 0;

    if q_count > 0 then
        update quotas q set day_start = s.day, day_used = s.day_used, month_start = s.month, month_used = s.month_used
        from unnest(q_id, q_day, q_day_used, q_month, q_month_used) s (id, day, day_used, month, month_used)
        where q.id = s.id;
    end if;

    if l_count > 0 then
        update limit_counters c set rate_tat = s.tat, pending = s.pending
        from unnest(l_id, l_wallet, l_key, l_model, l_tat, l_pending) s (id, wallet, key, model, tat, pending)
        where (c.wallet_id, c.key_id, c.model_id, c.limit_id) = (s.wallet, s.key, s.model, s.id);
    end if;

    return query
    select i.n::int, i.verdict::text, i.verdict = 'replayed' or (i.known and i.refusal is not null and not p_again),
        i.task, i.created, i.reserved, i.rule::text, i.group_name, i.seconds, i.refusal, i.rpm, i.burst, i.remaining, i.next, i.scope,
        i.full_scope
    from unnest(v_verdict, v_known, v_task, v_created, v_reserved, v_rule, v_group_name, v_seconds, v_refusal, v_rpm,
            v_burst, v_left, v_next, v_scope, v_full)
        with ordinality i (verdict, known, task, created, reserved, rule, group_name, seconds, refusal, rpm, burst,
            remaining, next, scope, full_scope, n)
    order by i.n;
end $$;
revoke execute on function admit_tasks(
    boolean, bigint[], bigint[], text[], text[], text[], text[], jsonb[], text[], text[], bytea[]) from public;
grant execute on function admit_tasks(
    boolean, bigint[], bigint[], text[], text[], text[], text[], jsonb[], text[], text[], bytea[]),
    price_in_force(int, int, operation, text, timestamptz) to zimage_service;
