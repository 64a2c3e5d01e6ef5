import Postgres

/// Every statement of the invoices. What they call is in `Migrations/0009_invoices.sql`.
enum InvoiceStatements {
    /// The providers that did something, by skipping from name to name in index `attempts_of_provider`.
    static let providers = Statement(
        "invoice_providers",
        """
        with recursive names as (
            (select provider from attempts where provider is not null order by provider limit 1)
            union all
            select (select a.provider from attempts a where a.provider > n.provider order by a.provider limit 1)
            from names n where n.provider is not null)
        select provider from names where provider is not null limit 1000
        """)
    /// Five million lines take longer than a statement of the service otherwise may.
    static let patience = Statement("invoice_patience", "select set_config('statement_timeout', '10min', true)")
    static let open = Statement("open_invoice", "select open_invoice()")
    /// Not a `Statement`: COPY cannot be prepared.
    static let copy: StaticString = "copy pg_temp.invoice_lines (line, id, amount, currency, at) from stdin"
    static let close = Statement("close_invoice", "select close_invoice($1, $2, $3, $4, $5, $6, $7, $8, $9::int)")

    /// One run, or the one that was compared last.
    static let run = Statement(
        "invoice_run",
        """
        select id, provider, period_from, period_to, encode(digest, 'hex'), file, format, lines, skipped,
            first_compared_at, compared_at, times_compared
        from invoice_runs where $1::bigint is null or id = $1 order by compared_at desc limit 1
        """)
    static let sums = Statement(
        "invoice_sums",
        """
        select kind::text, currency, expected_currency, found, billed, expected from invoice_sums
        where run_id = $1 order by kind, currency, expected_currency
        """)
    static let findings = Statement(
        "invoice_findings",
        """
        select f.kind::text, f.line, f.provider_task_id, f.billed, f.currency, f.billed_at, f.expected,
            f.expected_currency, f.task_id, t.created_at, f.ended_at
        from invoice_findings f left join tasks t on t.id = f.task_id where f.run_id = $1 order by f.kind, f.number
        """)
    static let runs = Statement(
        "invoice_runs",
        """
        select r.id, r.provider, r.period_from, r.period_to, encode(r.digest, 'hex'), r.file, r.format, r.lines,
            r.skipped, r.first_compared_at, r.compared_at, r.times_compared,
            coalesce((select sum(s.found) from invoice_sums s where s.run_id = r.id and s.kind <> 'agreed'), 0)::bigint
        from invoice_runs r where $1::text is null or r.provider = $1 order by r.id desc limit 200
        """)

    static let all = [providers, patience, open, close, run, sums, findings, runs]
}
