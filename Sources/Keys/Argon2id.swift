import CLibargon2
import Dispatch
import Synchronization

/// argon2id with OWASP's minimum (19 MiB, 2 passes, 1 lane), on threads of its own and never more at once than the
/// machine has to spare: a check costs about 20 ms of a core and 19 MiB.
final class Argon2id: Sendable {
    private static let passes: UInt32 = 2
    private static let memoryKiB: UInt32 = 19 * 1024
    private static let lanes: UInt32 = 1
    private static let saltBytes = 16
    private static let hashBytes = 32

    private let queues: [DispatchQueue]
    private let waitingMax: Int
    private let waiting = Atomic<Int>(0)

    /// - Parameters:
    ///   - parallel: how many checks may run at once.
    ///   - waitingMax: how many may wait beyond that; more are refused.
    init(parallel: Int, waitingMax: Int) {
        queues = (0..<parallel).map { DispatchQueue(label: "argon2id.\($0)") }
        self.waitingMax = waitingMax
    }

    /// The hash of a new secret in the standard text form.
    func hash(_ secret: String) async throws(KeyError) -> String {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<Self.saltBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return try await run {
            var encoded = [CChar](repeating: 0, count: 256)
            let code = argon2id_hash_encoded(
                Self.passes, Self.memoryKiB, Self.lanes, secret, secret.utf8.count, salt, salt.count, Self.hashBytes,
                &encoded, encoded.count)
            guard code == ARGON2_OK.rawValue else { return nil }
            return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }

    /// Whether a secret fits a hash. The hash comes from our own database, never from a caller.
    func verify(_ secret: String, _ hash: String) async throws(KeyError) -> Bool {
        try await run { argon2id_verify(hash, secret, secret.utf8.count) == ARGON2_OK.rawValue }
    }

    private func run<T: Sendable>(_ work: @escaping @Sendable () -> T?) async throws(KeyError) -> T {
        let (before, _) = waiting.add(1, ordering: .relaxed) as (Int, Int)
        defer { waiting.subtract(1, ordering: .relaxed) }
        guard before < waitingMax + queues.count else { throw .busy }
        let queue = queues[before % queues.count]
        let value = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: work()) }
        }
        guard let value else { throw .busy }
        return value
    }
}
