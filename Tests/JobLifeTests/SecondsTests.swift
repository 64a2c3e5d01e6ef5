import Domain
import Providers
import TestSupport
import Testing

@testable import JobLife

/// Prices by the second: what the providers tell of their time is settled, within what was reserved.
@Suite(.timeLimit(.minutes(5))) struct SecondsTests {
    /// What each picture's provider tells, and what is settled at 1,000 a second and at most 30 seconds a picture.
    struct Case: Sendable, CustomTestStringConvertible {
        let told: [Int]
        let settled: Int64
        var testDescription: String { "\(told)" }
    }

    private static let cases = [
        Case(told: [12], settled: 12_000), Case(told: [30], settled: 30_000), Case(told: [31], settled: 30_000),
        Case(told: [86_400], settled: 30_000), Case(told: [0], settled: 0), Case(told: [1, 2, 3], settled: 6000),
        // The most is that of all pictures together, as it was reserved.
        Case(told: [40, 5], settled: 45_000), Case(told: [90, 5], settled: 60_000),
    ]

    private func order(_ house: House, pictures: Int) async throws -> TaskID {
        try await house.database.setPrice(rule: .perSecond, micro: 1000, unitsMax: 30)
        let id = try await admit(house.database, house.tenant.submission().changed(pictures: pictures))
        #expect(try await house.tenant.balance(house.database).reserved == Int64(30_000 * pictures))
        house.hints.heard()
        _ = await house.closed.next()
        return id
    }

    private func made(_ seconds: Int?) -> SubmitAnswer { .made(ProviderPicture(.bytes(Remote.picture), seconds: seconds)) }

    @Test(arguments: cases) func whatTheProviderTellsIsSettled(given: Case) async throws {
        let far = Remote("far", submits: given.told.map(made))
        try await withHouse(remotes: [far]) { house in
            let id = try await order(house, pictures: given.told.count)
            #expect(try await house.task(id) == ["completed", "\(given.settled)", nil])
            #expect(try await house.tenant.balance(house.database) == (1_000_000 - given.settled, 0, given.settled))
        }
    }

    /// The seconds of a job that was polled for come with its picture.
    @Test func aPolledJobTellsItsSecondsToo() async throws {
        let far = Remote("far", polls: [.waiting(progress: nil), .made(ProviderPicture(.link("/x"), seconds: 7))])
        try await withHouse(remotes: [far]) { house in
            let id = try await order(house, pictures: 1)
            #expect(try await house.task(id) == ["completed", "7000", nil])
        }
    }

    /// A provider that tells no time is not free: our own clock counts from handing the job over.
    @Test func whoTellsNothingIsTimed() async throws {
        let polled = Remote("far", polls: [.waiting(progress: nil), .made(ProviderPicture(.link("/x")))])
        for far in [Remote("far", submits: [made(nil)]), polled] {
            try await withHouse(remotes: [far]) { house in
                let id = try await order(house, pictures: 2)
                let settled = Int64(try await house.task(id)[1] ?? "") ?? 0
                #expect((2000...60_000).contains(settled) && settled % 1000 == 0, "each picture counts from one second on")
            }
        }
    }

    @Test func whatFailsIsFreeWhateverItsTime() async throws {
        let far = Remote("far", submits: [made(9), .refused(ProviderFault(.moderated, "no"))])
        try await withHouse(remotes: [far]) { house in
            let id = try await order(house, pictures: 2)
            #expect(try await house.task(id) == ["failed", "0", "content_policy_violation"])
            #expect(try await house.tenant.balance(house.database) == (1_000_000, 0, 0))
        }
    }
}
