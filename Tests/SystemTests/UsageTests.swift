import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite struct UsageTests {
        /// Two days of this month with usage and one between them without; costs in two currencies. Answers the days.
        private func used(_ site: Site) async throws -> [String] {
            try await site.makeAccount("acme", credits: "1")
            _ = try await site.issueKey("acme")
            _ = try await site.rows(
                """
                insert into usage_facts (at, event, mode, group_id, model_id, account_id, key_id, provider, reserved, settled,
                    cost, currency)
                select date_trunc('month', now()) + f.after, f.event, 'live', 1, 1, 1, 1, f.provider, f.reserved, f.settled,
                    f.cost, f.currency
                from (values
                    (interval '10 hours', 'submitted'::usage_event, null, 26000, 0, 0, null),
                    ('10 hours', 'completed', 'a, "b"', 0, 26000, 4200, 'USD'),
                    ('2 days 11 hours', 'submitted', null, 52000, 0, 0, null),
                    ('2 days 11 hours', 'completed', 'novita', 0, 52000, 1500000, 'EUR'))
                    f (after, event, provider, reserved, settled, cost, currency)
                """)
            return try await site.rows(
                "select to_char(date_trunc('month', now()) + n * interval '1 day', 'YYYY-MM-DD') from generate_series(0, 2) n"
            ).compactMap { $0[0] }
        }

        @Test func aTableShowsCostsAndMargin() async throws {
            try await Site.with { site in
                let days = try await used(site)
                let outcome = try await site.mustRun("usage --group default")
                #expect(outcome.output == """
                    DAY         SUBMITTED  COMPLETED  FAILED  CANCELLED  RESERVED  SETTLED  REFUNDED  COST USD  COST EUR  MARGIN USD
                    ----------  ---------  ---------  ------  ---------  --------  -------  --------  --------  --------  ----------
                    \(days[0])          1          1       0          0     0.026    0.026         0    0.0042         0      0.0218
                    \(days[2])          1          1       0          0     0.052    0.052         0         0       1.5       0.052
                    total               2          2       0          0     0.078    0.078         0    0.0042       1.5      0.0738
                    margin: settled credits at 1 USD each, less the cost in USD; costs in EUR are not subtracted

                    """)
                let narrow = try await site.mustRun("usage --from \(days[0]) --to \(days[1])")
                #expect(narrow.output.hasSuffix("\nmargin: settled credits at 1 USD each, less the cost in USD\n"))
                _ = try await site.rows(
                    """
                    insert into usage_facts (at, mode, group_id, model_id, account_id, key_id, provider, cost, possible, currency)
                    select date_trunc('month', now()), 'live', 1, 1, 1, 1, 'far', 300, 300, 'USD'
                    """)
                let period = "--from \(days[0]) --to \(days[1])"
                let doubtful = try await site.mustRun("usage \(period)").output
                #expect(doubtful.contains("COST USD  POSSIBLE USD  MARGIN USD\n"))
                #expect(doubtful.contains("0.0045        0.0003      0.0215\n"), "\(doubtful)")
                #expect(doubtful.contains("\npossible: part of the cost, for submits that were never answered"))
                #expect(try await site.mustRun("usage --by provider --csv").output.contains(
                    "\nfar,0,0,0,0,0,0,0,USD,0.0003,-0.0003,,0.0003 USD\n"))
                #expect(try await site.mustRun("usage \(period) --json").output.contains(
                    #"{"currency":"USD","amount":"0.0045","possible":"0.0003"}"#))
            }
        }

        @Test func aChartHasABarForEachDay() async throws {
            try await Site.with { site in
                let days = try await used(site)
                let bar = String(repeating: "█", count: 20)
                let chart = """

                    SETTLED CREDITS BY DAY
                    \(days[0])  \(bar) 0.026
                    \(days[1])  0
                    \(days[2])  \(bar)\(bar) 0.052

                    """
                let table = try await site.mustRun("usage")
                let outcome = try await site.mustRun("usage --chart")
                #expect(outcome.output == table.output + chart)
                let hours = try await site.mustRun("usage --by hour --chart")
                #expect(hours.output.split(separator: "\n").suffix(50).first == "\(days[0]) 10:00  \(bar) 0.026")
                #expect(hours.output.hasSuffix("\n\(days[2]) 10:00  0\n\(days[2]) 11:00  \(bar)\(bar) 0.052\n"))
                let empty = try await site.mustRun("usage --test --chart")
                #expect(empty.output.hasSuffix("\n\nno usage to draw\n"))
            }
        }

        @Test func programsReadCSVAndJSON() async throws {
            try await Site.with { site in
                _ = try await used(site)
                let csv = try await site.mustRun("usage --by provider --csv")
                let titles = "provider,submitted,completed,failed,cancelled,credits_reserved,credits_settled,credits_refunded"
                #expect(csv.output == #"""
                    \#(titles),currency,cost,margin,other_costs,possible_cost
                    -,2,0,0,0,0.078,0,0,USD,0,0,,
                    "a, ""b""",0,1,0,0,0,0.026,0,USD,0.0042,0.0218,,
                    novita,0,1,0,0,0,0.052,0,USD,0,0.052,1.5 EUR,

                    """#)
                let settings = ["ZIMAGE_CREDIT_VALUE": "0.5", "ZIMAGE_CURRENCY": "EUR"]
                let outcome = try await site.zadmin("usage --by group --json", settings: settings)
                let sums = #""submitted":2,"completed":2,"failed":0,"cancelled":0,"credits_reserved":"0.078","#
                    + #""credits_settled":"0.078","credits_refunded":"0","costs":[{"currency":"EUR","amount":"1.5","possible":"0"},"#
                    + #"{"currency":"USD","amount":"0.0042","possible":"0"}],"margin":"-1.461"}"#
                #expect(outcome.output == #"{"group":null,"by":"group","mode":"live","currency":"EUR","credit_value":"0.5","#
                    + #""costs_not_subtracted":["USD"],"rows":[{"group":"default",\#(sums)],"total":{\#(sums)}"# + "\n")
            }
        }
    }
}
