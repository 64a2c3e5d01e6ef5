import Admission
import Domain
import TestSupport
import Testing

extension AdmissionSuites {
    /// The database against the textbook: limits of every scope at once, random figures, random histories, random batches.
    @Suite struct ReferenceLimitTests {
        /// The database's clock in microseconds.
        private static let clock = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
        private static let models = ["z-image-turbo", "other"]

        /// A limit as the test has it: which requests it is about, and what it counts.
        private struct Reference {
            let scope: QuotaScope
            /// The place of the key among the tenants; nil is both.
            let key: Int?
            let model: String?
            var rate: ReferenceGCRA?
            var pendingMax: Int?
            var pending = 0
            /// What customers know it by.
            var name: String { (key == nil ? "account" : "key") + (model == nil ? "" : "-model") }

            func concerns(_ request: (key: Int, model: String)) -> Bool {
                (key ?? request.key) == request.key && (model ?? request.model) == request.model
            }
        }

        @Test(arguments: 0..<30) func theDatabaseAgreesWithTheReference(round: UInt64) async throws {
            let seed = TestSeed.value &+ round
            var random = SeededGenerator(state: seed)
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("random")
            try await database.makeModel("other")
            let tenants = [
                try await Tenant.make(database, group: "random", credits: "1000"),
                try await Tenant.make(database, group: "random"),
            ]
            let probe = try await Tenant.make(database, name: "probe", credits: "1000")
            // Some wait already when the limits are set.
            let before = Self.requests(12, &random)
            try await database.admitted(before.map { tenants[$0.key].submission(model: $0.model) })
            var references = try await setLimits(database, tenants, &random)
            for index in references.indices { references[index].pending = before.count { references[index].concerns($0) } }
            for batch in 0..<4 {
                let now = try await database.number(Self.clock)
                try await setHistories(now, &references, database, tenants, &random)
                let requests = Self.requests(Int.random(in: 1...40, using: &random), &random)
                // One of an account without limits is always accepted and carries the moment at which all are judged.
                let verdicts = try await database.admit(
                    [probe.submission()] + requests.map { tenants[$0.key].submission(model: $0.model) })
                let task = try #require(verdicts[0].taskID)
                let moment = try await database.number(
                    "select (extract(epoch from created_at) * 1000000)::bigint from tasks where id = \(task.value)")
                let comment: Comment = "seed \(seed), batch \(batch)"
                for (request, verdict) in zip(requests, verdicts.dropFirst()) {
                    judge(request, verdict, &references, moment, comment)
                }
                try await compareStored(references, database, tenants, comment)
            }
            #expect(try await ledgerDrift(database) == [])
        }

        private static func requests(_ count: Int, _ random: inout SeededGenerator) -> [(key: Int, model: String)] {
            (0..<count).map { _ in (Int.random(in: 0...1, using: &random), models.randomElement(using: &random)!) }
        }

        private func setLimits(
            _ database: TestDatabase, _ tenants: [Tenant], _ random: inout SeededGenerator
        ) async throws -> [Reference] {
            var references: [Reference] = []
            for scope in QuotaScope.allCases {
                for key in scope == .key ? [0, 1] : [nil] {
                    for model in [nil] + Self.models.map(Optional.some) where Int.random(in: 0..<3, using: &random) > 0 {
                        var reference = Reference(scope: scope, key: key, model: model)
                        let rpm = Int.random(in: 0..<4, using: &random) > 0 ? Int.random(in: 1...100_000, using: &random) : nil
                        let burst = Bool.random(using: &random) ? Int.random(in: 1...30, using: &random) : nil
                        if let rpm { reference.rate = ReferenceGCRA(perMinute: rpm, burst: burst, arrival: 0) }
                        if Bool.random(using: &random) { reference.pendingMax = Int.random(in: 5...60, using: &random) }
                        guard reference.rate != nil || reference.pendingMax != nil else { continue }
                        try await database.limit(
                            scope, subject(scope, key, tenants), model: model, rpm: rpm, burst: rpm == nil ? nil : burst,
                            pending: reference.pendingMax)
                        references.append(reference)
                    }
                }
            }
            return references
        }

        private func subject(_ scope: QuotaScope, _ key: Int?, _ tenants: [Tenant]) -> String {
            scope == .group ? "random" : key.map { String(tenants[$0].keyID) } ?? tenants[0].name
        }

        /// Where the arrival time of a limit is kept.
        private func place(_ reference: Reference, _ tenants: [Tenant]) -> (table: String, condition: String) {
            switch (reference.scope, reference.model) {
            case (.group, nil): return ("wallets", "id = \(tenants[0].walletID)")
            case (.key, nil): return ("api_keys", "id = \(tenants[reference.key ?? 0].keyID)")
            default:
                let subject = reference.scope == .account ? tenants[0].accountID : tenants[reference.key ?? 0].keyID
                let isOwn = reference.scope == .group ? "l.scope = 'group'"
                    : "l.scope = '\(reference.scope.rawValue)' and l.subject_id = \(subject)"
                let model = reference.model.map { "l.model_id = (select id from models where name = '\($0)')" }
                return (
                    "limit_counters",
                    "limit_id = (select l.id from limits l where \(isOwn) and \(model ?? "l.model_id is null"))"
                )
            }
        }

        /// From long idle to far ahead of the clock.
        private func setHistories(
            _ now: Int64, _ references: inout [Reference], _ database: TestDatabase, _ tenants: [Tenant],
            _ random: inout SeededGenerator
        ) async throws {
            for index in references.indices where references[index].rate != nil {
                let arrival = now + Int64.random(in: -60_000_000...2_000_000, using: &random)
                references[index].rate?.arrival = arrival
                let place = place(references[index], tenants)
                try await database.rows("update \(place.table) set rate_tat = \(arrival) where \(place.condition)")
            }
        }

        /// What the reference says to a request, compared with what the database said.
        private func judge(
            _ request: (key: Int, model: String), _ verdict: Verdict, _ references: inout [Reference], _ now: Int64,
            _ comment: Comment
        ) {
            let own = references.indices.filter { references[$0].concerns(request) }
            let rates = own.compactMap { index in references[index].rate.map { (references[index].name, $0) } }
            let wait = rates.map { $0.1.wait(at: now) }.max() ?? 0
            let isFull = own.contains { references[$0].pending >= references[$0].pendingMax ?? Int.max }
            let word = wait > 0 ? "rate_limited" : isFull ? "too_many_pending" : "accepted"
            #expect(verdict.word == word, comment)
            #expect((verdict.rate == nil) == rates.isEmpty, comment)
            if let rate = verdict.rate {
                let left = rates.map { $0.1.remaining(at: now) }.min() ?? 0
                #expect(rate.remaining == (wait > 0 ? 0 : word == "accepted" ? left : left + 1), comment)
                // Several may be as strict as the one that is told.
                let isThere = rates.contains { name, reference in
                    let next = wait > 0 ? wait : reference.refill(at: now)
                    let isStrictest = wait > 0 ? reference.wait(at: now) == wait : reference.remaining(at: now) == left
                    return isStrictest && name == rate.scope && reference.limit == rate.limit && reference.burst == rate.burst
                        && next == rate.nextMicroseconds
                }
                #expect(isThere, comment)
            }
            if case .failure(.rateLimited(let seconds)) = verdict.outcome {
                #expect(Int64((seconds * 1_000_000).rounded()) == wait, comment)
            }
            if word == "too_many_pending" {
                let full = own.filter { references[$0].pending >= references[$0].pendingMax ?? Int.max }.map { references[$0].name }
                #expect(full.contains(verdict.fullScope ?? ""), comment)
            }
            guard word == "accepted" else { return }
            for index in own {
                references[index].rate?.accept(at: now)
                references[index].pending += 1
            }
        }

        private func compareStored(
            _ references: [Reference], _ database: TestDatabase, _ tenants: [Tenant], _ comment: Comment
        ) async throws {
            for reference in references {
                let place = place(reference, tenants)
                if let rate = reference.rate {
                    let stored = try await database.number("select rate_tat from \(place.table) where \(place.condition)")
                    #expect(stored == rate.arrival, comment)
                }
                guard place.table == "limit_counters" else { continue }
                let pending = try await database.number("select pending from limit_counters where \(place.condition)")
                #expect(pending == reference.pending, comment)
            }
        }
    }
}
