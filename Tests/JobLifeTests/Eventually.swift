import TestSupport

/// Asks until the answer is yes. The question goes to the database each time, which is pause enough; the time limit of
/// the test ends it.
func eventually(_ question: () async throws -> Bool) async throws {
    while try await !question() {
        if Task.isCancelled { throw TestFailure("it did not happen in time") }
        await Task.yield()
    }
}
