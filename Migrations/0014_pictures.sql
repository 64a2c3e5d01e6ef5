-- Why: a task may be several pictures, made and paid together: n of them reserve n times the price of one, settle what they
-- used within that, and are refunded together when one of them fails. For everything else that counts tasks it is one.
--
-- The number is pinned on the task beside the price, so that the two say for good what it may cost. In the request it is
-- "n", which is absent for one picture.

alter table tasks add column pictures smallint not null default 1
    constraint tasks_pictures_in_range check (pictures between 1 and 4);

-- What a task of so many pictures costs that used so many units for all of them: per_call is the price of each, and units
-- are paid up to the most that so many pictures can use.
create function price_of_task(p_rule billing_rule, p_amount bigint, p_units_max int, p_units int, p_pictures int)
returns bigint language sql immutable as $$
    select case when p_rule = 'per_call' then p_amount * p_pictures
        else p_amount * least(greatest(p_units, 0), p_units_max * p_pictures) end
$$;
grant execute on function price_of_task(billing_rule, bigint, int, int, int) to zimage_service;

-- The two doors of a task's money are hundreds of lines in migrations that have been applied, and seven places of them have to
-- know the number. Writing both out again would hide those seven, and the next reader would have to compare the copies. So the
-- functions are made again from what they are, with these places changed: each must be there exactly once, or the migration
-- fails and changes nothing. Settings, rights and signatures stay.
do $do$
declare
    change record;
    body text;
    places int;
begin
    for change in
        select * from (values
            -- The quote of a request is that of all its pictures from here on: balance, caps and grants see no other.
            ('admit_tasks', 'i.tier, i.idempotency, i.fingerprint',
                'i.tier, i.idempotency, i.fingerprint, coalesce((i.request ->> ''n'')::int, 1) pictures'),
            ('admit_tasks', 'from unnest(p_ids, p_keys, p_models, p_operations, p_tiers, p_idempotency, p_fingerprints)',
                'from unnest(p_ids, p_keys, p_models, p_operations, p_tiers, p_idempotency, p_fingerprints, p_requests)'),
            ('admit_tasks', 'i (id, key_id, model, operation, tier, idempotency, fingerprint, n)',
                'i (id, key_id, model, operation, tier, idempotency, fingerprint, request, n)'),
            ('admit_tasks', 'q.price_id, q.rule, q.quote,', 'q.price_id, q.rule, q.quote * i.pictures quote,'),
            ('admit_tasks', 'callback_url, price_id, reserved, created_at)',
                'callback_url, price_id, reserved, created_at, pictures)'),
            ('admit_tasks', 'i.request, i.callback, i.price, i.reserved, at',
                'i.request, i.callback, i.price, i.reserved, at, coalesce((i.request ->> ''n'')::int, 1)'),
            ('end_tasks', 'else least(t.reserved, price_of(p.rule, p.amount, p.units_max, e.units)) end settled',
                'else least(t.reserved, price_of_task(p.rule, p.amount, p.units_max, e.units, t.pictures)) end settled')
        ) c (door, before, after)
    loop
        select pg_get_functiondef(p.oid) into strict body
        from pg_proc p where p.proname = change.door and p.pronamespace = 'public'::regnamespace;
        places := (length(body) - length(replace(body, change.before, ''))) / length(change.before);
        if places <> 1 then
            raise exception '% has % places of "%", not one', change.door, places, change.before;
        end if;
        execute replace(body, change.before, change.after);
    end loop;
end $do$;
