import Foundation

/// Decoding and encoding keep a core busy and take up to 200 MB each, so they have threads of their own, two at a time in
/// the whole process, whoever asks.
public enum PictureWork {
    private static let queue: OperationQueue = {
        let queue = OperationQueue()
        queue.name = "pictures"
        queue.maxConcurrentOperationCount = 2
        return queue
    }()

    /// Runs blocking work on one of those threads. Throws what it throws.
    public static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, any Error>, Never>) in
            queue.addOperation {
                defer { VipsLibrary.leaveThread() }
                continuation.resume(returning: Result { try work() })
            }
        }
        return try result.get()
    }
}
