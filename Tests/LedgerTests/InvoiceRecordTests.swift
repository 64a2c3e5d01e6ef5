import Domain
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Ledger

extension LedgerSuites {
    /// What is kept of a comparison, and who may write it.
    @Suite struct InvoiceRecordTests {
        private let invoice = "id,amount,currency,time\na,0.0042,USD,2026-11-10\nb,0.0042,USD,2026-11-10\n"

        @Test func theSameFileAgainRefreshesItsRecord() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200), .init(id: "c", cost: 1)])
            let first = try await scene.compare(invoice)
            #expect(
                first.findings.map(\.words) == [
                    "billed_unknown 3 b 4200 USD / 0 USD", "not_billed - c 0 USD / 1 USD",
                ])
            // The clock is asked for each.
            #expect(first.run.timesCompared == 1 && first.run.firstComparedAt <= first.run.comparedAt)
            // What was missing has come in, what was right is not any more.
            try await scene.done([.init(id: "b", cost: 4200)])
            try await scene.database.rows("update attempts set cost = 4201 where provider_task_id = 'a'")
            let second = try await scene.compare(invoice, file: "again.csv")
            #expect(second.run.id == first.run.id && second.run.timesCompared == 2 && second.run.file == "again.csv")
            #expect(second.run.firstComparedAt == first.run.firstComparedAt && second.run.comparedAt > first.run.comparedAt)
            #expect(
                second.findings.map(\.words) == [
                    "not_billed - c 0 USD / 1 USD", "price_drift 2 a 4200 USD / 4201 USD",
                ])
            #expect(second.sums.map(\.found) == [1, 1, 1])
            // Another way to read it is the same file; another period, other bytes and another provider are not.
            var rough = InvoiceFormat.plain
            rough.roundingDecimals = 2
            #expect(try await scene.compare(invoice, rough).run.id == first.run.id)
            try await scene.done([.init(provider: "other", id: "a")])
            let others = [
                try await scene.compare(invoice, to: InvoiceScene.to + 1),
                try await scene.compare(invoice, from: InvoiceScene.from - 1),
                try await scene.compare(invoice + "\n"), try await scene.compare(invoice, provider: "other"),
            ]
            #expect(Set(others.map(\.run.id) + [first.run.id]).count == 5)
        }

        @Test func aKeptResultIsTheResult() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200)])
            let book = InvoiceBook()
            #expect(try await book.result(nil, in: scene.database.pool) == nil)
            let older = try await scene.compare(invoice)
            let newer = try await scene.compare(invoice + "c,1,USD,2026-11-11\n")
            for (id, made) in [(older.run.id, older), (newer.run.id, newer), (nil, newer)] {
                let kept = try #require(try await book.result(id, in: scene.database.pool))
                #expect(kept.run == made.run && kept.sums == made.sums && kept.findings == made.findings)
            }
            #expect(try await book.result(newer.run.id + 1, in: scene.database.pool) == nil)
            let runs = try await book.runs(provider: nil, in: scene.database.pool)
            #expect(runs.map(\.0) == [newer.run, older.run] && runs.map(\.off) == [2, 1])
            #expect(try await book.runs(provider: "other", in: scene.database.pool).isEmpty)
            // An older one that is compared again is the last.
            #expect(try await scene.compare(invoice).run.id == older.run.id)
            #expect(try await book.result(nil, in: scene.database.pool)?.run.id == older.run.id)
        }

        @Test func findingsAreCappedAndCountsAreNot() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200)] + (0..<1_001).map { .init(id: "forgotten \($0)", cost: 2) })
            let result = try await scene.compare(lines: (0..<1_003).map { "unknown \($0),0.000003,USD" })
            #expect(result.count(.billedUnknown) == 1_003 && result.count(.notBilled) == 1_002)
            let kept = Dictionary(grouping: result.findings, by: \.kind).mapValues(\.count)
            #expect(kept == [.billedUnknown: 1_000, .notBilled: 1_000])
            #expect(result.findings.first?.line == 2 && result.findings[999].line == 1_001, "the first of the file")
            #expect(result.totals == [InvoiceTotal(currency: "USD", billed: 3_009, expected: 6_202, rounding: 0)])
        }

        @Test func aRefusedFileLeavesNothing() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200)])
            _ = try await scene.compare(invoice)
            let before = try await scene.kept()
            for text in ["", "id,amount\na,1\n", invoice + "c,ten,USD,2026-11-10\n", invoice + "\"c,1", invoice + "c\n"] {
                await #expect(throws: (any Error).self) { _ = try await scene.compare(text) }
                #expect(try await scene.kept() == before, "\(text)")
            }
            // The only session of the pool goes on, with its own time limit and without a place for lines.
            let session = try await scene.database.pool.withConnection {
                try await $0.runText("select to_regclass('pg_temp.invoice_lines'), current_setting('statement_timeout')")
            }
            #expect(session == [[nil, "30s"]])
            #expect(try await scene.compare(invoice).run.timesCompared == 2)
        }

        @Test func theSameFileTwiceAtOnceIsOneRecord() async throws {
            let scene = try await InvoiceScene.make(connectionsMax: 4)
            try await scene.done([.init(id: "a", cost: 4200)])
            let results = try await withThrowingTaskGroup(of: InvoiceResult.self) { group in
                for _ in 0..<4 { group.addTask { try await scene.compare(invoice) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(results.map(\.run.id)).count == 1)
            #expect(Set(results.map(\.run.timesCompared)) == [1, 2, 3, 4])
            #expect(try await scene.database.number("select count(*) from invoice_findings") == 1)
            #expect(try await scene.database.number("select count(*) from invoice_sums") == 2)
        }

        // MARK: rights

        private static let call =
            "select close_invoice('acme', '2026-11-01', '2026-12-01', sha256('x'), 'x', '{}', 0, null, 6)"

        @Test(arguments: [
            "insert into invoice_runs (provider, period_from, period_to, digest, file, format, lines, skipped) "
                + "values ('x', '2026-11-01', '2026-12-01', sha256('x'), 'x', '{}', 1, 0)",
            "update invoice_runs set lines = 0", "delete from invoice_runs", "truncate invoice_findings cascade",
            "insert into invoice_sums values (1, 'agreed', 'USD', 'USD', 1, 1, 1)", "update invoice_sums set billed = 0",
            "delete from invoice_sums", "update invoice_findings set billed = 0", "delete from invoice_findings",
        ])
        func theServiceCannotWriteResultsItself(sql: String) async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200)])
            _ = try await scene.compare(invoice)
            let before = try await scene.kept()
            let service = try await Connection.open(scene.database.address)
            let error = await #expect(throws: PostgresError.self) { try await service.runText(sql) }
            #expect(error?.sqlState == "42501")
            #expect(try await scene.kept() == before)
        }

        /// Functions with the owner's rights must not read, or run, what somebody else put in the lines' place.
        @Test(arguments: [
            ("", "55000"),
            ("create temp table invoice_lines (line bigint, id text, amount bigint, currency text, at bigint)", "55000"),
            (
                "create temp view invoice_lines as select 1::bigint line, 'x'::text id, 1::bigint amount, 'USD'::text currency, "
                    + "(select count(*) from pg_authid) at", "55000"
            ),
        ])
        func onlyThePlaceThatTheOwnerMadeIsRead(sql: String, state: String) async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200)])
            let service = try await Connection.open(scene.database.address)
            if !sql.isEmpty { _ = try await service.runText(sql) }
            let error = await #expect(throws: PostgresError.self) { try await service.runText(Self.call) }
            #expect(error?.sqlState == state)
            if !sql.isEmpty {
                let taken = await #expect(throws: PostgresError.self) { try await service.runText("select open_invoice()") }
                #expect(taken?.sqlState == "42P07")
            }
            #expect(try await scene.kept() == [[nil, nil, nil]])
        }

        @Test func theServiceCanOnlyFillThePlace() async throws {
            let scene = try await InvoiceScene.make()
            for sql in [
                "select * from invoice_lines", "delete from invoice_lines", "alter table invoice_lines add x int",
                "create trigger t before insert on invoice_lines for each row execute function bump_auth_epoch()",
            ] {
                let service = try await Connection.open(scene.database.address)
                _ = try await service.runText(
                    "begin; select open_invoice(); insert into invoice_lines values (1, 'a', 1, 'USD', 1)")
                let error = await #expect(throws: PostgresError.self, "\(sql)") { try await service.runText(sql) }
                #expect(error?.sqlState == "42501", "\(sql)")
            }
        }
    }
}
