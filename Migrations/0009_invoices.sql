-- Why: what providers bill is compared with what was done, and the comparison is kept. New tables and two functions;
-- nothing that runs is touched.
--
-- The service may read what was kept, and write it only through these functions: open_invoice makes the place for the
-- lines, COPY fills it, close_invoice compares and keeps the result. The lines themselves go with the transaction.

create type invoice_finding as enum (
    -- A line agrees with an attempt, or bills nothing.
    'agreed',
    -- Billed, but no attempt of the time has that id.
    'billed_unknown',
    -- Done here, but no line has that id.
    'not_billed',
    -- The same id, another amount.
    'price_drift',
    -- The id was on an earlier line already.
    'duplicate',
    -- In another currency than expected.
    'other_currency',
    -- A line whose time lies outside the period.
    'other_period');

create table invoice_runs (
    id bigint generated always as identity primary key,
    provider text not null,
    period_from timestamptz not null,
    period_to timestamptz not null,
    -- SHA-256 of the file: the same file for the same provider and period is one record, however often it comes.
    digest bytea not null check (length(digest) = 32),
    -- The name that the file had, for people.
    file text not null,
    -- How it was read.
    format jsonb not null,
    lines bigint not null check (lines >= 0),
    -- Lines that say that nothing is billed: not compared.
    skipped bigint not null check (skipped >= 0),
    first_compared_at timestamptz not null default clock_timestamp(),
    compared_at timestamptz not null default clock_timestamp(),
    times_compared int not null default 1 check (times_compared >= 1),
    check (period_from < period_to),
    constraint invoice_runs_once unique (provider, period_from, period_to, digest)
);

-- How many lines or attempts ended how, and the money in it, in millionths of the currencies. All findings are counted
-- here, also those that are too many to be kept one by one. Per currency, the sums of `billed` are the invoice and the
-- sums of `expected` are what it should be, so the kinds explain the difference to the last millionth.
create table invoice_sums (
    run_id bigint not null references invoice_runs,
    kind invoice_finding not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    expected_currency text not null check (expected_currency ~ '^[A-Z]{3}$'),
    found bigint not null check (found > 0),
    billed bigint not null,
    expected bigint not null check (expected >= 0),
    primary key (run_id, kind, currency, expected_currency),
    check (currency = expected_currency or kind = 'other_currency')
);

-- The first thousand of each kind.
create table invoice_findings (
    run_id bigint not null references invoice_runs,
    kind invoice_finding not null check (kind <> 'agreed'),
    number int not null check (number between 1 and 1000),
    -- Null: there is none (not billed).
    line bigint,
    provider_task_id text,
    billed bigint not null,
    currency text not null,
    billed_at timestamptz,
    expected bigint not null,
    expected_currency text not null,
    task_id bigint,
    ended_at timestamptz,
    primary key (run_id, kind, number)
);

grant select on invoice_runs, invoice_sums, invoice_findings to zimage_service;

-- The place for the lines of one invoice. It belongs to the owner, so that the functions that read it with the owner's
-- rights cannot be given something else under its name.
create function open_invoice() returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
    create temporary table invoice_lines (
        line bigint not null,
        -- Null: the line names no task.
        id text collate "C",
        -- Millionths of the currency.
        amount bigint not null,
        currency text collate "C" not null,
        -- Seconds since 1970; null: the invoice tells no time.
        at bigint
    ) on commit drop;
    grant insert on pg_temp.invoice_lines to zimage_service;
end $$;

-- Compares the lines with the attempts and keeps the result; the same file again replaces its record.
--
-- p_currency: what the lines should be in; null: whatever the attempts say. p_decimals: a line may differ from an attempt
-- as far as rounding half up to so many decimals goes. Attempts are looked at from a day before the period to a day after
-- it, because a task near the border may be on either invoice: its line is known, and only an attempt that lies in
-- the period from start to end is missed.
create function close_invoice(
    p_provider text, p_from timestamptz, p_to timestamptz, p_digest bytea, p_file text, p_format jsonb, p_skipped bigint,
    p_currency text, p_decimals int)
returns bigint language plpgsql security definer set search_path = public, pg_temp
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    run bigint;
    unit bigint := 10 ^ (6 - p_decimals);
    first_second bigint := extract(epoch from p_from);
    last_second bigint := extract(epoch from p_to);
begin
    perform from pg_class where oid = to_regclass('pg_temp.invoice_lines') and relkind = 'r'
        and relowner = (select oid from pg_roles where rolname = current_user);
    if not found then raise exception 'open_invoice comes first' using errcode = '55000'; end if;
    -- Without it the plan would be one for an empty table.
    analyze pg_temp.invoice_lines;

    insert into invoice_runs (provider, period_from, period_to, digest, file, format, lines, skipped)
    select p_provider, p_from, p_to, p_digest, p_file, p_format, count(*), p_skipped from pg_temp.invoice_lines
    on conflict on constraint invoice_runs_once do update set file = excluded.file, format = excluded.format,
        lines = excluded.lines, skipped = excluded.skipped, compared_at = excluded.compared_at,
        times_compared = invoice_runs.times_compared + 1
    returning id into run;
    delete from invoice_sums where run_id = run;
    delete from invoice_findings where run_id = run;

    with billed as (
        select l.*, row_number() over (partition by l.id order by l.line) > 1 and l.id is not null repeated
        from pg_temp.invoice_lines l),
    -- A task that a second attempt took over is one task of the provider's. One without an id matches no line.
    done as (
        select a.provider_task_id id, max(a.cost) cost, max(a.currency) currency, max(a.task_id) task_id,
            min(a.started_at) started_at, max(a.ended_at) ended_at
        from attempts a
        where a.provider = p_provider and a.ended_at >= p_from - interval '1 day' and a.ended_at < p_to + interval '1 day'
        group by a.provider_task_id, case when a.provider_task_id is null then a.task_id end,
            case when a.provider_task_id is null then a.number end),
    compared as (
        select b.line, coalesce(b.id, d.id) id, b.amount, b.currency, b.at, d.cost, d.currency expected_currency, d.task_id,
            d.ended_at,
            case when b.line is null then 'not_billed'
                when b.repeated then 'duplicate'
                when b.at < first_second or b.at >= last_second then 'other_period'
                when b.currency <> p_currency then 'other_currency'
                when d.ended_at is null and b.amount <> 0 then 'billed_unknown'
                when b.currency <> d.currency then 'other_currency'
                when b.amount in (coalesce(d.cost, 0), (d.cost + unit / 2) / unit * unit) then 'agreed'
                else 'price_drift' end::invoice_finding kind
        from billed b full join done d on d.id = b.id
        where b.line is not null or (d.cost > 0 and d.started_at >= p_from and d.ended_at < p_to)),
    judged as materialized (
        select c.kind, c.line, c.id, coalesce(c.amount, 0) billed, coalesce(c.currency, c.expected_currency) currency, c.at,
            case when c.kind in ('agreed', 'price_drift', 'not_billed', 'other_currency') then coalesce(c.cost, 0)
                else 0 end expected,
            case when c.kind in ('not_billed', 'other_currency') then coalesce(c.expected_currency, c.currency)
                else c.currency end expected_currency,
            c.task_id, c.ended_at
        from compared c),
    summed as (
        insert into invoice_sums (run_id, kind, currency, expected_currency, found, billed, expected)
        select run, j.kind, j.currency, j.expected_currency, count(*), sum(j.billed), sum(j.expected)
        from judged j group by j.kind, j.currency, j.expected_currency)
    insert into invoice_findings (run_id, kind, number, line, provider_task_id, billed, currency, billed_at, expected,
        expected_currency, task_id, ended_at)
    select run, n.kind, n.number, n.line, n.id, n.billed, n.currency, to_timestamp(n.at), n.expected, n.expected_currency,
        n.task_id, n.ended_at
    from (select j.*, row_number() over (partition by j.kind order by j.line, j.ended_at, j.task_id) number
          from judged j where j.kind <> 'agreed') n
    where n.number <= 1000;
    return run;
end $$;

revoke execute on function open_invoice(),
    close_invoice(text, timestamptz, timestamptz, bytea, text, jsonb, bigint, text, int) from public;
grant execute on function open_invoice(),
    close_invoice(text, timestamptz, timestamptz, bytea, text, jsonb, bigint, text, int) to zimage_service;
