import Admission
import Domain
import Foundation
import Ledger
import Postgres
import Providers
import Queue
import TestSupport

/// What must hold of each rule, tried on a database that may be broken: an empty list when it does.
struct RuleScenario {
    private let database: TestDatabase
    private let acme: Tenant
    private let queue = TaskQueue(leaseSeconds: 60)

    static func findings(_ rule: MoneyRule, _ database: TestDatabase) async -> [String] {
        do {
            let scenario = try await RuleScenario(database)
            var found = try await scenario.run(rule)
            // The books must add up whatever was tried.
            found += try await ledgerDrift(database)
            return found
        } catch { return ["\(error)"] }
    }

    private init(_ database: TestDatabase) async throws {
        self.database = database
        acme = try await Tenant.make(database, credits: "0.26")
    }

    private func run(_ rule: MoneyRule) async throws -> [String] {
        switch rule {
        case .reservedWithTask: try await reservation()
        case .neverOverspent: try await race()
        case .settleWithinReservation: try await units()
        case .endsOnce: try await twoEnds()
        case .oneTransaction: try await end(.completed(images: []))
        case .durable: try await durability()
        case .entriesStay: try await rewriting()
        case .idempotent: try await repetition()
        case .unknownIsNotFailed: try await silence()
        case .onlyCompletedCosts: try await end(.failed(code: "x", message: "x"))
        case .grantsExpire: try await dates()
        }
    }

    private func expect<T: Equatable>(_ what: String, _ found: T, _ wanted: T) -> [String] {
        found == wanted ? [] : ["\(what): \(found), not \(wanted)"]
    }

    private func credits() async throws -> [Int64] {
        let balance = try await acme.balance(database)
        return [balance.available, balance.reserved, balance.settled]
    }

    private func running(_ submission: Submission? = nil) async throws -> (TaskID, Lease) {
        let id = try await database.admitted([submission ?? acme.submission(callbackURL: "https://example.com/")])[0]
        return (id, try await queue.claim(node: "n", limit: 1, afterWallet: 0, in: database.pool)[0].lease)
    }

    private func close(_ lease: Lease, _ outcome: Ending.Outcome, units: Int = 0) async throws -> CloseVerdict? {
        let ending = Ending(lease: lease, outcome: outcome, units: units, provider: "sandbox")
        return try await queue.close([ending], in: database.pool)[lease]
    }

    private func reservation() async throws -> [String] {
        try await database.admitted([acme.submission(), acme.submission().changed(pictures: 3)])
        return expect("credits", try await credits(), [156_000, 104_000, 0])
    }

    /// Credit for ten, asked for sixty times over four connections.
    private func race() async throws -> [String] {
        let accepted = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await database.admit((0..<3).map { _ in acme.submission() }).count { $0.word == "accepted" }
                }
            }
            return try await group.reduce(0, +)
        }
        let found = expect("accepted", accepted, 10) + expect("credits", try await credits(), [0, 260_000, 0])
        return found + (try await oneBehindTheOther())
    }

    /// A second submit waits until the first, which takes the last credits, is committed, and is then judged.
    private func oneBehindTheOther() async throws -> [String] {
        try await database.rows("select grant_credits(\(acme.walletID), 26000, null, 'test', 'test')")
        let first = try await Connection.open(database.address)
        let ids = try await TaskNumbers().take(1, in: first)
        _ = try await first.runText("begin")
        _ = try await AdmitTasks()([NumberedSubmission(id: ids[0], submission: acme.submission())], again: false, in: first)
        async let second = database.admit([acme.submission()])[0].word
        var turns = 0
        let waiters = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        while try await database.number(waiters) == 0, turns < 10_000 { turns += 1 }
        _ = try await first.runText("commit")
        return expect("the second", try await second, "credits_insufficient")
    }

    private func units() async throws -> [String] {
        try await database.setPrice(tier: "large", rule: .perSecond, micro: 1_000, unitsMax: 20)
        let (_, lease) = try await running(acme.submission().changed(side: 1536))
        _ = try await close(lease, .completed(images: []), units: 99)
        return expect("credits", try await credits(), [240_000, 0, 20_000])
    }

    private func twoEnds() async throws -> [String] {
        let (id, lease) = try await running()
        _ = try await queue.cancel([id], walletID: nil, alsoRunning: true, in: database.pool)
        let verdict = try await close(lease, .completed(images: []))
        return expect("verdict", verdict, .stale) + expect("credits", try await credits(), [260_000, 0, 0])
    }

    private func end(_ outcome: Ending.Outcome) async throws -> [String] {
        let (_, lease) = try await running()
        let verdict = try await close(lease, outcome)
        var wanted: [Int64] = [260_000, 0, 0]
        if case .completed = outcome { wanted = [234_000, 0, 26_000] }
        return expect("verdict", verdict, .closed) + expect("credits", try await credits(), wanted)
    }

    /// What a crash does to it is tried in SystemTests; here: that nothing on the way lowers the setting.
    private func durability() async throws -> [String] {
        let lowered = try await database.rows(
            "select proname from pg_proc where proconfig::text ~ 'synchronous_commit|fsync'")
        let service = try await Connection.open(database.address)
        let setting = try await service.runText("show synchronous_commit")
        return expect("functions with a setting of their own", lowered, []) + expect("setting", setting, [["on"]])
    }

    private func rewriting() async throws -> [String] {
        try await database.admitted([acme.submission()])
        let rights = try await database.rows(
            """
            select privilege from unnest(array['insert', 'update', 'delete', 'truncate', 'trigger']) privilege
            where has_table_privilege('zimage_service', 'entries', privilege)
            """)
        var found = expect("rights of the service", rights, [])
        for address in [database.address, database.ownerAddress] {
            for sql in ["update entries set reason = 'x'", "delete from entries", "truncate entries"] {
                let connection = try await Connection.open(address)
                do {
                    _ = try await connection.runText("begin; \(sql); rollback")
                    found.append("\(sql) is possible")
                } catch {}
            }
        }
        return found
    }

    private func repetition() async throws -> [String] {
        let keyed = acme.submission(idempotencyKey: "one")
        let first = try await database.admit([keyed])[0]
        let second = try await database.admit([keyed])[0]
        let other = try await database.admit([acme.submission(idempotencyKey: "one", fingerprint: [9])])[0]
        try await database.admitted((0..<9).map { _ in acme.submission() })
        let poor = acme.submission(idempotencyKey: "two")
        let refused = try await database.admit([poor])[0]
        try await database.rows("select grant_credits(\(acme.walletID), 1000000, null, 'test', 'test')")
        let again = try await database.admit([poor])[0]
        return expect(
            "verdicts", [first.word, second.word, other.word, refused.word, again.word],
            ["accepted", "replayed", "idempotency_conflict", "credits_insufficient", "credits_insufficient"])
            + expect("task", second.taskID, first.taskID)
    }

    /// A worker that goes silent has not failed: the task waits again, and its reservation stays. Nor has a submit whose answer
    /// was lost: nobody else is paid for the picture.
    private func silence() async throws -> [String] {
        let (id, lease) = try await running()
        try await database.rows(
            "insert into providers (name, kind, base_url) values ('far', 'novita', 'https://far.example')")
        var begun: [String?] = []
        for _ in 0..<2 {
            let verdict = try? await SubmitBook().begin(
                lease: lease.value, picture: 0, provider: 1, canCancel: false, cost: ProviderCost(micro: 4000, currency: "USD"),
                in: database.pool)
            if case .begun(let submit) = verdict {
                begun.append("begun")
                try await SubmitBook().record(submit, .unknown, in: database.pool)
            } else {
                begun.append("not begun")
            }
        }
        try await database.rows("update leases set until = clock_timestamp() - interval '1 second'")
        _ = try await queue.rescue(in: database.pool)
        // What it may be billed is known, and reported.
        try await SubmitBook().record(1, .abandoned, in: database.pool)
        let possible = try await database.rows("select sum(possible) from usage_tail where provider = 'far'")
        let state = try await database.rows("select state from tasks where id = \(id.value)")
        return expect("submits", [begun], [["begun", "not begun"]]) + expect("state", state, [["pending"]])
            + expect("possible costs", possible, [["4000"]])
            + expect("credits", try await credits(), [234_000, 26_000, 0])
    }

    /// Two grants with dates: the nearer is spent first, neither expires early, and what is over cannot be spent.
    private func dates() async throws -> [String] {
        for hours in [2, 1] {
            try await database.rows(
                """
                select grant_credits(\(acme.walletID), 26000, clock_timestamp() + interval '\(hours) hours', 'test', 'test')
                """)
        }
        _ = try await CreditBook().expireDue(in: database.pool)
        try await database.admitted([acme.submission()])
        let drawn = try await database.rows("select reserved from expiring_grants order by expires_at")
        var found = expect("drawn", drawn, [["26000"], ["0"]])
        found += expect("credits", try await credits(), [286_000, 26_000, 0])
        try await database.rows(
            """
            update expiring_grants set expires_at = expires_at - interval '3 hours';
            update wallets set next_expiry = next_expiry - interval '3 hours'
            """)
        let accepted = try await database.admit((0..<11).map { _ in acme.submission() }).count { $0.word == "accepted" }
        return found + expect("accepted after the dates", accepted, 10)
    }
}
