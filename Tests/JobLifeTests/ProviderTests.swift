import Domain
import Postgres
import Providers
import Queue
import TestSupport
import Testing

@testable import JobLife

/// Jobs at hosted providers that a test scripts: what becomes of the task, the money and the book of submits.
@Suite(.timeLimit(.minutes(5))) struct ProviderTests {
    /// State, provider's id and fault of every submit, from the first on.
    private func book(_ house: House) async throws -> [[String?]] {
        try await house.database.rows(
            """
            select p.name, s.state, s.provider_task_id, s.fault, s.cost
            from provider_submits s join providers p on p.id = s.provider_id order by s.id
            """)
    }

    /// The costs in usage, and what of each is only possible.
    private func costs(_ house: House) async throws -> [[String?]] {
        try await house.database.rows("select provider, cost, possible from usage_facts where cost <> 0 order by id")
    }

    private func paid(_ house: House) async throws -> [Int64] {
        let balance = try await house.tenant.balance(house.database)
        return [balance.available, balance.reserved, balance.settled]
    }

    @Test func aJobIsHandedOverFollowedAndPaid() async throws {
        let far = Remote("far", polls: [.waiting(progress: nil), .waiting(progress: 40), .made(ProviderPicture(.link("/x")))])
        try await withHouse(remotes: [far]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
            #expect(try await book(house) == [["far", "made", "p-1", nil, "4000"]])
            let attempt = try await house.database.rows("select number, provider, provider_task_id, cost, currency from attempts")
            #expect(attempt == [["1", "far", "p-1", "4000", "USD"]])
            #expect(try await costs(house) == [["far", "4000", "0"]])
            #expect(far.submitted.value.count == 1)
        }
    }

    @Test func anotherProviderIsAskedWhereTheFirstRefuses() async throws {
        for fault in [ProviderFault(.away, "503"), ProviderFault(.busy(retryAfterSeconds: 30), "429"), ProviderFault(.settings, "401")] {
            let (first, second) = (Remote("first", submits: [.refused(fault)]), Remote("second"))
            try await withHouse(remotes: [first, second]) { house in
                for _ in 0..<3 {
                    let id = try await house.submit()
                    _ = await house.closed.next()
                    #expect(try await house.task(id) == ["completed", "26000", nil], "\(fault)")
                }
                let states = try await book(house).map { $0[1] }
                #expect(states.filter { $0 == "made" }.count == 3)
                // Where it said enough, it is left alone from the first answer on.
                let asked = first.submitted.value.count
                let expected = fault.kind == .away ? 3 : 1
                #expect(asked == expected, "\(fault)")
            }
        }
    }

    @Test func whatThreeProvidersCannotMakeIsRefunded() async throws {
        let fault = SubmitAnswer.refused(ProviderFault(.failed, "no picture came of it"))
        let remotes = ["a", "b", "c", "d"].map { Remote($0, submits: [fault]) }
        try await withHouse(remotes: remotes) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "generation_failed_no_content"])
            #expect(try await book(house).map { $0[0] } == ["a", "b", "c"])
            #expect(remotes[3].submitted.value.isEmpty)
        }
    }

    @Test func aJobThatIsRefusedForItsContentIsNotTriedElsewhere() async throws {
        let (first, second) = (Remote("first", polls: [.failed(ProviderFault(.moderated, "no"))]), Remote("second"))
        try await withHouse(remotes: [first, second]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "content_policy_violation"])
            #expect(second.submitted.value.isEmpty)
        }
    }

    @Test func aLostAnswerIsNeverPaidTwice() async throws {
        let (first, second) = (Remote("first", submits: [.unknown("connection lost")], deadlineSeconds: 1), Remote("second"))
        try await withHouse(remotes: [first, second]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "generation_timeout"])
            #expect(try await book(house) == [["first", "abandoned", nil, "unknown", "4000"]])
            #expect(first.submitted.value.count == 1 && second.submitted.value.isEmpty)
            #expect(try await paid(house) == [1_000_000, 0, 0])
            // What it may cost is known where the invoice is compared, and in the margin.
            #expect(try await house.database.rows("select provider, cost from expected_bills") == [["first", "4000"]])
            #expect(try await costs(house) == [["first", "4000", "4000"]])
        }
    }

    @Test func aLostAnswerIsAskedForAgainWhereThatIsTheSameJob() async throws {
        let lost = SubmitAnswer.unknown("connection lost")
        let busy = SubmitAnswer.refused(ProviderFault(.busy(retryAfterSeconds: nil), "429"))
        let far = Remote("far", submits: [lost, lost, busy, .accepted(id: "p-9")], deduplicates: true)
        try await withHouse(remotes: [far]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
            #expect(far.submitted.value.count == 4 && Set(far.submitted.value).count == 1, "one name for one job")
            #expect(try await book(house) == [["far", "made", "p-9", nil, "4000"]])
        }
    }

    @Test func anAcceptedJobIsFollowedByAnotherNode() async throws {
        let far = Remote("far", polls: [.waiting(progress: 10)])
        try await withHouse(heartbeatSeconds: 0.02, remotes: [far]) { house in
            let id = try await house.submit()
            _ = await far.polls.next()
            // Its node goes silent: the lease runs out, and whoever claims the task next goes on with the same job.
            try await loseLease(of: id, house)
            far.answerPolls([.made(ProviderPicture(.link("/x")))])
            house.hints.heard()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
            #expect(far.submitted.value.count == 1)
            #expect(try await book(house).count == 1)
        }
    }

    @Test func aSubmitThatMayHaveLeftIsNotSentAgain() async throws {
        let (first, second) = (Remote("first", gate: Gate(), deadlineSeconds: 1), Remote("second"))
        try await withHouse(heartbeatSeconds: 0.02, remotes: [first, second]) { house in
            let id = try await house.submit()
            _ = await first.submits.next()
            #expect(try await book(house) == [["first", "intended", nil, nil, "4000"]])
            // Its node goes silent before it hears an answer.
            try await loseLease(of: id, house)
            house.hints.heard()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "generation_timeout"])
            #expect(first.submitted.value.count == 1 && second.submitted.value.isEmpty)
            #expect(try await book(house) == [["first", "abandoned", nil, "unknown", "4000"]])
        }
    }

    @Test func aPictureThatWasMadeWhileNobodyWasThereIsDelivered() async throws {
        let far = Remote("far", gate: Gate())
        try await withHouse(heartbeatSeconds: 0.02, remotes: [far]) { house in
            let id = try await house.submit()
            _ = await far.submits.next()
            try await loseLease(of: id, house) {
                try await eventually { try await book(house).map { $0[1] } == ["unknown"] }
                // The next node hears the answer and goes silent too, and the deadline passes.
                try await house.database.rows(
                    """
                    update provider_submits set state = 'accepted', provider_task_id = 'p-1', deadline = now() - interval '1 minute'
                    """)
            }
            house.hints.heard()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil], "it is paid for, so it is asked for")
            #expect(far.submitted.value.count == 1)
        }
    }

    private func loseLease(of id: TaskID, _ house: House, _ meanwhile: () async throws -> Void = {}) async throws {
        try await house.database.rows(
            """
            delete from leases;
            insert into leases (task_id, wallet_id, node, attempt, until)
            values (\(id.value), \(house.tenant.walletID), 'dead', 1, now() - interval '1 second')
            """)
        try await meanwhile()
        #expect(try await house.queue.rescue(in: house.database.pool) == 1)
    }

    @Test func aCancelledJobIsStoppedAtTheProvider() async throws {
        let far = Remote("far", polls: [.waiting(progress: 10)], cancel: .cancelled)
        try await withHouse(heartbeatSeconds: 0.02, remotes: [far]) { house in
            let id = try await house.submit()
            _ = await far.polls.next()
            let verdict = try await house.queue.cancel([id], walletID: nil, alsoRunning: true, in: house.database.pool)
            #expect(verdict[id] == .cancelled)
            #expect(try await paid(house) == [1_000_000, 0, 0])
            #expect(await house.late() == 1)
            #expect(await far.cancels.next() == "p-1")
            #expect(try await book(house) == [["far", "refused", "p-1", "cancelled", "4000"]])
            #expect(try await house.database.number("select count(*) from expected_bills") == 0)
        }
    }

    @Test func aPictureThatComesTooLateCostsTheCustomerNothingAndIsKnown() async throws {
        let far = Remote("far", polls: [.waiting(progress: 10)], deadlineSeconds: 1)
        try await withHouse(remotes: [far]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "generation_timeout"])
            #expect(try await book(house) == [["far", "accepted", "p-1", nil, "4000"]])
            let own = ProviderCost(micro: 5000, currency: "USD")
            far.answerPolls([.made(ProviderPicture(.link("/x"), cost: own))])
            #expect(await house.late() == 1)
            #expect(try await book(house) == [["far", "made", "p-1", nil, "5000"]], "what it says that it bills")
            #expect(try await paid(house) == [1_000_000, 0, 0])
            #expect(
                try await house.database.rows("select provider, provider_task_id, cost from expected_bills") == [["far", "p-1", "5000"]])
            #expect(try await costs(house) == [["far", "5000", "0"]])
            #expect(await house.late() == 0, "nothing is left to ask")
        }
    }

    @Test func anAnswerThatComesAfterItsSubmitWasGivenUpIsAskedFor() async throws {
        let far = Remote("far", submits: [.unknown("connection lost")], deadlineSeconds: 1)
        try await withHouse(remotes: [far]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "generation_timeout"])
            #expect(try await costs(house) == [["far", "4000", "4000"]], "it is possible")
            // A node that slept wakes up with the answer.
            let submit = try await house.database.number("select id from provider_submits")
            #expect(try await SubmitBook().record(Int64(submit), .accepted, providerTaskID: "p-1", in: house.database.pool))
            #expect(await house.late() == 1)
            #expect(try await book(house) == [["far", "made", "p-1", nil, "4000"]])
            #expect(
                try await costs(house) == [["far", "4000", "4000"], ["far", "-4000", "-4000"], ["far", "4000", "0"]], "it is certain")
            #expect(try await paid(house) == [1_000_000, 0, 0])
        }
    }

    @Test func aFullProviderHoldsUpNobodyElse() async throws {
        let far = Remote("far", polls: [.waiting(progress: 10)], maxRunning: 1)
        try await withHouse(slots: 1, remotes: [far]) { house in
            let first = try await house.submit("first")
            _ = await far.polls.next()
            // The only slot is free: the second is put aside, and a task of the sandbox passes both.
            let second = try await house.submit("second")
            let test = try await Tenant.make(house.database, mode: .test)
            let third = try await admit(house.database, test.submission())
            house.hints.heard()
            _ = await house.closed.next()
            #expect(try await house.task(third)[0] == "completed")
            #expect(try await house.task(first)[0] == "processing")
            far.answerPolls([.made(ProviderPicture(.link("/x")))])
            _ = await house.closed.next()
            #expect(try await house.task(first)[0] == "completed")
            while try await house.task(second)[0] != "completed" {
                try Task.checkCancellation()
                if try await house.queue.returnAside(in: house.database.pool) > 0 { house.hints.heard() }
            }
            #expect(far.submitted.value.count == 2)
        }
    }

    @Test func aBrokenPictureIsFetchedAgainAndAnExpiredLinkAskedForAnew() async throws {
        let cut = Array(Remote.picture.dropLast(Remote.picture.count / 2))
        let far = Remote("far", fetches: [cut, [], [0], Remote.picture])
        try await withHouse(remotes: [far]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
        }
        let broken = Remote("broken", fetches: [cut])
        try await withHouse(remotes: [broken]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "service_error"], "never delivered")
            #expect(broken.submitted.value.count == 1)
            #expect(try await house.database.rows("select cost from attempts") == [["4000"]], "it was billed all the same")
        }
    }

    @Test func aFlaggedPictureIsNotDelivered() async throws {
        let far = Remote("far", polls: [.made(ProviderPicture(.link("/x"), isFlagged: true))])
        try await withHouse(remotes: [far]) { house in
            let id = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "content_policy_violation"])
            #expect(try await house.database.number("select count(*) from expected_bills") == 1)
        }
    }

    @Test func whatNoProviderDoesFailsAtOnceAndWhatNoneCanDoNowWaits() async throws {
        let far = Remote("far", operations: [.generate])
        try await withHouse(remotes: [far]) { house in
            let id = try await house.submit(inputs: ImageInputs(image: .url("https://example.com/")))
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "invalid_parameters"])
            #expect(far.submitted.value.isEmpty)
        }
    }

    @Test func testKeysNeverReachAProvider() async throws {
        let far = Remote("far")
        try await withHouse(remotes: [far]) { house in
            let test = try await Tenant.make(house.database, mode: .test)
            _ = try await admit(house.database, test.submission())
            house.hints.heard()
            _ = await house.closed.next()
            #expect(far.submitted.value.isEmpty)
        }
    }
}
