import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Ledger

extension LedgerSuites {
    /// What counts as off, and what does not.
    @Suite struct InvoiceBookTests {
        @Test func eachFaultIsFoundOnceAndNothingElse() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([
                .init(id: "right", cost: 4200), .init(id: "right too", cost: 4200), .init(id: "dear", cost: 4200),
                .init(id: "cheap", cost: 4200), .init(id: "twice", cost: 4200), .init(id: "euros", cost: 4200),
                .init(id: "forgotten", cost: 4200), .init(id: "free", cost: nil), .init(id: "free too", cost: 0),
                .init(id: "not so free", cost: nil), .init(id: "forgotten and free", cost: nil),
                .init(provider: "other", id: "of another", cost: 4200), .init(id: nil, cost: 77),
            ])
            let result = try await scene.compare(
                """
                time,amount,id,currency
                2026-11-10,0.0042,right,USD
                2026-11-10,0.0043,dear,USD
                2026-11-10,0.0041,cheap,USD
                2026-11-10,0.0042,twice,USD
                2026-11-10,0.0042,euros,EUR
                2026-11-10,0.0042,of nobody,USD
                2026-11-10,0,of nobody and nothing,USD
                2026-11-10,0,free,USD
                2026-11-10,0,free too,USD
                2026-11-10,0.001,not so free,USD
                2026-11-10,0.0042,twice,USD
                2026-11-10,0.0099,twice,EUR
                2026-11-10,0.0042,of another,USD
                2026-11-10,0.5,,USD
                2026-11-10,0.25,,USD
                2026-12-01,0.0042,right too,USD
                2026-10-31,0.0042,of October,USD
                """)
            #expect(
                result.findings.map(\.words) == [
                    "billed_unknown 7 of nobody 4200 USD / 0 USD", "billed_unknown 14 of another 4200 USD / 0 USD",
                    "billed_unknown 15 - 500000 USD / 0 USD", "billed_unknown 16 - 250000 USD / 0 USD",
                    "not_billed - forgotten 0 USD / 4200 USD", "not_billed - - 0 USD / 77 USD",
                    "price_drift 3 dear 4300 USD / 4200 USD", "price_drift 4 cheap 4100 USD / 4200 USD",
                    "price_drift 11 not so free 1000 USD / 0 USD", "duplicate 12 twice 4200 USD / 0 USD",
                    "duplicate 13 twice 9900 EUR / 0 EUR", "other_currency 6 euros 4200 EUR / 4200 USD",
                    "other_period 17 right too 4200 USD / 0 USD", "other_period 18 of October 4200 USD / 0 USD",
                ])
            #expect(result.count(nil) == 5 && result.run.lines == 17 && !result.isClean)
            #expect(
                result.totals == [
                    InvoiceTotal(currency: "EUR", billed: 14_100, expected: 0, rounding: 0),
                    InvoiceTotal(currency: "USD", billed: 788_800, expected: 25_277, rounding: 0),
                ])
            let drift = try #require(result.findings.first { $0.providerTaskID == "dear" })
            #expect(drift.billedAt == Date(timeIntervalSince1970: 1_794_268_800) && drift.taskID == 3)
            #expect(drift.endedAt == Date(timeIntervalSince1970: 1_794_312_005))
        }

        @Test func aCleanInvoiceIsClean() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200), .init(id: "b", cost: 1)])
            let result = try await scene.compare(lines: ["b,0.000001,usd", "a,4.2e-3,USD"])
            #expect(result.isClean && result.findings.isEmpty && result.count(nil) == 2)
            #expect(result.totals == [InvoiceTotal(currency: "USD", billed: 4201, expected: 4201, rounding: 0)])
        }

        /// 0.00425 is 0.0043 on an invoice of four decimals, and a line that is not rounded is right as well.
        @Test func aLineMayDifferAsFarAsRoundingHalfUpGoes() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([
                .init(id: "up", cost: 4250), .init(id: "down", cost: 4249), .init(id: "exact", cost: 4251),
                .init(id: "too far up", cost: 4249), .init(id: "too far down", cost: 4250), .init(id: "to nothing", cost: 49),
            ])
            let lines = [
                "up,0.0043,USD", "down,0.0042,USD", "exact,0.004251,USD", "too far up,0.0043,USD", "too far down,0.0042,USD",
                "to nothing,0,USD",
            ]
            let rounded = try await scene.compare(lines: lines) { $0.roundingDecimals = 4 }
            #expect(
                rounded.findings.map(\.words) == [
                    "price_drift 5 too far up 4300 USD / 4249 USD", "price_drift 6 too far down 4200 USD / 4250 USD",
                ])
            // 50 too much, 49 too little, 49 too little.
            #expect(rounded.totals.map(\.rounding) == [-48])
            let exact = try await scene.compare(lines: lines)
            #expect(exact.count(.priceDrift) == 5 && exact.totals.map(\.rounding) == [0])
            let whole = try await scene.compare(lines: ["up,0,USD"]) { $0.roundingDecimals = 0 }
            #expect(whole.count(.priceDrift) == 0)
        }

        /// A job that crosses a border may be on either invoice.
        @Test func theBordersOfThePeriodMissNothingAndAccuseNobody() async throws {
            let scene = try await InvoiceScene.make()
            let before = "2026-10-31 23:59:59Z"
            try await scene.done([
                .init(id: "crosses the start", cost: 1, started: before, ended: "2026-11-01 00:00:05Z"),
                .init(id: "first", cost: 1, started: "2026-11-01 00:00:00Z", ended: "2026-11-01 00:00:05Z"),
                .init(id: "last", cost: 1, started: "2026-11-30 23:59:50Z", ended: "2026-11-30 23:59:59.999Z"),
                .init(id: "crosses the end", cost: 1, started: "2026-11-30 23:59:59Z", ended: "2026-12-01 00:00:00Z"),
                .init(id: "of October", cost: 1, started: "2026-10-31 01:00:00Z", ended: "2026-10-31 01:00:05Z"),
                .init(id: "long ago", cost: 1, started: "2026-10-30 12:00:00Z", ended: "2026-10-30 23:59:59Z"),
                .init(id: "much later", cost: 1, started: "2026-12-02 00:00:00Z", ended: "2026-12-02 00:00:00Z"),
            ])
            #expect(
                try await scene.compare(lines: ["crosses the start,0.000001,USD"]).findings.map(\.providerTaskID)
                    == ["first", "last"])
            let all = ["first", "last", "crosses the end", "of October", "long ago", "much later"]
            let result = try await scene.compare(lines: all.map { "\($0),0.000001,USD" })
            #expect(
                result.findings.map(\.words) == [
                    "billed_unknown 6 long ago 1 USD / 0 USD", "billed_unknown 7 much later 1 USD / 0 USD",
                ])
        }

        @Test func attemptsOfOneProviderTaskAreBilledOnce() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([
                .init(id: "taken over", cost: nil), .init(id: "taken over", cost: 4200), .init(id: "lost", cost: 4200),
                .init(id: "lost", cost: 4200),
            ])
            let result = try await scene.compare(lines: ["taken over,0.0042,USD"])
            #expect(result.findings.map(\.words) == ["not_billed - lost 0 USD / 4200 USD"])
        }

        @Test func aLineInAnotherCurrencyThanAskedIsFoundWhateverWasExpected() async throws {
            let scene = try await InvoiceScene.make()
            try await scene.done([.init(id: "a", cost: 4200, currency: "EUR"), .init(id: "b", cost: 4200)])
            let lines = ["a,0.0042,EUR", "b,0.0042,USD", "c,1,CNY"]
            let asked = try await scene.compare(lines: lines) { $0.currency = "USD" }
            #expect(
                asked.findings.map(\.words) == [
                    "other_currency 2 a 4200 EUR / 4200 EUR", "other_currency 4 c 1000000 CNY / 0 CNY",
                ])
            let open = try await scene.compare(lines: lines)
            #expect(open.findings.map(\.words) == ["billed_unknown 4 c 1000000 CNY / 0 CNY"])
        }

        @Test func aProviderThatDidNothingIsNoName() async throws {
            let scene = try await InvoiceScene.make()
            await #expect(throws: InvoiceError.providerUnknown("acme", known: [])) {
                _ = try await scene.compare(lines: ["a,1,USD"])
            }
            try await scene.done([
                .init(provider: "zeta", id: "a"), .init(provider: "beta", id: "b"), .init(provider: "beta", id: "c"),
            ])
            let error = await #expect(throws: InvoiceError.providerUnknown("acme", known: ["beta", "zeta"])) {
                _ = try await scene.compare(lines: ["a,1,USD"])
            }
            #expect(error?.description == "no job was done by the provider 'acme': there were jobs at 'beta' and 'zeta'")
            #expect(try await scene.kept() == [[nil, nil, nil]])
        }

        // MARK: by chance

        /// Jobs and lines by chance against a comparison by dictionaries.
        @Test func randomInvoicesAgreeWithAModel() async throws {
            for seed in [TestSeed.value, 1, 2, 3] {
                let scene = try await InvoiceScene.make()
                var model = InvoiceModel(seed: seed)
                model.fill()
                try await scene.done(model.done)
                let result = try await scene.compare(model.text, model.format)
                let found = result.findings.map { "\($0.kind.rawValue) \($0.line ?? 0) \($0.providerTaskID ?? "-")" }
                #expect(Set(found) == model.expected && found.count == model.expected.count, "seed \(seed)")
                #expect(model.expected.count > 20, "seed \(seed): too little happened")
                expectExplained(result, "seed \(seed)")
            }
        }

        /// The findings and the rounding explain the difference of each currency to the last millionth.
        private func expectExplained(_ result: InvoiceResult, _ comment: Comment) {
            for total in result.totals {
                let billed = result.findings.reduce(0) { $0 + ($1.currency == total.currency ? $1.billed : 0) }
                let expected = result.findings.reduce(0) { $0 + ($1.expectedCurrency == total.currency ? $1.expected : 0) }
                #expect(total.difference == billed - expected + total.rounding, comment)
            }
        }
    }
}
