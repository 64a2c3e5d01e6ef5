public import Postgres
import Synchronization

/// The word list as this node knows it, at most a moment behind the database. While the database is away the last known
/// list goes on: the floor of moderation never opens.
public final class WordWatch: Sendable {
    private struct State {
        var epoch: Int64?
        var matcher = WordMatcher([])
    }

    private let session: any Session
    private let state = Mutex(State())

    /// - Parameter session: where the list is read.
    public init(_ session: any Session) { self.session = session }

    /// Reads the list when it has changed. Called before the node serves, and then every second.
    /// - Returns: rules that this version of the program cannot read, by number; they are left out.
    @discardableResult
    public func refresh() async throws(PostgresError) -> [Int64] {
        // Before the list: a change between the two readings is found the next time.
        let epoch = try await session.one(ModerationStatements.epoch) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
        guard state.withLock({ $0.epoch != epoch }) else { return [] }
        var words: [ModerationWord] = []
        var unread: [Int64] = []
        for listing in try await WordBook().list(in: session) {
            guard let rule = try? WordRule(listing.rule), let level = WordLevel(rawValue: listing.level),
                let category = ModerationCategory(rawValue: listing.category)
            else {
                unread.append(listing.id)
                continue
            }
            words.append(ModerationWord(rule, category, level))
        }
        let matcher = WordMatcher(words)
        state.withLock { $0 = State(epoch: epoch, matcher: matcher) }
        return unread
    }

    /// The rules of the moment.
    public var matcher: WordMatcher { state.withLock(\.matcher) }
}
