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
