-- Why: the tasks, and the small hot tables that the queue lives in.
--
-- `tasks` keeps every task. `queue` has one narrow row per waiting task and `leases` one per running task, so that
-- claims and heartbeats never touch more than what is alive. Lock order everywhere: wallets by id first, then the rest.
-- Whoever holds a wallet's row lock owns that wallet's rows in queue and leases.
--
-- The hot tables have no foreign keys: the functions of 0007 and 0008 are their only writers and take every id from the
-- row that it belongs to; `zadmin reconcile ledger` looks for orphans all the same.

create type task_state as enum ('pending', 'processing', 'completed', 'failed', 'cancelled');
create type attempt_outcome as enum ('completed', 'failed', 'cancelled', 'lost', 'handed_back');

-- Ids are drawn in blocks by the nodes before a task is sent, so that a call whose answer was lost can be repeated.
create sequence task_id_blocks increment by 1024 minvalue 1024;

create table tasks (
    id bigint primary key,
    -- The month of created_at: where the task's entries are.
    period date not null,
    wallet_id bigint not null,
    account_id bigint not null,
    key_id bigint not null,
    group_id int not null,
    model_id int not null,
    operation operation not null,
    dialect text not null,
    state task_state not null default 'pending',
    request jsonb not null,
    callback_url text,
    -- Rule 3: the price version of the moment of submit.
    price_id bigint not null,
    reserved bigint not null check (reserved >= 0),
    settled bigint,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    error_code text,
    error_message text,
    -- [{"path", "format", "width", "height", "bytes"}], in order.
    images jsonb,
    constraint tasks_final_iff_finished
        check ((state in ('completed', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint tasks_final_iff_settled check ((finished_at is not null) = (settled is not null)),
    constraint tasks_settle_within_reservation check (settled between 0 and reserved),
    -- Rule 10: only a completed task costs anything.
    constraint tasks_only_completed_cost check (state = 'completed' or coalesce(settled, 0) = 0)
) with (fillfactor = 70);
create index tasks_of_wallet on tasks (wallet_id, id);
-- For the counters of caps that are set while a window runs; costs next to nothing to keep.
create index tasks_created on tasks using brin (created_at);

create table queue (
    wallet_id bigint not null,
    task_id bigint not null,
    -- Attempts that ended without a result.
    attempts smallint not null default 0,
    primary key (wallet_id, task_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create sequence lease_seq;
create table leases (
    -- Rule of fencing: a number that only grows; whoever holds an older one can change nothing.
    lease bigint primary key default nextval('lease_seq'),
    task_id bigint not null unique,
    wallet_id bigint not null,
    node text not null,
    attempt smallint not null,
    started_at timestamptz not null default clock_timestamp(),
    until timestamptz not null,
    progress smallint not null default 0 check (progress between 0 and 100)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Ended attempts; the running one is the task's lease.
create table attempts (
    task_id bigint not null,
    number smallint not null,
    lease bigint not null,
    node text not null,
    provider text,
    -- The provider's own id of the task, by which its invoice names it.
    provider_task_id text,
    -- What the provider is expected to bill, in millionths of its currency; null when it bills nothing.
    cost bigint check (cost >= 0),
    currency text check (currency ~ '^[A-Z]{3}$'),
    outcome attempt_outcome not null,
    started_at timestamptz not null,
    ended_at timestamptz not null default clock_timestamp(),
    primary key (task_id, number),
    constraint attempts_cost_has_currency check ((cost is null) = (currency is null))
);
create index attempts_of_provider on attempts (provider, ended_at) where provider is not null;

-- Rule 8: a key belongs to its wallet and lives as long as the task. A refusal for lack of credit, or by a cap on
-- credits, is kept as well, with what the customer was told.
create table idempotency (
    wallet_id bigint not null,
    key text not null check (length(key) between 1 and 255),
    fingerprint bytea not null,
    task_id bigint,
    refusal jsonb,
    created_at timestamptz not null,
    primary key (wallet_id, key),
    constraint idempotency_has_one_answer check ((task_id is null) = (refusal is not null))
);

-- The outbox: one row per final task with a callback address, written by the transaction that closes the task.
create type callback_state as enum ('waiting', 'delivered', 'given_up');
create table callbacks (
    id bigint generated always as identity primary key,
    task_id bigint not null unique,
    account_id bigint not null,
    url text not null,
    state callback_state not null default 'waiting',
    -- Tries that ended since the first, or since an operator asked for another round.
    attempts smallint not null default 0,
    -- How often a node took it since the last try that ended: while that is not 0 and next_at lies ahead, one is under way.
    taken smallint not null default 0,
    -- All tries that ended; numbers the rows of callback_deliveries.
    deliveries int not null default 0,
    -- When the next try is due; while one is under way, when it counts as lost.
    next_at timestamptz not null default clock_timestamp(),
    last_status int,
    last_error text,
    created_at timestamptz not null default clock_timestamp(),
    delivered_at timestamptz
);
create index callbacks_due on callbacks (next_at) where state = 'waiting';
create index callbacks_of_account on callbacks (account_id, next_at) where state = 'waiting';
create index callbacks_under_way on callbacks (account_id, next_at) where state = 'waiting' and taken > 0;

-- A task as its owner and operators see it, with the progress of its lease.
create view task_views as
    select t.id, t.state::text, t.account_id, a.name account, w.mode::text, m.name model, t.dialect, p.rule::text,
        g.name user_group, t.reserved, t.settled, t.created_at, t.started_at, t.finished_at,
        case when t.state = 'completed' then 100 else coalesce(l.progress, 0) end::int progress, m.estimated_seconds,
        t.error_code, t.error_message, t.images::text, t.callback_url, t.request::text
    from tasks t join accounts a on a.id = t.account_id join wallets w on w.id = t.wallet_id
        join models m on m.id = t.model_id join prices p on p.id = t.price_id join user_groups g on g.id = t.group_id
        left join leases l on l.task_id = t.id;

grant select on tasks, queue, leases, attempts, idempotency, callbacks, task_views to zimage_service;
grant update (state, attempts, taken, deliveries, next_at, last_status, last_error, delivered_at) on callbacks to zimage_service;
grant usage on sequence task_id_blocks to zimage_service;
