import Admission
import Domain
import Foundation
import Ledger
import TestSupport
import Testing

extension LedgerSuites {
    @Suite struct QuoteTests {
        private static let groups = ["default", "vip"]
        private static let kinds = ["z-image-turbo", "other"].flatMap { model in
            TaskOperation.allCases.flatMap { operation in
                SizeTier.allCases.map { QuoteRequest(model: model, operation: operation, tier: $0) }
            }
        }

        /// Goal: a quote for a date is what a request of that date is admitted for, and both are what the history says. Method:
        /// random prices over some hours, set and withdrawn as an operator does; quotes for every hour, held against a search
        /// through the history; then time passes, hour by hour, and real requests come.
        @Test func aQuoteIsWhatAdmissionReserves() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.makeGroup("vip")
            try await database.rows("insert into models (name) values ('other')")
            let hour = HourLine()
            try await priceAtRandom(database, hour)
            // Seconds that differ by hour, so that no two versions meet while they are moved.
            let dates = (0..<12).map { hour($0).addingTimeInterval(Double(60 + $0 * 7)) }
            var quotes: [[[Quote?]]] = []
            let history = try await PriceLists().list(PriceFilter(), in: database.pool)
            for date in dates {
                var quoted: [[Quote?]] = []
                for group in Self.groups {
                    let requests = Self.kinds.map {
                        QuoteRequest(model: $0.model, operation: $0.operation, tier: $0.tier, at: date)
                    }
                    let answers = try await PriceLists().quotes(requests, group: group, in: database.pool)
                    #expect(answers.map(\.?.version) == requests.map { version(in: history, for: $0, of: group, at: date) })
                    quoted.append(answers)
                }
                quotes.append(quoted)
            }

            var met: Set<String> = []
            var now = Date()
            for (date, quoted) in zip(dates, quotes) {
                let seconds = date.timeIntervalSince(now).rounded(.down) + 0.5
                try await database.agePrices(by: "\(seconds) seconds")
                now.addTimeInterval(seconds)
                for (group, quotes) in zip(Self.groups, quoted) {
                    let tenant = try await Tenant.make(database, name: "of-\(group)", group: group, credits: "1000")
                    try await compare(quotes, tenant, database)
                    met.formUnion(quotes.map(kindOf))
                }
            }
            #expect(
                met.isSuperset(of: ["none", "default", "vip", "vip for a size", "default for a size"]),
                "TEST_SEED=\(TestSeed.value): \(met)")
            #expect(try await ledgerDrift(database).isEmpty)
        }

        /// The rule in plain words: of what is not withdrawn and has begun, the own before the default's, the size before every
        /// size, the latest before older ones.
        private func version(
            in history: [PriceListing], for request: QuoteRequest, of group: String, at date: Date
        ) -> Int64? {
            let held = history.filter { price in
                price.state != .withdrawn && price.from <= date && [group, "default"].contains(price.group)
                    && (price.scope.model, price.scope.operation) == (request.model, request.operation)
                    && [nil, request.tier].contains(price.scope.tier)
            }
            func rank(_ price: PriceListing) -> (Int, Int, Date) {
                (price.group == group ? 1 : 0, price.scope.tier == nil ? 0 : 1, price.from)
            }
            return held.max { rank($0) < rank($1) }?.version
        }

        /// Prices for all kinds but the last.
        private func priceAtRandom(_ database: TestDatabase, _ hour: HourLine) async throws {
            var random = SeededGenerator(state: TestSeed.value)
            let priced = Self.kinds.dropLast()
            for _ in 0..<80 {
                let kind = priced.randomElement(using: &random) ?? Self.kinds[0]
                let rule = BillingRule.allCases.randomElement(using: &random) ?? .perCall
                let terms = try PriceTerms(
                    rule: rule, amount: Credits(micro: .random(in: 0...9_999, using: &random)),
                    unitsMax: rule == .perCall ? 1 : .random(in: 1...1_000, using: &random))
                let scope = PriceScope(
                    model: kind.model, operation: kind.operation, tier: Bool.random(using: &random) ? kind.tier : nil)
                let version = try await database.set(
                    terms, for: scope, from: hour(.random(in: 0...10, using: &random)),
                    group: Self.groups.randomElement(using: &random) ?? "vip"
                ).version
                if Int.random(in: 0..<5, using: &random) == 0 { try await database.withdraw(version) }
            }
        }

        private func compare(_ quotes: [Quote?], _ tenant: Tenant, _ database: TestDatabase) async throws {
            let verdicts = try await database.admit(Self.kinds.map(tenant.submission))
            for ((kind, quote), verdict) in zip(zip(Self.kinds, quotes), verdicts) {
                guard let quote else {
                    #expect(verdict.word == "price_missing", "\(kind)")
                    continue
                }
                let task = try verdict.outcome.get()
                #expect(task.reserved == quote.reserved, "\(kind)")
                #expect(task.rule == quote.terms.rule, "\(kind)")
                let pinned = try await database.number("select price_id from tasks where id = \(task.id.value)")
                #expect(pinned == quote.version, "\(kind)")
            }
        }

        private func kindOf(_ quote: Quote?) -> String {
            guard let quote else { return "none" }
            return quote.group + (quote.tier == nil ? "" : " for a size")
        }

        @Test func whatIsNotKnownHasNoQuoteAndTheOthersKeepTheirs() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            let known = QuoteRequest(model: "z-image-turbo", operation: .generate, tier: .standard)
            let requests = [
                QuoteRequest(model: "stranger", operation: .generate, tier: .standard), known,
                QuoteRequest(
                    model: "z-image-turbo", operation: .generate, tier: .standard, at: Date(timeIntervalSince1970: 0)),
                known,
            ]
            let quotes = try await PriceLists().quotes(requests, group: "default", in: database.pool)
            #expect(quotes.map(\.?.reserved.micro) == [nil, 26_000, nil, 26_000])
            #expect(try await PriceLists().quotes(requests, group: "nobody", in: database.pool) == [nil, nil, nil, nil])
        }

        /// Admission asks for every batch, so what was in force years ago must not be read again each time.
        @Test func theHistoryDoesNotSlowTheQuote() async throws {
            let database = try await TestDatabase.fresh(connectionsMax: 1)
            try await database.rows(
                """
                insert into prices (group_id, model_id, operation, rule, amount, effective_from)
                select 1, 1, 'generate', 'per_call', n, '2001-01-01'::timestamptz + n * interval '10 hours'
                from generate_series(1, 10000) n
                """)
            try await database.rows("analyze prices")
            let plan = try await database.rows(
                """
                explain (analyze, timing off, summary off)
                select * from price_in_force(1, 1, 'generate', 'standard', now())
                """
            ).compactMap { $0[0] }
            let scans = plan.filter { $0.contains("on prices") }
            #expect(!scans.isEmpty && scans.allSatisfy { $0.contains("Index Scan Backward using prices_in_force") }, "\(plan)")
            #expect(scans.allSatisfy { $0.contains("(actual rows=1 ") || $0.contains("(actual rows=0 ") }, "\(plan)")
        }
    }
}

extension Tenant {
    fileprivate func submission(_ kind: QuoteRequest) -> Submission {
        let side = kind.tier == .large ? 1536 : 1024
        let image = submission().changed(side: side).image
        return Submission(
            keyID: keyID, walletID: walletID, model: kind.model, operation: kind.operation, dialect: "unified", image: image,
            callbackURL: nil, idempotencyKey: nil, fingerprint: [1])
    }
}
