import Admission
import Curl
import Domain
import Foundation
import Moderation
import TestSupport
import Testing

@testable import JobLife

/// The picture of a job that asked for strict moderation is judged before it is stored.
@Suite(.timeLimit(.minutes(5))) struct ModeratePictureTests {
    private func withHouseAndChecker(
        _ path: String, shape: CheckerShape = .moderations, _ test: @escaping @Sendable (House, FakeModerator) async throws -> Void
    ) async throws {
        let fake = try await FakeModerator()
        let transfers = Transfers()
        let settings = CheckerSettings(
            shape: shape, url: fake.url(path), key: nil, model: "m", timeoutSeconds: 20, basic: try Thresholds("sexual=0.9"),
            strict: try Thresholds("sexual=0.4,violence=0.5"))
        let egress = EgressRule(allowances: try EgressAllowance.parse("127.0.0.1/32:*"))
        let checker = Checker(settings, transfers: transfers, egress: egress)
        try await withHouse(checkers: [checker], work: { _, _ in [1, 2, 3] }) { house in try await test(house, fake) }
        await transfers.shutdown()
    }

    private func run(_ house: House, strict: Bool) async throws -> [String?] {
        let plain = house.tenant.submission()
        var image = plain.image
        image.nsfwCheck = strict
        let id = try await admit(
            house.database,
            Submission(
                keyID: plain.keyID, walletID: plain.walletID, model: plain.model, operation: plain.operation, dialect: plain.dialect,
                image: image, callbackURL: nil, idempotencyKey: nil, fingerprint: []))
        house.hints.heard()
        try await eventually { try await ["completed", "failed"].contains(house.task(id)[0]) }
        return try await house.task(id)
    }

    private func pictures(_ house: House) -> Int {
        let files = FileManager.default.subpaths(atPath: house.store.path) ?? []
        return files.count { $0.hasSuffix(".png") }
    }

    private func counted(_ house: House) async throws -> [[String?]] {
        try await house.refusals.flush(in: house.database.pool)
        return try await house.database.rows("select key_id, category, refused from moderation_refusals")
    }

    @Test func aRefusedPictureIsNeverStoredAndCostsNothing() async throws {
        try await withHouseAndChecker("/picture/violence=0.5") { house, fake in
            let row = try await run(house, strict: true)
            #expect(row == ["failed", "0", "content_policy_violation"])
            let seen = try await fake.nextSeen()
            #expect(seen.body.contains("data:image/png;base64,AQID"))
            #expect(pictures(house) == 0)
            let balance = try await house.tenant.balance(house.database)
            #expect(balance.available == 1_000_000 && balance.reserved == 0)
            let refused = try await counted(house)
            #expect(refused == [["\(house.tenant.keyID)", "violence", "1"]])
        }
    }

    @Test(arguments: ["/status/500", "/garbage", "/nothing"])
    func withoutAVerdictNoStrictPictureIsHandedOut(path: String) async throws {
        try await withHouseAndChecker(path) { house, _ in
            let row = try await run(house, strict: true)
            #expect(row == ["failed", "0", "service_unavailable"])
            #expect(pictures(house) == 0)
            let balance = try await house.tenant.balance(house.database)
            #expect(balance.available == 1_000_000 && balance.reserved == 0)
            let refused = try await counted(house)
            #expect(refused == [])
        }
    }

    @Test func aPictureThatPassesIsStoredAndPaid() async throws {
        try await withHouseAndChecker("/picture/violence=0.4") { house, _ in
            let row = try await run(house, strict: true)
            #expect(row == ["completed", "26000", nil])
            #expect(pictures(house) == 1)
        }
    }

    @Test func whoDidNotAskForItIsNotKeptWaiting() async throws {
        try await withHouseAndChecker("/status/500") { house, _ in
            let row = try await run(house, strict: false)
            #expect(row == ["completed", "26000", nil])
        }
    }

    /// A guard reads prompts only. That no picture is checked then is the operator's choice of checkers.
    @Test func aGuardOfPromptsIsNotShownPictures() async throws {
        try await withHouseAndChecker("/status/500", shape: .qwen3guard) { house, _ in
            let row = try await run(house, strict: true)
            #expect(row == ["completed", "26000", nil])
        }
    }
}
