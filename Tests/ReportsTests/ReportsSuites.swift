import Admission
import Domain
import Queue
import Reports
import TestSupport
import Testing

/// The suites of this module run one test at a time, so that all modules together stay below the connections of the
/// one cluster that they share.
@Suite(.serialized, .timeLimit(.minutes(5))) enum ReportsSuites {}

/// Two groups, two models, three keys and every outcome.
struct Scene {
    let database: TestDatabase
    let acme: Tenant
    /// A second key of the first account.
    let second: Tenant
    let beta: Tenant
    let test: Tenant
    /// In the order of their numbers.
    let tasks: [TaskID]

    static func make() async throws -> Scene {
        let database = try await TestDatabase.fresh(connectionsMax: 1)
        try await database.makeGroup("vip")
        try await database.rows("insert into models (name, estimated_seconds) values ('other', 33)")
        try await database.setPrice(model: "other", rule: .perSecond, micro: 1_000, unitsMax: 50)
        let acme = try await Tenant.make(database, name: "acme")
        let second = try await Tenant.make(database, name: "acme")
        let beta = try await Tenant.make(database, name: "beta", group: "vip")
        let test = try await Tenant.make(database, name: "acme", mode: .test)
        let tasks = try await database.admitted([
            acme.submission(), acme.submission(model: "other"), acme.submission(), second.submission(),
            beta.submission(), beta.submission(model: "other"), test.submission(),
        ])
        let scene = Scene(database: database, acme: acme, second: second, beta: beta, test: test, tasks: tasks)
        try await scene.work()
        return scene
    }

    /// Tasks 0, 1, 5 and 6 are completed, 3 fails, 4 runs and 2 waits.
    private func work() async throws {
        let queue = TaskQueue(leaseSeconds: 600)
        let claimed = try await queue.claim(node: "node", limit: 7, afterWallet: 0, in: database.pool)
        let leases = Dictionary(uniqueKeysWithValues: claimed.map { ($0.id, $0.lease) })
        let image = TaskImage(path: "1/1-0.png", format: .png, size: ImageSize(width: 376, height: 376), bytes: 9)
        var endings: [Ending] = []
        for (place, provider, units) in [(0, "sandbox", 0), (1, "novita", 20), (5, "novita", 99), (6, "sandbox", 0)] {
            endings.append(
                Ending(
                    lease: leases[tasks[place]]!, outcome: .completed(images: [image]), units: units,
                    provider: provider))
        }
        endings.append(
            Ending(
                lease: leases[tasks[3]]!, outcome: .failed(code: "service_error", message: "no"), units: 0,
                provider: "sandbox"))
        let verdicts = try await queue.close(endings, in: database.pool)
        #expect(verdicts.values.allSatisfy { $0 == .closed })
        _ = try await queue.renew([leases[tasks[4]]!: 40], in: database.pool)
        try await queue.handBack([leases[tasks[2]]!], in: database.pool)
    }
}
