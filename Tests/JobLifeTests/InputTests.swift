import Admission
import Domain
import Foundation
import Images
import Postgres
import Providers
import Queue
import TestSupport
import Testing

@testable import JobLife

/// Tasks that start from pictures, from their submit to the end of their money.
@Suite(.timeLimit(.minutes(5))) struct InputTests {
    private let picture = TestPictures.png(width: 64, height: 64, 10, 20, 30)

    @Test func theProviderGetsWhatTheCustomerNames() async throws {
        let customer = try await TLSCustomer()
        let (image, mask) = (
            try customer.serve(picture, as: "fails-once.png"),
            try customer.serve(TestPictures.mask(width: 64, height: 64, whiteColumns: 8), as: "m.png")
        )
        let jobs = Events<ProviderJob>()
        try await withHouse(trusting: customer) { job, _ in
            jobs.add(job)
            return [1]
        } _: { house in
            let id = try await house.submit(inputs: ImageInputs(image: .url(image), mask: .url(mask), strength: 0.3))
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["completed", "26000", nil])
            #expect(try await house.database.rows("select operation from tasks") == [["inpaint"]])
            let job = try #require(await jobs.next())
            let inputs = try #require(job.inputs)
            #expect(inputs.strength == 0.3 && inputs.image.starts(with: [0x89, 0x50]) && inputs.mask != nil)
            // Of the picture three lines are seen: two tries, and the mask.
            for path in ["/files/fails-once.png", "/files/fails-once.png", "/files/m.png"] {
                #expect(try await customer.nextSeen().path == path)
            }
        }
    }

    @Test func theProviderGetsWhatTheCustomerSent() async throws {
        let jobs = Events<ProviderJob>()
        let picture = picture
        try await withHouse { job, _ in
            jobs.add(job)
            return [1]
        } _: { house in
            let intake = InputIntake(store: house.store, egress: EgressRule(), nowSeconds: { 7200 })
            try await house.submit(inputs: try await intake.checked(image: .file(picture), transparencyMask: nil, strength: nil).inputs)
            _ = await house.closed.next()
            #expect(await jobs.next()?.inputs?.strength == 0.6)
            // One that was swept before its turn came.
            let gone = try await intake.checked(image: .file(picture), transparencyMask: nil, strength: nil).inputs
            await intake.discard(gone)
            let id = try await house.submit(inputs: gone)
            _ = await house.closed.next()
            #expect(try await house.task(id) == ["failed", "0", "image_processing_error"])
        }
    }

    @Test func whatCannotBeFetchedIsRefundedAndNobodyIsAsked() async throws {
        let customer = try await TLSCustomer()
        let picture = try customer.serve(picture, as: "a.png")
        let other = try customer.serve(TestPictures.mask(width: 65, height: 64, whiteColumns: 8), as: "m.png")
        let broken = try customer.serve([0x89], as: "broken.png")
        try await withHouse(trusting: customer) { _, _ in
            Issue.record("the provider was asked")
            return [1]
        } _: { house in
            let faults: [(ImageInputs, code: String, start: String)] = [
                (ImageInputs(image: .url(customer.url("/404"))), "image_processing_error", "image_url: "),
                (ImageInputs(image: .url(customer.url("/302/redirect"))), "image_processing_error", "image_url: "),
                (ImageInputs(image: .url("https://10.0.0.1/")), "image_processing_error", "image_url: "),
                (ImageInputs(image: .url(broken)), "image_processing_error", "image_url: "),
                (ImageInputs(image: .url(picture), mask: .url(customer.url("/503"))), "image_processing_error", "mask: "),
                (ImageInputs(image: .url(picture), mask: .url(other)), "image_dimension_mismatch", "mask: "),
            ]
            for (inputs, code, start) in faults {
                let id = try await house.submit(inputs: inputs)
                _ = await house.closed.next()
                #expect(try await house.task(id) == ["failed", "0", code])
                let message = try await house.database.rows("select error_message from tasks where id = \(id.value)")[0][0]
                #expect(message?.hasPrefix(start) == true && message?.hasSuffix("You were not charged.") == true, "\(message ?? "-")")
                #expect(message?.contains("10.0.0.1") == false)
            }
            let balance = try await house.tenant.balance(house.database)
            #expect([balance.available, balance.reserved, balance.settled] == [1_000_000, 0, 0])
            #expect(try await house.database.number("select count(*) from entries where kind = 'refund'") == faults.count)
            #expect(try await house.database.number("select count(*) from attempts where provider is not null") == 0)
        }
    }

    @Test func aProviderIsNotAskedForWhatItCannotDo() async throws {
        try await withHouse(operations: [.generate]) { _, _ in
            [1]
        } _: { house in
            let edit = try await house.submit(inputs: ImageInputs(image: .url("https://example.com/")))
            _ = await house.closed.next()
            #expect(try await house.task(edit) == ["failed", "0", "invalid_parameters"])
            let plain = try await house.submit()
            _ = await house.closed.next()
            #expect(try await house.task(plain) == ["completed", "26000", nil])
        }
    }

    @Test func aFetchEndsWithItsLease() async throws {
        let customer = try await TLSCustomer()
        try await withHouse(slots: 1, heartbeatSeconds: 0.02, trusting: customer) { _, _ in
            [1]
        } _: { house in
            let id = try await house.submit(inputs: ImageInputs(image: .url(customer.url("/200/silent"))))
            #expect(try await customer.nextSeen().method == "GET")
            _ = try await house.queue.cancel([id], walletID: nil, alsoRunning: true, in: house.database.pool)
            #expect(try await customer.nextSeen().method == "CUT")
            #expect(try await house.task(id)[0] == "cancelled")
        }
    }

    @Test func picturesOfRequestsThatBecomeNoTaskAreRemoved() async throws {
        let database = try await TestDatabase.fresh()
        let tenant = try await Tenant.make(database, credits: "0.06")
        let folder = FileManager.default.temporaryDirectory.appending(path: "inputs-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = FolderStore(folder: folder)
        let intake = InputIntake(store: store, egress: EgressRule(), nowSeconds: { 7200 })
        let admit = Admit(
            database.pool, hints: Hints(database.pool, queue: TaskQueue(leaseSeconds: 60)), discard: intake.discard, logger: silent)
        let running = Task { await admit.run() }
        func submit(_ key: String?) async throws -> Verdict {
            try await admit(
                tenant.submission(
                    idempotencyKey: key,
                    inputs: try await intake.checked(image: .file(picture), transparencyMask: nil, strength: nil).inputs))
        }
        func kept() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "\(folder)/2").count }
        #expect(try await submit("a").word == "accepted")
        #expect(try kept() == 1)
        #expect(try await submit("a").word == "replayed")
        #expect(try kept() == 1, "the picture of the first stays")
        #expect(try await submit(nil).word == "accepted")
        #expect(try await submit(nil).word == "credits_insufficient")
        #expect(try kept() == 2)
        let paths = try await database.rows("select request->'inputs'->'image'->>'stored' from tasks")
        for path in paths {
            let picture = try await store.read(try #require(path[0].flatMap { ImagePath($0) }))
            #expect(picture == self.picture)
        }
        admit.finish()
        await running.value
    }
}
