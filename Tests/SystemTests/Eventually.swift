import Synchronization
import TestSupport

/// Asks again and again until the answer is yes. The only place in these tests that sleeps: other processes cannot
/// signal to us.
func eventually(_ what: String, withinSeconds: Double = 90, _ question: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(withinSeconds)
    while try await !question() {
        guard ContinuousClock.now < deadline else { throw TestFailure("not in time: \(what)") }
        try await Task.sleep(for: .milliseconds(50))
    }
}

/// Counts what several tasks do.
final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}

/// Does the work for each item, some at once; answers what went wrong.
func together<Item: Sendable>(
    _ width: Int, _ items: [Item], _ work: @escaping @Sendable (Item) async throws -> Void
) async -> [String] {
    await withTaskGroup(of: String?.self) { group in
        var failures: [String?] = []
        for (index, item) in items.enumerated() {
            if index >= width, let failure = await group.next() { failures.append(failure) }
            group.addTask {
                do { try await work(item) } catch { return "\(item): \(error)" }
                return nil
            }
        }
        for await failure in group { failures.append(failure) }
        return failures.compactMap(\.self)
    }
}
