import Foundation

/// What the tests that go by chance start from.
public enum TestSeed {
    /// The same in every run, so that a failure belongs to the change that it came with; `TEST_SEED=N` explores others.
    public static let value = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap(UInt64.init) ?? 20_261_124
}
