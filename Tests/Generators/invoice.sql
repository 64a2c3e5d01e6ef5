-- Makes attempts at a provider and its invoice with planted faults, for tests and measurements; the same every time.
--
--   psql "$URL" -qXAt -v lines=20000 -v faults=20 -v provider=acme -v planted=planted.csv \
--       -f Tests/Generators/invoice.sql > invoice.csv
--   zadmin reconcile provider acme --invoice invoice.csv --from 2026-11-01 --to 2026-12-01 \
--       --map id=task_id,amount=cost,time=created_at
--
-- The invoice has exactly `lines` lines below the names of its columns. Among them are `faults` faults of each kind:
-- billed but unknown, done but not billed, another price, billed twice, another currency. They are spread over the whole
-- file, and the file `planted` names them: kind and id.
\set ON_ERROR_STOP on
begin;

create temporary table jobs on commit drop as
with sizes as (select :lines - :faults jobs, (:lines - :faults) / (5 * :faults) stride)
select i, md5('job ' || i)::uuid::text id, 4000 + i % 13 * 137 cost,
    timestamptz '2026-11-01 00:01:00Z' + i * (interval '29 days' / s.jobs) ended_at,
    -- Every stride-th job has a fault, in turn of each kind.
    case when i % s.stride = 0 and i / s.stride <= 5 * :faults
        then (array['not_billed', 'price_drift', 'duplicate', 'other_currency', 'billed_unknown'])[i / s.stride % 5 + 1]
        else 'none' end fault
from sizes s, generate_series(1, s.jobs) i;

insert into attempts (task_id, number, lease, node, provider, provider_task_id, cost, currency, outcome, started_at, ended_at)
select last.task_id + i, 1, last.task_id + i, 'generator', :'provider', id, cost, 'USD', 'completed',
    ended_at - interval '3 seconds', ended_at
from jobs, (select coalesce(max(task_id), 0) task_id from attempts) last;

create temporary view lines as
select i, 1 place, id, case fault when 'price_drift' then cost + 1 + i % 50 else cost end cost,
    case fault when 'other_currency' then 'EUR' else 'USD' end currency, ended_at
from jobs where fault <> 'not_billed'
union all
select i, 2, id, cost, 'USD', ended_at from jobs where fault = 'duplicate'
union all
-- A job that is not known beside the one that is.
select i, 2, md5('unknown ' || i)::uuid::text, 4200, 'USD', ended_at from jobs where fault = 'billed_unknown';

copy (
    select id task_id, 'z-image-turbo' model, '1024, 1024' "size, pixels", (cost / 1000000.0)::numeric(12, 6) cost,
        currency, to_char(ended_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') created_at
    from lines order by i, place
) to stdout (format csv, header);

\o :planted
copy (
    select fault, case fault when 'billed_unknown' then md5('unknown ' || i)::uuid::text else id end
    from jobs where fault <> 'none' order by 1, 2
) to stdout (format csv);
\o
commit;
