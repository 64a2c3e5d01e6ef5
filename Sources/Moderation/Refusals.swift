public import Domain
public import Postgres
import Synchronization

/// How often a key was refused on a day, for a category.
public struct RefusalListing: Sendable {
    /// The key.
    public let keyID: Int64
    /// Whose it is.
    public let account: String
    /// What people call the key.
    public let keyName: String
    /// The day, UTC, such as 2026-12-31.
    public let day: String
    /// The category.
    public let category: String
    /// How often.
    public let count: Int64
}

/// Counts refusals by key, day and category. They are kept in memory until the next ``flush(in:)``, so a node that dies
/// takes the counts of its last second with it: they serve to notice who is probing, and are no money.
public final class Refusals: Sendable {
    private struct Entry: Hashable {
        let keyID: Int64
        let category: ModerationCategory
    }

    /// More than this many keys and categories in a second are not told apart.
    private static let entriesMax = 10_000

    private let counts = Mutex<[Entry: Int64]>([:])

    /// No refusals yet.
    public init() {}

    /// A key was refused.
    public func add(keyID: Int64, category: ModerationCategory) {
        add([Entry(keyID: keyID, category: category): 1])
    }

    private func add(_ more: [Entry: Int64]) {
        counts.withLock { counts in
            for (entry, count) in more where counts[entry] != nil || counts.count < Self.entriesMax {
                counts[entry, default: 0] += count
            }
        }
    }

    /// Writes what was counted; when that fails it is kept for the next time.
    public func flush(in session: any Session) async throws(PostgresError) {
        let batch = counts.withLock { counts in
            defer { counts = [:] }
            return counts
        }
        guard !batch.isEmpty else { return }
        let rows = Array(batch)
        do {
            try await session.execute(
                ModerationStatements.record,
                [
                    Parameter(rows.map(\.key.keyID)), Parameter(rows.map(\.key.category.rawValue)), Parameter(rows.map(\.value)),
                ])
        } catch {
            add(batch)
            throw error
        }
    }

    /// Whether an idempotency key has its answer already.
    public static func isAnswered(
        _ idempotencyKey: String, walletID: Int64, in session: any Session
    ) async throws(PostgresError) -> Bool {
        try await session.one(ModerationStatements.answered, [Parameter(walletID), Parameter(idempotencyKey)]) {
            (row) throws(PostgresError) in try row.get(0)
        }
    }

    /// The key that a task was submitted with.
    public static func key(of task: TaskID, in session: any Session) async throws(PostgresError) -> Int64? {
        try await session.first(ModerationStatements.pictureKey, [Parameter(task.value)]) { (row) throws(PostgresError) in
            try row.get(0)
        }
    }

    /// Today's refusals by key.
    public static func today(in session: any Session) async throws(PostgresError) -> [Int64: Int64] {
        let rows = try await session.query(ModerationStatements.today, []) { (row) throws(PostgresError) in
            (try row.get(0, as: Int64.self), try row.get(1, as: Int64.self))
        }
        return Dictionary(rows) { first, _ in first }
    }

    /// The refusals of the last days, today included; the newest first, at most 1,000.
    public static func report(
        days: Int, account: String?, in session: any Session
    ) async throws(PostgresError) -> [RefusalListing] {
        try await session.query(ModerationStatements.report, [Parameter(Int32(days)), Parameter(account)]) {
            (row) throws(PostgresError) in
            RefusalListing(
                keyID: try row.get(0), account: try row.get(1), keyName: try row.get(2), day: try row.get(3),
                category: try row.get(4), count: try row.get(5))
        }
    }
}
