import Admission
import Callbacks
import Domain
import Foundation
import Images
import JobLife
import Keys
import Ledger
import Moderation
import Postgres
import Providers
import Queue
import Reports
import Synchronization

/// Kills this program with SIGKILL where a ``CrashPlan`` says so. Before and after every statement, transaction and
/// effect outside of the database there is a point; a test makes the program die at each of them.
final class CrashPoints: Sendable {
    /// What a program does besides statements: it begins and commits, keeps and removes pictures, sweeps old ones, fetches
    /// the pictures that customers name, draws, asks a provider, calls a customer back, and makes its secret.
    private static let effects = [
        "begin", "commit", "image_put", "image_delete", "image_sweep", "input_fetch", "generate", "callback",
        "secret_file", "provider_submit", "provider_poll", "provider_fetch", "provider_cancel", "provider_test",
    ]
    private static let statements =
        KeysStatements.all + AdmissionStatements.all + QueueStatements.all + LedgerStatements.all + ReportsStatements.all
        + CallbacksStatements.all + ModerationStatements.all + ProvidersStatements.all + SubmitStatements.all
        + Recover.statements + Migrator.statements + [OpenDatabase.ping, Doctor.server]

    /// Every point that a program can get to.
    static let all = Set((effects + statements.map(\.name)).flatMap { ["before \($0)", "after \($0)"] })

    private let plan: Mutex<CrashPlan>

    init(_ plan: CrashPlan) { self.plan = Mutex(plan) }

    /// The program got to a point.
    func reached(_ point: String) {
        // What is not in the list is never tried by the test that goes through it.
        precondition(Self.all.contains(point), "'\(point)' is in no list of CrashPoints: add its statement to its stage's `all`")
        if plan.withLock({ $0.arrives(at: point) }) { kill(getpid(), SIGKILL) }
    }

    /// ``reached(_:)`` for those who know nothing of crash points.
    var watch: @Sendable (String) -> Void { { self.reached($0) } }
}

/// A store with a point before and after each change.
struct CrashingStore: ImageStore {
    private let store: any ImageStore
    private let points: CrashPoints

    init(_ store: any ImageStore, _ points: CrashPoints) {
        self.store = store
        self.points = points
    }

    func put(_ bytes: [UInt8], at path: ImagePath) async throws(ImageStoreError) {
        points.reached("before image_put")
        try await store.put(bytes, at: path)
        points.reached("after image_put")
    }

    func read(_ path: ImagePath) async throws(ImageStoreError) -> [UInt8] { try await store.read(path) }

    func delete(_ path: ImagePath) async throws(ImageStoreError) {
        points.reached("before image_delete")
        try await store.delete(path)
        points.reached("after image_delete")
    }

    func sweep(nowSeconds: Int64) async throws(ImageStoreError) -> Int {
        points.reached("before image_sweep")
        defer { points.reached("after image_sweep") }
        return try await store.sweep(nowSeconds: nowSeconds)
    }
}

/// A provider with a point before and after each picture.
struct CrashingProvider: ImageProvider {
    private let provider: any ImageProvider
    private let points: CrashPoints

    init(_ provider: any ImageProvider, _ points: CrashPoints) {
        self.provider = provider
        self.points = points
    }

    var name: String { provider.name }
    var capabilities: Capabilities { provider.capabilities }

    func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer {
        points.reached("before generate")
        defer { points.reached("after generate") }
        return await provider.submit(job, progress: progress)
    }

    func poll(_ id: String) async -> PollAnswer { await provider.poll(id) }
    func cancel(_ id: String) async -> CancelAnswer { await provider.cancel(id) }
    func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] { try await provider.fetch(link) }
    func test(model: String) async -> [ProviderCheck] { await provider.test(model: model) }
}
